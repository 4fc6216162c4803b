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

/** The source, the reference and the hypothesis, the baseline, and a “what if” whose attention is shown. */
function detailTexts(sentence) {
  const { source, reference, hypothesis, baseline, branches } = sentence;
  const against = againstOf(sentence);
  const missing = marker(hypothesis, "del", "not in the hypothesis");
  const shown = branches.findIndex((_, number) => view.shown === `what-if-${number + 1}`);
  return textList(
    textRow("Source", source.text, withWords(source.text, source.words, sourceWord)),
    textRow(whose("reference", "What the model makes of the reference, by forced decoding (r)"), reference.text, markedText(reference, against === "reference" ? missing : null, view.shown === "reference")),
    textRow(whose("hypothesis", "What the search found (r)"), hypothesis.text, markedText(hypothesis, extraOf(sentence), view.shown === "hypothesis")),
    baseline && textRow(whose("baseline", `What ${state.evaluation.baseline.name} found (b)`), baseline.text, markedText(baseline, against === "baseline" ? missing : extraOf(sentence), view.shown === "baseline"), baselineFacts(sentence)),
    shown < 0 ? null : branchRow(sentence, shown),
  );
}

/** What else is known that the sentence could have become; nothing where nothing is. */
function otherTexts(sentence, index) {
  const { hypothesis, branches } = sentence;
  const rows = [
    ...elsewhere(sentence, index).map(([label, other]) => (other.hypothesis.text === hypothesis.text
      ? textRow(label, "the same", el("span", { class: "muted" }, "the same"))
      : textRow(label, other.hypothesis.text, markedText(other.hypothesis, extraOf(sentence)), el("small", { class: "muted" }, [`chrF ${chrfBeside(other, sentence)}`, ...rankOf(sentence, label, other.hypothesis)].join(", "))))),
    ...branches.flatMap((_, number) => (view.shown === `what-if-${number + 1}` ? [] : [branchRow(sentence, number)])),
  ];
  return rows.length ? el("section", { class: "others" }, el("h3", {}, "Other translations"), textList(...rows)) : null;
}

/** Texts whose words answer to the pointer. */
function textList(...rows) {
  const list = el("dl", { class: "texts" }, rows);
  list.addEventListener("mouseover", ({ target }) => focusWord(target, focusTarget, focusSource));
  list.addEventListener("mouseleave", () => focusTarget(null));
  list.addEventListener("click", ({ target }) => focusWord(target, chooseStep, holdSource));
  return list;
}

const textRow = (name, text, parts, more = null) => [
  el("dt", {}, name),
  el("dd", { dir: "auto" }, text ? el("span", { "data-text": true }, parts) : el("span", { class: "muted" }, "(empty)"), more),
];

const nameOf = (side) => `${side[0].toUpperCase()}${side.slice(1).replaceAll("-", " ")}`;

/** The name of a text, a button that shows its attention. */
const whose = (side, title) => button(nameOf(side), () => setShown(side), { class: "whose", pressed: view.shown === side, focus: side, title });

/** How what is not in the reference is marked, or in the baseline where that is chosen. */
function extraOf(sentence) {
  const against = againstOf(sentence);
  return marker(sentence[against], "ins", `not in the ${against}`);
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

/** What the marks in texts and heatmap mean; with a baseline, a choice of what the texts are marked against. */
function legend(sentence) {
  const against = againstOf(sentence);
  const choice = (side) => button(side, () => setForm({ against: side }), { pressed: side === against, focus: `against-${side}` });
  return el("div", { class: "hint legend" },
    el("span", { class: "extra" }, `not in the ${against}`),
    el("span", { class: "missing" }, "not in the hypothesis"),
    sentence.rarest === 0 ? el("span", { class: "unseen" }, "nowhere in the training data") : null,
    scaleKey(),
    view.sources.some(isSum) ? el("span", {}, "a source word of several pieces has the sum of their weights") : null,
    state.asTable ? null : el("span", { class: "unsure", title: `−log P; a whole bar is ${MOST_NATS} nats or more` }, `bar: how improbable the token was (whole: P < ${Math.ceil(100 * Math.exp(-MOST_NATS))}%)`),
    goldNote(view),
    sentence.baseline && el("div", { class: "against" }, "marked against", segments("Marked against", [choice("reference"), choice("baseline")])));
}

/** The colours of the heatmap, and of how much they stand for. */
function scaleKey() {
  const { measure, full } = view;
  const numbers = [measure.ticks[0] * full, full].map((number) => fixed(number, Number.isInteger(number) ? 0 : 2));
  const colours = Object.entries(REPORT.heatmap[measure.scales]).map(([theme, scale]) => `--${theme}:linear-gradient(90deg,${scale})`);
  return el("span", { class: "scale" }, `${measure.shaded} ${numbers[0]} `, el("i", { style: colours.join(";") }), ` ${numbers[1]}`);
}

/** What the outlines are, or where to find them. */
function goldNote({ sentence, shown }) {
  if (goldShown({ sentence, shown })) return state.asTable ? null : el("span", {}, el("i", { class: "gold" }), `outlined: gold alignment${sentence.gold.some((link) => link.length > 2) ? ", dotted where it is only possible" : ""}`);
  return sentence.gold ? el("span", {}, "The gold alignment links words of the reference: r shows it.") : null;
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
function branchRow(sentence, number) {
  const branch = sentence.branches[number];
  const side = `what-if-${number + 1}`;
  const title = `Its attention: what if “${visible(branch.token)}” stood there${branch.as_reference ? ", as in the reference" : ""}`;
  return textRow(whose(side, title), branch.text, markedText(branch, marker(sentence.hypothesis, "strong", null), view.shown === side), branchFacts(sentence, branch));
}

/** What came of another translation, and which token instead of which led to it, with their probabilities. */
function branchFacts(sentence, branch) {
  const { tokens, probabilities } = sentence.hypothesis;
  const { step, token, score, above, as_reference: asReference } = branch;
  const named = (label, share) => `“${visible(label)}” ${percent(share)}`;
  const facts = [asReference ? "as the reference begins" : null, `chrF ${chrfBeside(branch, sentence)}`, `score ${fixed(score, 2)}`, above ? "ranks above" : null, `${named(token, branch.probabilities[step])} for ${named(tokens[step], probabilities[step])}`];
  return el("small", { class: "muted" }, facts.filter(Boolean).join(", "));
}
