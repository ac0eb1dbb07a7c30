// What is shown, as the address says it: every state is a link, and back and forward go through them.

/**
 * @typedef {object} State
 * @property {string} execution the execution; empty: the collector chooses
 * @property {string} axis logical, wall or adjusted
 * @property {string} from where the picture begins on its axis, as decimal; empty: everything
 * @property {string} to where it ends
 * @property {string} event the selected event
 * @property {string} other the second event
 * @property {string} area a part whose events are counted: where it begins and ends, its first and last row
 * @property {string} q the query
 * @property {string} show how its answer is shown: list, table or chart
 * @property {string} tab what the side shows: event, results, lanes or table; empty: nothing
 * @property {string[]} hide lanes that are hidden
 * @property {string[]} pin lanes that stand on top
 * @property {string[]} order lanes that come first, in this order
 * @property {string[]} talk lanes of which only those that talk with them are shown
 * @property {string} lanes lanes whose names hold this are shown
 * @property {boolean} group whether lanes of one host stand together
 * @property {boolean} collapse whether runs of local events are drawn as one
 * @property {boolean} live whether the picture follows what comes
 * @property {string} height pixels of a lane; empty: as many as fit
 * @property {string} compare the execution that is shown beside
 */

/** @type {State} */
const unsaid = {
  execution: "",
  axis: "logical",
  from: "",
  to: "",
  event: "",
  other: "",
  area: "",
  q: "",
  show: "list",
  tab: "",
  hide: [],
  pin: [],
  order: [],
  talk: [],
  lanes: "",
  group: false,
  collapse: false,
  live: false,
  height: "",
  compare: "",
};

/**
 * The state that a fragment says.
 * @param {string} fragment
 * @returns {State}
 */
export function read(fragment) {
  const query = new URLSearchParams(fragment.replace(/^#/, ""));
  const state = structuredClone(unsaid);
  for (const name of /** @type {(keyof State)[]} */ (Object.keys(unsaid))) {
    const values = query.getAll(name);
    if (values.length === 0) continue;
    const kind = unsaid[name];
    const value = Array.isArray(kind) ? values : typeof kind === "boolean" ? values[0] === "1" : values[0];
    Object.assign(state, { [name]: value });
  }
  if (!/^-?\d{1,39}$/.test(state.from) || !/^-?\d{1,39}$/.test(state.to) || BigInt(state.from) >= BigInt(state.to)) {
    state.from = state.to = "";
  }
  if (!["logical", "wall", "adjusted"].includes(state.axis)) state.axis = unsaid.axis;
  return state;
}

/**
 * The fragment that says a state: only what differs from a page that was just opened.
 * @param {State} state
 */
export function write(state) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    const kind = unsaid[/** @type {keyof State} */ (name)];
    if (Array.isArray(value)) for (const one of value) query.append(name, one);
    else if (value !== kind) query.set(name, value === true ? "1" : value === false ? "0" : String(value));
  }
  return query.toString();
}

/** The state of this page: what changes it tells the address and whoever listens. */
export class PageState {
  constructor() {
    this.now = read(location.hash);
    /** @type {((changed: Set<string>) => void)[]} */
    this.listeners = [];
    addEventListener("popstate", () => this.take(read(location.hash)));
    addEventListener("hashchange", () => this.take(read(location.hash)));
  }

  /**
   * Changes it. A step that `back` undoes, unless it is a small one such as panning.
   * @param {Partial<State>} change
   * @param {{isStep: boolean}} options
   */
  set(change, { isStep } = { isStep: true }) {
    const next = { ...this.now, ...change };
    const fragment = write(next);
    if (fragment !== write(this.now)) {
      const url = fragment ? "#" + fragment : location.pathname;
      if (isStep) history.pushState(null, "", url);
      else history.replaceState(null, "", url);
    }
    this.take(next);
  }

  /** @param {State} next */
  take(next) {
    /** @type {Set<string>} */
    const changed = new Set();
    for (const name of /** @type {(keyof State)[]} */ (Object.keys(unsaid))) {
      if (String(next[name]) !== String(this.now[name])) changed.add(name);
    }
    this.now = next;
    if (changed.size > 0) for (const listener of this.listeners) listener(changed);
  }
}
