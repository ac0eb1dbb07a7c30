// Messages: an arrow each, or a pale band where there are many, whose width says how many.

import { axisHeight } from "./margins.js";
import { messageStride, Relation } from "./window.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./window.js").HistoryWindow} HistoryWindow */

/** Lines of one path: longer paths cost more than their lines. */
const linesOfPath = 8;
/** Pixels of the widest band. */
const bundleWidthMax = 6;
/** Pixels that an arrow keeps from the middles of the events at its ends. */
const gap = 6;
/** Pixels of an arrow's head. */
const head = 6;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
export function drawMessages(context, view, window, origin) {
  const { colours } = view;
  const isCone = view.cone !== null;
  drawBundles(context, view, window, origin);
  // Among bars a single message is one of many.
  const alpha = window.isSingle ? 1 : 0.4;
  context.lineWidth = window.isSingle ? 1.1 : 0.8;
  drawPass(context, view, window, origin, Relation.none, colours.message, alpha);
  if (!isCone) return;
  drawPass(context, view, window, origin, Relation.concurrent, colours.message, 0.25 * alpha);
  drawPass(context, view, window, origin, Relation.past, colours.past, alpha);
  drawPass(context, view, window, origin, Relation.future, colours.future, alpha);
}

/**
 * The single messages of one relation.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 * @param {number} relation
 * @param {string} colour
 * @param {number} alpha
 */
function drawPass(context, view, window, origin, relation, colour, alpha) {
  const { messages, messageRelation } = window;
  const scale = view.axisView.scale;
  const left = view.namesWidth - 10;
  const right = view.width + 10;
  context.globalAlpha = alpha;
  context.strokeStyle = context.fillStyle = colour;
  let lines = 0;
  for (let isBackward = 0; isBackward < 2; isBackward++) {
    // An arrow that points back in time, as clocks that disagree make it, is dashed.
    if (isBackward) context.setLineDash([4, 3]);
    context.beginPath();
    for (let index = 0; index < messageRelation.length; index++) {
      const at = index * messageStride;
      if (messageRelation[index] !== relation || messages[at + 6] > 1) continue;
      if (Number(messages[at + 4] < messages[at + 1]) !== isBackward) continue;
      const x1 = origin + messages[at + 1] * scale;
      const x2 = origin + messages[at + 4] * scale;
      if ((x1 < left && x2 < left) || (x1 > right && x2 > right)) continue;
      const y1 = view.laneY(messages[at]);
      const y2 = view.laneY(messages[at + 3]);
      if (!isSeen(view, y1, y2)) continue;
      const length = Math.hypot(x2 - x1, y2 - y1);
      if (length < 2) continue;
      const dx = (x2 - x1) / length;
      const dy = (y2 - y1) / length;
      const short = length > 4 * gap ? gap : 0;
      context.moveTo(x1 + dx * short, y1 + dy * short);
      context.lineTo(x2 - dx * short, y2 - dy * short);
      if (length > 16) {
        const tipX = x2 - dx * short;
        const tipY = y2 - dy * short;
        context.moveTo(tipX - dx * head - dy * head * 0.45, tipY - dy * head + dx * head * 0.45);
        context.lineTo(tipX, tipY);
        context.lineTo(tipX - dx * head + dy * head * 0.45, tipY - dy * head - dx * head * 0.45);
      }
      if (++lines % linesOfPath === 0) {
        context.stroke();
        context.beginPath();
      }
    }
    context.stroke();
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/**
 * Messages that stand for many.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
function drawBundles(context, view, window, origin) {
  const { messages, messageRelation } = window;
  const scale = view.axisView.scale;
  const left = view.namesWidth - 10;
  const right = view.width + 10;
  context.strokeStyle = context.fillStyle = view.colours.bundle;
  for (let index = 0; index < messageRelation.length; index++) {
    const at = index * messageStride;
    const count = messages[at + 6];
    if (count <= 1) continue;
    const x1 = origin + messages[at + 1] * scale;
    const x2 = origin + messages[at + 4] * scale;
    if ((x1 < left && x2 < left) || (x1 > right && x2 > right)) continue;
    const y1 = view.laneY(messages[at]);
    const y2 = view.laneY(messages[at + 3]);
    if (!isSeen(view, y1, y2)) continue;
    const relation = messageRelation[index];
    context.globalAlpha = relation === Relation.concurrent ? 0.07 : 0.22;
    const width = Math.min(bundleWidthMax, Math.max(1, Math.round(Math.log2(count) * 0.5)));
    if (Math.abs(x2 - x1) < 2) {
      // A rectangle on whole pixels costs a fraction of a line; most are upright.
      context.fillRect(Math.round((x1 + x2 - width) / 2), Math.min(y1, y2), width, Math.abs(y2 - y1));
      continue;
    }
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }
  context.globalAlpha = 1;
}

/**
 * Whether a line between two heights can be seen: both of its lanes are shown, and not both above or below what is seen.
 * @param {View} view
 * @param {number} y1
 * @param {number} y2
 */
function isSeen(view, y1, y2) {
  if (Number.isNaN(y1 + y2)) return false;
  return Math.max(y1, y2) >= axisHeight && Math.min(y1, y2) <= view.height;
}

/**
 * One arrow, or a line without a head.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 * @param {string} colour
 * @param {number} width
 * @param {boolean} isArrow
 */
export function drawArrow(context, x1, y1, x2, y2, colour, width, isArrow) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = width;
  const length = Math.hypot(x2 - x1, y2 - y1);
  if (length < 1) return;
  const dx = (x2 - x1) / length;
  const dy = (y2 - y1) / length;
  const tipX = x2 - dx * gap;
  const tipY = y2 - dy * gap;
  if (!isArrow) context.setLineDash([2, 4]);
  context.beginPath();
  context.moveTo(x1 + dx * gap, y1 + dy * gap);
  context.lineTo(isArrow ? tipX - dx * head : tipX, isArrow ? tipY - dy * head : tipY);
  context.stroke();
  context.setLineDash([]);
  if (!isArrow) return;
  const size = head + width;
  context.beginPath();
  context.moveTo(tipX, tipY);
  context.lineTo(tipX - dx * size - dy * size * 0.5, tipY - dy * size + dx * size * 0.5);
  context.lineTo(tipX - dx * size + dy * size * 0.5, tipY - dy * size - dx * size * 0.5);
  context.closePath();
  context.fill();
}
