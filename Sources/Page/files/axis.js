// One axis: where the picture stands on it, and what its ticks say. Positions are absolute integers (nanoseconds do not fit a
// double): an anchor is one, and everything that is drawn is a number relative to it.

/** Re-anchored beyond this: doubles count single units up to 2^53. */
const offsetMax = 2 ** 40;

export class AxisView {
  constructor() {
    /** Where all that is relative begins. */
    this.anchor = 0n;
    /** The left edge, in units behind the anchor. */
    this.offset = 0;
    /** Pixels of a unit. */
    this.scale = 1;
    /** Pixels of the picture. */
    this.width = 1;
    /** Changes with the anchor. */
    this.anchorVersion = 0;
    /** What there is on the axis. */
    this.first = 0n;
    this.end = 1n;
  }

  /** Units that are seen. */
  get span() {
    return this.width / this.scale;
  }

  /** The absolute position of the left edge. */
  get from() {
    return this.anchor + BigInt(Math.floor(this.offset));
  }

  /** The absolute position of the right edge. */
  get to() {
    return this.anchor + BigInt(Math.ceil(this.offset + this.span));
  }

  /**
   * @param {bigint} first
   * @param {bigint} end
   */
  setExtent(first, end) {
    this.first = first;
    this.end = end > first ? end : first + 1n;
  }

  /**
   * Shows what lies between two absolute positions.
   * @param {bigint} from
   * @param {bigint} to
   */
  show(from, to) {
    this.anchor = from;
    this.anchorVersion++;
    this.offset = 0;
    this.scale = this.width / Math.max(Number(to - from), 1);
    this.limit();
  }

  /** Shows everything, with a margin. */
  fit() {
    const span = this.end - this.first;
    const margin = span / 40n + 1n;
    this.show(this.first - margin, this.end + margin);
  }

  /** Whether all there is is seen. */
  get isFit() {
    return this.from <= this.first && this.to >= this.end;
  }

  /**
   * Zooms so that what is at a pixel stays there.
   * @param {number} factor more than 1 comes nearer
   * @param {number} pixel
   */
  zoom(factor, pixel) {
    const unit = this.offset + pixel / this.scale;
    this.scale *= factor;
    this.limitScale();
    this.offset = unit - pixel / this.scale;
    this.limit();
  }

  /** @param {number} pixels to the right */
  pan(pixels) {
    this.offset += pixels / this.scale;
    this.limit();
  }

  /** @param {number} width */
  resize(width) {
    if (width === this.width || width <= 0) return;
    this.scale *= width / this.width;
    this.width = width;
  }

  limitScale() {
    const most = Math.max(Number(this.end - this.first), 1);
    const spanMin = 4;
    this.scale = Math.min(Math.max(this.scale, this.width / (most * 4 + 16)), this.width / spanMin);
  }

  /** Keeps a part of what there is in sight, and the numbers small. */
  limit() {
    this.limitScale();
    const first = Number(this.first - this.anchor);
    const end = Number(this.end - this.anchor);
    const edge = this.span * 0.8;
    this.offset = Math.min(Math.max(this.offset, first - edge), end - this.span + edge);
    if (Math.abs(this.offset) > offsetMax) {
      const whole = Math.floor(this.offset);
      this.anchor += BigInt(whole);
      this.offset -= whole;
      this.anchorVersion++;
    }
  }

  /**
   * The pixel of an absolute position.
   * @param {bigint} position
   */
  pixel(position) {
    return (Number(position - this.anchor) - this.offset) * this.scale;
  }

  /**
   * The absolute position of a pixel.
   * @param {number} pixel
   */
  position(pixel) {
    return this.anchor + BigInt(Math.floor(this.offset + pixel / this.scale));
  }
}

/** Nanoseconds of the steps between ticks of a time axis. */
const timeSteps = (() => {
  const steps = [];
  for (let unit = 1; unit < 1e9; unit *= 10) steps.push(unit, unit * 2, unit * 5);
  for (const seconds of [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]) {
    steps.push(seconds * 1e9);
  }
  for (let days = 1; days < 1e6; days *= 10) steps.push(days * 864e11, days * 2 * 864e11, days * 5 * 864e11);
  return steps;
})();

/**
 * The ticks of an axis: their pixels and texts.
 * @param {AxisView} view
 * @param {string} axis
 * @param {number} pixelsApart
 * @returns {{pixel: number, text: string}[]}
 */
export function ticks(view, axis, pixelsApart) {
  const least = (pixelsApart / view.width) * view.span;
  const step = axis === "logical" ? logicalStep(least) : timeSteps.find((one) =>
    one >= least) ?? timeSteps[timeSteps.length - 1];
  const size = BigInt(step);
  const found = [];
  let at = (view.from / size) * size;
  for (; found.length < 100; at += size) {
    const pixel = view.pixel(at);
    if (pixel > view.width) break;
    if (pixel < 0 || (axis === "logical" && at < 0n)) continue;
    found.push({ pixel, text: axis === "logical" ? grouped(at) : timeOfDay(at, step) });
  }
  return found;
}

/** @param {number} least */
function logicalStep(least) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(least, 1))));
  for (const times of [1, 2, 5, 10]) if (unit * times >= least) return unit * times;
  return unit * 10;
}

/** @param {bigint} number */
function grouped(number) {
  return number.toLocaleString("en");
}

const nanosecondsOfSecond = 1_000_000_000n;

/**
 * A time's date in UTC; empty beyond what a calendar has.
 * @param {bigint} nanoseconds since 1970
 */
export function date(nanoseconds) {
  const milliseconds = Number(nanoseconds / 1_000_000n);
  return Math.abs(milliseconds) <= 864e13 ? new Date(milliseconds).toISOString().slice(0, -14) : "";
}

/**
 * The time of day in UTC, as fine as the step needs.
 * @param {bigint} nanoseconds since 1970
 * @param {number} step
 */
function timeOfDay(nanoseconds, step) {
  if (step >= 864e11) return date(nanoseconds);
  const day = 86_400n * nanosecondsOfSecond;
  const ofDay = ((nanoseconds % day) + day) % day;
  const seconds = Number(ofDay / nanosecondsOfSecond);
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}`;
  if (step >= 6e10) return clock;
  if (step >= 1e9) return `${clock}:${two(seconds % 60)}`;
  const digits = Math.min(9, Math.ceil(9 - Math.log10(step)));
  const fraction = String(ofDay % nanosecondsOfSecond).padStart(9, "0").slice(0, digits);
  return `${clock}:${two(seconds % 60)}.${fraction}`;
}

/**
 * How far apart two positions are, for people.
 * @param {number} units
 * @param {string} axis
 */
export function distance(units, axis) {
  if (axis === "logical") return `${Math.round(units).toLocaleString("en")} ${Math.round(units) === 1 ? "step" : "steps"}`;
  for (const [size, name] of /** @type {[number, string][]} */ ([[864e11, "d"], [36e11, "h"], [6e10, "min"], [1e9, "s"],
    [1e6, "ms"], [1e3, "µs"]])) {
    if (units >= size) return `${Number((units / size).toPrecision(3)).toLocaleString("en")} ${name}`;
  }
  return `${Math.round(units)} ns`;
}

export const axisNames = { logical: "Logical time", wall: "Wall clocks", adjusted: "Wall time that messages allow" };
