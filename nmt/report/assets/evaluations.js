/* All evaluations of the report, a row each. */

const EVALUATION_HEADS = ["", "Decoding", "BLEU", "Difference in BLEU", "chrF", "TER", "Length ratio", "Search errors", "Repetitions"];
const QUALIFIED = { "Difference in BLEU": "from the one shown", TER: "lower is better", "Search errors": "at least" };

/** The table of all evaluations; nothing where there is one. */
function evaluationTable() {
  if (REPORT.evaluations.length < 2) return null;
  const head = EVALUATION_HEADS.map((text) => el("th", { scope: "col" }, text, QUALIFIED[text] ? el("small", {}, ` ${QUALIFIED[text]}`) : null));
  return [
    el("h2", {}, "Evaluations"),
    figuresTable("Evaluations", head, REPORT.evaluations.map(evaluationRow)),
  ];
}

function evaluationRow(evaluation) {
  const { label, split, search, checkpoint, scores } = evaluation;
  const score = (name) => {
    const found = scores.find((each) => each.name.startsWith(name));
    return found && [fixed(found.score), found.low !== null && name === "BLEU" ? el("small", {}, ` [${fixed(found.low)}, ${fixed(found.high)}]`) : null];
  };
  const cells = [[search.decoding, el("small", {}, ` ${checkpoint}`)], score("BLEU"), gainCell(evaluation), score("chrF"), score("TER"),
    fixed(lengthRatio(evaluation), 3), [flagCount(evaluation, "search_error"), lookedForBy(evaluation)], flagCount(evaluation, "repetition")];
  const isShown = evaluation === state.evaluation;
  return el("tr", { "aria-current": isShown ? "true" : null },
    el("th", { scope: "row" }, isShown ? label : el("a", { href: placeOf("overview", evaluation) }, label), label === split ? null : el("small", {}, ` ${split}`)),
    cells.map((cell) => el("td", {}, cell ?? "–")));
}

/** By how much its BLEU is above that of the evaluation that is shown, by paired bootstrap; nothing of other sentences. */
function gainCell({ label }) {
  const gain = state.evaluation.gains[label];
  return gain && [signed(gain.difference), el("small", {}, ` [${signed(gain.low)}, ${signed(gain.high)}], p ${gain.p_text}`)];
}

/** Words of all hypotheses by words of all references. */
function lengthRatio({ sentences }) {
  const count = (side) => sentences.reduce((sum, sentence) => sum + sentence[side].words.length, 0);
  return count("reference") ? count("hypothesis") / count("reference") : null;
}

/** How many sentences of how many have a flag, as a link to them; a dash where that is not known. */
function flagCount({ label, flags, sentences }, flag) {
  if (!flags.includes(flag)) return "–";
  const count = sentences.filter((sentence) => sentence.flags.includes(flag)).length;
  const number = count ? el("a", { href: address("sentences", { ...AFRESH, split: label, flag }) }, grouped(count)) : "0";
  return [number, ` of ${grouped(sentences.length)}`];
}

/** What search errors were looked for by, where that is not the same in all rows; nothing where they were not. */
function lookedForBy({ flags, search_errors_by: by }) {
  const looked = REPORT.evaluations.filter((each) => each.flags.includes("search_error"));
  const differ = new Set(looked.map((each) => each.search_errors_by.join())).size > 1;
  return differ && flags.includes("search_error") ? el("small", { class: "by" }, ` by ${by.join(", ")}`) : null;
}
