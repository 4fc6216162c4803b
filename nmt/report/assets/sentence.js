/* The chosen sentence: its texts, its attention as a heatmap or a table, what else is known of a step, and its beam. */

/** What is shown of hypothesis, reference, baseline or a “what if”: the measure, the units of target and source, their weights
 *  and at which of these the colours are full, the chosen step (a row of the heatmap), and the source word that is held in its place, or null. */
let view = null;

const plot = el("div", { class: "plot" });
const stepMark = el("div", { class: "step-mark", hidden: true });
const pointMark = el("div", { class: "step-mark pointed", hidden: true });
const rowLabels = el("div", { class: "row-labels", "aria-hidden": "true" });
const canvas = el("div", { class: "canvas" }, rowLabels, plot, stepMark, pointMark);
const stepPanel = el("div", { class: "step", role: "region", "aria-live": "polite", "aria-label": "Decoder step" });
const frame = el("div", { class: "frame", "data-focus": "heatmap" });
const belowAttention = el("div", { class: "below-attention" });
const attention = el("div", {}, el("div", { class: "step-place" }, stepPanel), frame, belowAttention);
const BESIDE = { step: 216, heatmap: 380 }; // pixels: the step with the gap before it, as in report.css, and at least beside it

/** Shows the chosen sentence: at the step that was asked for, or at the same token as before if it is the same, or where
 *  it begins to differ; without one, a note. */
function renderDetail(note = "No sentence passes the search and the filters.") {
  const index = state.chosen;
  if (index === null) {
    view = null;
    fill(byId("detail"), el("p", { class: "note" }, note));
    return;
  }
  const sentence = state.evaluation.sentences[index];
  const shown = shownOf(sentence);
  const measure = measureOf(sentence[shown]);
  const unit = measure.ofWords ? "words" : state.unit;
  const targets = unitsOf(sentence[shown], unit);
  const sources = unitsOf(sourceOf(sentence, shown), unit).filter(({ words }) => words.length || !measure.ofWords);
  const same = view?.sentence === sentence && view.shown === shown;
  const token = same ? view.targets[view.step]?.tokens[0] : undefined;
  const start = same ? targets.findIndex(({ tokens }) => tokens.includes(token)) : firstDifference(sentence, shown, targets);
  const step = Math.max(0, Math.min(targets.length - 1, state.step ?? start));
  const held = same ? view.held : null;
  const weights = measure.of(sentence, shown, targets, sources);
  view = { index, sentence, shown, measure, unit, targets, sources, weights, full: fullOf(measure, weights), step, held };
  fill(
    byId("detail"),
    detailHead(index, sentence),
    detailTexts(sentence),
    detailTools(sentence, targets.length > 0),
    targets.length ? attentionPlace(sentence) : el("p", { class: "note" }, "There is no target token to show."),
    insightPanel,
    otherTexts(sentence, index),
    beamSection(sentence, shown),
  );
  markFound("detail", byId("detail"));
  showInsight();
  if (targets.length) {
    showAttention();
    focusTarget(null);
  }
}

/** The attention, what it says of a step beside it where there is room for both, and what colours and marks mean. */
function attentionPlace(sentence) {
  const room = byId("detail").clientWidth - BESIDE.step;
  const beside = !state.asTable && room >= BESIDE.heatmap && leastWidth(view) < room;
  attention.className = `attention${beside ? " beside" : ""}`;
  fill(belowAttention, view.measure.note && el("p", { class: "hint" }, view.measure.note), legend(sentence), saving());
  return attention;
}

function detailHead(index, sentence) {
  const move = (label, title, by) => button(label, () => moveSentence(by), { focus: title, title, "aria-label": title });
  return el(
    "header",
    {},
    el("h2", {}, `Sentence ${index + 1}`),
    factsLine(sentence, view.shown),
    el("div", { class: "buttons" }, toList(), move("←", "Previous sentence (k)", -1), move("→", "Next sentence (j)", 1)),
  );
}

/** Back to the list, where it stands above the sentence. */
const toList = () => button("List", () => document.querySelector(".list").scrollIntoView(), { class: "to-list", focus: "to-list" });

/** A button of the attention. */
const toolButton = (label, pressed, onclick, title, enabled = true) => button(label, onclick, { pressed, focus: label, title, disabled: !enabled });

function detailTools(sentence, enabled) {
  const { measure, unit, shown } = view;
  return el(
    "div",
    { class: "tools" },
    el("h3", {}, measure.name),
    measureChoice(sentence[shown]),
    segments("Unit", [
      toolButton("Words", unit === "words", () => setUnit("words"), "Sum over the source pieces, mean over the target pieces (w)", enabled),
      toolButton("Subwords", unit === "subwords", () => setUnit("subwords"),
        measure.ofWords ? "Words are left out, not their pieces" : "The tokens of the model (w)", enabled && !measure.ofWords),
    ]),
  );
}

/** Other forms of the heatmap, to look at and to keep. */
function saving() {
  const save = (format) => () => saveHeatmap(view, format);
  return el("div", { class: "saving" },
    toolButton("Auto scale", state.scaled, () => setForm({ scaled: !state.scaled }), "Full colours at the greatest that is shown, also where that is small"),
    toolButton("Table", state.asTable, () => setForm({ asTable: !state.asTable }), "The numbers as a table"),
    toolButton("SVG", null, save("svg"), "Save the heatmap as SVG"),
    toolButton("PNG", null, save("png"), "Save the heatmap as PNG"));
}

/** Shows words or subwords, at the same token. */
function setUnit(unit) {
  const asked = state.step !== null;
  Object.assign(state, { unit, step: null });
  if (!view) return;
  renderDetail();
  if (asked) state.step = view.step;
  keepAddress();
  renderRows();
}

/** The target unit from which a side differs: the first word that is not as in the reference, or in the reference not as
 *  in the hypothesis; of a “what if” the token that leads to it. */
function firstDifference(sentence, shown, targets) {
  const { [shown]: own, [shown === "reference" ? "hypothesis" : "reference"]: other } = sentence;
  if (own.step !== undefined) return targets.findIndex(({ tokens }) => tokens.includes(own.step));
  const differs = own.words.findIndex((word, index) => word !== other.words[index]);
  return targets.findIndex(({ words }) => words.includes(differs));
}

/** Shows hypothesis, reference, baseline or a “what if”, from where it differs. */
function setShown(shown) {
  Object.assign(state, { shown, step: null });
  if (!view) return;
  keepAddress();
  renderRows();
  renderDetail();
  revealStep();
}

/** Shows the same in another form: as a table, with other colours, or marked against another text. */
function setForm(changes) {
  Object.assign(state, changes);
  renderDetail();
  keepAddress();
}

async function showAttention() {
  frame.tabIndex = 0;
  frame.setAttribute("role", state.asTable ? "region" : "img");
  frame.setAttribute("aria-label", state.asTable ? view.measure.name : heatmapSummary(view));
  if (state.asTable) {
    fill(frame, heatmapTable(view));
    return;
  }
  fill(frame, canvas);
  const drawn = view;
  await new Promise(requestAnimationFrame); // while a key is held down, only the last sentence of a frame is drawn
  if (drawn !== view) return;
  const layout = await drawHeatmap(plot, drawn);
  if (drawn !== view || !layout) return;
  layOver(layout, drawn.targets);
  if (!plot.dataset.listening) {
    plot.dataset.listening = "yes";
    plot.on("plotly_hover", ({ points: [{ x, y }] }) => focusTarget(y, x));
    plot.on("plotly_unhover", () => focusTarget(null));
    plot.on("plotly_click", ({ points }) => chooseStep(points[0].y));
  }
}

/** Fits what lies over the heatmap to its layout: the labels of the rows, which stay when it scrolls, and the marks. */
function layOver({ margin, width, height }, targets) {
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px`, zoom: 1 });
  for (const [name, size] of Object.entries({ top: margin.t, left: margin.l, right: margin.r })) canvas.style.setProperty(`--${name}`, `${size}px`);
  fill(rowLabels, targets.map((unit) => el("div", { dir: "auto", style: `--unsure:${unsureness(unit)}` }, labelOf(unit))));
}

function chooseStep(step) {
  view.step = Math.max(0, Math.min(view.targets.length - 1, step));
  view.held = null;
  state.step = view.step;
  keepAddressLater();
  view.unsure = null;
  focusTarget(null);
  showInsight();
  revealStep();
}

/** Scrolls just so far that the chosen step is in view. */
function revealStep() {
  const shown = state.asTable ? frame.querySelectorAll("tbody tr")[view.step] : stepMark;
  shown?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
