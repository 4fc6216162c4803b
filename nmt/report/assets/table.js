/* The table of all sentences: only the rows in view, and a few about them, stand in the document. */

const ROW_HEIGHT = 56; // as in report.css
const ROWS_BEYOND = 8;

const COLUMNS = [
  { key: "number", label: "#", title: "Position in the split" },
  { key: "attention", label: "Attn.", title: "The hypothesis's attention, a row a token; sorts by its entropy: the sharpest first" },
  { key: "source", label: "Source and hypothesis", title: "Sorts by the number of source words" },
  { key: "chrf", label: "chrF", title: "Sentence chrF, 0 to 100" },
  { key: "gain", label: "Gain", title: "Sentence chrF above the baseline's" },
  { key: "ratio", label: "Ratio", title: "Hypothesis words by reference words" },
  { key: "confidence", label: "Conf.", title: "Geometric mean of the token probabilities" },
];

/** The columns that the evaluation has. */
const columns = () => COLUMNS.filter(({ key }) => key !== "gain" || state.evaluation.baseline);

const headCell = (column) => sortHead(column, state.sort, false, sortRows);

function sortRows(sort) {
  state.sort = sort;
  updateRows();
  byId("scroller").scrollTop = 0;
  renderRows();
  keepAddress();
}

/** The choice of the order, also of those that no column has. */
function renderOrder() {
  const { key: chosen, descending } = state.sort;
  const keys = new Set([...ordersOf(state.evaluation), chosen]);
  fill(byId("order"), [...keys].map((key) => el("option", { value: key, selected: key === chosen }, ORDERS[key].label)));
  fill(byId("direction"), descending ? "↓" : "↑");
  byId("direction").title = descending ? "From the greatest on" : "From the least on";
}

function flagLabels(sentence) {
  return sentence.flags.map((flag) => el("span", { class: `flag flag-${flag}` }, REPORT.flags[flag].label));
}

/** The first flag, and how many more there are: the text is more than its flags. */
function firstFlag({ flags: [first, ...more] }) {
  if (!first) return null;
  const told = [first, ...more].map((flag) => REPORT.flags[flag].label).join(", ");
  return el("span", { class: `flag flag-${first}`, title: told }, REPORT.flags[first].label + (more.length ? ` +${more.length}` : ""));
}

/** The hypothesis's attention in small: a dot a weight, the stronger the greater it is. */
function thumbnail({ source, hypothesis, entropy }) {
  const weights = bytesOf(hypothesis.attention).map((level) => level ** 2 / 255);
  if (!weights.length) return null;
  const [width, height] = [source.tokens.length, hypothesis.tokens.length];
  const dots = new ImageData(width, height);
  weights.forEach((weight, index) => (dots.data[4 * index + 3] = weight));
  const mirrored = isRightToLeft(source.text) ? "mirrored" : null; // as in the heatmap
  const canvas = el("canvas", { width, height, class: mirrored, title: `entropy ${fixed(entropy, 2)} nats a token` });
  canvas.getContext("2d").putImageData(dots, 0, 0);
  return canvas;
}

/** The two lines of a row: the source, and the hypothesis or that other text in which alone the search is found. */
function rowTexts(sentence) {
  const texts = textsOf(sentence);
  const [source, hypothesis] = texts;
  const found = texts.find(([, text]) => placesFound(text).length);
  const [name, text] = found && found !== source ? found : hypothesis;
  const part = (whole) => el("bdi", { "data-text": true }, fromFound(whole) || "(empty)");
  return [
    el("div", { class: "line", title: source[1], dir: "auto" }, part(source[1])),
    el("div", { class: "line muted", title: text }, name === "Hypothesis" ? null : el("small", {}, `${name}: `), part(text), firstFlag(sentence)),
  ];
}

/** A text from a little before the first place where the search is found, so that a line of it shows the place. */
function fromFound(text) {
  const [[start] = [0]] = placesFound(text);
  const begin = text.lastIndexOf(" ", start - 12) + 1;
  return start > 40 && begin > 0 ? `…${text.slice(begin)}` : text;
}

/** A row; `stop`: whether Tab stops at it, as at one of all that are there: from row to row go the arrow keys. */
function tableRow(position, stop) {
  const index = state.rows[position];
  const sentence = state.evaluation.sentences[index];
  const href = address("sentences", { sentence: index, ...state.filter });
  return el(
    "tr",
    {
      "aria-rowindex": position + 2,
      "aria-current": index === state.chosen ? "true" : null,
      onclick: () => location.replace(href),
    },
    el("td", { class: "col-number" }, el("a", { href, tabindex: stop ? null : "-1", "data-focus": `sentence-${index}`, "aria-label": `Sentence ${index + 1}` }, String(index + 1))),
    el("td", { class: "col-attention" }, thumbnail(sentence)),
    el("td", { class: "col-source" }, rowTexts(sentence)),
    el("td", { class: "col-chrf" }, fixed(sentence.chrf), el("i", { class: "bar", style: `width:${sentence.chrf}%` })),
    state.evaluation.baseline && el("td", { class: "col-gain" }, signed(gainOf(sentence))),
    el("td", { class: "col-ratio" }, fixed(sentence.length_ratio, 2)),
    el("td", { class: "col-confidence" }, fixed(sentence.confidence, 2)),
  );
}

/** Puts the rows in view into the document, between two blank rows as high as all the others. */
function renderRows() {
  const scroller = byId("scroller");
  const first = Math.max(0, Math.floor(scroller.scrollTop / ROW_HEIGHT) - ROWS_BEYOND);
  const last = Math.min(state.rows.length, first + Math.ceil(scroller.clientHeight / ROW_HEIGHT) + 2 * ROWS_BEYOND);
  const blank = (count) => el("tr", { "aria-hidden": "true", class: "blank", style: `height:${count * ROW_HEIGHT}px` });
  const chosen = state.rows.indexOf(state.chosen);
  const stop = chosen >= first && chosen < last ? chosen : Math.min(last - 1, Math.ceil(scroller.scrollTop / ROW_HEIGHT));
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, offset) => tableRow(first + offset, first + offset === stop));
  const held = byId("table").tBodies[0].contains(document.activeElement);
  fill(byId("table").tBodies[0], blank(first), rows, blank(state.rows.length - last));
  if (held && document.activeElement === document.body) scroller.focus({ preventScroll: true });
  markFound("list", byId("table"));
}

/** Selects and sorts again, after a change of split, filter, search or order. */
function updateRows() {
  state.rows = selectRows();
  const table = byId("table");
  fill(table.tHead, el("tr", { "aria-rowindex": 1 }, columns().map(headCell)));
  table.setAttribute("aria-rowcount", state.rows.length + 1);
  const total = grouped(state.evaluation.sentences.length);
  const shown = grouped(state.rows.length);
  byId("count").textContent = shown === total ? `${total} sentences` : `${shown} of ${total} sentences`;
  renderChips();
  renderOrder();
  renderRows();
}

/** Scrolls just so far that the chosen row is in view. */
function revealChosen() {
  const scroller = byId("scroller");
  const position = state.rows.indexOf(state.chosen);
  if (position < 0) return;
  const head = byId("table").tHead.offsetHeight;
  const top = position * ROW_HEIGHT;
  const bottom = top + ROW_HEIGHT + head;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
}
