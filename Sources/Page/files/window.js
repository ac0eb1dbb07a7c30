// One window of history, decoded into typed arrays: positions are numbers relative to its origin.

/** @typedef {import("./questions.js").WindowAnswer} WindowAnswer */
/** @typedef {import("./questions.js").LaneAnswer} LaneAnswer */
/** @typedef {import("./lanes.js").Lanes} Lanes */

/** How an event relates to the selected one. */
export const Relation = { none: 0, past: 1, future: 2, concurrent: 3, self: 4, unknown: 5 };
export const relationNames = ["", "past", "future", "concurrent", "selected", "unknown"];

/** Numbers of one message in `messages`. */
export const messageStride = 7;

/** Numbers of one gap in a lane's `gaps`: from, to, first, last, whether it is lost, how many are missing. */
export const gapStride = 6;

/** What one lane has in a window. */
export class LaneWindow {
  /**
   * @param {LaneAnswer} answer
   * @param {number} lane
   */
  constructor(answer, lane) {
    this.lane = lane;
    this.events = answer.events;
    const points = answer.points;
    this.isSingle = points !== undefined;
    this.x = Float64Array.from(points?.x ?? []);
    this.sequence = Float64Array.from(points?.sequence ?? []);
    /** s, r, l, or - where the source does not say. */
    this.kind = [...(points?.kind ?? "")];
    this.level = Uint8Array.from(points?.level ?? []);
    /** @type {string[] | null} */
    this.label = points?.label ?? null;
    /** Of each single event, how it relates to the selected one. */
    this.relation = new Uint8Array(this.x.length);
    /** 1 where a single event lies in a run of local ones that is drawn as one. */
    this.inRun = new Uint8Array(this.x.length);
    /**
     * Such runs: first and last index.
     * @type {number[]}
     */
    this.runs = [];
    this.counts = Float64Array.from(answer.counts ?? []);
    this.starts = starts(answer);
    /** Bucket, level and number of each most severe event that is a warning at least. */
    this.severe = severe(answer, this.starts);
    this.gaps = Float64Array.from(answer.gaps ?? []);
    this.uncertain = Float64Array.from(answer.uncertain ?? []);
  }

  /**
   * Says of an event that is an end of a message what kind it is, where its source does not.
   * @param {number} sequence
   * @param {string} kind
   */
  learnKind(sequence, kind) {
    const index = search(this.sequence, sequence);
    if (this.sequence[index] === sequence && this.kind[index] === "-") this.kind[index] = kind;
  }

  /** Finds the runs of local events that matter little: three or more. */
  findRuns() {
    let start = 0;
    const close = (/** @type {number} */ end) => {
      if (end - start >= 3) {
        this.runs.push(start, end - 1);
        this.inRun.fill(1, start, end);
      }
    };
    for (let index = 0; index < this.x.length; index++) {
      const isQuiet = this.kind[index] !== "s" && this.kind[index] !== "r" && this.level[index] < 5;
      if (!isQuiet) {
        close(index);
        start = index + 1;
      }
    }
    close(this.x.length);
  }

  /**
   * Where an event lies, as far as this window tells; NaN where it lies outside.
   * @param {number} sequence
   * @param {number} bucket
   */
  xOf(sequence, bucket) {
    if (this.isSingle) {
      const index = search(this.sequence, sequence);
      return this.sequence[index] === sequence ? this.x[index] : NaN;
    }
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= sequence) low = middle + 1;
      else high = middle;
    }
    // Empty buckets start where the next one does.
    for (let at = low - 1; at >= 0; at--) {
      if (this.counts[at] === 0) continue;
      const behind = sequence - this.starts[at];
      return behind < this.counts[at] ? (at + (behind + 0.5) / this.counts[at]) * bucket : NaN;
    }
    return NaN;
  }
}

/**
 * The sequence number of the first event of each bucket.
 * @param {LaneAnswer} answer
 */
function starts(answer) {
  const counts = answer.counts ?? [];
  const jumps = new Map();
  const flat = answer.jumps ?? [];
  for (let at = 0; at + 1 < flat.length; at += 2) jumps.set(flat[at], flat[at + 1]);
  const found = new Float64Array(counts.length);
  let next = answer.first ?? 1;
  counts.forEach((count, bucket) => {
    next = jumps.get(bucket) ?? next;
    found[bucket] = next;
    next += count;
  });
  return found;
}

/**
 * Bucket, level and number of the most severe events. Where there are very many, that of the bucket's first event stands for it.
 * @param {LaneAnswer} answer
 * @param {Float64Array} starts
 */
function severe(answer, starts) {
  const levels = answer.levels ?? "";
  /** @type {number[]} */
  const found = [];
  for (let bucket = 0, index = 0; bucket < levels.length; bucket++) {
    const level = levels.charCodeAt(bucket) - 48;
    if (level > 0) found.push(bucket, level, starts[bucket] + (answer.severe?.[index++] ?? 0));
  }
  return Float64Array.from(found);
}

/**
 * The index of the first number that is not less.
 * @param {Float64Array} sorted
 * @param {number} number
 */
export function search(sorted, number) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class HistoryWindow {
  /**
   * @param {WindowAnswer} answer
   * @param {Lanes} lanes
   */
  constructor(answer, lanes) {
    this.version = answer.version;
    this.axis = answer.axis;
    this.origin = BigInt(answer.origin);
    this.from = BigInt(answer.from);
    this.to = BigInt(answer.to);
    this.bucket = Number(answer.bucket);
    this.isExact = answer.isExact;
    this.isSettled = answer.isSettled;
    this.events = answer.events;
    /** Where it begins and ends, relative to its origin. */
    this.start = Number(this.from - this.origin);
    this.end = Number(this.to - this.origin);
    const laneOf = answer.processes.map((process) => lanes.byProcess.get(process) ?? -1);
    /** @type {LaneWindow[]} */
    this.lanes = answer.lanes
      .filter((lane) => laneOf[lane.process] >= 0)
      .map((lane) => new LaneWindow(lane, laneOf[lane.process]));
    /** @type {Map<number, LaneWindow>} */
    this.byLane = new Map(this.lanes.map((lane) => [lane.lane, lane]));
    this.isSingle = this.lanes.every((lane) => lane.isSingle);
    this.countMax = 1;
    for (const lane of this.lanes) for (const count of lane.counts) if (count > this.countMax) this.countMax = count;
    this.messages = relaned(answer.messages, messageStride, [0, 3], laneOf);
    this.messageRelation = new Uint8Array(this.messages.length / messageStride);
    this.messagesHidden = answer.messagesHidden;
    this.learnKinds();
    this.spreadBundles();
    this.restarts = relaned(answer.restarts, 4, [0, 2], laneOf);
    this.ghosts = relaned(answer.ghosts, 3, [0], laneOf);
    /** @type {{lane: number, x: number, kind: string, text: string}[]} */
    this.defects = [];
    for (let at = 0; at + 3 < answer.defects.length; at += 4) {
      const [lane, x, kind, text] = answer.defects.slice(at, at + 4);
      this.defects.push({ lane: laneOf[Number(lane)] ?? -1, x: Number(x), kind: String(kind), text: String(text) });
    }
    /** The origin relative to an axis view's anchor, and of which version of that. */
    this.relative = 0;
    this.anchorVersion = -1;
    /**
     * What was drawn of it once: see density.js.
     * @type {unknown}
     */
    this.picture = null;
  }

  /** The kinds of events whose source does not say them, by their messages. */
  learnKinds() {
    const { messages } = this;
    for (let at = 0; at < messages.length; at += messageStride) {
      this.byLane.get(messages[at])?.learnKind(messages[at + 2], "s");
      this.byLane.get(messages[at + 3])?.learnKind(messages[at + 5], "r");
    }
    for (const lane of this.lanes) {
      if (this.messagesHidden === 0) lane.kind.forEach((kind, index) => kind === "-" && (lane.kind[index] = "l"));
      lane.findRuns();
    }
  }

  /**
   * A bundle of messages begins at the first of them: those of all pairs begin together, where a stretch does. They are drawn apart,
   * each pair somewhere else in the stretch, whose length is the least distance between two bundles of one pair.
   */
  spreadBundles() {
    const { messages } = this;
    /** @type {Map<number, number>} */
    const last = new Map();
    let stretch = Infinity;
    const pair = (/** @type {number} */ at) => messages[at] * 65_536 + messages[at + 3];
    const bundles = [];
    for (let at = 0; at < messages.length; at += messageStride) if (messages[at + 6] > 1) bundles.push(at);
    bundles.sort((a, b) => messages[a + 1] - messages[b + 1]);
    for (const at of bundles) {
      const before = last.get(pair(at));
      if (before !== undefined && messages[at + 1] > before) stretch = Math.min(stretch, messages[at + 1] - before);
      last.set(pair(at), messages[at + 1]);
    }
    if (stretch === Infinity) return;
    for (const at of bundles) {
      // By the golden ratio: whatever pairs there are, they lie evenly.
      const room = Math.max(0, Math.min(stretch, this.end - messages[at + 4]));
      const shift = ((pair(at) * 0.618033988749895) % 1) * room;
      messages[at + 1] += shift;
      messages[at + 4] += shift;
    }
  }

  /**
   * The pixel of its origin.
   * @param {import("./axis.js").AxisView} view
   */
  pixelOfOrigin(view) {
    if (this.anchorVersion !== view.anchorVersion) {
      this.relative = Number(this.origin - view.anchor);
      this.anchorVersion = view.anchorVersion;
    }
    return (this.relative - view.offset) * view.scale;
  }

  /**
   * Where an event lies, relative to the origin; NaN where this window does not tell.
   * @param {number} lane
   * @param {number} sequence
   */
  xOf(lane, sequence) {
    return this.byLane.get(lane)?.xOf(sequence, this.bucket) ?? NaN;
  }

  /**
   * Says of each event and message how it relates to what is selected.
   * @param {import("./cone.js").Cone | null} cone
   */
  relate(cone) {
    for (const lane of this.lanes) {
      for (let index = 0; index < lane.x.length; index++) {
        lane.relation[index] = cone ? cone.relation(lane.lane, lane.sequence[index]) : Relation.none;
      }
    }
    const messages = this.messages;
    for (let index = 0; index < this.messageRelation.length; index++) {
      const at = index * messageStride;
      this.messageRelation[index] = cone
        ? cone.relationOfMessage(messages[at], messages[at + 2], messages[at + 3], messages[at + 5])
        : Relation.none;
    }
  }
}

/**
 * Flat records whose lanes are those of the page; records of lanes that are not known yet are left out.
 * @param {number[]} flat
 * @param {number} stride
 * @param {number[]} laneFields
 * @param {number[]} laneOf
 */
function relaned(flat, stride, laneFields, laneOf) {
  const kept = new Float64Array(flat.length - (flat.length % stride));
  let used = 0;
  for (let at = 0; at + stride <= flat.length; at += stride) {
    for (let field = 0; field < stride; field++) kept[used + field] = flat[at + field];
    let isKnown = true;
    for (const field of laneFields) {
      const lane = laneOf[flat[at + field]] ?? -1;
      kept[used + field] = lane;
      isKnown &&= lane >= 0;
    }
    if (isKnown) used += stride;
  }
  return kept.slice(0, used);
}
