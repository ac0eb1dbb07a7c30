// Which lanes there are, in which order, and in which row each is drawn.

/** @typedef {import("./questions.js").LanesAnswer} LanesAnswer */
/** @typedef {import("./questions.js").LaneFacts} LaneFacts */
/** @typedef {import("./state.js").State} State */

export class Lanes {
  /**
   * @param {LanesAnswer} answer
   * @param {Lanes | null} before what it was: lanes keep their numbers, new ones come behind
   */
  constructor(answer, before) {
    this.execution = answer.execution;
    this.version = answer.version;
    this.events = answer.events;
    this.axes = answer.axes;
    const listed = new Map(answer.lanes.map((lane, index) => [lane.process, index]));
    /** @type {LaneFacts[]} */
    this.all = answer.lanes;
    /** Whether the lanes have the numbers that they had. */
    this.keepsNumbers = before !== null && before.all.every((lane) => listed.has(lane.process));
    if (before && this.keepsNumbers) {
      const old = before.all.map((lane) => answer.lanes[listed.get(lane.process) ?? 0]);
      this.all = [...old, ...answer.lanes.filter((lane) => !before.byProcess.has(lane.process))];
    }
    /** The place of each lane in the collector's listing. */
    this.listed = this.all.map((lane) => listed.get(lane.process) ?? 0);
    /**
     * Lanes by the names of their processes.
     * @type {Map<string, number>}
     */
    this.byProcess = new Map(this.all.map((lane, index) => [lane.process, index]));
    /**
     * The lane of each row.
     * @type {Int32Array}
     */
    this.rows = new Int32Array(0);
    /**
     * The row of each lane, −1 where it is not shown.
     * @type {Int32Array}
     */
    this.rowOf = new Int32Array(answer.lanes.length);
    /** How many rows are pinned. */
    this.pinned = 0;
    this.hidden = 0;
    /** All are shown: then a window need not name its lanes. */
    this.isListed = true;
    /** Says which lanes are shown in which order: windows that were asked for by rows are of one arrangement. */
    this.arrangement = "";
  }

  /**
   * Gives each lane that is to be shown its row.
   * @param {State} state
   * @param {Set<string> | null} talking those that talk with the chosen ones; null: all
   */
  arrange(state, talking) {
    const hide = new Set(state.hide);
    const pin = new Map(state.pin.map((process, index) => [process, index]));
    const order = new Map(state.order.map((process, index) => [process, index]));
    const wanted = state.lanes.toLowerCase();
    /** @type {number[]} */
    const shown = [];
    this.all.forEach((lane, index) => {
      if (hide.has(lane.process)) return;
      if (talking && !talking.has(lane.process) && !pin.has(lane.process)) return;
      if (wanted && !lane.process.toLowerCase().includes(wanted) && !pin.has(lane.process)) return;
      shown.push(index);
    });
    const rank = (/** @type {number} */ lane) => {
      const process = this.all[lane].process;
      return pin.get(process) ?? (order.has(process) ? 1e6 + (order.get(process) ?? 0) : 1e9);
    };
    shown.sort((a, b) => rank(a) - rank(b) || (state.group ? compareHosts(this.all[a], this.all[b]) : 0)
      || this.listed[a] - this.listed[b]);
    this.rows = Int32Array.from(shown);
    this.rowOf.fill(-1);
    this.rows.forEach((lane, row) => (this.rowOf[lane] = row));
    this.pinned = shown.filter((lane) => pin.has(this.all[lane].process)).length;
    this.hidden = this.all.length - shown.length;
    this.isListed = shown.length === this.all.length;
    const { hide: hidden, pin: pinned, order: ordered, talk, lanes: filter, group } = state;
    this.arrangement = JSON.stringify([hidden, pinned, ordered, talk, filter, group, this.all.length]);
  }

  /**
   * The lane of a row.
   * @param {number} row
   * @returns {LaneFacts | undefined}
   */
  at(row) {
    return this.all[this.rows[row]];
  }

  /**
   * What is written before a lane: its host, where the name does not say it or begins with it, and the rest.
   * @param {LaneFacts} lane
   * @returns {{host: string, name: string}}
   */
  static title(lane) {
    const prefix = lane.host + "/";
    const isPart = lane.host !== "" && lane.process.startsWith(prefix);
    return { host: isPart ? prefix : "", name: isPart ? lane.process.slice(prefix.length) : lane.process };
  }
}

/**
 * @param {LaneFacts} a
 * @param {LaneFacts} b
 */
function compareHosts(a, b) {
  return a.host < b.host ? -1 : a.host > b.host ? 1 : 0;
}
