// All that the keyboard can do: one list, from which come the keys, the help and the palette.

import { find, make, remember, remembered } from "./dom.js";
import { hasLogin, logOut } from "./login.js";

/** @typedef {import("./page.js").Page} Page */
/** @typedef {{title: string, group: string, keys: string[], shown?: string, run: () => void}} Command */

/**
 * @param {Page} page
 * @returns {Command[]}
 */
export function commands(page) {
  const { state } = page;
  const move = (/** @type {number} */ share) => page.eachView((view) => {
    view.axisView.pan(view.axisView.width * share);
    view.moved();
  });
  const zoom = (/** @type {number} */ factor) => page.eachView((view) => {
    const at = page.selecting.pixelOfSelected();
    view.axisView.zoom(factor, at ?? view.axisView.width / 2);
    view.moved();
  });
  const scroll = (/** @type {number} */ rows) => page.eachView((view) => {
    view.scrollTo(view.scroll + rows * view.laneHeight);
    view.moved();
  });
  const look = "Looking around";
  const event = "Events";
  const show = "What is shown";
  return [
    { group: look, title: "Zoom in", keys: ["w", "W", "+", "="], shown: "W", run: () => zoom(1.5) },
    { group: look, title: "Zoom out", keys: ["s", "S", "-"], shown: "S", run: () => zoom(1 / 1.5) },
    { group: look, title: "Earlier", keys: ["a", "A", "ArrowLeft"], shown: "A ←", run: () => move(-0.2) },
    { group: look, title: "Later", keys: ["d", "D", "ArrowRight"], shown: "D →", run: () => move(0.2) },
    { group: look, title: "Lanes above", keys: ["ArrowUp", "PageUp"], shown: "↑", run: () => scroll(-3) },
    { group: look, title: "Lanes below", keys: ["ArrowDown", "PageDown"], shown: "↓", run: () => scroll(3) },
    { group: look, title: "Fit everything", keys: ["f", "F"], run: () => page.fit() },
    { group: look, title: "To the selected event", keys: ["g", "G"], run: () => page.selecting.reveal(true) },
    { group: look, title: "Lower lanes", keys: ["["], run: () => page.setLaneHeight(1 / 1.25) },
    { group: look, title: "Higher lanes", keys: ["]"], run: () => page.setLaneHeight(1.25) },
    { group: event, title: "Select an event", keys: ["Enter"], run: () => page.selecting.selectFirst() },
    { group: event, title: "Next on its process", keys: ["."], run: () => page.selecting.selectNeighbour(1) },
    { group: event, title: "Previous on its process", keys: [","], run: () => page.selecting.selectNeighbour(-1) },
    { group: event, title: "Process above", keys: ["Alt+ArrowUp"], shown: "Alt ↑",
      run: () => page.selecting.selectBeside(-1) },
    { group: event, title: "Process below", keys: ["Alt+ArrowDown"], shown: "Alt ↓",
      run: () => page.selecting.selectBeside(1) },
    { group: event, title: "Compare with the next one that is selected", keys: ["m", "M"],
      run: () => page.selecting.mark() },
    { group: show, title: "Query", keys: ["/"], run: () => page.queryBox.focus() },
    { group: show, title: "Table of events", keys: ["t", "T"], run: () => page.toggleTab("table") },
    { group: show, title: "Lanes: choose, pin, order", keys: ["p", "P"], run: () => page.toggleTab("lanes") },
    { group: show, title: "Group lanes by host", keys: ["h", "H"], run: () => state.set({ group: !state.now.group }) },
    { group: show, title: "Draw runs of local events as one", keys: ["c", "C"],
      run: () => state.set({ collapse: !state.now.collapse }) },
    { group: show, title: "Next axis", keys: ["x", "X"], run: () => page.nextAxis() },
    { group: show, title: "Follow what comes", keys: ["l", "L"], run: () => state.set({ live: !state.now.live }) },
    { group: show, title: "Another execution beside it", keys: ["b", "B"], run: () => page.comparing.choose() },
    { group: show, title: "Light or dark", keys: ["n", "N"], run: () => page.theme.toggle() },
    ...(hasLogin ? [{ group: show, title: "Log out", keys: [], shown: "", run: logOut }] : []),
    { group: show, title: "Save or export", keys: ["e", "E"], run: () => page.saving.open() },
    { group: show, title: "Keys", keys: ["?"], run: () => page.help() },
    { group: show, title: "Commands", keys: ["Ctrl+k", "Meta+k", ":"], shown: "Ctrl K", run: () => page.commandPalette() },
    { group: show, title: "Close, or select nothing", keys: ["Escape"], shown: "Esc", run: () => page.escape() },
  ];
}

/**
 * Listens for their keys, while no text is written.
 * @param {Command[]} list
 */
export function listenForKeys(list) {
  /** @type {Map<string, Command>} */
  const byKey = new Map();
  for (const command of list) for (const key of command.keys) byKey.set(key, command);
  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const isWriting = target?.matches("input, select, textarea, dialog *") ?? false;
    const held = (event.ctrlKey ? "Ctrl+" : "") + (event.metaKey ? "Meta+" : "") + (event.altKey ? "Alt+" : "");
    if (isWriting && !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    // On a button or in a list these keys are the button's and the list's.
    const isOnControl = target?.matches("button, a, [role=tab], [role=tabpanel], [role=separator]") ?? false;
    if (isOnControl && (event.key.startsWith("Arrow") || event.key === "Enter" || event.key.startsWith("Page"))) return;
    const command = byKey.get(held + event.key);
    if (!command) return;
    event.preventDefault();
    command.run();
  });
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {Command[]} list
 */
export function showHelp(dialog, list) {
  const groups = new Map();
  for (const command of list) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
  dialog.replaceChildren(
    dialogTitle(dialog, "help-title", "Keys"),
    ...[...groups].flatMap(([group, members]) => [
      make("h3", {}, group),
      make("dl", {}, ...members.flatMap((/** @type {Command} */ command) => [
        make("dt", {}, make("kbd", {}, keyName(command))), make("dd", {}, command.title),
      ])),
    ]),
    make("h3", {}, "Mouse and touch"),
    make("p", {},
      "The wheel or a pinch zooms; with Shift it moves. Drag moves. Click selects, Shift-click (or a long touch) the second event. Drag with Shift counts what lies in an area. A click on a name opens a lane's menu."),
    make("h3", {}, "Signs"),
    make("p", {},
      "A full sign has a message, a hollow one has none. A triangle is a warning, a diamond an error, a diamond in a ring critical. Dotted circles are cited and not here; hatched boxes are missing numbers; a red cross is a contradiction. Blue is the causal past, green the causal future; dashed lines are what each process had seen, and where each first knew."));
  dialog.showModal();
}

/**
 * A dialog's title and the button that closes it.
 * @param {HTMLDialogElement} dialog
 * @param {string} id
 * @param {string} title
 */
export function dialogTitle(dialog, id, title) {
  return make("div", { class: "dialog-title" }, make("h2", { id }, title),
    make("button", { type: "button", onclick: () => dialog.close() }, "Close"));
}

/** @param {Command} command */
function keyName(command) {
  return command.shown ?? command.keys[0].toUpperCase();
}

/**
 * A list of commands in which one searches.
 * @param {HTMLDialogElement} dialog
 * @param {Command[]} list
 */
export function showPalette(dialog, list) {
  let chosen = 0;
  /** @type {Command[]} */
  let shown = [];
  const options = make("ul", { role: "listbox", id: "palette-list", "aria-label": "Commands" });
  const input = make("input", {
    type: "text", role: "combobox", "aria-label": "Command", "aria-expanded": "true", "aria-controls": "palette-list",
      placeholder: "What shall be done?", autocomplete: "off",
  });
  const run = (/** @type {Command | undefined} */ command) => {
    dialog.close();
    command?.run();
  };
  const draw = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = list.filter((command) => words.every((word) => command.title.toLowerCase().includes(word)));
    chosen = Math.min(Math.max(chosen, 0), Math.max(0, shown.length - 1));
    options.replaceChildren(...shown.map((command, index) =>
      make("li", { role: "option", id: `command-${index}`, "aria-selected": String(index === chosen),
        onclick: () => run(command) },
        command.title, make("kbd", {}, keyName(command)))));
    if (shown.length > 0) input.setAttribute("aria-activedescendant", `command-${chosen}`);
    options.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  input.addEventListener("input", () => {
    chosen = 0;
    draw();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") chosen++;
    else if (event.key === "ArrowUp") chosen--;
    else if (event.key === "Enter") return run(shown[chosen]);
    else return;
    event.preventDefault();
    draw();
  });
  dialog.replaceChildren(input, options);
  dialog.showModal();
  draw();
  input.focus();
}

/** Light or dark: as the system has it, until somebody chooses. */
export class Theme {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.media = matchMedia("(prefers-color-scheme: dark)");
    this.media.addEventListener("change", () => this.apply());
    this.apply();
  }

  apply() {
    const theme = remembered("theme") ?? (this.media.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    this.changed();
  }

  toggle() {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    remember("theme", theme);
    document.documentElement.dataset.theme = theme;
    this.changed();
  }
}

/** The width of the side: dragged, or moved by arrow keys. */
export function listenToDivider() {
  const divider = find("divider", HTMLElement);
  const side = find("side", HTMLElement);
  const set = (/** @type {number} */ percent) => {
    const width = Math.min(70, Math.max(20, percent));
    side.style.width = `${width}%`;
    divider.setAttribute("aria-valuenow", String(Math.round(width)));
  };
  divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
  divider.addEventListener("pointermove", (event) => {
    if (divider.hasPointerCapture(event.pointerId)) set(100 - (event.clientX / innerWidth) * 100);
  });
  divider.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowLeft" ? 3 : event.key === "ArrowRight" ? -3 : 0;
    if (step === 0) return;
    event.preventDefault();
    set(Number(divider.getAttribute("aria-valuenow")) + step);
  });
}
