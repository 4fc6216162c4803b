/* The chosen sentence: its texts, its attention as a heatmap or a table, what else is known of a step, and its beam. */

/** What is shown of hypothesis, reference, baseline or a “what if”: the measure, the units of target and source, their weights,
 *  the chosen step (a row of the heatmap), and the source word that is held in its place, or null. */
let view = null;

const plot = el("div", { class: "plot" });
const stepMark = el("div", { class: "step-mark", hidden: true });
const rowLabels = el("div", { class: "row-labels", "aria-hidden": "true" });
const canvas = el("div", { class: "canvas" }, rowLabels, plot, stepMark);
const stepPanel = el("div", { class: "step", role: "region", "aria-live": "polite", "aria-label": "Decoder step" });
const frame = el("div", { class: "frame", "data-focus": "attention" });

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
  const sources = unitsOf(sourceOf(sentence, shown), unit).filter(({ word }) => word !== null || !measure.ofWords);
  const same = view?.sentence === sentence && view.shown === shown;
  const token = same ? view.targets[view.step]?.tokens[0] : undefined;
  const start = same ? targets.findIndex(({ tokens }) => tokens.includes(token)) : firstDifference(sentence, shown, targets);
  const step = Math.max(0, Math.min(targets.length - 1, state.step ?? start));
  const held = same ? view.held : null;
  view = { index, sentence, shown, measure, unit, targets, sources, weights: measure.of(sentence, shown, targets, sources), step, held };
  fill(
    byId("detail"),
    detailHead(index, sentence),
    detailTexts(sentence, index),
    legend(sentence),
    detailTools(sentence, targets.length > 0),
    targets.length ? [stepPanel, frame] : el("p", { class: "note" }, "There is no target token to show."),
    measure.note && el("p", { class: "hint" }, measure.note),
    goldNote(view),
    insightPanel,
    beamSection(sentence, shown),
  );
  markFound("detail", byId("detail"));
  showInsight();
  if (targets.length) {
    showAttention();
    focusTarget(null);
  }
}

/** What the outlines are, or where to find them. */
function goldNote({ sentence, shown, targets }) {
  if (goldShown({ sentence, shown })) return state.asTable || !targets.length ? null : el("p", { class: "hint" }, el("i", { class: "gold" }), `outlined: gold alignment${sentence.gold.some((link) => link.length > 2) ? ", dotted where it is only possible" : ""}`);
  return sentence.gold && sentence.reference.tokens ? el("p", { class: "hint" }, "The gold alignment links words of the reference: r shows it.") : null;
}

function detailHead(index, sentence) {
  const move = (label, title, by) => el("button", { type: "button", title, "aria-label": title, "data-focus": title, onclick: () => moveSentence(by) }, label);
  return el(
    "header",
    {},
    el("h2", {}, `Sentence ${index + 1}`),
    factsLine(sentence, view.shown),
    el("div", { class: "buttons" }, toList(), move("←", "Previous sentence (k)", -1), move("→", "Next sentence (j)", 1)),
  );
}

/** Back to the list, where it stands above the sentence. */
const toList = () =>
  el("button", { type: "button", class: "to-list", "data-focus": "to-list", onclick: () => document.querySelector(".list").scrollIntoView() }, "List");

function detailTools(sentence, enabled) {
  const button = (label, pressed, onclick, title, there = enabled) =>
    el("button", { type: "button", disabled: !there, "aria-pressed": pressed === null ? null : String(pressed), title, "data-focus": label, onclick }, label);
  const save = (format) => () => saveHeatmap(view, format);
  return el(
    "div",
    { class: "tools" },
    el("h3", {}, "Attention"),
    el("div", { class: "segments", role: "group", "aria-label": "Whose" },
      button("Hypothesis", view.shown === "hypothesis", () => setShown("hypothesis"), "What the search found (r)", true),
      button("Reference", view.shown === "reference", () => setShown("reference"),
        sentence.reference.tokens ? "What the model makes of the reference, by forced decoding (r)" : "This evaluation was made without it: run nmt evaluate again",
        sentence.reference.tokens !== null),
      sentence.baseline && button("Baseline", view.shown === "baseline", () => setShown("baseline"), `What ${state.evaluation.baseline.name} found (b)`, true)),
    sentence.branches.length ? el("div", { class: "segments", role: "group", "aria-label": "What if" }, sentence.branches.map((branch, index) => {
      const key = `what-if-${index + 1}`;
      const title = `What if “${visible(branch.token)}” stood there${branch.as_reference ? ", as in the reference" : ""}`;
      return el("button", { type: "button", "aria-pressed": String(view.shown === key), title, "data-focus": key, onclick: () => setShown(key) }, index ? `${index + 1}` : "What if 1");
    })) : null,
    measureChoice(sentence[view.shown]),
    el("div", { class: "segments", role: "group", "aria-label": "Unit" },
      button("Words", view.unit === "words", () => setUnit("words"), "Sum over the source pieces, mean over the target pieces (w)"),
      button("Subwords", view.unit === "subwords", () => setUnit("subwords"),
        view.measure.ofWords ? "Words are left out, not their pieces" : "The tokens of the model (w)", enabled && !view.measure.ofWords)),
    button("Table", state.asTable, toggleTable, "The numbers as a table"),
    button("SVG", null, save("svg"), "Save the heatmap as SVG"),
    button("PNG", null, save("png"), "Save the heatmap as PNG"),
  );
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
  return targets.findIndex(({ word }) => word === differs);
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

function toggleTable() {
  state.asTable = !state.asTable;
  renderDetail();
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
    plot.on("plotly_hover", ({ points }) => focusTarget(points[0].y));
    plot.on("plotly_unhover", () => focusTarget(null));
    plot.on("plotly_click", ({ points }) => chooseStep(points[0].y));
  }
  focusTarget(null);
}

/** Fits what lies over the heatmap to its layout: the labels of the rows, which stay when it scrolls, and the mark. */
function layOver({ margin, width, height }, targets) {
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  Object.assign(rowLabels.style, { width: `${margin.l}px`, height: `${height}px`, paddingTop: `${margin.t}px` });
  fill(rowLabels, targets.map((unit) => el("div", { dir: "auto", style: `--unsure:${unsureness(unit)}` }, shorten(visible(unit.label), LABEL_CHARACTERS))));
  Object.assign(stepMark.style, { left: `${margin.l}px`, width: `${width - margin.l - margin.r}px`, height: `${CELL.height}px` });
  stepMark.dataset.top = margin.t;
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
