// The box in which queries are written: completion, history, and errors at their column.

import { complete } from "./completion.js";
import { find, make, remember, remembered } from "./dom.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./completion.js").Completion} Completion */

/** Queries that are remembered. */
const historyMax = 100;

export class QueryBox {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.input = find("query", HTMLInputElement);
    this.list = find("completions", HTMLElement);
    this.error = find("query-error", HTMLElement);
    /** @type {Completion[]} */
    this.proposed = [];
    this.chosen = -1;
    /** Attributes and names of events that were seen: what completion knows. */
    this.attributes = new Set();
    this.names = new Set();
    this.at = -1;
    this.draft = "";
    find("query-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.input.addEventListener("input", () => {
      this.showError("");
      this.at = -1;
      this.propose();
    });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => {
      this.close();
      this.error.hidden = true;
    });
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  /** @param {string} query */
  show(query) {
    if (document.activeElement !== this.input || this.input.value === "") this.input.value = query;
    this.close();
  }

  submit() {
    this.close();
    const query = this.input.value.trim();
    if (query !== "") {
      const history = [query, ...this.history().filter((one) => one !== query)].slice(0, historyMax);
      remember("queries", JSON.stringify(history));
    }
    this.at = -1;
    this.page.runQuery(query);
  }

  /** @returns {string[]} */
  history() {
    try {
      const kept = JSON.parse(remembered("queries") ?? "[]");
      return Array.isArray(kept) ? kept.map(String) : [];
    } catch {
      return [];
    }
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const isOpen = !this.list.hidden;
    if (event.key === "Escape") {
      event.stopPropagation();
      if (isOpen) this.close();
      else this.page.view.canvas.focus();
    } else if (isOpen && this.proposed.length > 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const count = this.proposed.length;
      this.choose((this.chosen + (event.key === "ArrowDown" ? 1 : this.chosen < 0 ? 0 : -1) + count) % count);
    } else if (isOpen && (event.key === "Tab" || event.key === "Enter") && (this.chosen >= 0 || event.key === "Tab")
      && !event.shiftKey) {
      event.preventDefault();
      this.take(this.proposed[Math.max(0, this.chosen)]);
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      this.recall(event.key === "ArrowUp" ? 1 : -1);
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.propose();
    }
  }

  /** @param {number} step */
  recall(step) {
    const history = this.history();
    if (this.at < 0) this.draft = this.input.value;
    this.at = Math.min(Math.max(-1, this.at + step), history.length - 1);
    this.input.value = this.at < 0 ? this.draft : history[this.at];
    this.input.setSelectionRange(this.input.value.length, this.input.value.length);
  }

  propose() {
    const known = {
      processes: this.page.view.lanes.all.slice(0, 2000).map((lane) => lane.process),
      attributes: [...this.attributes],
      names: [...this.names],
    };
    this.proposed = complete(this.input.value, this.input.selectionStart ?? 0, known);
    this.chosen = -1;
    this.list.hidden = this.proposed.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.list.replaceChildren(...this.proposed.map((one, index) =>
      make("li", {
        role: "option", id: `completion-${index}`, "aria-selected": "false",
        onpointerdown: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.take(one);
        },
      }, make("span", {}, one.text), make("span", {}, one.note))));
    this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    [...this.list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", `completion-${index}`);
  }

  /** @param {Completion} completion */
  take(completion) {
    const { value } = this.input;
    const caret = this.input.selectionStart ?? value.length;
    const before = value.slice(0, completion.start) + completion.text;
    // A text that was closed already is not closed twice.
    const rest = value.slice(caret).replace(completion.text.endsWith('"') ? /^"/ : /^/, "");
    this.input.value = before + (rest.startsWith(" ") || completion.text.endsWith("(") ? "" : " ") + rest;
    const at = before.length + (completion.text.endsWith("(") ? 0 : 1);
    this.input.setSelectionRange(at, at);
    this.propose();
  }

  close() {
    this.list.hidden = true;
    this.chosen = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  /**
   * Shows what is wrong with a query, and where: the collector's text has the query and a caret below it.
   * @param {string} detail empty: nothing is wrong
   */
  showError(detail) {
    this.error.hidden = detail === "" || document.activeElement !== this.input;
    this.input.setAttribute("aria-invalid", String(detail !== ""));
    if (detail === "") return;
    const [first, ...rest] = detail.split("\n");
    this.error.replaceChildren(first, ...(rest.length > 0 ? [make("pre", { "aria-hidden": "true" }, rest.join("\n"))]
      : []));
    const column = Number(/^column (\d+):/.exec(first)?.[1] ?? 0);
    if (column > 0 && document.activeElement === this.input) {
      const offset = [...this.input.value].slice(0, column - 1).join("").length;
      this.input.setSelectionRange(offset, offset);
    }
  }

  /**
   * Remembers what events have, for completion.
   * @param {import("./questions.js").EventAnswer[]} events
   */
  learn(events) {
    for (const event of events.slice(0, 500)) {
      for (const key of Object.keys(event.attributes ?? {})) if (this.attributes.size < 500) this.attributes.add(key);
      if (event.name && event.name.length <= 80 && this.names.size < 500) this.names.add(event.name);
    }
  }
}
