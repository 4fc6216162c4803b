/* A step of the decoder or a word of the source, in the texts and above the heatmap: what it attends to, or who to it. */

/** Shows what target unit `step` attends to, with source unit `column` among it if that is pointed at; if `step` is null
 *  what is chosen: a source word that is held, or a step. */
function focusTarget(step, column = null) {
  const row = step ?? view.step;
  if (!view.targets.length) return;
  markRow(stepMark, view.step);
  markRow(pointMark, step === view.step ? null : step);
  if (step === null && view.held !== null) {
    focusSource(view.held);
    return;
  }
  shadeWords("source", view.sources, view.weights[row].map((weight) => shadeOf(weight, view)));
  const chosen = view.targets[row].words;
  for (const node of byId("detail").querySelectorAll("[data-side=target]")) {
    node.style.removeProperty("--weight");
    node.classList.toggle("current", chosen.includes(Number(node.dataset.word)));
  }
  fill(stepPanel, stepContent(row, column));
}

/** Puts a mark at a row of the heatmap, or hides it. */
function markRow(mark, row) {
  mark.hidden = row === null;
  mark.style.setProperty("--row", row);
}

/** Holds a source word, or lets it go if it is held. */
function holdSource(word) {
  view.held = view.held === word ? null : word;
  focusTarget(null);
}

/** Holds the source word that stands `by` places from the one that is held. */
function moveSource(by) {
  const last = view.sentence.source.words.length - 1;
  view.held = Math.max(0, Math.min(last, (view.held ?? (by > 0 ? -1 : last + 1)) + by));
  focusTarget(null);
}

/** Shades the target words by how much they attend to a source word, and names the strongest. */
function focusSource(word) {
  const columns = view.sources.flatMap((unit, index) => (unit.words.includes(word) ? [index] : []));
  const sums = view.weights.map((row) => columns.reduce((sum, column) => sum + row[column], 0));
  shadeWords("target", view.targets, sums.map((sum) => shadeOf(sum, view)));
  shadeWords("source", view.sources, view.sources.map((unit) => (unit.words.includes(word) ? 1 : 0)));
  for (const node of byId("detail").querySelectorAll(".current")) node.classList.remove("current");
  const { words } = view.sentence.source;
  fill(stepPanel, stepHead(`Source word ${word + 1} of ${words.length}`, words[word], view.measure.inverse, view.targets, sums));
}

function shadeWords(side, units, weights) {
  const shades = new Map();
  units.forEach(({ words }, index) => words.forEach((word) => shades.set(word, Math.min(1, (shades.get(word) ?? 0) + weights[index]))));
  for (const node of byId("detail").querySelectorAll(`[data-side=${side}]`))
    node.style.setProperty("--weight", shades.get(Number(node.dataset.word)) ?? 0);
}

/** A target with its strongest sources, and for each of its tokens the alternatives. */
function stepContent(row, column) {
  const { targets, sources, weights, unit, measure } = view;
  return [
    stepHead(`${unit !== "words" ? "Step" : targets[row].words.length ? "Word" : "Token"} ${row + 1} of ${targets.length}`, targets[row].label, measure.relation, sources, weights[row], column),
    el("div", { class: "alternatives" }, targets[row].tokens.map((token) => tokenAlternatives(view.sentence[view.shown], token))),
  ];
}

/** Whether the weight of a source unit is the sum of those of its pieces: of an even attention it gets the more. */
const isSum = ({ tokens }) => tokens.length > 1 && !view.measure.ofWords;

/** Which unit it is, and the three of the other side with the largest weights, beside the one that is pointed at. */
function stepHead(which, label, relation, units, weights, pointed = null) {
  const ranked = [...units.keys()].sort((a, b) => weights[b] - weights[a]);
  const named = ranked.filter((index, place) => place < 3 || index === pointed);
  const pieces = (unit) => (units === view.sources && isSum(unit) ? el("small", { class: "muted" }, ` (${unit.tokens.length} pieces)`) : null);
  const name = (unit) => el("span", {}, el("bdi", {}, visible(unit.label)), pieces(unit));
  const strongest = named.map((index) => el("li", { class: index === pointed ? "pointed" : null }, name(units[index]), ` ${view.measure.written(weights[index])}`));
  return el("div", { class: "step-head" },
    el("span", { class: "muted" }, which),
    el("strong", { dir: "auto" }, visible(label)),
    el("span", { class: "muted" }, relation),
    el("ul", { class: "plain attended" }, strongest));
}

function tokenAlternatives({ tokens, alternatives, probabilities }, token) {
  const written = tokens[token];
  const item = ([label, probability], place) =>
    el("li", { class: label === written ? "written" : null },
      el("i", { class: "bar", style: `width:${100 * probability}%` }),
      el("bdi", {}, visible(label)),
      el("span", {}, copyButton(token, label, place), percent(probability)));
  const considered = alternatives[token];
  const own = considered.some(([label]) => label === written) ? [] : [[written, probabilities[token]]];
  return el("ol", { class: "plain", "aria-label": `Alternatives to ${written}` }, [...considered, ...own].map(item));
}
