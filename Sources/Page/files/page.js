// The page: what its parts do together. The address says what is shown; each change of it comes here, and each part draws itself.

import { axisNames } from "./axis.js";
import { readArea, showArea, written } from "./area-panel.js";
import { commands, listenForKeys, listenToDivider, showHelp, showPalette, Theme } from "./commands.js";
import { Comparing } from "./comparing.js";
import { counted, find, make } from "./dom.js";
import { EventPanel } from "./event-panel.js";
import { EventsTable } from "./events-table.js";
import { Following } from "./following.js";
import { listen } from "./gestures.js";
import { LaneList } from "./lane-list.js";
import { QueryBox } from "./query-box.js";
import { loginForm } from "./login.js";
import { connection, list, QuestionError } from "./questions.js";
import { Results } from "./results.js";
import { Saving } from "./save.js";
import { Selecting } from "./selecting.js";
import { PageState } from "./state.js";
import { firstSteps, Status } from "./status.js";
import { byLane, links, View } from "./view.js";

/** @typedef {import("./view.js").Hit} Hit */
/** @typedef {import("./questions.js").EventAnswer} EventAnswer */

const tabs = ["event", "results", "lanes", "table"];

export class Page {
  constructor() {
    this.state = new PageState();
    this.theme = new Theme(() => this.restyle());
    const listener = {
      changed: () => this.windowChanged(),
      moving: (/** @type {View} */ view) => this.link(view),
      moved: (/** @type {View} */ view) => this.moved(view),
    };
    this.view = new View(find("picture", HTMLCanvasElement), listener);
    this.second = new View(find("second", HTMLCanvasElement), listener);
    this.status = new Status(this);
    this.queryBox = new QueryBox(this);
    this.eventPanel = new EventPanel(this, find("panel-event", HTMLElement));
    this.results = new Results(this, find("panel-results", HTMLElement));
    this.laneList = new LaneList(this, find("panel-lanes", HTMLElement));
    this.table = new EventsTable(this, find("panel-table", HTMLElement));
    this.selecting = new Selecting(this);
    this.comparing = new Comparing(this);
    this.following = new Following(this);
    this.saving = new Saving(this, find("save", HTMLDialogElement));
    this.commands = commands(this);
    /**
     * Executions that there are.
     * @type {{name: string, events: number, processes: number}[]}
     */
    this.executions = [];
    /** What the banner says where nothing is wrong. */
    this.remark = "";
    /** @type {Set<string> | null} */
    this.talking = null;
    this.versionAsked = "";
    this.loading = 0;
    this.said = find("said", HTMLElement);
  }

  /** The pictures that are shown. */
  get views() {
    return this.state.now.compare ? [this.view, this.second] : [this.view];
  }

  /** @param {(view: View) => void} act */
  eachView(act) {
    this.views.forEach(act);
  }

  /**
   * Tells a screen reader.
   * @param {string} text
   */
  say(text) {
    this.said.textContent = text;
  }

  async start() {
    listenForKeys(this.commands);
    listenToDivider();
    for (const view of [this.view, this.second]) this.listenTo(view);
    const press = (/** @type {string} */ id, /** @type {() => void} */ run) =>
      find(id, HTMLElement).addEventListener("click", run);
    press("live", () => this.state.set({ live: !this.state.now.live }));
    press("show-lanes", () => this.toggleTab("lanes"));
    press("show-table", () => this.toggleTab("table"));
    press("show-save", () => this.saving.open());
    press("show-commands", () => this.commandPalette());
    press("close-side", () => this.state.set({ tab: "" }));
    this.listenToTabs();
    const execution = find("execution", HTMLSelectElement);
    execution.addEventListener("change", () => this.state.set({ ...fresh, execution: execution.value }));
    const axis = find("axis", HTMLSelectElement);
    axis.addEventListener("change", () => this.chooseAxis(axis.value));
    connection.listeners.push(() => this.status.draw());
    this.state.listeners.push((changed) => this.apply(changed));
    this.restyle();
    await this.load();
    this.following.follow();
  }

  /** @param {View} view */
  listenTo(view) {
    listen(view, {
      click: (hit, isSecond) => this.click(view, hit, isSecond),
      area: (area) => area && this.state.set({ area: written(area), tab: "event" }),
      hover: (x, y) => {
        view.pointerX = x;
        this.status.point(view, x, y);
        view.paintSoon();
      },
      leave: () => {
        view.pointerX = -1;
        this.status.hidePoint();
        view.paintSoon();
      },
      lane: (lane) => view === this.view && this.laneList.openMenu(lane),
    });
  }

  listenToTabs() {
    tabs.forEach((tab, index) => {
      const button = find(`tab-${tab}`, HTMLElement);
      button.addEventListener("click", () => this.state.set({ tab }));
      button.addEventListener("keydown", (event) => {
        const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (step === 0) return;
        const next = tabs[(index + step + tabs.length) % tabs.length];
        this.state.set({ tab: next });
        find(`tab-${next}`, HTMLElement).focus();
      });
    });
  }

  /** Loads the execution that the address names, and shows all that it says. */
  async load() {
    const loading = ++this.loading;
    const { state, view } = this;
    try {
      const executions = list("executions", {});
      executions.catch(() => {});
      try {
        await view.load(state.now.execution);
      } catch (error) {
        if (!(error instanceof QuestionError) || error.status === 0) throw error;
        if (error.status === 401) {
          this.status.instead("Log in", loginForm(() => void this.load()));
          return;
        }
        this.executions = (await executions).items;
        if (loading !== this.loading) return;
        this.drawExecutions();
        const largest = [...this.executions].sort((a, b) => b.events - a.events)[0];
        if (this.executions.length === 0 || state.now.execution !== "") return this.noExecution(error.message);
        await view.load(largest.name);
      }
      if (loading !== this.loading) return;
      this.begin();
      this.executions = (await executions).items;
      this.drawExecutions();
    } catch (error) {
      if (loading !== this.loading) return;
      const detail = error instanceof QuestionError ? error.message : String(error);
      this.status.instead("Nothing can be shown", make("p", {}, detail.slice(0, 600)),
        make("p", { class: "muted" }, "Is the collector running? The page tries again every two seconds."));
    }
  }

  /** @param {string} detail */
  noExecution(detail) {
    const hasSome = this.executions.length > 0;
    this.status.instead(
      hasSome ? "There is no such execution" : "There are no events yet",
      ...(hasSome
        ? [make("p", {}, detail.slice(0, 600)), make("ul", {},
          ...this.executions.slice(0, 50).map((one) => make("li", {},
          make("button", { type: "button", class: "link", onclick: () =>
          this.state.set({ ...fresh, execution: one.name }) }, one.name))))]
        : firstSteps()));
  }

  /** The lanes are here. */
  begin() {
    const { view, state } = this;
    if (view.lanes.all.length === 0) return this.noExecution("");
    this.status.instead("");
    view.resize();
    view.setAxis(state.now.axis);
    this.drawAxes();
    this.arrange();
    this.showRangeOfState();
    this.drawTabs();
    this.selecting.show(state.now.from === "");
    if (state.now.area) this.applyArea();
    if (state.now.q) this.runStateQuery();
    if (state.now.talk.length > 0) this.applyTalk();
    if (state.now.compare) this.comparing.show();
    this.status.drawLegend();
    this.status.draw();
  }

  /**
   * The address has changed.
   * @param {Set<string>} changed
   */
  apply(changed) {
    const has = (/** @type {string[]} */ ...names) => names.some((name) => changed.has(name));
    const { now } = this.state;
    if (has("execution")) {
      this.results.showNothing();
      this.showFound([], []);
      this.load();
      return;
    }
    if (!this.view.isLoaded) return;
    if (has("axis")) {
      this.eachView((view) => view.setAxis(now.axis));
      this.drawAxes();
    }
    if (has("axis", "from", "to")) this.showRangeOfState();
    if (has("talk")) this.applyTalk();
    if (has("hide", "pin", "order", "lanes", "group", "collapse", "height")) this.arrange();
    if (has("event", "other", "axis")) this.selecting.show(!has("from", "to") || has("axis"));
    if (has("area")) this.applyArea();
    if (has("q")) this.runStateQuery();
    else if (has("show")) this.results.draw();
    if (has("tab")) this.drawTabs();
    if (has("compare")) this.comparing.show();
    if (has("live")) this.following.drawLive();
    this.status.draw();
  }

  arrange() {
    const { now } = this.state;
    this.eachView((view) => {
      view.laneHeightWanted = Number(now.height) || 0;
      view.arrange(now, this.talking);
    });
    if (now.tab === "lanes") this.laneList.draw();
    this.windowChanged();
  }

  async applyTalk() {
    const { talk } = this.state.now;
    if (talk.length === 0) {
      this.talking = null;
    } else {
      try {
        const found = await Promise.all(talk.map((process) => this.laneList.talking(process)));
        this.talking = new Set(found.flat().concat(talk));
      } catch (error) {
        this.say(error instanceof Error ? error.message : String(error));
      }
    }
    this.arrange();
  }

  // Where the picture stands.

  showRangeOfState() {
    const { from, to } = this.state.now;
    const { axisView } = this.view;
    if (from === "") axisView.fit();
    else if (String(axisView.from) !== from || String(axisView.to) !== to) axisView.show(BigInt(from), BigInt(to));
    this.link(this.view);
    this.eachView((view) => view.paintSoon());
  }

  /**
   * @param {bigint} from
   * @param {bigint} to
   */
  showRange(from, to) {
    const margin = (to - from) / 20n + 1n;
    this.view.axisView.show(from - margin, to + margin);
    this.view.moved();
  }

  fit() {
    this.eachView((view) => {
      view.axisView.fit();
      view.moved();
    });
  }

  /**
   * Two pictures stand on the same place behind their beginnings.
   * @param {View} view
   */
  link(view) {
    if (this.views.length < 2) return;
    const other = view === this.view ? this.second : this.view;
    if (!other.isLoaded) return;
    const mine = view.axisView;
    const begin = other.axisView.first + (mine.from - mine.first);
    if (other.axisView.from !== begin || other.axisView.scale !== mine.scale) {
      other.axisView.show(begin, begin + (mine.to - mine.from));
      other.paintSoon();
    }
  }

  /**
   * The picture rests where it was moved.
   * @param {View} view
   */
  moved(view) {
    this.link(view);
    const { axisView } = this.view;
    const isFit = axisView.isFit && Number(axisView.end - axisView.first) * 1.3 > axisView.span;
    this.state.set(isFit ? { from: "", to: "" } : { from: String(axisView.from), to: String(axisView.to) },
      { isStep: false });
    this.windowChanged();
  }

  /** What is drawn has changed. */
  windowChanged() {
    this.status.draw();
    requestAnimationFrame(() => {
      this.status.draw();
      if (this.state.now.tab === "table") this.table.draw();
      if (this.view.area) showArea(this, find("panel-event", HTMLElement), this.view.area);
    });
    const { versionSeen } = this.view.windows;
    if (versionSeen !== "" && versionSeen !== this.view.lanes.version && versionSeen !== this.versionAsked) {
      this.versionAsked = versionSeen;
      this.following.renew();
    }
  }

  /** @param {string} axis */
  chooseAxis(axis) {
    this.state.set({ axis, from: "", to: "", area: "" });
  }

  nextAxis() {
    const known = Object.keys(axisNames).filter((axis) => this.view.lanes.axes[axis]);
    this.chooseAxis(known[(known.indexOf(this.view.axis) + 1) % known.length]);
  }

  /** @param {number} factor */
  setLaneHeight(factor) {
    this.state.set({ height: String(Math.round(this.view.laneHeight * factor)) }, { isStep: false });
  }

  // What is selected.

  /**
   * @param {string} id
   * @param {boolean} [isSecond] whether it is compared with the one that is selected
   */
  select(id, isSecond = false) {
    this.selecting.select(id, isSecond);
  }

  /**
   * @param {View} view
   * @param {Hit | null} hit
   * @param {boolean} isSecond
   */
  click(view, hit, isSecond) {
    if (!hit) {
      if (!isSecond) this.state.set({ event: "", other: "", area: "" });
    } else {
      this.select(view.idOf(hit), isSecond);
    }
  }

  /**
   * A button that selects an event; with Shift as the second one.
   * @param {string} id
   */
  eventLink(id) {
    const select = (/** @type {MouseEvent} */ event) => {
      this.select(id, event.shiftKey);
      // The button goes with what stood around it: whoever uses the keyboard goes on at the event.
      find("panel-event", HTMLElement).focus();
    };
    return make("button", { type: "button", class: "link id", onclick: select }, make("bdi", {}, id));
  }

  applyArea() {
    const area = readArea(this.state.now.area);
    this.view.area = area;
    this.view.paintSoon();
    if (area) {
      showArea(this, find("panel-event", HTMLElement), area);
      this.say(this.eventPanel.element.querySelector("h2")?.textContent ?? "");
    } else if (this.state.now.event) this.eventPanel.show(this.state.now.event, this.state.now.other);
    else this.eventPanel.showNothing();
  }

  // Queries.

  /** @param {string} query */
  runQuery(query) {
    if (query !== "" && query === this.state.now.q) this.results.run(query);
    this.state.set({ q: query, tab: query ? "results" : this.state.now.tab });
  }

  runStateQuery() {
    const { q } = this.state.now;
    this.queryBox.show(q);
    if (q) {
      this.results.run(q);
    } else {
      this.results.showNothing();
      this.showFound([], []);
    }
  }

  /**
   * @param {EventAnswer[]} events
   * @param {{from: string, to: string, isArrow: boolean}[]} pairs
   */
  showFound(events, pairs) {
    this.eachView((view) => {
      view.found = byLane(view, events.map((event) => event.id));
      view.pairs = links(view, pairs);
      view.paintSoon();
    });
  }

  // The side.

  drawTabs() {
    const { tab } = this.state.now;
    const isOpen = tabs.includes(tab);
    find("side", HTMLElement).hidden = find("divider", HTMLElement).hidden = !isOpen;
    for (const one of tabs) {
      find(`panel-${one}`, HTMLElement).hidden = one !== tab;
      const button = find(`tab-${one}`, HTMLElement);
      button.setAttribute("aria-selected", String(one === tab));
      button.tabIndex = one === tab ? 0 : -1;
    }
    if (tab === "lanes") this.laneList.draw();
    if (tab === "table") this.table.draw();
    find("show-lanes", HTMLElement).setAttribute("aria-pressed", String(tab === "lanes"));
    find("show-table", HTMLElement).setAttribute("aria-pressed", String(tab === "table"));
  }

  /** @param {string} tab */
  toggleTab(tab) {
    const isOpen = this.state.now.tab !== tab;
    this.state.set({ tab: isOpen ? tab : "" });
    if (isOpen) find(`panel-${tab}`, HTMLElement).focus();
    else this.view.canvas.focus();
  }

  help() {
    showHelp(find("help", HTMLDialogElement), this.commands);
  }

  commandPalette() {
    const dialog = find("palette", HTMLDialogElement);
    if (!dialog.open) showPalette(dialog, this.commands);
  }

  escape() {
    const { now } = this.state;
    if (this.selecting.isMarking) this.selecting.mark();
    else if (now.area) this.state.set({ area: "" });
    else if (now.other) this.state.set({ other: "" });
    else if (now.tab) this.state.set({ tab: "" });
    else if (now.event) this.state.set({ event: "" });
    else if (now.q) this.state.set({ q: "" });
  }

  // Executions.

  drawExecutions() {
    const select = find("execution", HTMLSelectElement);
    const name = this.view.execution || this.state.now.execution;
    select.replaceChildren(...this.executions.slice(0, 2000).map((one) => {
      const option = make("option", { value: one.name }, `${one.name.slice(0, 80)} · ${rough.format(one.events)}`);
      option.selected = one.name === name;
      return option;
    }));
  }

  drawAxes() {
    const select = find("axis", HTMLSelectElement);
    const known = Object.entries(axisNames).filter(([axis]) => this.view.lanes.axes[axis]);
    select.replaceChildren(...known.map(([axis, title]) => {
      const option = make("option", { value: axis }, title);
      option.selected = axis === this.view.axis;
      return option;
    }));
  }

  restyle() {
    for (const view of [this.view, this.second]) view?.restyle();
    this.status?.drawLegend();
  }
}

/** Numbers of which only the size matters. */
const rough = new Intl.NumberFormat("en", { notation: "compact" });

/** What another execution begins with. */
const fresh = { from: "", to: "", event: "", other: "", area: "", hide: [], pin: [], order: [], talk: [], lanes: "", q: "",
  compare: "" };
