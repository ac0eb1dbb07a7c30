// One frame of the picture: lanes, densities or single events, messages, cones, names and the axis. It reads typed arrays through
// one affine transform, changes nothing but the canvas, and makes nothing anew from frame to frame but the texts of ticks.

import { densityPicture, scaleOf, tickHeight } from "./density.js";
import { drawMessages } from "./arrows.js";
import { fonts } from "./palette.js";
import { axisHeight, paintAxis, paintNames } from "./margins.js";
import { paintArea, paintChains, paintFound, paintFrontiers, paintSelected } from "./marks.js";
import { drawSign, hatch } from "./signs.js";
import { oneLine } from "./dom.js";
import { gapStride, Relation, search } from "./window.js";
import { criticalLevel, warningLevel } from "./questions.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./window.js").HistoryWindow} HistoryWindow */
/** @typedef {import("./window.js").LaneWindow} LaneWindow */

/** Pixels between a lane's events and its upper edge, where labels stand. */
const labelGap = 8;
/** Signs of severe buckets stand so far apart, on average, or there are none. */
const pixelsOfSign = 90;
/** How strongly what is not in a cone is drawn. */
const dimmed = 0.32;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
export function paint(context, view) {
  const { colours } = view;
  context.fillStyle = colours.canvas;
  context.fillRect(0, 0, view.width, view.height);
  context.save();
  context.beginPath();
  context.rect(view.namesWidth, axisHeight, view.axisView.width, view.height - axisHeight);
  context.clip();
  paintBands(context, view);
  const window = view.window;
  if (window) {
    const origin = view.namesWidth + window.pixelOfOrigin(view.axisView);
    paintUnloaded(context, view, window, origin);
    paintGaps(context, view, window, origin);
    paintBaselines(context, view);
    drawMessages(context, view, window, origin);
    if (!window.isSingle) paintDensity(context, view, window, origin);
    paintFound(context, view, window, origin);
    paintEvents(context, view, window, origin);
    paintOddities(context, view, window, origin);
    paintChains(context, view, window, origin);
    paintLabels(context, view, window, origin);
  }
  paintFrontiers(context, view);
  paintSelected(context, view);
  paintArea(context, view);
  context.restore();
  paintNames(context, view);
  paintAxis(context, view);
}

/**
 * Bands that tell hosts apart, the past and the future of what is selected.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
function paintBands(context, view) {
  const { colours, laneHeight, cone, axisView } = view;
  const left = view.namesWidth;
  const right = view.width;
  cone?.anchor(axisView);
  let isBand = false;
  let host = "";
  view.eachRow((lane, row, y) => {
    const facts = view.lanes.all[lane];
    if (facts.host !== host || facts.host === "") isBand = !isBand;
    host = facts.host;
    const top = y - laneHeight / 2;
    if (isBand) {
      context.fillStyle = colours.band;
      context.fillRect(left, top, right - left, laneHeight);
    }
    if (!cone) return;
    const past = left + (cone.pastX[lane] - axisView.offset) * axisView.scale;
    const future = left + (cone.futureX[lane] - axisView.offset) * axisView.scale;
    if (past > left) {
      context.fillStyle = colours["past-region"];
      context.fillRect(left, top, Math.min(past, right) - left, laneHeight);
    }
    if (future < right) {
      context.fillStyle = colours["future-region"];
      context.fillRect(Math.max(future, left), top, right - Math.max(future, left), laneHeight);
    }
  });
  if (view.lanes.pinned > 0) {
    context.fillStyle = colours.muted;
    context.fillRect(left, axisHeight + view.lanes.pinned * laneHeight, right - left, 1);
  }
}

/**
 * What is not here yet, and is being asked for.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
function paintUnloaded(context, view, window, origin) {
  const { axisView } = view;
  const left = view.namesWidth + Math.max(0, axisView.pixel(axisView.first));
  const right = view.namesWidth + Math.min(axisView.width, axisView.pixel(axisView.end));
  const start = origin + window.start * axisView.scale;
  const end = origin + window.end * axisView.scale;
  context.strokeStyle = view.colours.faint;
  context.lineWidth = 1;
  const height = view.lanesHeight;
  if (start > left + 1) hatch(context, left, axisHeight, Math.min(start, right) - left, height, 12);
  if (end < right - 1) hatch(context, Math.max(end, left), axisHeight, right - Math.max(end, left), height, 12);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
function paintGaps(context, view, window, origin) {
  const { axisView, colours, laneHeight } = view;
  const tall = Math.min(laneHeight - 2, 18);
  view.eachRow((lane, row, y) => {
    const gaps = window.byLane.get(lane)?.gaps;
    if (!gaps) return;
    for (let at = 0; at + gapStride <= gaps.length; at += gapStride) {
      const from = Math.max(origin + gaps[at] * axisView.scale, view.namesWidth - 20);
      const to = Math.min(Math.max(origin + gaps[at + 1] * axisView.scale, from + 6), view.width + 20);
      if (to < view.namesWidth || from > view.width) continue;
      context.strokeStyle = gaps[at + 4] ? colours.error : colours.gap;
      context.lineWidth = 1.25;
      hatch(context, from, y - tall / 2, to - from, tall, 6);
      context.strokeRect(from + 0.5, y - tall / 2 + 0.5, to - from - 1, tall - 1);
    }
  });
}

/**
 * A line from each lane's first event to its last.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
function paintBaselines(context, view) {
  const { axisView, colours } = view;
  const isSingle = view.window?.isSingle ?? true;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.beginPath();
  view.eachRow((lane, row, y) => {
    const from = view.namesWidth + (view.laneFrom[lane] - axisView.offset) * axisView.scale;
    const to = view.namesWidth + (view.laneTo[lane] - axisView.offset) * axisView.scale;
    if (!(to >= view.namesWidth && from <= view.width)) return;
    const at = Math.round(isSingle ? y : y + view.laneHeight / 2 - 2) + 0.5;
    context.moveTo(Math.max(from, view.namesWidth - 2), at);
    context.lineTo(Math.min(to, view.width + 2), at);
  });
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
function paintDensity(context, view, window, origin) {
  const { axisView, cone, colours, laneHeight } = view;
  const tall = Math.max(2, Math.round(laneHeight - Math.min(6, laneHeight / 3)));
  if (view.isVector) {
    paintBars(context, view, window, origin, tall);
    return;
  }
  const picture = densityPicture(window, Math.round(tall * view.ratio), colours);
  if (!picture) return;
  const bucket = window.bucket * axisView.scale;
  context.imageSmoothingEnabled = false;
  view.eachRow((lane, row, y) => {
    const strip = picture.rowOf.get(lane);
    const first = Math.max(0, Math.floor((view.namesWidth - origin) / bucket));
    const end = Math.min(picture.canvas.width, Math.ceil((view.width - origin) / bucket));
    if (strip === undefined || end <= first) return;
    const top = Math.round(y + laneHeight / 2 - 2 - tall);
    const copy = (/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ alpha) => {
      if (b <= a) return;
      context.globalAlpha = alpha;
      context.drawImage(
        picture.canvas, a, strip * picture.height, b - a, picture.height, origin + a * bucket, top, (b - a) * bucket, tall);
    };
    if (!cone) return copy(first, end, 1);
    // Bright up to what is known, dim between, bright from what knows.
    const column = (/** @type {number} */ x, /** @type {number} */ unless) =>
      Number.isNaN(x) ? unless : Math.min(end, Math.max(first,
        ((x - axisView.offset) * axisView.scale + view.namesWidth - origin) / bucket));
    const past = column(cone.pastX[lane], first);
    const future = Math.max(past, column(cone.futureX[lane], end));
    copy(first, past, 1);
    copy(past, future, dimmed);
    copy(future, end, 1);
  });
  context.globalAlpha = 1;
}

/**
 * The same as shapes, for a picture that is kept.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 * @param {number} tall
 */
function paintBars(context, view, window, origin, tall) {
  const bucket = window.bucket * view.axisView.scale;
  const most = scaleOf(window);
  view.eachRow((lane, row, y) => {
    const counts = window.byLane.get(lane)?.counts;
    if (!counts) return;
    context.fillStyle = view.colours.density;
    context.beginPath();
    const bottom = y + view.laneHeight / 2 - 2;
    counts.forEach((count, at) => {
      const x = origin + at * bucket;
      if (count === 0 || x + bucket < view.namesWidth || x > view.width) return;
      const high = Math.max(1, (tall - tickHeight(tall)) * Math.sqrt(count / most));
      context.rect(x, bottom - high, bucket, high);
    });
    context.fill();
  });
}

/**
 * Single events, and the most severe ones of buckets.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
function paintEvents(context, view, window, origin) {
  const { axisView, cone } = view;
  const sign = (/** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ kind, /** @type {number} */ level,
    /** @type {number} */ relation) =>
    view.isVector
      ? drawSign(context, view.colours, x, y, kind, level, relation)
      : view.signs.draw(context, x, y, kind, level, relation);
  view.eachRow((lane, row, y) => {
    const events = window.byLane.get(lane);
    if (!events) return;
    const isPale = view.lanes.all[lane].isUncertain;
    const last = (view.width + 12 - origin) / axisView.scale;
    const first = (view.namesWidth - 12 - origin) / axisView.scale;
    const collapse = view.isCollapsed;
    let uncertain = 0;
    for (let index = search(events.x, first); index < events.x.length && events.x[index] <= last; index++) {
      const relation = events.relation[index];
      if (collapse && events.inRun[index] && relation !== Relation.self) continue;
      let alpha = relation === Relation.concurrent || relation === Relation.unknown ? dimmed : 1;
      if (isPale) {
        while (uncertain + 1 < events.uncertain.length && events.uncertain[uncertain + 1] < events.x[index]) uncertain += 2;
        if (uncertain + 1 < events.uncertain.length && events.uncertain[uncertain] <= events.x[index]) alpha *= 0.5;
      }
      context.globalAlpha = alpha;
      sign(origin + events.x[index] * axisView.scale, y, events.kind[index], events.level[index], relation);
    }
    if (collapse) paintRuns(context, view, events, origin, y);
    const least = events.isSingle ? Infinity : rareLevel(view, events, first / window.bucket, last / window.bucket);
    for (let at = 0; at + 2 < events.severe.length; at += 3) {
      if (events.severe[at + 1] < least) continue;
      const unit = (events.severe[at] + 0.5) * window.bucket;
      const x = origin + unit * axisView.scale;
      if (x < view.namesWidth - 8 || x > view.width + 8) continue;
      const relation = cone ? cone.relation(lane, events.severe[at + 2]) : Relation.none;
      context.globalAlpha = relation === Relation.concurrent || relation === Relation.unknown ? dimmed : 1;
      sign(x, y, "s", events.severe[at + 1], relation);
    }
    context.globalAlpha = 1;
  });
}

/**
 * The level from which on severe buckets are so rare that each has a sign: where there are more, their ticks tell.
 * @param {View} view
 * @param {LaneWindow} events
 * @param {number} first
 * @param {number} last
 */
function rareLevel(view, events, first, last) {
  const most = view.axisView.width / pixelsOfSign;
  let found = 0;
  for (let level = criticalLevel; level >= warningLevel; level--) {
    for (let at = 0; at + 2 < events.severe.length; at += 3) {
      if (events.severe[at + 1] === level && events.severe[at] >= first && events.severe[at] <= last) found++;
    }
    if (found > most) return level + 1;
  }
  return warningLevel;
}

/**
 * Runs of local events, each as one long sign with its number.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {LaneWindow} events
 * @param {number} origin
 * @param {number} y
 */
function paintRuns(context, view, events, origin, y) {
  for (let at = 0; at < events.runs.length; at += 2) {
    const from = origin + events.x[events.runs[at]] * view.axisView.scale;
    const to = origin + events.x[events.runs[at + 1]] * view.axisView.scale;
    if (to < view.namesWidth || from > view.width) continue;
    const isDim = view.cone && events.relation[events.runs[at]] === Relation.concurrent;
    context.globalAlpha = isDim ? dimmed : 1;
    context.beginPath();
    context.rect(from - 5, y - 5, to - from + 10, 10);
    context.fillStyle = view.colours.canvas;
    context.fill();
    context.strokeStyle = view.colours.ink;
    context.lineWidth = 1.5;
    context.stroke();
    const number = events.runs[at + 1] - events.runs[at] + 1;
    if (to - from > 18) {
      context.fillStyle = view.colours.ink;
      context.font = fonts.text;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(String(number), (from + to) / 2, y + 0.5);
    }
  }
  context.globalAlpha = 1;
}

/**
 * Ghosts, restarts and defects.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
function paintOddities(context, view, window, origin) {
  const { axisView, colours } = view;
  const { restarts, ghosts } = window;
  context.lineWidth = 1.5;
  context.strokeStyle = colours.ink;
  context.setLineDash([2, 2]);
  context.beginPath();
  for (let at = 0; at < restarts.length; at += 4) {
    const from = view.laneY(restarts[at]);
    const to = view.laneY(restarts[at + 2]);
    if (Number.isNaN(from + to)) continue;
    context.moveTo(origin + restarts[at + 1] * axisView.scale, from);
    context.lineTo(origin + restarts[at + 3] * axisView.scale, to);
  }
  context.stroke();
  for (let at = 0; at < ghosts.length; at += 3) {
    const y = view.laneY(ghosts[at]);
    const x = origin + ghosts[at + 1] * axisView.scale;
    if (Number.isNaN(y) || x < view.namesWidth - 8 || x > view.width + 8) continue;
    context.beginPath();
    context.arc(x, y, 5.5, 0, Math.PI * 2);
    context.fillStyle = colours.canvas;
    context.fill();
    context.stroke();
  }
  context.setLineDash([]);
  context.strokeStyle = colours.error;
  context.lineWidth = 2;
  for (const defect of window.defects) {
    const y = view.laneY(defect.lane);
    const x = origin + defect.x * axisView.scale;
    if (Number.isNaN(y) || x < view.namesWidth - 8 || x > view.width + 8) continue;
    context.beginPath();
    context.moveTo(x - 5, y - 14);
    context.lineTo(x + 5, y - 8);
    context.moveTo(x + 5, y - 14);
    context.lineTo(x - 5, y - 8);
    context.stroke();
  }
}

/**
 * Names of events, where they fit.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 * @param {HistoryWindow} window
 * @param {number} origin
 */
function paintLabels(context, view, window, origin) {
  const { axisView, colours } = view;
  if (view.laneHeight < 30) return;
  context.font = fonts.text;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = colours.halo;
  const last = view.width / axisView.scale - origin / axisView.scale;
  const first = (view.namesWidth - 200 - origin) / axisView.scale;
  view.eachRow((lane, row, y) => {
    const events = window.byLane.get(lane);
    if (!events?.label) return;
    const { label, x } = events;
    let free = -Infinity;
    for (let index = search(x, first); index < x.length && x[index] <= last; index++) {
      if (!label[index] || (view.isCollapsed && events.inRun[index])) continue;
      const at = origin + x[index] * axisView.scale - 4;
      if (at < free) continue;
      let next = index + 1;
      while (next < x.length && !label[next]) next++;
      const room = next < x.length ? (x[next] - x[index]) * axisView.scale - 6 : 240;
      // A name that is cut says little; a warning's is worth it.
      const isImportant = events.level[index] >= warningLevel;
      const text = view.texts.fitted(context, oneLine(label[index], 80),
        Math.min(Math.max(room, isImportant ? 90 : 0), 240));
      if (text === "") continue;
      free = at + view.texts.width(context, text) + 6;
      const relation = events.relation[index];
      context.globalAlpha = relation === Relation.concurrent || relation === Relation.unknown ? 0.45 : 1;
      if (!view.isMoving) context.strokeText(text, at, y - labelGap);
      context.fillStyle = isImportant ? colours.ink : colours.muted;
      context.fillText(text, at, y - labelGap);
    }
  });
  context.globalAlpha = 1;
}

