// What the picture shows, as a table: for screen readers, and for whoever prefers to read. Single events where there are few, else
// what each process has in the part that is seen.

import { count, counted, make, oneLine } from "./dom.js";
import { levels } from "./questions.js";
import { Relation, relationNames, search } from "./window.js";

/** @typedef {import("./page.js").Page} Page */

/** Rows of the table. */
const rowsMax = 500;
const kindNames = /** @type {{[letter: string]: string}} */ ({ s: "send", r: "receive", l: "local" });

export class EventsTable {
  /**
   * @param {Page} page
   * @param {HTMLElement} element
   */
  constructor(page, element) {
    this.page = page;
    this.element = element;
  }

  draw() {
    const { view } = this.page;
    const window = view.window;
    if (!window) {
      this.element.replaceChildren(make("p", { class: "muted" }, "Nothing is here yet."));
      return;
    }
    this.element.replaceChildren(...(window.isSingle ? this.events() : this.processes()));
  }

  /** The part of the window that is seen, relative to its origin. */
  seen() {
    const { view } = this.page;
    const window = view.window;
    if (!window) return { from: 0, to: 0 };
    const origin = window.pixelOfOrigin(view.axisView);
    return { from: -origin / view.axisView.scale, to: (view.axisView.width - origin) / view.axisView.scale };
  }

  events() {
    const { view } = this.page;
    const { from, to } = this.seen();
    /** @type {{lane: number, x: number, index: number}[]} */
    const found = [];
    for (const events of view.window?.lanes ?? []) {
      if (view.lanes.rowOf[events.lane] < 0) continue;
      for (let index = search(events.x, from); index < events.x.length && events.x[index] <= to; index++) {
        found.push({ lane: events.lane, x: events.x[index], index });
      }
    }
    found.sort((a, b) => a.x - b.x || view.lanes.rowOf[a.lane] - view.lanes.rowOf[b.lane]);
    const hasCone = view.cone !== null;
    const columns = ["Event", "Kind", "Level", "Name", ...(hasCone ? ["To the selected one"] : [])];
    const rows = found.slice(0, rowsMax).map(({ lane, index }) => {
      const events = view.window?.byLane.get(lane);
      if (!events) return make("tr");
      const id = view.idOf({ lane, sequence: events.sequence[index] });
      const relation = events.relation[index];
      return make("tr", { "data-event": id, "data-relation": relationNames[relation],
        "aria-current": relation === Relation.self ? "true" : null },
        make("td", {}, this.page.eventLink(id)),
        make("td", {}, kindNames[events.kind[index]] ?? ""),
        make("td", {}, levels[events.level[index]] ?? ""),
        make("td", {}, make("bdi", {}, oneLine(events.label?.[index] ?? "", 120))),
        ...(hasCone ? [make("td", {}, relationNames[relation])] : []));
    });
    const caption = `${counted(found.length, "event")} in sight, in the order of the axis${found.length > rowsMax ? `; the first ${rowsMax} are listed` : ""}`;
    return [table(caption, columns, rows)];
  }

  processes() {
    const { view } = this.page;
    const { from, to } = this.seen();
    const bucket = view.window?.bucket ?? 1;
    const rows = [...view.lanes.rows].slice(0, rowsMax).map((lane) => {
      const events = view.window?.byLane.get(lane);
      let number = 0;
      let severe = 0;
      let sequence = 0;
      for (let at = Math.max(0, Math.floor(from / bucket)); events && at < events.counts.length && at * bucket < to; at++) {
        if (sequence === 0 && events.counts[at] > 0) sequence = events.starts[at];
        number += events.counts[at];
      }
      for (let at = 0; events && at + 2 < events.severe.length; at += 3) {
        const x = events.severe[at] * bucket;
        if (x >= from && x < to) severe = Math.max(severe, events.severe[at + 1]);
      }
      const facts = view.lanes.all[lane];
      return make("tr", {},
        make("td", {}, make("bdi", { class: "id" }, facts.process)),
        make("td", { class: "number" }, count(number)),
        make("td", {}, levels[severe] ?? ""),
        make("td", {}, sequence > 0 ? this.page.eventLink(`${facts.process}:${sequence}`) : ""));
    });
    return [table("Processes in sight. Zoom in (W) for single events.", ["Process", "Events", "Worst", "First in sight"],
      rows)];
  }
}

/**
 * @param {string} caption
 * @param {string[]} columns
 * @param {HTMLElement[]} rows
 */
function table(caption, columns, rows) {
  return make("table", {},
    make("caption", { class: "muted" }, caption),
    make("thead", {}, make("tr", {}, ...columns.map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", {}, ...rows));
}
