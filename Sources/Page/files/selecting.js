// What is selected: an event, perhaps a second one, their cones, and how the keyboard goes from event to event.

import { Cone } from "./cone.js";
import { ask, parts } from "./questions.js";
import { links } from "./view.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").View} View */

export class Selecting {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** Whether what is selected next is compared with what is now. */
    this.isMarking = false;
    /** @type {AbortController | null} */
    this.asking = null;
  }

  /**
   * @param {string} id
   * @param {boolean} [isSecond] whether it is compared with the one that is selected
   */
  select(id, isSecond = false) {
    const { now } = this.page.state;
    if ((isSecond || this.isMarking) && now.event && now.event !== id) this.page.state.set({ other: id, tab: "event",
      area: "" });
    else this.page.state.set({ event: id, other: "", tab: "event", area: "" });
  }

  /** What is selected next is compared with what is now. */
  mark() {
    this.isMarking = !this.isMarking && this.page.state.now.event !== "";
    this.page.remark = this.isMarking
      ? `Select another event: how is it ordered with ${this.page.state.now.event}? (M or Escape ends this)` : "";
    this.page.say(this.page.remark);
    this.page.status.draw();
  }

  /**
   * Shows the selection that the address says.
   * @param {boolean} isRevealed whether it is brought into sight: not where the address says what is seen
   */
  async show(isRevealed) {
    const { event, other } = this.page.state.now;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.page.results.markSelected();
    this.showPath([]);
    if (event === "") {
      this.page.eachView((view) => {
        view.selected = view.other = null;
        view.setCone(null);
      });
      if (!this.page.state.now.area) this.page.eventPanel.showNothing();
      return;
    }
    this.page.eventPanel.show(event, other);
    this.page.eachView((view) => {
      view.selected = this.markOf(view, event, null);
      view.other = other ? this.markOf(view, other, null) : null;
      view.paintSoon();
    });
    try {
      await Promise.all(this.page.views.map((view) => this.coneOf(view, event, other, isRevealed, asking.signal)));
    } catch (error) {
      if (!asking.signal.aborted) this.page.eachView((view) => view.setCone(null));
    }
    if (!asking.signal.aborted) this.page.windowChanged();
  }

  /**
   * @param {View} view
   * @param {string} event
   * @param {string} other
   * @param {boolean} isRevealed
   * @param {AbortSignal} signal
   */
  async coneOf(view, event, other, isRevealed, signal) {
    const about = (/** @type {string} */ id) => ask("cone", { execution: view.execution, event: id, axis: view.axis },
      signal);
    const [answer, second] = await Promise.all([about(event), other ? about(other) : null]);
    if (signal.aborted) return;
    const cone = new Cone(answer, view.lanes);
    view.setCone(cone);
    view.selected = this.markOf(view, event, cone.position);
    if (second) view.other = this.markOf(view, other, second.x === null ? null : BigInt(second.x));
    if (isRevealed && view === this.page.view) this.reveal(false);
  }

  /**
   * @param {View} view
   * @param {string} id
   * @param {bigint | null} position
   */
  markOf(view, id, position) {
    const { process, sequence } = parts(id);
    const lane = view.lanes.byProcess.get(process);
    return lane === undefined ? null : { lane, sequence, position };
  }

  /**
   * Brings what is selected into sight: one event, or both and what lies between.
   * @param {boolean} isWanted whether somebody asked for it
   */
  reveal(isWanted) {
    const { selected, other, axisView } = this.page.view;
    if (!selected) return;
    const isSeen = (/** @type {typeof selected} */ mark) => {
      const pixel = this.page.view.pixelOf(mark);
      return pixel >= 0 && pixel <= axisView.width;
    };
    if (other?.position != null && selected.position !== null && (isWanted || !isSeen(selected) || !isSeen(other))) {
      const [from, to] = selected.position < other.position ? [selected.position, other.position]
        : [other.position, selected.position];
      this.page.showRange(from, to);
    } else {
      if (isWanted && selected.position !== null) axisView.pan(axisView.pixel(selected.position) - axisView.width / 2);
      this.page.view.reveal(selected);
      if (isWanted) this.page.view.moved();
    }
  }

  pixelOfSelected() {
    const { selected, axisView } = this.page.view;
    const pixel = selected ? this.page.view.pixelOf(selected) : NaN;
    return pixel >= 0 && pixel <= axisView.width ? pixel : null;
  }

  /** The event that keys start from. */
  get current() {
    return this.isMarking && this.page.view.other ? this.page.view.other : this.page.view.selected;
  }

  selectFirst() {
    const hit = this.page.view.firstSeen();
    if (hit) this.select(this.page.view.idOf(hit));
  }

  /** @param {number} step */
  selectNeighbour(step) {
    const { view } = this.page;
    const { current } = this;
    if (!current) return this.selectFirst();
    const lane = view.lanes.all[current.lane];
    const sequence = current.sequence + step;
    if (sequence < 1 || sequence > Math.max(lane.last, lane.cited)) return this.page.say("There is none.");
    this.select(view.idOf({ lane: current.lane, sequence }));
  }

  /** @param {number} step */
  selectBeside(step) {
    const { view } = this.page;
    const { current } = this;
    if (!current) return this.selectFirst();
    const hit = view.beside(current, step);
    if (hit) this.select(view.idOf(hit));
  }

  /** @param {{from: {id: string}, to: {id: string}}[]} path */
  showPath(path) {
    this.page.eachView((view) => {
      view.path = links(view, path.map((hop) => ({ from: hop.from.id, to: hop.to.id, isArrow: true })));
      view.paintSoon();
    });
  }
}
