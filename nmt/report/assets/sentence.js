/* The chosen sentence: its texts, its attention, and what else the decoder considered at each step. */

/** What is shown of hypothesis, reference or baseline: the units of target and source, their weights, and the chosen
 *  step (a row of the heatmap). */
let view = null;

const plot = el("div", { class: "plot" });
const stepMark = el("div", { class: "step-mark", hidden: true });
const rowLabels = el("div", { class: "row-labels", "aria-hidden": "true" });
const canvas = el("div", { class: "canvas" }, rowLabels, plot, stepMark);
const stepPanel = el("div", { class: "step", role: "region", "aria-live": "polite", "aria-label": "Decoder step" });
const frame = el("div", { class: "frame" });

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
  view = { index, sentence, shown, targets, sources, weights: attentionOf(sentence, shown, targets, sources), step };
  fill(
    byId("detail"),
    detailHead(index, sentence),
    detailTexts(sentence),
    targets.length && el("p", { class: "hint legend" },
      el("span", { class: "extra" }, "not in the reference"),
      el("span", { class: "missing" }, "not in the hypothesis"),
      el("span", { class: "word", style: "--weight:0.5" }, "attended to")) || null,
    detailTools(sentence, targets.length > 0),
    targets.length ? [stepPanel, frame] : el("p", { class: "note" }, "There is no target token to show."),
    goldNote(view),
    beamSection(sentence),
  );
  markFound("detail", byId("detail"));
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

/** `text` with an element about each of its words, which `wrap` makes. */
function withWords(text, words, wrap) {
  const parts = [];
  let end = 0;
  words.forEach((word, index) => {
    const start = text.indexOf(word, end);
    parts.push(text.slice(end, start), wrap(word, index));
    end = start + word.length;
  });
  return [...parts, text.slice(end)];
}

function detailTexts(sentence) {
  const { source, reference, hypothesis, baseline } = sentence;
  const word = (side, tag = "span", title = null) => (text, index) =>
    el(tag, { title, ...(side && { class: "word", "data-side": side, "data-word": index }) }, text);
  /** The words of a translation, those marked that are not in another; if it is shown, they answer to the pointer. */
  const compared = (name, other, tag, title) => {
    const [{ text, words }, side] = [sentence[name], view.shown === name ? "target" : null];
    const common = commonWords(words, other.words);
    return withWords(text, words, (each, index) => (common[index] ? word(side) : word(side, tag, title))(each, index));
  };
  const row = (name, text, parts, more = null) => [
    el("dt", {}, name),
    el("dd", { dir: "auto" }, text ? el("span", { "data-text": true }, parts) : el("span", { class: "muted" }, "(empty)"), more),
  ];
  const list = el(
    "dl",
    { class: "texts" },
    row("Source", source.text, withWords(source.text, source.words, word("source"))),
    row("Reference", reference.text, compared("reference", hypothesis, "del", "not in the hypothesis")),
    row("Hypothesis", hypothesis.text, compared("hypothesis", reference, "ins", "not in the reference")),
    ...sentence.branches.map((branch) => row("What if", branch.text, branchText(sentence, branch), branchFacts(sentence, branch))),
    baseline && row("Baseline", baseline.text, compared("baseline", reference, "ins", "not in the reference")),
  );
  list.addEventListener("mouseover", ({ target }) => focusWord(target, focusTarget, focusSource));
  list.addEventListener("mouseleave", () => focusTarget(null));
  list.addEventListener("click", ({ target }) => focusWord(target, chooseStep, () => {}));
  return list;
}

/** A translation with another token at some step; what the hypothesis has not is marked. */
function branchText({ hypothesis }, { text, words }) {
  const common = commonWords(words, hypothesis.words);
  return withWords(text, words, (word, index) => (common[index] ? word : el("strong", {}, word)));
}

/** Which token instead of which led to it, and what came of that. */
const branchFacts = ({ hypothesis }, { step, token, log_prob: logProb }) =>
  el("small", { class: "muted" }, `“${visible(token)}” for “${visible(hypothesis.tokens[step])}”, log-probability ${fixed(logProb, 2)}`);

/** Calls `ontarget` or `onsource` with the first unit of the word that `node` shows. */
function focusWord(node, ontarget, onsource) {
  const { side, word } = node.dataset;
  const first = view.targets.findIndex((unit) => unit.word === Number(word)); // none for a part of "<unk>"
  if (side === "target" && first >= 0) ontarget(first);
  if (side === "source") onsource(Number(word));
}

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
  fill(rowLabels, targets.map(({ label }) => el("div", { dir: "auto" }, shorten(visible(label), LABEL_CHARACTERS))));
  Object.assign(stepMark.style, { left: `${margin.l}px`, width: `${width - margin.l - margin.r}px`, height: `${CELL.height}px` });
  stepMark.dataset.top = margin.t;
}

function chooseStep(step) {
  view.step = Math.max(0, Math.min(view.targets.length - 1, step));
  focusTarget(null);
  const shown = state.asTable ? frame.querySelectorAll("tbody tr")[view.step] : stepMark;
  shown?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Shows what target unit `step` attends to, or the chosen one if it is null. */
function focusTarget(step) {
  const row = step ?? view.step;
  if (!view.targets.length) return;
  stepMark.hidden = false;
  stepMark.style.top = `${Number(stepMark.dataset.top) + row * CELL.height}px`;
  shadeWords("source", view.sources, view.weights[row]);
  const chosen = view.targets[row].word;
  for (const node of byId("detail").querySelectorAll("[data-side=target]")) {
    node.style.removeProperty("--weight");
    node.classList.toggle("current", Number(node.dataset.word) === chosen);
  }
  fill(stepPanel, stepContent(row));
}

/** Shades the target words by how much they attend to a source word. */
function focusSource(word) {
  const columns = view.sources.flatMap((unit, index) => (unit.word === word ? [index] : []));
  const sums = view.weights.map((row) => columns.reduce((sum, column) => sum + row[column], 0));
  shadeWords("target", view.targets, sums);
  shadeWords("source", view.sources, view.sources.map((unit) => (unit.word === word ? 1 : 0)));
}

function shadeWords(side, units, weights) {
  const shades = new Map();
  units.forEach((unit, index) => shades.set(unit.word, Math.min(1, (shades.get(unit.word) ?? 0) + weights[index])));
  for (const node of byId("detail").querySelectorAll(`[data-side=${side}]`))
    node.style.setProperty("--weight", shades.get(Number(node.dataset.word)) ?? 0);
}

/** The chosen target with its strongest sources, and for each of its tokens the alternatives. */
function stepContent(row) {
  const { targets, sources, weights } = view;
  const ranked = sources.map((unit, index) => [unit.label, weights[row][index]]).sort((a, b) => b[1] - a[1]);
  const attended = ranked.slice(0, 3).map(([label, weight]) => el("li", {}, el("bdi", {}, visible(label)), ` ${percent(weight)}`));
  return [
    el("div", { class: "step-head" },
      el("span", { class: "muted" }, `${state.unit === "words" ? "Word" : "Step"} ${row + 1} of ${targets.length}`),
      el("strong", { dir: "auto" }, visible(targets[row].label)),
      el("span", { class: "muted" }, "attends to"),
      el("ul", { class: "plain attended" }, attended)),
    el("div", { class: "alternatives" }, targets[row].tokens.map((token) => tokenAlternatives(view.sentence[view.shown], token))),
  ];
}

function tokenAlternatives({ tokens, alternatives, probabilities }, token) {
  const written = tokens[token];
  const item = ([label, probability]) =>
    el("li", { class: label === written ? "written" : null },
      el("i", { class: "bar", style: `width:${100 * probability}%` }),
      el("bdi", {}, visible(label)),
      el("span", {}, percent(probability)));
  const considered = alternatives[token];
  const own = considered.some(([label]) => label === written) ? [] : [[written, probabilities[token]]];
  return el("ol", { class: "plain", "aria-label": `Alternatives to ${written}` }, [...considered, ...own].map(item));
}
