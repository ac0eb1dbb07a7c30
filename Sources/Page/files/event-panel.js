// What is known of the selected event, and how it is ordered with a second one.

import { count, counted, longText, make } from "./dom.js";
import { QuestionError, ask } from "./questions.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./questions.js").EventAnswer} EventAnswer */
/** @typedef {import("./questions.js").EventEnd} EventEnd */

/** Entries of a list that are shown at once. */
const entriesMax = 40;

export class EventPanel {
  /**
   * @param {Page} page
   * @param {HTMLElement} element
   */
  constructor(page, element) {
    this.page = page;
    this.element = element;
    /** @type {AbortController | null} */
    this.asking = null;
    this.showNothing();
  }

  showNothing() {
    this.asking?.abort();
    this.element.replaceChildren(
      make("h2", {}, "No event is selected"),
      make("p", { class: "muted" },
        "Click an event to see what it knew, what led to it and what it led to. Shift-click a second one for the order of the two."));
  }

  /**
   * @param {string} id
   * @param {string} other
   */
  async show(id, other) {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const { execution } = this.page.view;
    const signal = asking.signal;
    try {
      const [shown, order] = await Promise.all([
        ask("show", { execution, event: id }, signal),
        other ? this.order(execution, id, other, signal) : null,
      ]);
      if (signal.aborted) return;
      const content = shown.event ? this.event(shown) : this.missing(shown);
      this.element.replaceChildren(...(order ? [order] : []), ...content);
      this.page.say(shown.event ? `${id} ${shown.event.name || shown.event.text.slice(0, 100)}` : shown.text);
    } catch (error) {
      if (signal.aborted) return;
      const detail = error instanceof QuestionError ? error.message : String(error);
      this.element.replaceChildren(make("h2", { class: "id" }, id), make("p", { class: "box-note", role: "alert" },
        detail));
    }
  }

  /**
   * @param {{event: EventAnswer, causes: EventEnd[], effects: EventEnd[], exact: boolean, because: string[]}} shown
   * @returns {Node[]}
   */
  event(shown) {
    const { event } = shown;
    const level = event.level ? make("span", { class: `badge level-${event.level}` }, event.level) : null;
    const attributes = Object.entries(event.attributes);
    const clock = Object.entries(event.clock ?? {}).filter(([process]) => process !== event.process);
    return [
      make("div", { class: "event-title" }, make("h2", { class: "id" }, make("bdi", {}, event.id)), level,
        make("span", { class: "muted" }, event.kind)),
      make("p", { class: "event-name", dir: "auto" }, event.name || "(no name)"),
      event.text ? make("p", {}, longText(event.text)) : "",
      make("p", { class: "muted" }, event.time ? event.time.replace("T", " ").replace("Z", " UTC") : "no wall time",
        event.host ? ` · host ${event.host}` : ""),
      this.actions(event),
      ...section("Attributes", attributes.length === 0 ? null : this.pairs(attributes)),
      ...section("Came from", this.ends(shown.causes, event)),
      ...section("Went to", this.ends(shown.effects, event)),
      ...section(`Had seen of ${counted(clock.length, "other process", "other processes")}`,
        clock.length === 0 ? null : this.clock(clock, event)),
      ...section("Stamp", make("p", {}, event.stamp, event.exact === false || !shown.exact
        ? " — at least what is shown; it may have seen more" : "")),
      ...shown.because.map((text) => make("p", { class: "box-note" }, text)),
    ].map((one) => (typeof one === "string" ? document.createTextNode(one) : one));
  }

  /** @param {EventAnswer} event */
  actions(event) {
    const query = (/** @type {string} */ stage) => () => this.page.runQuery(`${selectionOf(event.id)} | ${stage}`);
    const button = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ onclick) =>
      make("button", { type: "button", title, onclick }, text);
    return make("div", { class: "actions" },
      button("Why", "The messages that led to it, back to where they began", query("why")),
      button("What could have led to it", "Everything that happened before it: its causal past", query("past")),
      button("What could it have affected", "Everything that happened after it: its causal future", query("future")),
      button("What did nobody know yet", "What happened concurrently: neither had seen the other", query("concurrent")),
      button("Compare with …", "Then click or go to another event: how are the two ordered? (M)",
        () => this.page.selecting.mark()));
  }

  /** @param {[string, unknown][]} attributes */
  pairs(attributes) {
    const list = make("dl");
    for (const [key, value] of attributes.slice(0, 200)) {
      list.append(make("dt", { dir: "auto" }, key), make("dd", {},
        longText(typeof value === "string" ? value : JSON.stringify(value), 600)));
    }
    return list;
  }

  /**
   * @param {EventEnd[]} ends
   * @param {EventAnswer} event
   */
  ends(ends, event) {
    if (ends.length === 0) return null;
    return cutList(ends, (end) => {
      const at = event.causes?.indexOf(end.id) ?? -1;
      const evidence = end.evidence ?? (at >= 0 ? event.evidence[at] : "");
      return make("li", {}, this.page.eventLink(end.id), " ", make("bdi", {}, (end.name || end.text || "").slice(0, 200)),
        " ",
        make("span", { class: "muted" }, [evidence ? `by ${evidence}` : "",
          end.missing ? "not here" : ""].filter(Boolean).join(", ")));
    });
  }

  /**
   * What each machine had seen.
   * @param {[string, number][]} clock
   * @param {EventAnswer} event
   */
  clock(clock, event) {
    return cutList(clock, ([process, sequence]) =>
      make("li", {}, this.page.eventLink(`${process}:${sequence}`), make("span", { class: "muted" },
        ` the first ${count(sequence)}`)));
  }

  /** @param {{id: string, ghost: boolean, text: string, effects: EventEnd[]}} shown */
  missing(shown) {
    return [
      make("div", { class: "event-title" }, make("h2", { class: "id" }, make("bdi", {}, shown.id)),
        make("span", { class: "badge level-error" }, shown.ghost ? "ghost" : "not here")),
      make("p", {}, shown.text),
      ...section("Went to", shown.effects.length === 0 ? null : cutList(shown.effects,
        (end) => make("li", {}, this.page.eventLink(end.id), ` ${end.name ?? ""}`))),
    ];
  }

  /**
   * How two events are ordered, and by which messages.
   * @param {string} execution
   * @param {string} a
   * @param {string} b
   * @param {AbortSignal} signal
   */
  async order(execution, a, b, signal) {
    const order = await ask("order", { execution, a, b }, signal);
    const [from, to] = order.order === "after" ? [b, a] : [a, b];
    const path = ["before", "after"].includes(order.order) ? await ask("path", { execution, a: from, b: to }, signal)
      : null;
    if (!signal.aborted) this.page.selecting.showPath(path?.path ?? []);
    const words = { before: "happened before", after: "happened after", concurrent: "is concurrent with",
      equal: "is the same as" };
    const verdict = /** @type {{[order: string]: string}} */ (words)[order.order] ?? "is in an unknown order with";
    return make("section", { class: "box-note is-order", "aria-label": "Order of the two events" },
      make("p", { class: "verdict" }, this.page.eventLink(a), ` ${verdict} `, this.page.eventLink(b)),
      make("p", {}, order.because, order.excluded?.length ? `; but not ${order.excluded.join(" or ")}` : ""),
      path?.path?.length ? make("ol", {}, ...path.path.map((/** @type {{from: EventEnd, to: EventEnd}} */ hop) =>
        make("li", {}, this.page.eventLink(hop.from.id), " → ", this.page.eventLink(hop.to.id), " ",
          make("bdi", { class: "muted" }, hop.from.name ?? "")))) : null,
      path && path.messages === 0 ? make("p", { class: "muted" }, "On one process: no message is needed.") : null,
      make("div", { class: "actions" }, make("button",
        { type: "button", onclick: () => this.page.state.set({ other: "" }) }, "Only one event")));
  }
}

/**
 * @param {string} title
 * @param {HTMLElement | null} content
 * @returns {HTMLElement[]}
 */
function section(title, content) {
  return content ? [make("h3", {}, title), content] : [];
}

/**
 * A list of which the first entries are shown, and a button for all.
 * @template T
 * @param {T[]} entries
 * @param {(entry: T) => HTMLElement} show
 */
function cutList(entries, show) {
  const list = make("ul", {}, ...entries.slice(0, entriesMax).map(show));
  if (entries.length > entriesMax) {
    const more = make("button", { type: "button", class: "link", onclick: () =>
      list.replaceChildren(...entries.map(show)) }, `all ${count(entries.length)}`);
    list.append(make("li", {}, more));
  }
  return list;
}

/**
 * The selection that takes one event.
 * @param {string} id
 */
export function selectionOf(id) {
  const colon = id.lastIndexOf(":");
  return `{ process = ${quoted(id.slice(0, colon))} && seq = ${id.slice(colon + 1)} }`;
}

/** @param {string} text */
export function quoted(text) {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
