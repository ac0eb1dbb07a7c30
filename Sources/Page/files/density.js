// How many events the buckets of a window have, as an image that is made once: a frame copies and stretches a part of it.

import { warningLevel } from "./questions.js";

/** @typedef {import("./window.js").HistoryWindow} HistoryWindow */

/**
 * @typedef {{canvas: HTMLCanvasElement, height: number, rowOf: Map<number, number>, key: string}} DensityPicture
 */

/** Pixels that one image may have: 32 MiB. */
const pixelsMax = 8 << 20;

/**
 * The image of a window's buckets: a strip for each lane, a column for each bucket.
 * @param {HistoryWindow} window
 * @param {number} height device pixels of a strip
 * @param {import("./palette.js").Palette} colours
 * @returns {DensityPicture | null}
 */
export function densityPicture(window, height, colours) {
  const kept = /** @type {DensityPicture | null} */ (window.picture);
  const key = `${height} ${colours.density}`;
  if (kept?.key === key) return kept;
  const columns = window.lanes.reduce((most, lane) => Math.max(most, lane.counts.length), 0);
  if (columns === 0) return null;
  const strip = Math.max(1, Math.min(height, Math.floor(pixelsMax / (columns * window.lanes.length))));
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = strip * window.lanes.length;
  const context = canvas.getContext("2d");
  if (!context) return null;
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const full = packed(colours.density);
  const severe = [colours.warning, colours.error, colours.critical].map(packed);
  const tick = tickHeight(strip);
  const most = scaleOf(window);
  const rowOf = new Map();
  window.lanes.forEach((lane, row) => {
    rowOf.set(lane.lane, row);
    const bottom = (row + 1) * strip - 1;
    for (let column = 0; column < lane.counts.length; column++) {
      const count = lane.counts[column];
      if (count === 0) continue;
      // By the root: one event is still seen beside thousands.
      const tall = Math.max(1, Math.round((strip - tick) * Math.sqrt(count / most)));
      for (let y = 0; y < tall; y++) pixels[(bottom - y) * columns + column] = full;
    }
    // The most severe event of a bucket is a tick above the bars: the worse, the longer.
    for (let at = 0; at + 2 < lane.severe.length; at += 3) {
      const how = Math.min(2, Math.max(0, lane.severe[at + 1] - warningLevel));
      const tall = Math.max(1, Math.round((tick - 1) * [0.4, 0.7, 1][how]));
      if (lane.severe[at] >= columns) continue;
      for (let y = 0; y < tall; y++) pixels[(row * strip + y) * columns + lane.severe[at]] = severe[how];
    }
    for (let at = 0; at + 1 < lane.uncertain.length; at += 2) {
      const first = Math.max(0, Math.floor(lane.uncertain[at] / window.bucket));
      const last = Math.min(columns - 1, Math.floor(lane.uncertain[at + 1] / window.bucket));
      for (let y = row * strip; y <= bottom; y++) {
        for (let column = first; column <= last; column++) {
          const index = y * columns + column;
          // Pale: half of what covers it.
          pixels[index] = (pixels[index] & 0x00ffffff) | (((pixels[index] >>> 24) >> 1) << 24);
        }
      }
    }
  });
  context.putImageData(image, 0, 0);
  const picture = { canvas, height: strip, rowOf, key };
  window.picture = picture;
  return picture;
}

/**
 * How much of a strip the ticks of severe events take.
 * @param {number} strip
 */
export function tickHeight(strip) {
  return Math.round(strip * 0.24);
}

/**
 * The number that fills a strip: the same in windows that are alike, since it is a power of two or one and a half times it.
 * @param {HistoryWindow} window
 */
export function scaleOf(window) {
  const power = 2 ** Math.floor(Math.log2(window.countMax));
  return window.countMax <= power ? power : window.countMax <= power * 1.5 ? power * 1.5 : power * 2;
}

/**
 * A colour as a pixel has it.
 * @param {string} colour
 */
function packed(colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  if (!context) return 0xff000000;
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
}
