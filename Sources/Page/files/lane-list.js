// Lanes: which are shown, on top, and in which order; and the menu of one lane.

import { count, counted, find, make } from "./dom.js";
import { ask } from "./questions.js";

/** @typedef {import("./page.js").Page} Page */

/** Lanes that are listed at once: more are found by their names. */
const listedMax = 300;

export class LaneList {
  /**
   * @param {Page} page
   * @param {HTMLElement} element
   */
  constructor(page, element) {
    this.page = page;
    this.element = element;
    this.menu = find("lane-menu", HTMLDialogElement);
    this.menu.addEventListener("click", (event) => {
      if (event.target === this.menu) this.menu.close();
    });
    this.body = make("div");
    this.filter = make("input", { type: "search", "aria-label": "Lanes whose names contain",
      placeholder: "Only names that contain …" });
    this.filter.addEventListener("input", () => this.page.state.set({ lanes: this.filter.value }, { isStep: false }));
    this.group = make("button", { type: "button", onclick: () =>
      this.page.state.set({ group: !this.page.state.now.group }) }, "Group by host");
    this.collapse = make("button", { type: "button", onclick: () =>
      this.page.state.set({ collapse: !this.page.state.now.collapse }) }, "Collapse local events");
    this.reset = make("button", { type: "button", onclick: () =>
      this.page.state.set({ hide: [], pin: [], order: [], talk: [], lanes: "" }) }, "Show all");
    element.replaceChildren(
      make("div", { class: "controls" }, this.filter), make("div", { class: "controls" }, this.group, this.collapse,
        this.reset), this.body);
  }

  draw() {
    const { now } = this.page.state;
    const { lanes } = this.page.view;
    if (document.activeElement !== this.filter) this.filter.value = now.lanes;
    this.group.setAttribute("aria-pressed", String(now.group));
    this.collapse.setAttribute("aria-pressed", String(now.collapse));
    const shown = [...lanes.rows];
    const hidden = lanes.all.map((_, lane) => lane).filter((lane) => lanes.rowOf[lane] < 0);
    const wanted = now.lanes.toLowerCase();
    const also = hidden.filter((lane) => lanes.all[lane].process.toLowerCase().includes(wanted));
    const listed = [...shown, ...also].slice(0, listedMax);
    const total = shown.length + also.length;
    this.body.replaceChildren(
      make("p", { class: "muted" }, `${counted(lanes.all.length, "process", "processes")}, ${count(lanes.hidden)} hidden`,
        now.talk.length > 0 ? `; only those that talk with ${now.talk.join(", ")}` : ""),
      ...listed.map((lane) => this.row(lane)),
      ...(total > listed.length ? [make("p", { class: "muted" },
        `${count(total - listed.length)} more: type a part of a name`)] : []));
  }

  /** @param {number} lane */
  row(lane) {
    const { lanes } = this.page.view;
    const facts = lanes.all[lane];
    const isShown = lanes.rowOf[lane] >= 0;
    const isPinned = this.page.state.now.pin.includes(facts.process);
    const box = make("input", { type: "checkbox", onchange: () => this.hide(facts.process, box.checked ? false : true) });
    box.checked = isShown;
    const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ onclick,
      /** @type {boolean | null} */ pressed = null) =>
      make("button", { type: "button", title: label, "aria-label": `${label}: ${facts.process}`,
        "aria-pressed": pressed === null ? null : String(pressed), onclick }, text);
    return make("div", { class: "lane-row" },
      make("label", { title: facts.process }, box, " ", make("bdi", { class: "id" }, facts.process),
        make("span", { class: "muted" },
        ` ${facts.events > 0 ? counted(facts.events, "event") : "cited, not here"}${facts.missing > 0 ? `, ${count(facts.missing)} missing` : ""}`)),
      button("↑", "Move up", () => this.move(lane, -1)),
      button("↓", "Move down", () => this.move(lane, 1)),
      button("⚲", "Keep on top", () => this.pin(facts.process, !isPinned), isPinned));
  }

  /**
   * @param {string} process
   * @param {boolean} isHidden
   */
  hide(process, isHidden) {
    const { state } = this.page;
    const rest = state.now.hide.filter((one) => one !== process);
    state.set({ hide: isHidden ? [...rest, process] : rest });
  }

  /** @param {string} process */
  hideOthers(process) {
    const { view, state } = this.page;
    const others = view.lanes.all.map((lane) => lane.process).filter((one) => one !== process);
    // The address names what is hidden: where that is too much, only names like this one are shown.
    state.set(others.length <= listedMax ? { hide: others } : { lanes: process });
  }

  /**
   * @param {string} process
   * @param {boolean} isPinned
   */
  pin(process, isPinned) {
    const { state } = this.page;
    const rest = state.now.pin.filter((one) => one !== process);
    state.set({ pin: isPinned ? [...rest, process] : rest });
  }

  /**
   * @param {number} lane
   * @param {number} step
   */
  move(lane, step) {
    const { lanes } = this.page.view;
    const row = lanes.rowOf[lane];
    const to = row + step;
    if (row < 0 || to < 0 || to >= lanes.rows.length) return;
    // Only what lies above has to be said: the rest follows as it did.
    const names = [...lanes.rows].slice(0, Math.max(row, to) + 1).map((one) => lanes.all[one].process);
    [names[row], names[to]] = [names[to], names[row]];
    this.page.state.set({ order: names.slice(lanes.pinned), group: false });
  }

  /**
   * Shows only lanes that ever talked with one: a window over everything names them.
   * @param {string} process
   * @returns {Promise<string[]>}
   */
  async talking(process) {
    const { view } = this.page;
    const { first, end } = view.axisView;
    const answer = await ask("window", { execution: view.execution, axis: view.axis, from: String(first), to: String(end),
      buckets: 1, process });
    return answer.processes;
  }

  /** @param {number} lane */
  openMenu(lane) {
    const { view, state } = this.page;
    const facts = view.lanes.all[lane];
    const isPinned = state.now.pin.includes(facts.process);
    const item = (/** @type {string} */ text, /** @type {() => void} */ run) =>
      make("button", {
        type: "button",
        onclick: () => {
          this.menu.close();
          run();
        },
      }, text);
    this.menu.replaceChildren(
      make("h2", { id: "lane-menu-title" }, make("bdi", {}, facts.process)),
      item(isPinned ? "No longer on top" : "Keep on top", () => this.pin(facts.process, !isPinned)),
      item("Hide", () => this.hide(facts.process, true)),
      item("Hide all others", () => this.hideOthers(facts.process)),
      item("Only those that talk with it", () => state.set({ talk: [...state.now.talk, facts.process] })),
      item("Move up", () => this.move(lane, -1)),
      item("Move down", () => this.move(lane, 1)),
      item("Its first event", () => this.page.select(`${facts.process}:${facts.first}`)),
      item("Its last event", () => this.page.select(`${facts.process}:${facts.last}`)),
      item("Show all lanes", () => state.set({ hide: [], pin: [], order: [], talk: [], lanes: "" })));
    this.menu.showModal();
  }
}
