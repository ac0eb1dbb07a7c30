// Texts on the canvas: how wide they are, and what of them fits. Both are kept, since to measure a text costs as much as to draw it.

/** Texts that are kept. */
const keptMax = 20_000;

export class Texts {
  constructor() {
    /** @type {Map<string, number>} */
    this.widths = new Map();
    /** @type {Map<string, string>} */
    this.fits = new Map();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {string} text
   */
  width(context, text) {
    const key = context.font + text;
    let width = this.widths.get(key);
    if (width === undefined) {
      if (this.widths.size >= keptMax) this.widths.clear();
      width = context.measureText(text).width;
      this.widths.set(key, width);
    }
    return width;
  }

  /**
   * As much of a text as fits, in steps of eight pixels; empty where hardly anything does.
   * @param {CanvasRenderingContext2D} context
   * @param {string} text
   * @param {number} room pixels
   * @param {boolean} [isMiddle] whether it is cut in the middle, so that its end is seen
   */
  fitted(context, text, room, isMiddle = false) {
    if (this.width(context, text) <= room) return text;
    const steps = Math.floor(room / 8);
    if (steps < 4) return "";
    const key = `${steps}${isMiddle ? "m" : "e"}${context.font}${text}`;
    let fit = this.fits.get(key);
    if (fit !== undefined) return fit;
    const characters = [...text];
    let low = 0;
    let high = characters.length;
    const cut = (/** @type {number} */ kept) => {
      const behind = isMiddle ? Math.floor(kept / 2) : 0;
      return characters.slice(0, kept - behind).join("") + "…" + characters.slice(characters.length - behind).join("");
    };
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(cut(middle)).width <= steps * 8) low = middle;
      else high = middle - 1;
    }
    fit = low < 2 ? "" : cut(low);
    if (this.fits.size >= keptMax) this.fits.clear();
    this.fits.set(key, fit);
    return fit;
  }
}
