// The signs of single events, drawn once each and then copied. Shape says what: a full sign has a message, a hollow one has none;
// a circle is an ordinary event, a triangle a warning, a diamond an error, and a diamond in a ring is critical.

import { Relation } from "./window.js";
import { criticalLevel, errorLevel, warningLevel } from "./questions.js";

/** @typedef {import("./palette.js").Palette} Palette */

/** Pixels of a sign's box. */
export const signSize = 17;
const middle = signSize / 2;
const radius = 4.25;

/**
 * @param {string} kind
 * @returns {number} 0 hollow, 1 full, 2 unsaid
 */
function fill(kind) {
  return kind === "s" || kind === "r" ? 1 : kind === "l" ? 0 : 2;
}

/** @param {number} level */
function severity(level) {
  return level >= criticalLevel ? 3 : level >= errorLevel ? 2 : level >= warningLevel ? 1 : 0;
}

/**
 * Draws one sign with its middle at a point.
 * @param {CanvasRenderingContext2D} context
 * @param {Palette} colours
 * @param {number} x
 * @param {number} y
 * @param {string} kind
 * @param {number} level
 * @param {number} relation
 */
export function drawSign(context, colours, x, y, kind, level, relation) {
  const how = severity(level);
  const plain = relation === Relation.past ? colours.past : relation === Relation.future ? colours.future : colours.ink;
  const colour = [plain, colours.warning, colours.error, colours.critical][how];
  context.beginPath();
  if (how === 0) {
    context.arc(x, y, fill(kind) === 2 ? radius - 1.25 : radius, 0, Math.PI * 2);
  } else if (how === 1) {
    context.moveTo(x, y - radius - 1.5);
    context.lineTo(x + radius + 1.25, y + radius);
    context.lineTo(x - radius - 1.25, y + radius);
    context.closePath();
  } else {
    const reach = radius + 1.5;
    context.moveTo(x, y - reach);
    context.lineTo(x + reach, y);
    context.lineTo(x, y + reach);
    context.lineTo(x - reach, y);
    context.closePath();
  }
  context.lineWidth = 1.75;
  context.strokeStyle = colour;
  context.fillStyle = fill(kind) === 1 ? colour : colours.canvas;
  context.fill();
  context.stroke();
  if (how === 3) {
    context.beginPath();
    context.arc(x, y, radius + 3.25, 0, Math.PI * 2);
    context.lineWidth = 1.25;
    context.stroke();
  }
}

/** All signs, each in its place of one small canvas. */
export class Signs {
  /**
   * @param {Palette} colours
   * @param {number} ratio device pixels of a pixel
   */
  constructor(colours, ratio) {
    this.ratio = ratio;
    this.box = Math.ceil(signSize * ratio);
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.box * 12;
    this.canvas.height = this.box * 3;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    const kinds = ["l", "s", "-"];
    const levels = [0, warningLevel, errorLevel, criticalLevel];
    [Relation.none, Relation.past, Relation.future].forEach((relation, row) =>
      levels.forEach((level, how) =>
        kinds.forEach((kind, column) => {
          const x = ((how * 3 + column) * this.box) / ratio + middle;
          drawSign(context, colours, x, (row * this.box) / ratio + middle, kind, level, relation);
        })));
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} x
   * @param {number} y
   * @param {string} kind
   * @param {number} level
   * @param {number} relation
   */
  draw(context, x, y, kind, level, relation) {
    const row = relation === Relation.past ? 1 : relation === Relation.future ? 2 : 0;
    const column = severity(level) * 3 + fill(kind);
    // On whole device pixels: sharp, and nothing is resampled.
    const left = Math.round((x - middle) * this.ratio) / this.ratio;
    const top = Math.round((y - middle) * this.ratio) / this.ratio;
    context.drawImage(
      this.canvas, column * this.box, row * this.box, this.box, this.box, left, top, this.box / this.ratio,
        this.box / this.ratio);
  }
}

/**
 * Slanted lines over a rectangle.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {number} apart
 */
export function hatch(context, x, y, width, height, apart) {
  if (width <= 0) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.beginPath();
  // From a grid that stands still while the rectangle grows.
  for (let at = Math.floor((x - height) / apart) * apart; at < x + width; at += apart) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}
