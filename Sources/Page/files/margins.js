// What stands around the picture: the names of the lanes and the axis.

import { date, ticks } from "./axis.js";
import { oneLine } from "./dom.js";
import { Lanes } from "./lanes.js";
import { fonts } from "./palette.js";
import { hatch } from "./signs.js";

/** @typedef {import("./view.js").View} View */

/** Pixels of the axis. */
export const axisHeight = 30;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
export function paintNames(context, view) {
  const { colours, laneHeight } = view;
  context.save();
  context.beginPath();
  context.rect(0, axisHeight, view.namesWidth, view.height - axisHeight);
  context.clip();
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.font = fonts.name;
  let host = "";
  const apart = laneHeight >= 13 ? 1 : Math.ceil(13 / laneHeight);
  view.eachRow((lane, row, y) => {
    const facts = view.lanes.all[lane];
    const isFirst = facts.host !== host;
    host = facts.host;
    if (isFirst && row > 0) {
      context.fillStyle = colours.line;
      context.fillRect(0, Math.round(y - laneHeight / 2), view.namesWidth, 1);
    }
    if (row % apart !== 0) return;
    const title = Lanes.title(facts);
    const right = view.namesWidth - 14;
    const isSelected = view.selected?.lane === lane;
    let x = 14;
    const before = isFirst || !title.host ? title.host : "";
    if (before) {
      const text = view.texts.fitted(context, oneLine(before, 200), right * 0.55, true);
      context.fillStyle = colours.muted;
      context.fillText(text, x, y);
      x += view.texts.width(context, text);
    } else if (title.host) {
      x += Math.min(view.texts.width(context, view.texts.fitted(context, oneLine(title.host, 200), right * 0.55, true)),
        right * 0.55);
    }
    context.fillStyle = isSelected ? colours.accent : facts.events > 0 ? colours.ink : colours.muted;
    context.fillText(view.texts.fitted(context, oneLine(title.name, 400), right - x, true), x, y);
    if (facts.missing > 0) {
      context.strokeStyle = colours.gap;
      context.lineWidth = 1.25;
      hatch(context, view.namesWidth - 11, y - 5, 6, 10, 4);
    }
  });
  context.restore();
  context.fillStyle = colours.line;
  context.fillRect(view.namesWidth - 1, 0, 1, view.height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
export function paintAxis(context, view) {
  const { colours, axisView, namesWidth } = view;
  context.fillStyle = colours.canvas;
  context.fillRect(0, 0, view.width, axisHeight);
  context.font = fonts.text;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillStyle = colours.muted;
  const isTime = view.axis !== "logical";
  context.fillText(isTime ? `${date(axisView.from > view.axisView.first ? axisView.from : view.axisView.first)} UTC`
    : "logical time", 14, axisHeight / 2);
  const found = ticks(axisView, view.axis, isTime ? 110 : 80);
  context.save();
  context.beginPath();
  context.rect(namesWidth, 0, axisView.width, view.height);
  context.clip();
  for (const tick of found) {
    const x = Math.round(namesWidth + tick.pixel) + 0.5;
    context.fillStyle = colours.muted;
    context.fillText(tick.text, x + 5, axisHeight / 2);
    context.fillStyle = colours.line;
    context.fillRect(x - 0.5, 8, 1, axisHeight - 8);
  }
  context.restore();
  context.fillStyle = colours.line;
  context.fillRect(0, axisHeight - 1, view.width, 1);
  if (view.pointerX >= namesWidth && !view.isVector) {
    context.fillStyle = colours.accent;
    context.globalAlpha = 0.35;
    context.fillRect(Math.round(view.pointerX), axisHeight, 1, view.height);
    context.globalAlpha = 1;
  }
}
