/* The chosen sentence: its texts, its attention as a heatmap or a table, what else is known of a step, and its beam. */

/** What is shown of hypothesis, reference or baseline: the units of target and source, their weights, the chosen step
 *  (a row of the heatmap), and the source word that is held in its place, or null. */
let view = null;

const plot = el("div", { class: "plot" });
const stepMark = el("div", { class: "step-mark", hidden: true });
const rowLabels = el("div", { class: "row-labels", "aria-hidden": "true" });
const canvas = el("div", { class: "canvas" }, rowLabels, plot, stepMark);
const stepPanel = el("div", { class: "step", role: "region", "aria-live": "polite", "aria-label": "Decoder step" });
const frame = el("div", { class: "frame", "data-focus": "attention" });

/** Shows the chosen sentence, at the same token as before if it is the same; without one, a note. */
function renderDetail(note = "No sentence passes the search and the filters.") {
  const index = state.chosen;
  if (index === null) {
    view = null;
    fill(byId("detail"), el("p", { class: "note" }, note));
    return;
  }
  const sentence = state.evaluation.sentences[index];
  const shown = shownOf(sentence);
  const targets = unitsOf(sentence[shown], state.unit);
  const sources = unitsOf(sourceOf(sentence, shown), state.unit);
  const same = view?.sentence === sentence && view.shown === shown;
  const token = same ? view.targets[view.step]?.tokens[0] : undefined;
  const step = Math.max(0, targets.findIndex(({ tokens }) => tokens.includes(token)));
  const held = same ? view.held : null;
  view = { index, sentence, shown, targets, sources, weights: attentionOf(sentence, shown, targets, sources), step, held };
  fill(
    byId("detail"),
    detailHead(index, sentence),
    detailTexts(sentence, index),
    legend(sentence),
    detailTools(sentence, targets.length > 0),
    targets.length ? [stepPanel, frame] : el("p", { class: "note" }, "There is no target token to show."),
    goldNote(view),
    insightPanel,
    beamSection(sentence),
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
  if (goldShown({ sentence, shown })) return state.asTable || !targets.length ? null : el("p", { class: "hint" }, el("i", { class: "gold" }), "outlined: gold alignment");
  return sentence.gold && sentence.reference.tokens ? el("p", { class: "hint" }, "The gold alignment links words of the reference: r shows it.") : null;
}

function detailHead(index, sentence) {
  const fact = (name, value, title = null) => el("span", { title }, el("span", { class: "muted" }, `${name} `), value);
  const move = (label, title, by) => el("button", { type: "button", title, "aria-label": title, "data-focus": title, onclick: () => moveSentence(by) }, label);
  return el(
    "header",
    {},
    el("h2", {}, `Sentence ${index + 1}`),
    el("p", { class: "facts-line" },
      fact("chrF", sentence.baseline ? `${fixed(sentence.chrf)}, baseline ${fixed(sentence.baseline.chrf)}` : fixed(sentence.chrf)),
      fact("length ratio", fixed(sentence.length_ratio, 2)),
      fact("confidence", fixed(sentence.confidence, 2)),
      fact("entropy", fixed(sentence.entropy, 2), "Of the hypothesis's attention, in nats a token"),
      fact("log-probability", ofBoth(sentence, "log_prob"), `The search ranks by a score: ${ofBoth(sentence, "score")}`),
      sentence.aer === null ? null : fact("AER", fixed(sentence.aer, 2), "Of the attention of the reference against its gold alignment"),
      flagLabels(sentence),
      state.rows.includes(index) ? null : el("span", { class: "muted" }, "not in the list as it is filtered")),
    el("div", { class: "buttons" }, toList(), move("←", "Previous sentence (k)", -1), move("→", "Next sentence (j)", 1)),
  );
}

/** A number of the hypothesis, and of the reference where it was kept. */
function ofBoth({ hypothesis, reference }, name) {
  const own = fixed(hypothesis.tokens.length ? hypothesis[name] : null, 2);
  return reference.tokens ? `${own}, reference ${fixed(reference[name], 2)}` : own;
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
    el("div", { class: "segments", role: "group", "aria-label": "Unit" },
      button("Words", state.unit === "words", () => setUnit("words"), "Sum over the source pieces, mean over the target pieces (w)"),
      button("Subwords", state.unit === "subwords", () => setUnit("subwords"), "The tokens of the model (w)")),
    button("Table", state.asTable, toggleTable, "The weights as a table"),
    button("SVG", null, save("svg"), "Save the heatmap as SVG"),
    button("PNG", null, save("png"), "Save the heatmap as PNG"),
  );
}

function setUnit(unit) {
  state.unit = unit;
  renderDetail();
}

/** Shows hypothesis, reference or baseline, from the first word on where it differs: from the reference, or that from
 *  the hypothesis. */
function setShown(shown) {
  state.shown = shown;
  if (!view) return;
  history.replaceState(null, "", address("sentences", { sentence: state.chosen, ...state.filter }));
  renderRows();
  renderDetail();
  const { [view.shown]: own, [view.shown === "reference" ? "hypothesis" : "reference"]: other } = view.sentence;
  const differs = own.words.findIndex((word, index) => word !== other.words[index]);
  chooseStep(Math.max(0, view.targets.findIndex(({ word }) => word === differs)));
}

function toggleTable() {
  state.asTable = !state.asTable;
  renderDetail();
}

async function showAttention() {
  frame.tabIndex = 0;
  frame.setAttribute("role", state.asTable ? "region" : "img");
  frame.setAttribute("aria-label", state.asTable ? "Attention weights" : heatmapSummary(view));
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
  view.unsure = null;
  focusTarget(null);
  showInsight();
  const shown = state.asTable ? frame.querySelectorAll("tbody tr")[view.step] : stepMark;
  shown?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
