// What is seen as SVG or PNG, and the graph in every format that `export` writes.

import { dialogTitle } from "./commands.js";
import { make } from "./dom.js";
import { address } from "./questions.js";
import { paint } from "./picture.js";
import { SVGContext } from "./svg.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").View} View */

const formats = /** @type {[string, string, string][]} */ ([
  ["json", "JSON", "json"], ["ndjson", "JSON lines", "ndjson"], ["dot", "Graphviz", "dot"],
    ["graphml", "GraphML", "graphml"],
  ["mermaid", "Mermaid", "mmd"], ["shiviz", "ShiViz", "log"], ["perfetto", "Perfetto", "perfetto.json"],
]);

/**
 * The picture of a view, as SVG.
 * @param {View} view
 */
export function svgOf(view) {
  const context = new SVGContext(view.width, view.height);
  view.isVector = true;
  try {
    paint(/** @type {CanvasRenderingContext2D} */ (/** @type {unknown} */ (context)), view);
  } finally {
    view.isVector = false;
  }
  return context.toString();
}

export class Saving {
  /**
   * @param {Page} page
   * @param {HTMLDialogElement} dialog
   */
  constructor(page, dialog) {
    this.page = page;
    this.dialog = dialog;
  }

  open() {
    const { view, state } = this.page;
    const { execution } = view;
    const { event } = state.now;
    const name = (execution || "lightcone").replace(/[^\w.-]+/g, "-").slice(0, 60);
    const links = (/** @type {{[name: string]: string}} */ part) => make("ul", {},
      ...formats.map(([format, title, ending]) =>
      make("li", {}, make("a",
        { class: "link", href: address("export", { format, execution, ...part }), download: `${name}.${ending}` },
        title))));
    const link = make("input", { type: "text", readonly: true, value: location.href,
      "aria-label": "Link to what is seen" });
    this.dialog.replaceChildren(
      dialogTitle(this.dialog, "save-title", "Save or export"),
      make("h3", {}, "What is seen"),
      make("div", { class: "actions" },
        make("button", { type: "button", onclick: () =>
          download(new Blob([svgOf(view)], { type: "image/svg+xml" }), `${name}.svg`) }, "SVG"),
        make("button", { type: "button", onclick: () =>
          view.canvas.toBlob((blob) => blob && download(blob, `${name}.png`)) }, "PNG")),
      make("h3", {}, "A link to it"),
      make("div", { class: "controls" }, link, make("button", {
        type: "button",
        onclick: () => {
          link.select();
          navigator.clipboard?.writeText(link.value).then(() => this.page.say("The link is copied."), () => {});
        },
      }, "Copy")),
      make("h3", {}, "All events of the execution"),
      links({}),
      ...(event ? [make("h3", {}, "What could have led to ", make("bdi", {}, event)), links({ "past-of": event }),
        make("h3", {}, "What it could have affected"), links({ "future-of": event })] : []));
    this.dialog.showModal();
  }
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
function download(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
