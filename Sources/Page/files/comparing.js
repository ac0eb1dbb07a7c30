// Two executions, one above the other, and what differs.

import { showPalette } from "./commands.js";
import { compare } from "./compare.js";
import { counted, find } from "./dom.js";
import { byLane } from "./view.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").View} View */

export class Comparing {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    /** @type {AbortController | null} */
    this.asking = null;
  }

  /** Lets somebody choose the other execution. */
  choose() {
    const others = this.page.executions.filter((one) => one.name !== this.page.view.execution);
    const entry = (/** @type {string} */ title, /** @type {string} */ compare, /** @type {string} */ shown) =>
      ({ title, group: "", keys: [], shown, run: () => this.page.state.set({ compare }) });
    showPalette(find("palette", HTMLDialogElement), [
      ...(this.page.state.now.compare ? [entry("Only one execution", "", "—")] : []),
      ...others.map((one) => entry(`Beside it: ${one.name}`, one.name, counted(one.events, "event"))),
    ]);
  }

  /** Shows the one that the address says. */
  async show() {
    const { compare: name } = this.page.state.now;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const isOn = name !== "";
    this.page.second.canvas.hidden = !isOn;
    const titles = [find("first-name", HTMLElement), find("second-name", HTMLElement)];
    titles.forEach((title) => (title.hidden = !isOn));
    this.page.view.differing = new Map();
    this.page.view.resize();
    if (!isOn) return;
    try {
      await this.page.second.load(name, asking.signal);
      if (asking.signal.aborted) return;
      this.page.second.resize();
      this.page.second.setAxis(this.page.state.now.axis);
      this.page.arrange();
      this.page.link(this.page.view);
      this.page.selecting.show(false);
      const difference = await compare(this.page.view, this.page.second, asking.signal);
      if (asking.signal.aborted) return;
      const mark = (/** @type {View} */ view, /** @type {Map<string, number[]>} */ events) =>
        byLane(view, [...events].flatMap(([process, sequences]) => sequences.map((sequence) => `${process}:${sequence}`)));
      this.page.view.differing = mark(this.page.view, difference.events);
      this.page.second.differing = mark(this.page.second, difference.otherEvents);
      const number = (/** @type {Map<string, number[]>} */ events) =>
        [...events.values()].reduce((sum, one) => sum + one.length, 0);
      const sum = (/** @type {View} */ view, /** @type {string[]} */ processes,
        /** @type {Map<string, number[]>} */ events) =>
        `${view.execution} — ${difference.note || `${counted(number(events), "event")} without a counterpart`}${processes.length > 0 ? `, only here: ${processes.slice(0, 6).join(", ")}${processes.length > 6 ? " …" : ""}` : ""}`;
      titles[0].textContent = sum(this.page.view, difference.processes, difference.events);
      titles[1].textContent = sum(this.page.second, difference.otherProcesses, difference.otherEvents);
      this.page.say(`${titles[0].textContent}. ${titles[1].textContent}`);
      this.page.eachView((view) => view.paintSoon());
    } catch (error) {
      if (!asking.signal.aborted) titles[1].textContent = `${name} — ${error instanceof Error ? error.message : error}`;
    }
  }
}
