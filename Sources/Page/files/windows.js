// Which windows are asked for, and which one is shown. A window covers three times what is seen, and its place and its buckets
// are powers of two: so panning and zooming come upon windows that are here already.

import { HistoryWindow } from "./window.js";
import { QuestionError, address, ask } from "./questions.js";

/** @typedef {import("./axis.js").AxisView} AxisView */
/** @typedef {import("./lanes.js").Lanes} Lanes */
/** @typedef {{key: string, lanesKey: string, axis: string, window: HistoryWindow, isStale: boolean, used: number}} Entry */

/** Windows that are kept: each takes a megabyte at the most. */
const keptMax = 24;
/** Lanes up to which all are asked for, and their names need not be said. */
const allLanesMax = 64;
/** Lanes are asked for in steps of so many rows. */
const rowsStep = 16;
/** What a question's address may have: servers take some 80,000 bytes. */
const addressMax = 24_000;
/** Milliseconds between two questions while somebody zooms. */
const pauseMilliseconds = 80;

export class Windows {
  /** @param {() => void} changed called when another window is here */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, Entry>} */
    this.kept = new Map();
    /** @type {Entry | null} */
    this.shown = null;
    /** What is being asked for. */
    this.asked = "";
    /** @type {AbortController | null} */
    this.asking = null;
    this.lastAsked = 0;
    this.timer = 0;
    /** @type {QuestionError | null} */
    this.error = null;
    this.uses = 0;
    /** The collector's version where it is not that of the lanes. */
    this.versionSeen = "";
  }

  /** What is kept may have changed: it is shown until it is here anew. */
  invalidate() {
    for (const entry of this.kept.values()) entry.isStale = true;
    this.asked = "";
    this.error = null;
  }

  /** Lanes have new numbers: nothing that is kept can be shown. */
  clear() {
    this.asking?.abort();
    clearTimeout(this.timer);
    this.timer = 0;
    this.kept.clear();
    this.shown = null;
    this.asked = "";
    this.error = null;
  }

  /** Whether what is shown is not yet what should be. */
  get isLoading() {
    return this.asked !== "" && this.error === null;
  }

  /**
   * The window to be drawn now; asks for the one that should be. O(1) while it is here.
   * @param {AxisView} view
   * @param {string} axis
   * @param {Lanes} lanes
   * @param {number} firstRow
   * @param {number} lastRow
   * @returns {HistoryWindow | null}
   */
  current(view, axis, lanes, firstRow, lastRow) {
    const wanted = want(view, axis, lanes, firstRow, lastRow);
    const entry = this.kept.get(wanted.key);
    if (entry) {
      entry.used = ++this.uses;
      this.shown = entry;
      if (!entry.isStale) {
        this.asked = "";
        return entry.window;
      }
    } else if (!this.shown || this.shown.axis !== axis || !covers(this.shown, view)) {
      this.shown = this.nearest(view, axis) ?? (this.shown?.axis === axis ? this.shown : null);
    }
    if (this.asked !== wanted.key) this.ask(wanted, lanes);
    return this.shown?.window ?? null;
  }

  /**
   * The finest window that is kept and covers what is seen.
   * @param {AxisView} view
   * @param {string} axis
   */
  nearest(view, axis) {
    /** @type {Entry | null} */
    let best = null;
    for (const entry of this.kept.values()) {
      if (entry.axis !== axis || !covers(entry, view)) continue;
      if (!best || entry.window.bucket < best.window.bucket) best = entry;
    }
    return best;
  }

  /**
   * @param {ReturnType<typeof want>} wanted
   * @param {Lanes} lanes
   */
  ask(wanted, lanes) {
    this.asked = wanted.key;
    this.error = null;
    clearTimeout(this.timer);
    const pause = Math.max(0, this.lastAsked + pauseMilliseconds - performance.now());
    this.timer = setTimeout(() => this.fetch(wanted, lanes), pause);
  }

  /**
   * @param {ReturnType<typeof want>} wanted
   * @param {Lanes} lanes
   */
  async fetch(wanted, lanes) {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.lastAsked = performance.now();
    try {
      const answer = await ask("window", wanted.parameters(), asking.signal);
      if (asking.signal.aborted) return;
      const window = new HistoryWindow(answer, lanes);
      this.versionSeen = answer.version;
      this.keep({ key: wanted.key, lanesKey: wanted.lanesKey, axis: answer.axis, window, isStale: false,
        used: ++this.uses });
      if (this.asked === wanted.key) this.asked = "";
    } catch (error) {
      if (asking.signal.aborted) return;
      this.error = error instanceof QuestionError ? error : new QuestionError(0, String(error));
    }
    this.changed();
  }

  /** @param {Entry} entry */
  keep(entry) {
    if (this.shown?.key === entry.key) this.shown = entry;
    this.kept.set(entry.key, entry);
    if (this.kept.size <= keptMax) return;
    let oldest = entry;
    for (const other of this.kept.values()) if (other !== this.shown && other.used < oldest.used) oldest = other;
    this.kept.delete(oldest.key);
  }
}

/**
 * @param {Entry} entry
 * @param {AxisView} view
 */
function covers(entry, view) {
  const from = view.from > view.first ? view.from : view.first;
  const to = view.to < view.end ? view.to : view.end;
  return entry.window.from <= from && entry.window.to >= to;
}

/**
 * The window that should be shown: its key, and how it is asked for.
 * @param {AxisView} view
 * @param {string} axis
 * @param {Lanes} lanes
 * @param {number} firstRow
 * @param {number} lastRow
 */
function want(view, axis, lanes, firstRow, lastRow) {
  const isAll = lanes.isListed && lanes.all.length <= allLanesMax;
  const top = Math.max(0, Math.floor(firstRow / rowsStep) - 1) * rowsStep;
  const bottom = Math.min(lanes.rows.length, (Math.floor(lastRow / rowsStep) + 1) * rowsStep);
  const asked = isAll ? lanes.all.length : bottom - top + lanes.pinned;
  const cell = Math.max(2, Math.ceil(Math.log2(view.span)));
  const middle = view.position(view.width / 2) >> BigInt(cell);
  const lanesKey = isAll ? "" : `${top}-${bottom} ${lanes.arrangement}`;
  const key = `${axis} ${cell} ${middle} ${lanesKey}`;
  const parameters = () => {
    const from = larger((middle - 1n) << BigInt(cell), view.first);
    const to = larger(smaller((middle + 2n) << BigInt(cell), view.end), from + 1n);
    // The fewer lanes, the finer: one bucket takes one to five pixels, and an answer some 100,000 numbers.
    const finest = asked <= 8 ? 10 : asked <= 80 ? 9 : asked <= 200 ? 8 : 7;
    const bucket = 1n << BigInt(Math.max(0, cell - finest));
    const buckets = Math.min(4096, Number((to - from) / bucket) + 2);
    return {
      execution: lanes.execution,
      axis,
      from: String(from),
      to: String(to),
      buckets,
      process: isAll ? [] : named(lanes, top, bottom, firstRow, lastRow),
    };
  };
  return { key, lanesKey, parameters };
}

/**
 * The processes of rows, those that are seen first: as many as an address holds.
 * @param {Lanes} lanes
 * @param {number} top
 * @param {number} bottom
 * @param {number} firstRow
 * @param {number} lastRow
 */
function named(lanes, top, bottom, firstRow, lastRow) {
  const rows = [];
  for (let row = 0; row < lanes.pinned; row++) rows.push(row);
  for (let row = Math.max(firstRow, lanes.pinned); row <= lastRow && row < lanes.rows.length; row++) rows.push(row);
  for (let row = Math.max(top, lanes.pinned); row < bottom; row++) if (row < firstRow || row > lastRow) rows.push(row);
  const processes = [];
  let size = 0;
  for (const row of rows) {
    const process = lanes.all[lanes.rows[row]].process;
    size += address("", { process }).length;
    if (size > addressMax) break;
    processes.push(process);
  }
  return processes;
}

/**
 * @param {bigint} a
 * @param {bigint} b
 */
function larger(a, b) {
  return a > b ? a : b;
}

/**
 * @param {bigint} a
 * @param {bigint} b
 */
function smaller(a, b) {
  return a < b ? a : b;
}
