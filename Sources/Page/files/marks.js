// What is marked in the picture: what a query found, pairs, paths, the frontiers of a cone, the selected events, an area.

import { drawArrow } from "./arrows.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./window.js").HistoryWindow} HistoryWindow */

/**
 * What a query found, as discs; and as squares events without a counterpart in the other execution.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
export function paintFound(context, view, window, origin) {
  const { axisView, colours } = view;
  for (const [found, colour] of /** @type {[Map<number, Float64Array>, string][]} */ ([[view.found, colours.found],
    [view.differing, colours.accent]])) {
    context.fillStyle = colour;
    for (const [lane, sequences] of found) {
      const y = view.laneY(lane);
      const events = window.byLane.get(lane);
      if (Number.isNaN(y) || !events) continue;
      context.globalAlpha = 0.5;
      let free = -Infinity;
      for (const sequence of sequences) {
        const x = origin + events.xOf(sequence, window.bucket) * axisView.scale;
        if (!(x > view.namesWidth - 10 && x < view.width + 10) || x < free) continue;
        free = x + 1;
        if (events.isSingle) {
          context.beginPath();
          if (found === view.found) context.arc(x, y, 9, 0, Math.PI * 2);
          else context.rect(x - 8.5, y - 8.5, 17, 17);
          context.fill();
        } else {
          context.fillRect(x - 1, y - view.laneHeight / 2 + 1, 2.5, view.laneHeight - 2);
        }
      }
    }
  }
  context.globalAlpha = 1;
}

/**
 * Pairs that a query found, and the path between two events.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
export function paintChains(context, view, window, origin) {
  const { colours } = view;
  const line = (/** @type {import("./view.js").Link} */ link, /** @type {string} */ colour,
    /** @type {number} */ width) => {
    const from = origin + window.xOf(link.from.lane, link.from.sequence) * view.axisView.scale;
    const to = origin + window.xOf(link.to.lane, link.to.sequence) * view.axisView.scale;
    const fromY = view.laneY(link.from.lane);
    const toY = view.laneY(link.to.lane);
    if (Number.isNaN(from + to + fromY + toY)) return;
    drawArrow(context, from, fromY, to, toY, colour, width, link.isArrow);
  };
  for (const link of view.pairs) line(link, colours.found, 2);
  for (const link of view.path) line(link, colours.accent, 2.5);
}

/**
 * What each lane had seen, and what knows of the event: the two frontiers of its cone.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
export function paintFrontiers(context, view) {
  const { cone, axisView, colours, laneHeight } = view;
  if (!cone) return;
  for (const [ends, colour] of /** @type {[Float64Array, string][]} */ ([[cone.pastX, colours.past],
    [cone.futureX, colours.future]])) {
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.setLineDash([5, 3]);
    context.beginPath();
    let isDrawing = false;
    view.eachRow((lane, row, y) => {
      const x = view.namesWidth + (ends[lane] - axisView.offset) * axisView.scale;
      if (Number.isNaN(x)) {
        isDrawing = false;
        return;
      }
      const at = Math.min(Math.max(x, view.namesWidth - 4), view.width + 4);
      if (isDrawing) context.lineTo(at, y - laneHeight / 2 + 3);
      else context.moveTo(at, y - laneHeight / 2 + 3);
      context.lineTo(at, y + laneHeight / 2 - 3);
      isDrawing = true;
    });
    context.stroke();
  }
  context.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
export function paintSelected(context, view) {
  for (const marked of [view.other, view.selected]) {
    if (!marked) continue;
    const x = view.namesWidth + view.pixelOf(marked);
    const y = view.laneY(marked.lane);
    if (Number.isNaN(x + y)) continue;
    context.beginPath();
    context.arc(x, y, 9, 0, Math.PI * 2);
    context.lineWidth = 2.5;
    context.strokeStyle = view.colours.accent;
    if (marked === view.other) context.setLineDash([4, 3]);
    context.stroke();
    context.setLineDash([]);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
export function paintArea(context, view) {
  const { area, colours } = view;
  if (!area) return;
  context.fillStyle = colours.area;
  context.strokeStyle = colours.accent;
  context.lineWidth = 1;
  const x = view.namesWidth + view.axisView.pixel(area.from);
  const width = view.namesWidth + view.axisView.pixel(area.to) - x;
  const y = view.rowY(area.firstRow) - view.laneHeight / 2;
  const height = view.rowY(area.lastRow) + view.laneHeight / 2 - y;
  context.fillRect(x, y, width, height);
  context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
}
