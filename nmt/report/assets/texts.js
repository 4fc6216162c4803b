/* The texts of the chosen sentence, with what differs between them. */

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

/** What the translations are marked against: the reference, or the baseline where that is chosen and there is one. */
const againstOf = ({ baseline }) => (baseline ? state.against : "reference");

function detailTexts(sentence, index) {
  const { source, reference, hypothesis, baseline, branches } = sentence;
  const against = againstOf(sentence);
  const row = (name, text, parts, more = null) => [
    el("dt", {}, name),
    el("dd", { dir: "auto" }, text ? el("span", { "data-text": true }, parts) : el("span", { class: "muted" }, "(empty)"), more),
  ];
  const missing = marker(hypothesis, "del", "not in the hypothesis");
  const extra = marker(sentence[against], "ins", `not in the ${against}`);
  const list = el(
    "dl",
    { class: "texts" },
    row("Source", source.text, withWords(source.text, source.words, sourceWord)),
    row("Reference", reference.text, markedText(reference, against === "reference" ? missing : null, view.shown === "reference")),
    row("Hypothesis", hypothesis.text, markedText(hypothesis, extra, view.shown === "hypothesis")),
    baseline && row("Baseline", baseline.text, markedText(baseline, against === "baseline" ? missing : extra, view.shown === "baseline"), baselineFacts(sentence)),
    elsewhere(sentence, index).map(([label, other]) => (other.hypothesis.text === hypothesis.text
      ? row(label, "the same", el("span", { class: "muted" }, "the same"))
      : row(label, other.hypothesis.text, markedText(other.hypothesis, extra), el("small", { class: "muted" }, [`chrF ${chrfBeside(other, sentence)}`, ...rankOf(sentence, label, other.hypothesis)].join(", "))))),
    branches.map((branch, number) => row(`What if ${number + 1}`, branch.text, branchText(sentence, branch, number), branchFacts(sentence, branch))),
  );
  list.addEventListener("mouseover", ({ target }) => focusWord(target, focusTarget, focusSource));
  list.addEventListener("mouseleave", () => focusTarget(null));
  list.addEventListener("click", ({ target }) => focusWord(target, chooseStep, holdSource));
  return list;
}

/** Marks the words of a translation that are not in another one, in the same order: tag and title of each word's element. */
function marker(other, tag, title) {
  return ({ words }) => {
    const common = commonWords(words, other.words);
    return (index) => (common[index] ? null : { tag, title });
  };
}

/** The words of a translation as `mark` says; if its attention is shown, they answer to the pointer. */
function markedText(translation, mark, isShown = false) {
  const marked = mark?.(translation) ?? (() => null);
  return withWords(translation.text, translation.words, (word, index) => {
    const { tag, title } = marked(index) ?? { tag: "span", title: null };
    return el(tag, { title, ...(isShown && touched("target", index)) }, word);
  });
}

/** A word of the source, which answers to the pointer, and says if the model met it for the first time. */
function sourceWord(word, index) {
  const node = el("span", touched("source", index), word);
  if (timesInTraining(word) === 0) {
    node.classList.add("unseen");
    node.title = "nowhere in the training data";
  }
  return node;
}

/** What makes a word answer to the pointer. */
const touched = (side, index) => ({ class: "word", "data-side": side, "data-word": index });

/** Calls `ontarget` or `onsource` with the first unit of the word that `node` shows. */
function focusWord(node, ontarget, onsource) {
  const { side, word } = node.dataset;
  const first = view.targets.findIndex(({ words }) => words.includes(Number(word))); // none for a part of "<unk>"
  if (side === "target" && first >= 0) ontarget(first);
  if (side === "source" && view.targets.length) onsource(Number(word));
}

/** What the marks in the texts mean; with a baseline, a choice of what they mark. */
function legend(sentence) {
  if (!view.targets.length) return null;
  const against = againstOf(sentence);
  const choice = (side) => el("button", { type: "button", "aria-pressed": String(side === against), "data-focus": `against-${side}`, onclick: () => ((state.against = side), renderDetail()) }, side);
  return el("div", { class: "hint legend" },
    el("span", { class: "extra" }, `not in the ${against}`),
    el("span", { class: "missing" }, "not in the hypothesis"),
    el("span", { class: "word", style: "--weight:0.5" }, view.measure.shaded),
    sentence.rarest === 0 ? el("span", { class: "unseen" }, "nowhere in the training data") : null,
    state.asTable ? null : el("span", { class: "unsure", title: `−log P; a whole bar is ${MOST_NATS} nats or more` }, "the longer, the less sure"),
    sentence.baseline && el("span", { class: "against" }, "marked against", el("span", { class: "segments", role: "group", "aria-label": "Marked against" }, choice("reference"), choice("baseline"))));
}

/** A sentence chrF, and by how much it differs from that of the hypothesis. */
const chrfBeside = ({ chrf }, sentence) => `${fixed(chrf)} (${signed(chrf - sentence.chrf)})`;

/** The score of another evaluation's translation, and whether it ranks above the hypothesis; nothing where its scores
 *  are of another kind. */
function rankOf({ elsewhere: known }, label, { score }) {
  if (!Object.hasOwn(known, label)) return [];
  return [`score ${fixed(score, 2)}`, ...(known[label] ? ["ranks above"] : [])];
}

function baselineFacts({ baseline, reference }) {
  return el("small", { class: "muted" }, `length ratio ${fixed(lengthRatioOf(baseline, reference), 2)}${baseline.above ? ", ranks above" : ""} `, flagLabels(baseline));
}

/** What the other evaluations of the split made of the same sentence: their labels and rows. */
function elsewhere({ source, reference }, index) {
  const { split, baseline } = state.evaluation;
  const others = REPORT.evaluations.filter((each) => each !== state.evaluation && each.split === split && each.label !== baseline?.name);
  const rows = others.map(({ label, sentences }) => [label, sentences[index]]);
  return rows.filter(([, other]) => other?.source.text === source.text && other.reference.text === reference.text);
}

/** A translation with another token at some step; what the hypothesis has not is marked. */
const branchText = ({ hypothesis }, branch, number) => markedText(branch, marker(hypothesis, "strong", null), view.shown === `what-if-${number + 1}`);

/** What came of another translation, and which token instead of which led to it, with their probabilities. */
function branchFacts(sentence, branch) {
  const { tokens, probabilities } = sentence.hypothesis;
  const { step, token, score, above, as_reference: asReference } = branch;
  const named = (label, share) => `“${visible(label)}” ${percent(share)}`;
  const facts = [asReference ? "as the reference begins" : null, `chrF ${chrfBeside(branch, sentence)}`, `score ${fixed(score, 2)}`, above ? "ranks above" : null, `${named(token, branch.probabilities[step])} for ${named(tokens[step], probabilities[step])}`];
  return el("small", { class: "muted" }, facts.filter(Boolean).join(", "));
}
