// Mouse, touch and wheel on a picture.

import { axisHeight } from "./margins.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./view.js").Hit} Hit */

/**
 * @typedef {object} Listener
 * @property {(hit: Hit | null, isSecond: boolean) => void} click
 * @property {(area: import("./view.js").Area | null) => void} area
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 * @property {(lane: number, x: number, y: number) => void} lane
 */

/** Pixels that a pointer may move and still click. */
const clickPixels = 4;
/** Milliseconds that a finger rests to mean the second event. */
const holdMilliseconds = 500;
/** How much a notch of the wheel zooms. */
const zoomPerPixel = 0.0018;

/**
 * @param {View} view
 * @param {Listener} listener
 */
export function listen(view, listener) {
  const { canvas } = view;
  /**
   * Pointers that are down.
   * @type {Map<number, {x: number, y: number}>}
   */
  const down = new Map();
  let start = { x: 0, y: 0, scroll: 0 };
  let isDrag = false;
  let isArea = false;
  let isHeld = false;
  let hold = 0;
  let lastClick = 0;

  const point = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = point(event);
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? view.height : 1;
    const dx = event.deltaX * unit;
    const dy = event.deltaY * unit;
    if (at.x < view.namesWidth || at.y < axisHeight && event.altKey) {
      view.scrollTo(view.scroll + dy);
    } else if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) {
      view.axisView.pan(dx || dy);
    } else {
      // A pinch on a touchpad comes as a wheel with Ctrl, in smaller steps.
      const speed = event.ctrlKey && Math.abs(dy) < 50 ? 5 : 1;
      view.axisView.zoom(Math.exp(-dy * zoomPerPixel * speed), at.x - view.namesWidth);
    }
    view.moved();
  }, { passive: false });

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const at = point(event);
    down.set(event.pointerId, at);
    if (down.size > 1) {
      clearTimeout(hold);
      isDrag = true;
      return;
    }
    start = { ...at, scroll: view.scroll };
    isDrag = isHeld = false;
    isArea = event.shiftKey || event.altKey;
    if (event.pointerType === "touch") hold = setTimeout(() => (isHeld = true), holdMilliseconds);
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = point(event);
    const before = down.get(event.pointerId);
    if (!before) {
      listener.hover(at.x, at.y);
      return;
    }
    if (!isDrag && Math.hypot(at.x - start.x, at.y - start.y) <= clickPixels) return;
    if (!isDrag) {
      isDrag = true;
      clearTimeout(hold);
      listener.leave();
      canvas.classList.toggle("is-dragging", !isArea);
    }
    down.set(event.pointerId, at);
    if (down.size === 2) {
      pinch(before, at, event.pointerId);
    } else if (isArea) {
      view.area = view.areaBetween(start, at);
      view.paintSoon();
    } else {
      view.axisView.pan(before.x - at.x);
      view.scrollTo(view.scroll + before.y - at.y);
      view.moved();
    }
  });

  /**
   * @param {{x: number, y: number}} before
   * @param {{x: number, y: number}} at
   * @param {number} pointer
   */
  function pinch(before, at, pointer) {
    const other = [...down].find(([id]) => id !== pointer)?.[1];
    if (!other) return;
    const was = Math.max(20, Math.hypot(before.x - other.x, before.y - other.y));
    const is = Math.max(20, Math.hypot(at.x - other.x, at.y - other.y));
    view.axisView.zoom(is / was, (at.x + other.x) / 2 - view.namesWidth);
    view.axisView.pan((before.x - at.x) / 2);
    view.scrollTo(view.scroll + (before.y - at.y) / 2);
    view.moved();
  }

  const up = (/** @type {PointerEvent} */ event) => {
    if (!down.delete(event.pointerId)) return;
    clearTimeout(hold);
    canvas.classList.remove("is-dragging");
    if (down.size > 0) return;
    const at = point(event);
    if (event.type === "pointercancel") return;
    if (isArea && isDrag) {
      listener.area(view.area);
    } else if (!isDrag) {
      click(at, event.shiftKey || isHeld);
    }
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);

  /**
   * @param {{x: number, y: number}} at
   * @param {boolean} isSecond
   */
  function click(at, isSecond) {
    const row = view.rowAt(at.y);
    if (at.x < view.namesWidth) {
      if (row >= 0) listener.lane(view.lanes.rows[row], at.x, at.y);
      return;
    }
    const hit = view.hit(at.x, at.y);
    const isDouble = performance.now() - lastClick < 350;
    lastClick = performance.now();
    if (isDouble && !hit) {
      view.axisView.zoom(2.5, at.x - view.namesWidth);
      view.moved();
      return;
    }
    listener.click(hit, isSecond);
  }

  canvas.addEventListener("contextmenu", (event) => {
    const at = point(event);
    const row = view.rowAt(at.y);
    if (row < 0) return;
    event.preventDefault();
    listener.lane(view.lanes.rows[row], at.x, at.y);
  });
  canvas.addEventListener("pointerleave", () => listener.leave());
}
