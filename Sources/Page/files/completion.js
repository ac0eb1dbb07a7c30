// What may come next in a query: a small reading of what stands before the caret. It proposes; the collector alone judges.

import { levels } from "./questions.js";
import { quoted } from "./event-panel.js";

/** @typedef {{text: string, note: string, start: number}} Completion what replaces all from `start` up to the caret */

const fields = [
  ["process", "a process, or its name behind the host"], ["host", ""], ["name", "what kind of event"], ["text", ""],
  ["level", "trace … critical"], ["kind", "local, send, receive"], ["time", "now - 15m"], ["seq", "number on its process"],
];
const links = [
  ["->", "happened before"], ["<-", "happened after"], ["||", "concurrent with"], ["~>", "sent a message to"],
  ["->1", "first that knows, on each process"], [".", "on the same process"], ["!->", "nothing such after"],
    ["!<-", "nothing such before"],
  ["as", "a name for it"], ["where", "what holds between them"], ["select", "which are shown"],
    ["within", "30s, 20 events"], ["until", "{…}"], ["|", "a stage"],
];
const stages = [
  ["past", "what could have led to it"], ["future", "what it could have affected"], ["concurrent", "what neither knew"],
    ["why", "the messages that led to it"],
  ["hops 2", "up to 2 messages away"], ["window 20", "neighbours on its process"], ["first", ""], ["last 5", ""],
    ["last 5 per process", ""],
  ["count() by (process)", ""], ["count() by (name)", ""], ["rate(1m)", "events over time"], ["histogram(seq)", ""],
    ["max(seq) by (process)", ""], ["avg(seq)", ""],
  ["quantile(seq, .99)", ""], ["topk(10, count()) by (process)", ""], ["cascade", "where it began"],
    ["clusters within 5s", "what belongs together"], ["compare({ level >= error })", "what sets them apart"],
];
const starts = [
  ["{", "a condition on one event"], ["all({", "in any order"], ["request-response({", "and the answer"],
    ["broadcast({", "to several"], ["gather({", "from several"],
];

/**
 * @param {string} query
 * @param {number} caret
 * @param {{processes: string[], attributes: string[], names: string[]}} known what the page has seen
 * @returns {Completion[]}
 */
export function complete(query, caret, known) {
  const before = query.slice(0, caret);
  const inText = /(^|[^\\])("(?:[^"\\]|\\.)*)$/.exec(withoutTexts(before));
  const word = inText ? inText[2] : /[^\s{}()!=<>~&|,"']*$/.exec(before)?.[0] ?? "";
  const start = caret - word.length;
  const head = before.slice(0, start).trimEnd();
  const wanted = word.replace(/^"/, "").toLowerCase();
  /** @type {string[][]} */
  let proposed;
  const comparison = /([\w.]+)\s*(=~|!~|!=|>=|<=|==|=|>|<)\s*$/.exec(head);
  if (comparison) proposed = values(comparison[1], known);
  else if (depth(head) > 0 && !/[{(]\s*$/.test(head) && /[\w."]\s*$/.test(head) && !/(&&|\|\||!|\{|\()\s*$/.test(head)) {
    proposed = word === "" ? (isComplete(head) ? [["&&", "and"], ["||", "or"], ["}", ""]]
      : [["=", ""], ["!=", ""], [">=", ""], ["<", ""], ["=~", "matches"], ["in (", ""]]) : [];
  } else if (depth(head) > 0) proposed = [...fields, ...known.attributes.map((key) => [attribute(key), "attribute"])];
  else if (/\bby\s*\($/.test(head)) proposed = [...fields, ...known.attributes.map((key) => [attribute(key), "attribute"])];
  else if (/\|$/.test(head) && !/\|\|$/.test(head)) proposed = stages;
  else if (head === "") proposed = starts;
  else if (/[})]$/.test(head)) proposed = links;
  else if (/(->1?|<-|~>|\|\||\.)$/.test(head)) proposed = [["{", "a condition on one event"]];
  else proposed = [];
  return proposed
    .filter(([text]) => text.toLowerCase().replace(/^"/, "").includes(wanted) && text !== word)
    .sort((a, b) => Number(startsWith(b[0], wanted)) - Number(startsWith(a[0], wanted)))
    .slice(0, 40)
    .map(([text, note]) => ({ text, note, start }));
}

/**
 * @param {string} text
 * @param {string} wanted
 */
function startsWith(text, wanted) {
  return text.toLowerCase().replace(/^"/, "").startsWith(wanted);
}

/**
 * @param {string} field
 * @param {{processes: string[], names: string[]}} known
 */
function values(field, known) {
  if (field === "process") return known.processes.map((process) => [quoted(process), ""]);
  if (field === "name") return known.names.map((name) => [quoted(name), ""]);
  if (field === "level") return levels.slice(1).map((level) => [level, ""]);
  if (field === "kind") return [["local", ""], ["send", ""], ["receive", ""]];
  if (field === "time") return [["now - 15m", ""], ["now - 1h", ""]];
  return [];
}

/**
 * An attribute as a query names it.
 * @param {string} key
 */
function attribute(key) {
  if (!/^[\w.-]+$/.test(key)) return `attr.${quoted(key)}`;
  return fields.some(([field]) => field === key) ? `attr.${key}` : key;
}

/** @param {string} text */
function withoutTexts(text) {
  return text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, (found) => "x".repeat(found.length));
}

/**
 * How many braces are open.
 * @param {string} text
 */
function depth(text) {
  const plain = withoutTexts(text);
  return plain.split("{").length - plain.split("}").length;
}

/**
 * Whether a condition ends here.
 * @param {string} head
 */
function isComplete(head) {
  const condition = withoutTexts(head).split(/&&|\|\||\{/).pop() ?? "";
  return /(=|<|>|~)\s*\S+\s*$/.test(condition) || /^\s*x+\s*$/.test(condition);
}
