// One picture of one execution: its canvas, its lanes, where it stands on its axis, and what is marked in it.

import { AxisView } from "./axis.js";
import { Lanes } from "./lanes.js";
import { Signs } from "./signs.js";
import { Texts } from "./texts.js";
import { Windows } from "./windows.js";
import { axisHeight } from "./margins.js";
import { paint } from "./picture.js";
import { palette } from "./palette.js";
import { search } from "./window.js";
import { ask, parts, warningLevel } from "./questions.js";

/** @typedef {import("./cone.js").Cone} Cone */
/** @typedef {import("./state.js").State} State */
/** @typedef {{lane: number, sequence: number, position: bigint | null}} Mark an event that is marked */
/** @typedef {{lane: number, sequence: number}} Place */
/** @typedef {{from: bigint, to: bigint, firstRow: number, lastRow: number}} Area */
/** @typedef {{from: Place, to: Place, isArrow: boolean}} Link */
/** @typedef {{lane: number, sequence: number, count: number, label: string, level: number, what: "event" | "bucket" | "ghost"}} Hit */

/** Pixels of lanes: as many as fit, within these. */
const laneHeights = { min: 5, comfortable: 16, max: 64 };
/** Pixels from an event within which it is meant. */
const reach = 14;
/** Milliseconds without a movement after which the picture is drawn as well as it can be. */
const restMilliseconds = 140;

export class View {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{changed: () => void, moving: (view: View) => void, moved: (view: View) => void}} listener
   */
  constructor(canvas, listener) {
    this.canvas = canvas;
    this.listener = listener;
    const context = canvas.getContext("2d", { alpha: false });
    if (!context) throw new Error("this browser draws no canvas");
    this.context = context;
    this.execution = "";
    this.axis = "logical";
    this.axisView = new AxisView();
    this.lanes = new Lanes({ execution: "", events: 0, version: "", axes: {}, lanes: [] }, null);
    this.isLoaded = false;
    this.windows = new Windows(() => {
      this.paintSoon();
      this.listener.changed();
    });
    /** @type {import("./window.js").HistoryWindow | null} */
    this.window = null;
    /** @type {Cone | null} */
    this.cone = null;
    /** @type {Mark | null} */
    this.selected = null;
    /** @type {Mark | null} */
    this.other = null;
    /**
     * Sequence numbers that a query found, by lane.
     * @type {Map<number, Float64Array>}
     */
    this.found = new Map();
    /**
     * Those without a counterpart in the other execution.
     * @type {Map<number, Float64Array>}
     */
    this.differing = new Map();
    /** @type {Link[]} */
    this.pairs = [];
    /** @type {Link[]} */
    this.path = [];
    /** @type {Area | null} */
    this.area = null;
    this.isCollapsed = false;
    this.isMoving = false;
    this.isVector = false;
    this.pointerX = -1;
    this.scroll = 0;
    this.laneHeightWanted = 0;
    this.laneHeight = 32;
    this.namesWidth = 160;
    this.width = 1;
    this.height = 1;
    this.ratio = 1;
    this.firstRow = 0;
    this.lastRow = -1;
    /** Where each lane begins and ends, relative to the anchor. */
    this.laneFrom = new Float64Array(0);
    this.laneTo = new Float64Array(0);
    this.laneAnchor = -1;
    this.colours = palette();
    this.texts = new Texts();
    this.signs = new Signs(this.colours, 1);
    this.frame = 0;
    this.restTimer = 0;
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** The colours have changed, or the screen's pixels. */
  restyle() {
    this.colours = palette();
    this.signs = new Signs(this.colours, this.ratio);
    this.paintSoon();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (box.width < 1 || box.height < 1) return;
    const ratio = devicePixelRatio;
    this.width = Math.round(box.width);
    this.height = Math.round(box.height);
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    if (ratio !== this.ratio) {
      this.ratio = ratio;
      this.restyle();
    }
    this.layOut();
    this.paint();
  }

  /**
   * Asks for the lanes of an execution. True where they differ from those that were here.
   * @param {string} execution
   * @param {AbortSignal} [signal]
   */
  async load(execution, signal) {
    const answer = await ask("lanes", { execution: execution || null }, signal);
    const isOther = answer.execution !== this.lanes.execution || !this.isLoaded;
    if (!isOther && answer.version === this.lanes.version) return false;
    const lanes = new Lanes(answer, isOther ? null : this.lanes);
    if (isOther || !lanes.keepsNumbers) {
      this.windows.clear();
      this.window = null;
    } else {
      this.windows.invalidate();
    }
    this.execution = answer.execution;
    this.lanes = lanes;
    this.isLoaded = true;
    this.laneAnchor = -1;
    return true;
  }

  /**
   * Shows an axis, or another one where this execution has none such.
   * @param {string} axis
   */
  setAxis(axis) {
    const known = this.lanes.axes[axis] ? axis : this.lanes.axes.logical ? "logical"
      : Object.keys(this.lanes.axes)[0] ?? axis;
    const isOther = known !== this.axis;
    this.axis = known;
    const extent = this.lanes.axes[known];
    this.axisView.setExtent(BigInt(extent?.from ?? 0), BigInt(extent?.to ?? 1));
    this.laneAnchor = -1;
    if (isOther) this.window = null;
    return isOther;
  }

  /**
   * @param {State} state
   * @param {Set<string> | null} talking
   */
  arrange(state, talking) {
    this.isCollapsed = state.collapse;
    this.lanes.arrange(state, talking);
    this.layOut();
    this.paintSoon();
  }

  layOut() {
    const longest = this.lanes.all.reduce((most, lane) => Math.max(most, lane.process.length), 4);
    this.namesWidth = Math.round(Math.min(Math.max(96, longest * 7.2 + 34), 220, this.width * 0.3));
    const room = this.height - axisHeight - 4;
    const rows = Math.max(1, this.lanes.rows.length);
    const fitting = Math.min(Math.max(room / rows, laneHeights.comfortable), laneHeights.max);
    this.laneHeight = this.laneHeightWanted
      ? Math.min(Math.max(this.laneHeightWanted, laneHeights.min), laneHeights.max * 2)
      : fitting;
    this.axisView.resize(Math.max(10, this.width - this.namesWidth));
    this.scrollTo(this.scroll);
  }

  /** Whether something is being asked for, or will be with the next frame. */
  get isLoading() {
    return this.windows.isLoading || (this.window === null && this.lanes.rows.length > 0 && this.windows.error === null);
  }

  /** Pixels that all lanes take. */
  get lanesHeight() {
    return this.lanes.rows.length * this.laneHeight;
  }

  /** @param {number} scroll */
  scrollTo(scroll) {
    const most = Math.max(0, this.lanesHeight - (this.height - axisHeight - 4));
    this.scroll = Math.min(Math.max(0, scroll), most);
    const pinned = this.lanes.pinned * this.laneHeight;
    this.firstRow = Math.max(0, Math.floor((this.scroll + pinned) / this.laneHeight));
    this.lastRow = Math.min(
      this.lanes.rows.length - 1, Math.ceil((this.scroll + this.height - axisHeight) / this.laneHeight));
  }

  /**
   * The middle of a row.
   * @param {number} row
   */
  rowY(row) {
    const top = axisHeight + row * this.laneHeight + this.laneHeight / 2;
    return row < this.lanes.pinned ? top : top - this.scroll;
  }

  /**
   * The middle of a lane; NaN where it is hidden. A lane beyond the edge has a place there, for the arrows to it.
   * @param {number} lane
   */
  laneY(lane) {
    const row = this.lanes.rowOf[lane] ?? -1;
    return row < 0 ? NaN : this.rowY(row);
  }

  /**
   * The row at a height; −1 where there is none.
   * @param {number} y
   */
  rowAt(y) {
    if (y < axisHeight) return -1;
    const row = Math.floor((y - axisHeight) / this.laneHeight);
    if (row < this.lanes.pinned) return row;
    const scrolled = Math.floor((y - axisHeight + this.scroll) / this.laneHeight);
    return scrolled < this.lanes.rows.length ? scrolled : -1;
  }

  /**
   * Calls for each lane that is seen: the lane, its row and the middle of it.
   * @param {(lane: number, row: number, y: number) => void} draw
   */
  eachRow(draw) {
    const { rows, pinned } = this.lanes;
    for (let row = 0; row < pinned; row++) draw(rows[row], row, this.rowY(row));
    for (let row = Math.max(pinned, this.firstRow); row <= this.lastRow; row++) draw(rows[row], row, this.rowY(row));
  }

  /** Draws a frame soon: once, however often it is asked. */
  paintSoon() {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  paint() {
    if (this.axisView.width < 2) return;
    const { axisView, context } = this;
    if (this.laneAnchor !== axisView.anchorVersion) this.anchorLanes();
    const window = this.isLoaded && this.lanes.rows.length > 0
      ? this.windows.current(axisView, this.axis, this.lanes, this.firstRow, this.lastRow)
      : null;
    if (window !== this.window) {
      this.window = window;
      window?.relate(this.cone);
      // For whoever measures: the first picture.
      if (window && performance.getEntriesByName("picture").length === 0) performance.mark("picture");
    }
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    paint(context, this);
  }

  anchorLanes() {
    const { axisView, lanes } = this;
    this.laneAnchor = axisView.anchorVersion;
    this.laneFrom = new Float64Array(lanes.all.length).fill(NaN);
    this.laneTo = new Float64Array(lanes.all.length).fill(NaN);
    lanes.all.forEach((lane, index) => {
      const extent = lane.axes[this.axis];
      if (!extent) return;
      this.laneFrom[index] = Number(BigInt(extent[0]) - axisView.anchor);
      this.laneTo[index] = Number(BigInt(extent[1]) - 1n - axisView.anchor);
    });
  }

  /** The picture was moved: it is drawn at once, and finely once it rests. */
  moved() {
    this.isMoving = true;
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => {
      this.isMoving = false;
      this.paintSoon();
      this.listener.moved(this);
    }, restMilliseconds);
    this.listener.moving(this);
    this.paintSoon();
  }

  /** @param {Cone | null} cone */
  setCone(cone) {
    this.cone = cone;
    this.window?.relate(cone);
    this.paintSoon();
  }

  /**
   * The pixel of a marked event on the axis; NaN where nobody knows it.
   * @param {Mark} mark
   */
  pixelOf(mark) {
    const x = this.window?.xOf(mark.lane, mark.sequence) ?? NaN;
    if (this.window && !Number.isNaN(x)) return this.window.pixelOfOrigin(this.axisView) + x * this.axisView.scale;
    return mark.position === null ? NaN : this.axisView.pixel(mark.position);
  }

  /**
   * Brings an event into sight, without moving where it is seen already.
   * @param {Mark} mark
   */
  reveal(mark) {
    const row = this.lanes.rowOf[mark.lane] ?? -1;
    if (row >= this.lanes.pinned) {
      const y = this.rowY(row);
      if (y < axisHeight + (this.lanes.pinned + 0.5) * this.laneHeight || y > this.height - this.laneHeight / 2) {
        this.scrollTo(row * this.laneHeight - (this.height - axisHeight) / 2);
      }
    }
    const pixel = mark.position === null ? this.pixelOf(mark) : this.axisView.pixel(mark.position);
    if (!Number.isNaN(pixel) && (pixel < 20 || pixel > this.axisView.width - 20)) {
      this.axisView.pan(pixel - this.axisView.width / 2);
      this.moved();
    }
    this.paintSoon();
  }

  /**
   * The event at a point of the canvas.
   * @param {number} x
   * @param {number} y
   * @returns {Hit | null}
   */
  hit(x, y) {
    const window = this.window;
    const row = this.rowAt(y);
    if (!window || row < 0 || x < this.namesWidth) return null;
    const lane = this.lanes.rows[row];
    const unit = (x - this.namesWidth - window.pixelOfOrigin(this.axisView)) / this.axisView.scale;
    const ghosts = window.ghosts;
    for (let at = 0; at < ghosts.length; at += 3) {
      const pixels = (ghosts[at + 1] - unit) * this.axisView.scale;
      if (ghosts[at] === lane && Math.abs(pixels) < 8) {
        return { lane, sequence: ghosts[at + 2], count: 1, label: "", level: 0, what: "ghost" };
      }
    }
    const events = window.byLane.get(lane);
    return events ? this.nearest(events, unit) : null;
  }

  /**
   * The event of a lane that is nearest to a place.
   * @param {import("./window.js").LaneWindow} events
   * @param {number} unit
   * @returns {Hit | null}
   */
  nearest(events, unit) {
    const window = this.window;
    if (!window) return null;
    const { lane } = events;
    const far = reach / this.axisView.scale;
    if (events.isSingle) {
      const behind = search(events.x, unit);
      let best = -1;
      for (const index of [behind - 1, behind]) {
        const distance = Math.abs((events.x[index] ?? NaN) - unit);
        if (distance <= far && (best < 0 || distance < Math.abs(events.x[best] - unit))) best = index;
      }
      if (best < 0) return null;
      return {
        lane, sequence: events.sequence[best], count: 1, label: events.label?.[best] ?? "", level: events.level[best],
          what: "event",
      };
    }
    for (let at = 0; at + 2 < events.severe.length; at += 3) {
      const middle = (events.severe[at] + 0.5) * window.bucket;
      if (Math.abs(middle - unit) * this.axisView.scale < 6) {
        return { lane, sequence: events.severe[at + 2], count: events.counts[events.severe[at]] ?? 1, label: "",
          level: events.severe[at + 1], what: "bucket" };
      }
    }
    const bucket = Math.floor(unit / window.bucket);
    for (const at of [bucket, bucket - 1, bucket + 1]) {
      const count = events.counts[at] ?? 0;
      if (count > 0) return { lane, sequence: events.starts[at], count, label: "", level: 0, what: "bucket" };
    }
    return null;
  }

  /**
   * The event of another lane that is nearest to a marked one: rows up or down.
   * @param {Mark} mark
   * @param {number} step −1 up, 1 down
   * @returns {Hit | null}
   */
  beside(mark, step) {
    const window = this.window;
    const pixel = this.pixelOf(mark);
    if (!window || Number.isNaN(pixel)) return null;
    const unit = (pixel - window.pixelOfOrigin(this.axisView)) / this.axisView.scale;
    for (let row = this.lanes.rowOf[mark.lane] + step; row >= 0 && row < this.lanes.rows.length; row += step) {
      const events = window.byLane.get(this.lanes.rows[row]);
      if (!events || events.events === 0) continue;
      const index = events.isSingle ? Math.min(search(events.x, unit), events.x.length - 1) : -1;
      const hit = this.nearest(events, index >= 0 ? events.x[index] : unit);
      if (hit) return hit;
    }
    return null;
  }

  /**
   * The most telling event that is seen: where the keyboard begins.
   * @returns {Hit | null}
   */
  firstSeen() {
    const window = this.window;
    if (!window) return null;
    const middle = (this.axisView.width / 2 - window.pixelOfOrigin(this.axisView)) / this.axisView.scale;
    /** @type {Hit | null} */
    let found = null;
    for (let row = this.firstRow; row <= this.lastRow; row++) {
      const events = window.byLane.get(this.lanes.rows[row]);
      if (!events || events.events === 0) continue;
      const unit = events.isSingle ? events.x[Math.min(search(events.x, middle), events.x.length - 1)] : middle;
      const hit = this.nearest(events, unit);
      if (hit && (!found || (found.level < warningLevel && hit.level > found.level))) found = hit;
    }
    return found;
  }

  /**
   * The area between two points of the canvas.
   * @param {{x: number, y: number}} a
   * @param {{x: number, y: number}} b
   * @returns {Area}
   */
  areaBetween(a, b) {
    const row = (/** @type {number} */ y) => {
      const found = this.rowAt(Math.max(y, axisHeight));
      return found < 0 ? this.lanes.rows.length - 1 : found;
    };
    // What lies behind a point begins at the next position.
    const behind = (/** @type {number} */ x) => this.axisView.position(Math.max(0, x - this.namesWidth)) + 1n;
    return {
      from: behind(Math.min(a.x, b.x)), to: behind(Math.max(a.x, b.x)),
      firstRow: row(Math.min(a.y, b.y)), lastRow: row(Math.max(a.y, b.y)),
    };
  }

  /**
   * The events of an area: how many, how many of them are warnings or worse, by lane, and the single ones.
   * @param {Area} area
   */
  eventsIn(area) {
    const window = this.window;
    /** @type {{process: string, events: number}[]} */
    const lanes = [];
    /** @type {{id: string, label: string}[]} */
    const single = [];
    const found = { events: 0, severe: 0, isExact: true, lanes, single };
    if (!window) return found;
    const from = Number(area.from - window.origin);
    const to = Number(area.to - window.origin);
    for (let row = area.firstRow; row <= area.lastRow; row++) {
      const events = window.byLane.get(this.lanes.rows[row]);
      if (!events) continue;
      let count = 0;
      if (events.isSingle) {
        for (let index = search(events.x, from); index < events.x.length && events.x[index] < to; index++) {
          count++;
          if (events.level[index] >= warningLevel) found.severe++;
          single.push({ id: this.idOf({ lane: events.lane, sequence: events.sequence[index] }),
            label: events.label?.[index] ?? "" });
        }
      } else {
        found.isExact = false;
        const end = Math.min(events.counts.length, Math.ceil(to / window.bucket));
        for (let bucket = Math.max(0,
          Math.floor(from / window.bucket)); bucket < end; bucket++) count += events.counts[bucket];
        for (let at = 0; at + 2 < events.severe.length; at += 3) {
          const x = events.severe[at] * window.bucket;
          if (x >= from && x < to) found.severe++;
        }
      }
      found.events += count;
      if (count > 0) lanes.push({ process: this.lanes.all[events.lane].process, events: count });
    }
    return found;
  }

  /**
   * The id of an event at a place.
   * @param {Place} place
   */
  idOf(place) {
    return `${this.lanes.all[place.lane].process}:${place.sequence}`;
  }
}

/**
 * Sequence numbers of events by lane, ascending.
 * @param {View} view
 * @param {string[]} ids
 */
export function byLane(view, ids) {
  /** @type {Map<number, number[]>} */
  const found = new Map();
  for (const id of ids) {
    const { process, sequence } = parts(id);
    const lane = view.lanes.byProcess.get(process);
    if (lane === undefined) continue;
    const numbers = found.get(lane);
    if (numbers) numbers.push(sequence);
    else found.set(lane, [sequence]);
  }
  return new Map([...found].map(([lane, numbers]) => [lane, Float64Array.from(numbers).sort()]));
}

/**
 * @param {View} view
 * @param {{from: string, to: string, isArrow: boolean}[]} pairs
 */
export function links(view, pairs) {
  return pairs.flatMap((pair) => {
    const [from, to] = [parts(pair.from), parts(pair.to)];
    const fromLane = view.lanes.byProcess.get(from.process);
    const toLane = view.lanes.byProcess.get(to.process);
    if (fromLane === undefined || toLane === undefined) return [];
    return [{ from: { lane: fromLane, sequence: from.sequence }, to: { lane: toLane, sequence: to.sequence },
      isArrow: pair.isArrow }];
  });
}
