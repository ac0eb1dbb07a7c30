// Questions to the collector: the words of the command line, over HTTP.

/**
 * @typedef {{process: string, host: string, name: string, incarnation: number, fork?: string, events: number, first: number,
 *   last: number, missing: number, cited: number, dropped: number, isUncertain: boolean, after: string[],
 *   axes: {[axis: string]: [string, string]}}} LaneFacts
 * @typedef {{execution: string, events: number, version: string, axes: {[axis: string]: {from: string, to: string}},
 *   lanes: LaneFacts[]}} LanesAnswer
 * `gaps` are six numbers each: from where to where, first and last number, 1 where they are lost, how many are missing.
 * @typedef {{process: number, events: number, first?: number, counts?: number[], jumps?: number[], levels?: string, severe?: number[],
 *   gaps?: number[], uncertain?: number[],
 *   points?: {x: number[], sequence: number[], kind: string, level: number[], label?: string[]}}} LaneAnswer
 * @typedef {{axis: string, from: string, to: string, origin: string, bucket: string, version: string, isExact: boolean,
 *   isSettled: boolean, events: number, processes: string[], lanes: LaneAnswer[], messages: number[], messagesHidden: number,
 *   restarts: number[], ghosts: number[], defects: (number | string)[]}} WindowAnswer
 * @typedef {{process: string, sequence: number, x: string | null, isExact: boolean}} ConeEnd
 * @typedef {{event: string, process: string, sequence: number, x: string | null, past: ConeEnd[], future: ConeEnd[],
 *   notes: string[]}} ConeAnswer
 * @typedef {{id: string, process: string, host: string, execution: string, seq: number, kind: string, name: string, text: string,
 *   level: string | null, time: string | null, attributes: {[key: string]: unknown}, causes: string[], evidence: string[],
 *   clock?: {[process: string]: number}, stamp: string, exact?: boolean}} EventAnswer
 * @typedef {{id: string, missing: boolean, evidence?: string, name?: string, text?: string}} EventEnd
 */

/** What a collector refused, or why it could not be asked. */
export class QuestionError extends Error {
  /**
   * @param {number} status the HTTP status; 0 where there was no answer
   * @param {string} detail for people
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Whether the collector answers; told to whoever listens, as it changes. */
export const connection = {
  isLost: false,
  /** @type {(() => void)[]} */
  listeners: [],
  /** @param {boolean} isLost */
  say(isLost) {
    if (this.isLost === isLost) return;
    this.isLost = isLost;
    for (const listener of this.listeners) listener();
  },
};

/** @typedef {{[name: string]: string | number | boolean | string[] | null | undefined}} Parameters */

/**
 * The address of a question.
 * @param {string} verb
 * @param {Parameters} parameters
 */
export function address(verb, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  return `/v1/${verb}?${query}`;
}

/** How often a question is asked again where there was no room for it, and after how many milliseconds. */
const retriesMax = 4;
const retryMilliseconds = 400;

/**
 * The response to a question that was answered.
 * @param {string} verb
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
async function respond(verb, parameters, signal) {
  for (let retry = 0; ; retry++) {
    let response;
    try {
      response = await fetch(address(verb, parameters), { signal, headers: { accept: "application/json" } });
    } catch (error) {
      if (signal?.aborted) throw error;
      connection.say(true);
      throw new QuestionError(0, "the collector does not answer");
    }
    connection.say(false);
    if (response.ok) return response;
    const hasNoRoom = response.status === 429 || response.headers.has("retry-after");
    if (hasNoRoom && retry < retriesMax) {
      await new Promise((resolve) => setTimeout(resolve, retryMilliseconds * (retry + 1)));
      continue;
    }
    const problem = await response.json().catch(() => ({}));
    throw new QuestionError(response.status, String(problem.detail ?? `the collector answered ${response.status}`));
  }
}

/**
 * The answer to a question that has one object.
 * @param {string} verb
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function ask(verb, parameters, signal) {
  const response = await respond(verb, parameters, signal);
  return parse(await body(() => response.text(), signal));
}

/**
 * The answer to a question that lists: its objects, and what a person must know to read them rightly.
 * @param {string} verb
 * @param {Parameters} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<{items: any[], notes: string[]}>}
 */
export async function list(verb, parameters, signal) {
  const response = await respond(verb, parameters, signal);
  const text = await body(() => response.text(), signal);
  const items = text.split("\n").filter(Boolean).map(parse);
  // A note has no blank: what is no plain character is percent-escaped.
  const notes = (response.headers.get("lightcone-note") ?? "").split(", ").filter(Boolean).map(unescaped);
  return { items, notes };
}

/**
 * @template T
 * @param {() => Promise<T>} read
 * @param {AbortSignal} [signal]
 */
async function body(read, signal) {
  try {
    return await read();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new QuestionError(0, "the answer ended early");
  }
}

/**
 * JSON whose integers beyond what a double counts stay texts, digit for digit, where the browser tells them.
 * @param {string} text
 */
function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const read = /** @type {(text: string, revive: (key: string, value: unknown, context?: {source?: string}) => unknown) => any} */ (JSON.parse);
  return read(text, (_, value, context) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) ? context?.source ?? value
      : value);
}

/** @param {string} text */
function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * An event's process and number, from its id.
 * @param {string} id
 */
export function parts(id) {
  const colon = id.lastIndexOf(":");
  return { process: id.slice(0, colon), sequence: Number(id.slice(colon + 1)) };
}

/** The levels' names by their numbers; 0 is unsaid. */
export const levels = ["", "trace", "debug", "info", "notice", "warning", "error", "critical"];
export const warningLevel = 5;
export const errorLevel = 6;
export const criticalLevel = 7;
