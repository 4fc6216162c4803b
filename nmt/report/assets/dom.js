"use strict";
/* Elements and text. Data reaches the page as text nodes and attributes only, never as markup. */

const byId = (id) => document.getElementById(id);

/** An element; attributes that begin with "on" are listeners, false and null leave an attribute out. */
const el = (tag, attributes = {}, ...children) => furnished(document.createElement(tag), attributes, children);

/** The same of SVG. */
const svg = (tag, attributes = {}, ...children) => furnished(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function furnished(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null));
  return node;
}

/** Replaces what is in `node`; the focus stays on the element with the same `data-focus`. */
function fill(node, ...children) {
  const held = node.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null));
  if (held) node.querySelector(`[data-focus="${held}"]`)?.focus({ preventScroll: true });
}

/** A button; `pressed` is null where it does not stay pressed, `focus` the name by which it keeps the focus. */
const button = (label, onclick, { pressed = null, focus = null, ...attributes } = {}) =>
  el("button", { type: "button", "aria-pressed": pressed === null ? null : String(pressed), "data-focus": focus, ...attributes, onclick }, label);

/** Buttons side by side, of which one is pressed. */
const segments = (name, buttons) => el("div", { class: "segments", role: "group", "aria-label": name }, buttons);

/** The head of a column by which a table is sorted: `sort` is its order now, `onsort` is called with the one asked for. */
function sortHead({ key, label, title }, sort, descendsFirst, onsort) {
  const order = sort.key !== key ? "none" : sort.descending ? "descending" : "ascending";
  const arrow = { none: "", ascending: " ↑", descending: " ↓" }[order];
  const toggle = () => onsort({ key, descending: sort.key === key ? !sort.descending : descendsFirst });
  return el("th", { scope: "col", class: `col-${key}`, "aria-sort": order },
    button(label + arrow, toggle, { focus: key, title }));
}

/** A table of figures, which scrolls where it is too wide; its name is for those who do not see the heading above it. */
const figuresTable = (name, head, rows) =>
  el("div", { class: "wide" }, el("table", { class: "figures" }, el("caption", { class: "hidden" }, name), el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));

/** The bytes that base64 writes as text. */
const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** The text that an element of this page holds as base64 of gzip; the element goes. */
async function unpacked(id) {
  const packed = new Blob([bytesOf(byId(id).textContent)]);
  byId(id).remove();
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

const fixed = (number, digits = 1) => (number === null || number === undefined ? "–" : number.toFixed(digits).replace("-", "−"));

/** A whole number with its thousands apart. */
const grouped = (number) => number.toLocaleString("en");

/** A difference, with its sign. */
const signed = (number, digits = 1) => (number > 0 ? "+" : "") + fixed(number, digits);

/** A share as a percentage; what is not nothing does not read as nothing. */
function percent(share) {
  if (share > 0 && share < 0.0005) return "<0.1%";
  return `${(100 * share).toFixed(share > 0 && share < 0.01 ? 1 : 0)}%`;
}

/** A token as a label: blanks, control characters and what else has no width made visible, where it does not shape the
 *  character before it; a mark that stands alone on a circle. */
function visible(token) {
  const shown = token.replace(/[\u0000-\u001f]/g, (control) => String.fromCharCode(0x2400 + control.charCodeAt(0)));
  const named = shown.replace(/^[\u200c\u200d\ufe00-\ufe0f]|(?![\u200c\u200d\u{e0020}-\u{e007f}])\p{Cf}/gu, (mark) => `U+${mark.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);
  return named.replace(/^\p{M}/u, "◌$&").replace(/[\u007f-\u009f\u2028\u2029]/g, "␤").replace(/ /g, "␣") || "∅";
}

const shorten = (text, length) => {
  const characters = [...text];
  return characters.length > length ? characters.slice(0, length - 1).join("") + "…" : text;
};

/** Whether a text is read from right to left, by its first letter. */
const isRightToLeft = (text) => /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u.test(text.match(/\p{L}/u)?.[0] ?? "");

/** Text for plotly, which reads its labels as pseudo-HTML. */
function plotlyText(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
