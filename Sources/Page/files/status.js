// What the page says about itself: the line below the picture, what is being loaded, what went wrong and what to do, and what lies
// under the pointer.

import { distance } from "./axis.js";
import { counted, find, make, oneLine } from "./dom.js";
import { connection, levels } from "./questions.js";
import { drawSign, signSize } from "./signs.js";
import { gapStride, Relation } from "./window.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./view.js").View} View */

export class Status {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.banner = find("banner", HTMLElement);
    this.notice = find("notice", HTMLElement);
    this.tip = find("tip", HTMLElement);
    this.summary = find("summary", HTMLElement);
    this.progress = find("progress", HTMLElement);
    this.range = find("range", HTMLElement);
    this.legend = find("legend", HTMLElement);
  }

  draw() {
    const { view } = this.page;
    const { window, lanes } = view;
    const hidden = lanes.hidden > 0 ? `, ${lanes.hidden} hidden` : "";
    put(this.summary, view.isLoaded
      ? `${counted(lanes.events, "event")} · ${counted(lanes.all.length, "process", "processes")}${hidden}` : "");
    const isLoading = this.notice.hidden && (!view.isLoaded || this.page.views.some((one) => one.isLoading));
    put(this.progress, isLoading && !connection.isLost ? "loading …" : "");
    document.documentElement.dataset.state = isLoading ? "loading" : "ready";
    const remarks = [];
    if (window && !window.isSingle && !window.isExact) remarks.push("counts are rough");
    if (window && !window.isSettled && this.page.state.now.live) remarks.push("still arriving");
    if (window && window.messagesHidden > 0) remarks.push(`${counted(window.messagesHidden, "message")} not drawn`);
    remarks.push(`${distance(view.axisView.span, view.axis)} wide`);
    put(this.range, view.isLoaded ? remarks.join(" · ") : "");
    this.drawBanner();
  }

  drawBanner() {
    const error = this.page.view.windows.error;
    let text = "";
    if (connection.isLost) text = "The collector does not answer. What is here can still be read; the page tries again every two seconds.";
    else if (error) text = `This part could not be loaded: ${error.message}`;
    else text = this.page.remark;
    this.banner.hidden = text === "";
    this.banner.classList.toggle("is-error", connection.isLost || error !== null);
    if (this.banner.textContent !== text) this.banner.textContent = text;
  }

  /** What each sign means, in few words. */
  drawLegend() {
    const ratio = devicePixelRatio;
    const { colours } = this.page.view;
    const sign = (/** @type {string} */ text, /** @type {string} */ kind, /** @type {number} */ level,
      /** @type {number} */ relation) => {
      const canvas = make("canvas", { width: Math.round(signSize * ratio), height: Math.round(signSize * ratio) });
      const context = canvas.getContext("2d");
      if (context) {
        context.scale(ratio, ratio);
        drawSign(context, { ...colours, canvas: "transparent" }, signSize / 2, signSize / 2, kind, level, relation);
      }
      return make("span", {}, canvas, text);
    };
    this.legend.replaceChildren(
      sign("local", "l", 0, Relation.none), sign("message", "s", 0, Relation.none), sign("warning", "s", 5, Relation.none),
      sign("error", "s", 6, Relation.none), sign("critical", "s", 7, Relation.none), sign("past", "s", 0, Relation.past),
        sign("future", "s", 0, Relation.future));
  }

  /**
   * Stands in the picture's place where there is none.
   * @param {string} title empty: the picture is shown
   * @param {...Node} content
   */
  instead(title, ...content) {
    this.notice.hidden = title === "";
    this.notice.replaceChildren(make("div", {}, make("h2", {}, title), ...content));
    this.draw();
  }

  /**
   * What lies under the pointer.
   * @param {View} view
   * @param {number} x
   * @param {number} y
   */
  point(view, x, y) {
    const content = this.under(view, x, y);
    view.canvas.style.cursor = content && x >= view.namesWidth ? "pointer" : "";
    this.tip.hidden = content === null;
    if (!content) return;
    this.tip.replaceChildren(...content);
    const top = view.canvas.offsetTop + y;
    const isRight = x > view.width - 260;
    this.tip.style.left = isRight ? "" : `${x + 14}px`;
    this.tip.style.right = isRight ? `${view.width - x + 14}px` : "";
    this.tip.style.top = top > view.height - 90 ? "" : `${top + 14}px`;
    this.tip.style.bottom = top > view.height - 90 ? `${Math.max(4, view.height - y + 14)}px` : "";
  }

  hidePoint() {
    this.tip.hidden = true;
  }

  /**
   * @param {View} view
   * @param {number} x
   * @param {number} y
   * @returns {Node[] | null}
   */
  under(view, x, y) {
    const row = view.rowAt(y);
    const lane = view.lanes.at(row);
    if (!lane) return null;
    if (x < view.namesWidth) {
      const facts = [counted(lane.events, "event"), lane.missing > 0 ? `${lane.missing.toLocaleString("en")} missing` : "",
        lane.dropped > 0 ? `${lane.dropped.toLocaleString("en")} dropped` : "",
        lane.host ? `host ${oneLine(lane.host, 80)}` : "", lane.after.length > 0 ? `goes on from ${lane.after.join(", ")}`
        : "", lane.fork ? `fork ${lane.fork}` : "", lane.isUncertain ? "knowledge is partly a lower bound" : ""];
      return [make("b", {}, make("bdi", {}, oneLine(lane.process, 200))),
        make("div", {}, facts.filter(Boolean).join(" · "))];
    }
    const window = view.window;
    if (!window) return null;
    const unit = (x - view.namesWidth - window.pixelOfOrigin(view.axisView)) / view.axisView.scale;
    const index = view.lanes.rows[row];
    for (const defect of window.defects) {
      if (defect.lane === index && Math.abs(defect.x - unit) * view.axisView.scale < 8) return [make("b", {}, defect.kind),
        make("div", {}, oneLine(defect.text, 300))];
    }
    const hit = view.hit(x, y);
    if (hit) {
      const id = make("b", {}, make("bdi", {}, oneLine(view.idOf(hit), 200)));
      if (hit.what === "ghost") return [id, make("div", {}, "cited, and not here")];
      const level = hit.level >= 4 ? levels[hit.level] : "";
      if (hit.what === "bucket") return [make("b", {}, `${window.isExact ? "" : "about "}${counted(hit.count, "event")}`),
        make("div", {}, hit.level >= 4 ? `the worst: ${level}` : "zoom in for each")];
      return [id, make("div", {}, [level, oneLine(hit.label, 160)].filter(Boolean).join(" · "))];
    }
    const gaps = window.byLane.get(index)?.gaps ?? [];
    for (let at = 0; at + gapStride <= gaps.length; at += gapStride) {
      if (unit >= gaps[at] && unit <= gaps[at + 1]) return [make("b", {},
        `${counted(gaps[at + 5], "event")} ${gaps[at + 4] ? "lost" : "missing"}`),
        make("div", {}, `${oneLine(lane.process, 80)} ${gaps[at + 2]}–${gaps[at + 3]}`)];
    }
    return null;
  }
}

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What somebody does whose collector has no events yet. */
export function firstSteps() {
  return [
    make("p", {}, "Record an event on this machine, or import logs that carry vector clocks:"),
    make("pre", {}, "lightcone agent --collector " + location.origin
      + "\nlightcone record --process deploy --name started\n\nlightcone import --into DIR --format jsonl FILE\nlightcone browse DIR"),
    make("p", { class: "muted" }, "The page shows events as they come: it looks every two seconds."),
  ];
}
