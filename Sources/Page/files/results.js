// The answer to a query: events, matches or numbers, as a list, a table or a chart.

import { count, counted, make, makeSVG, oneLine } from "./dom.js";
import { QuestionError, list } from "./questions.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./questions.js").EventAnswer} EventAnswer */
/** @typedef {{match: {[term: string]: EventAnswer}, known: boolean, because?: string[]}} Match */
/** @typedef {{by: {[title: string]: unknown}, complete: boolean, because?: string[]}} NumberLine */

/** Events or matches that are asked for. */
const resultsMax = 1000;
/** Titles of groups that are events. */
const eventTitles = ["root", "first"];
/** Bars of a chart. */
const barsMax = 200;
/** Characters of a text in one line. */
const lineMax = 240;

export class Results {
  /**
   * @param {Page} page
   * @param {HTMLElement} element
   */
  constructor(page, element) {
    this.page = page;
    this.element = element;
    /** @type {AbortController | null} */
    this.asking = null;
    /** @type {any[]} */
    this.items = [];
    /** @type {string[]} */
    this.notes = [];
    this.query = "";
    this.showNothing();
  }

  showNothing() {
    this.asking?.abort();
    this.items = [];
    this.query = "";
    this.page.queryBox.showError("");
    const example = (/** @type {string} */ text) => make("li", {},
      make("button", { type: "button", class: "link id", onclick: () => this.page.runQuery(text) }, text));
    this.element.replaceChildren(
      make("h2", {}, "No query yet"),
      make("p", { class: "muted" }, "A query finds events by what they are and by their order. For example:"),
      make("ul", {}, example("{ level >= warn }"), example("{ level >= warn } | count() by (process)"),
        example("{ kind = send } | rate(1s)"), example("{ level >= error } | cascade")));
  }

  /** @param {string} query */
  async run(query) {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.query = query;
    this.page.queryBox.showError("");
    this.element.setAttribute("aria-busy", "true");
    this.element.replaceChildren(make("p", { class: "muted" }, "Searching …"));
    const cancel = make("button", { type: "button", onclick: () => asking.abort() }, "Stop");
    this.element.append(cancel);
    try {
      const answer = await list("query", { execution: this.page.view.execution, q: query, limit: resultsMax },
        asking.signal);
      this.items = answer.items;
      this.notes = answer.notes;
      this.page.queryBox.learn(this.events());
      this.page.showFound(this.events(), this.pairs());
      this.draw();
      this.page.say(this.summary());
    } catch (error) {
      if (this.query !== query) return;
      const detail = asking.signal.aborted ? "stopped" : error instanceof QuestionError ? error.message : String(error);
      this.items = [];
      this.page.showFound([], []);
      if (!asking.signal.aborted) this.page.queryBox.showError(detail);
      this.element.replaceChildren(make("p", { class: "box-note" }, detail.split("\n")[0]),
        ...(detail.includes("\n") ? [make("pre", { class: "code" }, detail.split("\n").slice(1).join("\n"))] : []));
    } finally {
      if (this.asking === asking) this.element.removeAttribute("aria-busy");
    }
  }

  get isNumbers() {
    return this.items.length > 0 && "by" in this.items[0];
  }

  get isMatches() {
    return this.items.length > 0 && "match" in this.items[0];
  }

  /**
   * All events of the answer.
   * @returns {EventAnswer[]}
   */
  events() {
    if (this.isNumbers) return this.items.filter((item) => item.id);
    return this.isMatches ? this.items.flatMap((item) => members(item).map(([, event]) => event))
      : this.items.filter((item) => item.id);
  }

  /** What matches join, to be drawn. */
  pairs() {
    if (!this.isMatches) return [];
    const isBefore = /->|~>/.test(this.query);
    return this.items.flatMap((item) => {
      const events = members(item).map(([, event]) => event);
      return events.slice(1).map((event, index) => ({ from: events[index].id, to: event.id, isArrow: isBefore }));
    });
  }

  summary() {
    const number = this.items.length;
    if (number === 0) return "Nothing matches.";
    const most = number >= resultsMax ? "The first " : "";
    return most + (this.isNumbers ? counted(number, "row") : this.isMatches ? counted(number, "match", "matches")
      : counted(number, "event"));
  }

  draw() {
    if (this.query === "") return this.showNothing();
    const { show } = this.page.state.now;
    const choice = (/** @type {string} */ form, /** @type {string} */ title) =>
      make("button", { type: "button", "aria-pressed": String(show === form),
        onclick: () => this.page.state.set({ show: form }) }, title);
    const head = make("div", { class: "controls" }, make("h2", {}, this.summary()), choice("list", "List"),
      choice("table", "Table"), choice("chart", "Chart"));
    const notes = this.notes.map((note) => make("p", { class: "box-note" }, note));
    const body = this.items.length === 0
      ? make("p", { class: "muted" },
        "No event of this execution answers the query. Names are compared exactly; =~ takes a regular expression.")
      : show === "chart" ? this.chart() : this.isNumbers || show === "table" ? this.table() : this.list();
    this.element.replaceChildren(head, ...notes, body);
    this.markSelected();
  }

  list() {
    const box = make("div");
    for (const item of this.items) {
      const lines = this.isMatches ? members(item) : [["", item]];
      const row = make("div", { class: "result" }, ...lines.map(([term, event]) => this.line(term, event)));
      if (item.known === false) row.append(make("div", { class: "muted" },
        `unknown, because ${(item.because ?? []).join("; ")}`));
      if (typeof item.text === "string" && !item.id) row.append(item.text);
      box.append(row);
    }
    return box;
  }

  /**
   * @param {string} term
   * @param {EventAnswer} event
   */
  line(term, event) {
    const important = event.level && ["warning", "error", "critical"].includes(event.level);
    return make("div", { class: "line", "data-event": event.id },
      term ? make("span", { class: "term" }, term) : null,
      make("span", { class: "time" }, timeOf(event)),
      this.page.eventLink(event.id),
      important ? make("span", { class: `badge level-${event.level}` }, event.level) : null,
      make("strong", { dir: "auto" }, oneLine(event.name ?? "", lineMax)),
      make("span", { dir: "auto" }, oneLine(event.text ?? "", lineMax)),
      make("span", { class: "muted", dir: "auto" }, oneLine(attributesOf(event), lineMax)));
  }

  table() {
    if (this.isNumbers) {
      const groups = Object.keys(this.items[0].by);
      const numbers = this.numberTitles();
      return make("table", {},
        make("thead", {}, make("tr", {}, ...groups.map((title) => make("th", { scope: "col" }, title)),
          ...numbers.map((title) => make("th", { scope: "col", class: "number" }, title)))),
        make("tbody", {}, ...this.items.map((item) => make("tr", {},
          ...groups.map((title) => make("td", {}, eventTitles.includes(title) ? this.page.eventLink(String(item.by[title]))
            : make("bdi", {}, oneLine(shown(item.by[title]), lineMax)))),
          ...numbers.map((title) => make("td", { class: "number" }, numberText(item[title])))))));
    }
    const columns = ["Time", "Event", "Level", "Name", "Text"];
    return make("table", {},
      make("thead", {}, make("tr", {}, ...columns.map((title) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, ...this.events().map((event) => make("tr", { "data-event": event.id },
        make("td", { class: "time" }, timeOf(event)), make("td", {}, this.page.eventLink(event.id)),
          make("td", {}, event.level ?? ""),
        make("td", {}, make("bdi", {}, oneLine(event.name ?? "", lineMax))),
          make("td", {}, make("bdi", {}, oneLine(event.text ?? "", lineMax)))))));
  }

  /** The titles of a number's columns. */
  numberTitles() {
    const first = this.items[0];
    return Object.keys(first).filter((key) => !["by", "complete", "because"].includes(key)
      && typeof first[key] !== "object" || first[key] === null && key !== "because");
  }

  /** Bars: of numbers as they are, of events by process. */
  chart() {
    /** @type {{label: string, value: number}[]} */
    let bars;
    let title = "";
    if (this.isNumbers) {
      title = this.numberTitles()[0] ?? "";
      bars = this.items.map((item) =>
        ({ label: Object.values(item.by).map(shown).join("  ") || title, value: Number(item[title] ?? 0) }));
    } else {
      title = "events by process";
      const of = new Map();
      for (const event of this.events()) of.set(event.process, (of.get(event.process) ?? 0) + 1);
      bars = [...of].map(([label, value]) => ({ label, value })).sort((a, b) => b.value - a.value);
    }
    const most = Math.max(...bars.map((bar) => bar.value), 0) || 1;
    const drawn = bars.slice(0, barsMax);
    const height = 34;
    const svg = makeSVG("svg", { viewBox: `0 0 400 ${drawn.length * height}`, width: "100%", role: "img",
      "aria-label": `${title}: ${drawn.slice(0, 20).map((bar) => `${bar.label} ${bar.value}`).join(", ")}` });
    drawn.forEach((bar, index) => {
      const y = index * height;
      const width = Math.max(1, (Math.max(0, bar.value) / most) * 330);
      svg.append(
        makeSVG("text", { x: 0, y: y + 13, class: "bar-label" }, oneLine(bar.label, 60)),
        makeSVG("rect", { x: 0, y: y + 18, width, height: 9, rx: 2, class: "bar" }),
        makeSVG("text", { x: width + 6, y: y + 26.5, class: "bar-number" }, numberText(bar.value)));
    });
    return make("div", {}, make("h3", {}, title), svg, bars.length > barsMax
      ? make("p", { class: "muted" }, `${count(bars.length - barsMax)} more`) : null);
  }

  /** Marks the selected event where it is listed. */
  markSelected() {
    const { event } = this.page.state.now;
    for (const line of this.element.querySelectorAll("[data-event]")) {
      const row = line.closest(".result") ?? line;
      const isSelected = line instanceof HTMLElement && line.dataset.event === event;
      if (line === row || isSelected) row.classList.toggle("is-selected", isSelected);
      else if (![...row.querySelectorAll("[data-event]")].some((one) =>
        one instanceof HTMLElement && one.dataset.event === event)) row.classList.remove("is-selected");
    }
  }
}

/**
 * The events of a match by their terms: of a run of messages there are several.
 * @param {any} item
 * @returns {[string, EventAnswer][]}
 */
function members(item) {
  return Object.entries(item.match ?? {}).flatMap(([term, event]) =>
    Array.isArray(event) ? event.map((one) => /** @type {[string, EventAnswer]} */ ([term, one]))
      : [/** @type {[string, EventAnswer]} */ ([term, event])]).filter(([, event]) => event?.id);
}

/** @param {EventAnswer} event */
function timeOf(event) {
  return event.time ? event.time.slice(11, 23).replace("Z", "") : "";
}

/** @param {EventAnswer} event */
function attributesOf(event) {
  return Object.entries(event.attributes ?? {}).slice(0, 12).map(([key, value]) =>
    `${key}=${shown(value).slice(0, 60)}`).join(" ");
}

/** @param {unknown} value */
function shown(value) {
  return typeof value === "string" ? value : value === null || value === undefined ? "–" : JSON.stringify(value);
}

/** @param {unknown} value */
function numberText(value) {
  if (typeof value !== "number") return shown(value);
  return Number.isInteger(value) ? count(value) : value.toLocaleString("en", { maximumSignificantDigits: 6 });
}
