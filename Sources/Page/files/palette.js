// The picture's colours, taken from the style sheet, so that light and dark have one home. No meaning is in a colour alone:
// levels have shapes, the past lies left of an event and the future right, and the table says both in words.

const names = /** @type {const} */ ([
  "canvas", "band", "ink", "muted", "line", "faint", "accent", "past", "future", "warning", "error", "critical",
    "past-region",
  "future-region", "gap", "area", "found", "density", "density-dim", "message", "bundle", "halo",
]);

/** @typedef {Record<typeof names[number], string>} Palette */

/** @returns {Palette} */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const found = /** @type {Palette} */ ({});
  for (const name of names) found[name] = style.getPropertyValue(`--${name}`).trim();
  return found;
}

export const fonts = {
  name: "500 12px system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
  text: "11px system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
};
