// Elements of the page: found, made and filled. What comes from events passes through here as text, never as markup.

/**
 * The element of an id that the page has.
 * @template {Element} T
 * @param {string} id
 * @param {new (...parameters: any[]) => T} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} “${id}”`);
  return element;
}

/**
 * A new element. A child that is no element becomes text; an attribute that is false, null or undefined is left out; one whose
 * name begins with “on” is a listener.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {{[name: string]: any}} [attributes]
 * @param {...(Node | string | number | null | undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/**
 * An element of SVG.
 * @param {string} tag
 * @param {{[name: string]: string | number}} attributes
 * @param {...(Node | string)} children
 */
export function makeSVG(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** How many characters of one text are shown unless somebody asks for all: a screen holds fewer. */
const shownCharactersMax = 4000;

/**
 * A text of any length, as an element: a long one is cut, with a button that shows the rest.
 * @param {string} text
 * @param {number} [most]
 */
export function longText(text, most = shownCharactersMax) {
  if (text.length <= most) return make("span", { dir: "auto", class: "text" }, text);
  const shown = make("span", { dir: "auto", class: "text" }, text.slice(0, most) + "…");
  const more = make("button", {
    type: "button",
    class: "link",
    onclick: () => {
      shown.textContent = text;
      more.remove();
    },
  }, `all ${count(text.length)} characters`);
  return make("span", {}, shown, " ", more);
}

/**
 * A text that fits into a line: without line ends, cut.
 * @param {string} text
 * @param {number} most
 */
export function oneLine(text, most) {
  const line = text.slice(0, most + 1).replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  return line.length > most ? line.slice(0, most - 1) + "…" : line;
}

/**
 * What this browser remembers of the page; null where it remembers nothing, or may not.
 * @param {string} key
 */
export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // No room, or not allowed: it holds until the page is left.
  }
}

const numbers = new Intl.NumberFormat("en");

/**
 * A number with its thousands apart.
 * @param {number} value
 */
export function count(value) {
  return numbers.format(value);
}

/**
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export function counted(value, one, many = one + "s") {
  return `${count(value)} ${value === 1 ? one : many}`;
}
