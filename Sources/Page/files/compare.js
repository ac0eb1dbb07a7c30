// Two executions side by side: which processes and which events of one have no counterpart in the other. Two events are
// counterparts where they stand in the same place of the longest common sequence of their processes' event names.

import { list } from "./questions.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./questions.js").EventAnswer} EventAnswer */

/** Events of one execution that are compared one by one: beyond, only the numbers of the lanes are. */
const eventsMax = 20_000;
/** Differences of one process beyond which the rest counts as different: finding them takes the square of it. */
const differencesMax = 1_000;

/**
 * @typedef {{processes: string[], otherProcesses: string[], events: Map<string, number[]>, otherEvents: Map<string, number[]>,
 *   note: string}} Difference
 */

/**
 * @param {View} view
 * @param {View} other
 * @param {AbortSignal} signal
 * @returns {Promise<Difference>}
 */
export async function compare(view, other, signal) {
  const names = (/** @type {View} */ one) =>
    new Set(one.lanes.all.filter((lane) => lane.events > 0).map((lane) => lane.process));
  const [here, there] = [names(view), names(other)];
  /** @type {Difference} */
  const difference = {
    processes: [...here].filter((process) => !there.has(process)),
    otherProcesses: [...there].filter((process) => !here.has(process)),
    events: new Map(),
    otherEvents: new Map(),
    note: "",
  };
  if (view.lanes.events > eventsMax || other.lanes.events > eventsMax) {
    difference.note = `only processes are compared: one has more than ${eventsMax.toLocaleString("en")} events`;
    return difference;
  }
  const [a, b] = await Promise.all([view, other].map(async (one) => {
    const answer = await list("timeline", { execution: one.execution, clock: false }, signal);
    /** @type {Map<string, EventAnswer[]>} */
    const byProcess = new Map();
    for (const event of /** @type {EventAnswer[]} */ (answer.items)) {
      const events = byProcess.get(event.process);
      if (events) events.push(event);
      else byProcess.set(event.process, [event]);
    }
    return byProcess;
  }));
  for (const [process, events] of a) {
    const counterparts = b.get(process) ?? [];
    const [only, otherOnly] = unmatched(events.map(word), counterparts.map(word));
    difference.events.set(process, only.map((index) => events[index].seq));
    difference.otherEvents.set(process, otherOnly.map((index) => counterparts[index].seq));
  }
  for (const [process, events] of b) if (!a.has(process)) difference.otherEvents.set(process,
    events.map((event) => event.seq));
  return difference;
}

/**
 * What two events have in common where they are counterparts.
 * @param {EventAnswer} event
 */
function word(event) {
  return `${event.kind}\u0000${event.name || event.text}`;
}

/**
 * The indices of what is in one sequence only, by Myers' algorithm: O((a + b) · differences).
 * @param {string[]} a
 * @param {string[]} b
 * @returns {[number[], number[]]}
 */
export function unmatched(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const n = a.length - end - start;
  const m = b.length - end - start;
  const most = Math.min(n + m, differencesMax);
  /** @type {Int32Array[]} */
  const steps = [];
  let reached = new Int32Array(2 * most + 3);
  for (let edits = 0; edits <= most; edits++) {
    steps.push(reached.slice());
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const at = diagonal + most + 1;
      const isDown = diagonal === -edits || (diagonal !== edits && reached[at - 1] < reached[at + 1]);
      let x = isDown ? reached[at + 1] : reached[at - 1] + 1;
      while (x < n && x - diagonal < m && a[start + x] === b[start + x - diagonal]) x++;
      reached[at] = x;
      if (x >= n && x - diagonal >= m) return trace(steps, edits, n, m, most, start);
    }
  }
  // Too different to say more.
  return [range(start, start + n), range(start, start + m)];
}

/**
 * Goes back from the end of both: each step is an event of one only.
 * @param {Int32Array[]} steps
 * @param {number} edits
 * @param {number} n
 * @param {number} m
 * @param {number} most
 * @param {number} start
 * @returns {[number[], number[]]}
 */
function trace(steps, edits, n, m, most, start) {
  /** @type {number[]} */
  const onlyA = [];
  /** @type {number[]} */
  const onlyB = [];
  let x = n;
  let y = m;
  for (let edit = edits; edit > 0; edit--) {
    const reached = steps[edit];
    const diagonal = x - y;
    const at = diagonal + most + 1;
    const isDown = diagonal === -edit || (diagonal !== edit && reached[at - 1] < reached[at + 1]);
    const before = isDown ? diagonal + 1 : diagonal - 1;
    x = reached[before + most + 1];
    y = x - before;
    if (isDown) onlyB.push(start + y);
    else onlyA.push(start + x);
  }
  return [onlyA.reverse(), onlyB.reverse()];
}

/**
 * @param {number} from
 * @param {number} to
 */
function range(from, to) {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
