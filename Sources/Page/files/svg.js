// A canvas that writes SVG: so a picture that is kept is drawn by the same code as the one on the screen. It knows what the
// picture uses, and no more.

export class SVGContext {
  /**
   * @param {number} width
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** @type {string[]} */
    this.out = [];
    this.clips = 0;
    this.measure = document.createElement("canvas").getContext("2d");
    this.path = "";
    this.fillStyle = "#000";
    this.strokeStyle = "#000";
    this.lineWidth = 1;
    this.globalAlpha = 1;
    this.font = "";
    this.textAlign = "left";
    this.textBaseline = "alphabetic";
    this.lineJoin = "miter";
    this.imageSmoothingEnabled = true;
    /** @type {number[]} */
    this.dash = [];
    /**
     * What `restore` goes back to: the settings, and how many groups are open.
     * @type {{settings: object, groups: number}[]}
     */
    this.saved = [];
    this.groups = 0;
  }

  save() {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, dash } = this;
    this.saved.push({ settings: { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, dash },
      groups: this.groups });
  }

  restore() {
    const kept = this.saved.pop();
    if (!kept) return;
    for (; this.groups > kept.groups; this.groups--) this.out.push("</g>");
    Object.assign(this, kept.settings);
  }

  beginPath() {
    this.path = "";
  }

  closePath() {
    this.path += "Z";
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  moveTo(x, y) {
    this.path += `M${short(x)} ${short(y)}`;
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  lineTo(x, y) {
    this.path += `L${short(x)} ${short(y)}`;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  rect(x, y, width, height) {
    this.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`;
  }

  /**
   * A whole circle: the picture draws no other arcs.
   * @param {number} x
   * @param {number} y
   * @param {number} radius
   */
  arc(x, y, radius) {
    const r = short(radius);
    this.path += `M${short(x - radius)} ${short(y)}a${r} ${r} 0 1 0 ${short(radius * 2)} 0a${r} ${r} 0 1 0 ${short(-radius * 2)} 0Z`;
  }

  clip() {
    const id = `c${this.clips++}`;
    this.out.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath><g clip-path="url(#${id})">`);
    this.groups++;
  }

  fill() {
    if (this.path) this.out.push(`<path d="${this.path}" fill="${escaped(this.fillStyle)}"${this.alpha()}/>`);
  }

  stroke() {
    if (this.path) this.out.push(`<path d="${this.path}" fill="none"${this.line()}${this.alpha()}/>`);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  fillRect(x, y, width, height) {
    this.out.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(Math.max(0, width))}" height="${short(Math.max(0, height))}" fill="${escaped(this.fillStyle)}"${this.alpha()}/>`);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  strokeRect(x, y, width, height) {
    this.out.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(Math.max(0, width))}" height="${short(Math.max(0, height))}" fill="none"${this.line()}${this.alpha()}/>`);
  }

  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y
   */
  fillText(text, x, y) {
    this.text(text, x, y, `fill="${escaped(this.fillStyle)}"`);
  }

  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y
   */
  strokeText(text, x, y) {
    this.text(text, x, y, `fill="none" stroke-linejoin="round"${this.line()}`);
  }

  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {string} paint
   */
  text(text, x, y, paint) {
    const anchor = this.textAlign === "center" ? ' text-anchor="middle"' : "";
    const baseline = this.textBaseline === "middle" ? ' dominant-baseline="central"' : "";
    this.out.push(`<text x="${short(x)}" y="${short(y)}" style="font:${escaped(this.font)}" ${paint}${anchor}${baseline}${this.alpha()}>${escaped(text)}</text>`);
  }

  /** @param {string} text */
  measureText(text) {
    if (!this.measure) return { width: text.length * 7 };
    this.measure.font = this.font;
    return this.measure.measureText(text);
  }

  /** @param {number[]} dash */
  setLineDash(dash) {
    this.dash = dash;
  }

  alpha() {
    return this.globalAlpha === 1 ? "" : ` opacity="${this.globalAlpha}"`;
  }

  line() {
    const dash = this.dash.length > 0 ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    return ` stroke="${escaped(this.strokeStyle)}" stroke-width="${this.lineWidth}"${dash}`;
  }

  /** The whole file. */
  toString() {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${this.width} ${this.height}" width="${this.width}" height="${this.height}">\n${this.out.join("\n")}\n</svg>\n`;
  }
}

/** @param {number} value */
function short(value) {
  return String(Math.round(value * 100) / 100);
}

/**
 * A text as XML may have it: what it may not have becomes a sign that says so.
 * @param {string} text
 */
function escaped(text) {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
    .replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
