// The events of an area that was dragged: how many, of which processes, and which.

import { axisNames, distance } from "./axis.js";
import { count, counted, make, oneLine } from "./dom.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").Area} Area */

/** Events that are listed. */
const listedMax = 300;

/**
 * An area as the address has it, and back; null where that says none.
 * @param {Area} area
 */
export function written(area) {
  return `${area.from} ${area.to} ${area.firstRow} ${area.lastRow}`;
}

/**
 * @param {string} text
 * @returns {Area | null}
 */
export function readArea(text) {
  const found = /^(-?\d{1,39}) (-?\d{1,39}) (\d{1,6}) (\d{1,6})$/.exec(text);
  if (!found) return null;
  return { from: BigInt(found[1]), to: BigInt(found[2]), firstRow: Number(found[3]), lastRow: Number(found[4]) };
}

/**
 * @param {Page} page
 * @param {HTMLElement} element
 * @param {Area} area
 */
export function showArea(page, element, area) {
  const { view } = page;
  const found = view.eventsIn(area);
  const most = Math.max(1, ...found.lanes.map((lane) => lane.events));
  element.replaceChildren(
    make("h2", {},
      `${found.isExact ? "" : "About "}${counted(found.events, "event")} in ${distance(Number(area.to - area.from), view.axis)}`),
    make("p", { class: "muted" },
      `${axisNames[/** @type {keyof typeof axisNames} */ (view.axis)]}, ${counted(found.lanes.length, "process", "processes")}; ${found.isExact ? counted(found.severe, "event") : counted(found.severe, "place")} with warnings or worse`),
    make("div", { class: "actions" },
      make("button", { type: "button", onclick: () => page.showRange(area.from, area.to) }, "Zoom to it"),
      make("button", { type: "button", onclick: () => page.state.set({ area: "" }) }, "Close")),
    make("h3", {}, "By process"),
    make("table", {}, make("tbody", {}, ...found.lanes.slice(0, listedMax).map((lane) => make("tr", {},
      make("td", {}, make("bdi", { class: "id" }, lane.process)), make("td", { class: "number" }, count(lane.events)),
      make("td", { class: "number" }, make("meter", { min: 0, max: most, value: lane.events, "aria-hidden": "true" })))))),
    ...(found.single.length > 0
      ? [make("h3", {}, "Events"), make("ul", {},
        ...found.single.slice(0, listedMax).map((one) => make("li", {}, page.eventLink(one.id), " ",
        make("bdi", {}, oneLine(one.label, 120)))))]
      : [make("p", { class: "muted" }, "Zoom in to see them one by one.")]));
}
