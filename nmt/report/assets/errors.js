/* Errors: which sentences are translated worse than others, and which words are written too often or too seldom. */

/** A range of whole numbers from 0 on, in words; `most` is null where it has no end. */
function rangeText(least, most) {
  if (most === null) return `${grouped(least)} and more`;
  if (least === most) return grouped(least);
  return least ? `${grouped(least)} to ${grouped(most)}` : `below ${grouped(most + 1)}`;
}

/** The same as a filter has it in an address. */
const rangeValue = ({ least, most }) => `${least}-${most ?? ""}`;

/** The value of this evaluation, with that of the baseline in brackets where there is one. */
function ofEach(values, digits = 1) {
  const now = fixed(values.at(-1), digits);
  return values.length > 1 ? [now, el("small", {}, ` (${fixed(values[0], digits)})`)] : now;
}

/** A measure of a range of sentences: its value, with its interval; beside a baseline the difference, with that of it. */
function measured(range, name, digits = 1) {
  const { [name]: values, intervals } = range;
  const isCompared = values.length > 1;
  const number = isCompared ? signed : fixed;
  const [low, high] = intervals[name] ?? [];
  const difference = isCompared ? [" ", el("small", { class: low > 0 || high < 0 ? "sure" : null }, signed(values[1] - values[0], digits))] : null;
  const interval = low === undefined ? null : [" ", el("small", {}, `[${number(low, digits)}, ${number(high, digits)}]`)];
  return [fixed(values.at(-1), digits), difference, interval];
}

const linkTo = (filter, text) => el("a", { href: address("sentences", { ...AFRESH, ...filter }), dir: "auto" }, text);

/** A table with its heading and what it says; nothing without a row. */
function errorTable(title, hint, heads, rows) {
  if (!rows.length) return null;
  return el("div", {},
    el("h2", {}, title),
    el("p", { class: "hint prose" }, hint),
    figuresTable(title, heads.map((text) => el("th", { scope: "col" }, text)), rows));
}

/** A row of such a table; one of few sentences or words is pale. */
const errorRow = ([first, ...cells], isFew = false) =>
  el("tr", { class: isFew ? "few" : null }, el("th", { scope: "row" }, first), cells.map((cell) => el("td", {}, cell)));

/** The sentences by a number of their source, which is also the name of a filter. */
function sourceRows(ranges, filter) {
  return ranges.map((range) => errorRow([
    rangeText(range.least, range.most), linkTo({ [filter]: rangeValue(range) }, grouped(range.sentences)),
    measured(range, "chrf"), measured(range, "bleu"), measured(range, "length_ratio", 2),
  ], range.sentences < REPORT.few));
}

/** The words of the references by how often they stand in the training data. */
function frequencyRows(ranges) {
  return ranges.map(({ least, most, words: count, f1 }) => errorRow([rangeText(least, most), grouped(count), ofEach(f1)], count < REPORT.few));
}

/** Words with how often they are wanted and written; each leads to the sentences of a filter. */
function misusedRows(found, filter) {
  return found.map(({ word, references, written }) => errorRow([linkTo({ [filter]: word }, visible(word)), grouped(references), ofEach(written, 0)]));
}

/** N-grams with how often they are wanted and found; each leads to a search for it. */
function ngramRows(found) {
  const asWritten = (ngram) => ngram.replace(new RegExp(` (?=[.,;:!?)]|${UNSPACED})|(?<=${UNSPACED}) `, "gu"), "");
  return found.map(({ words: ngram, references, right }) => errorRow([linkTo({ query: `"${asWritten(ngram)}"` }, visible(ngram).replaceAll("␣", " ")), grouped(references), ofEach(right, 0)]));
}

function renderErrors() {
  const { breakdown: found, training_counts: counted, baseline } = state.evaluation;
  const of = ["Sentences", "Mean chrF", "BLEU", "Length ratio"];
  const inTraining = counted && `${grouped(counted.pairs)}${counted.pairs < counted.of_pairs ? ` of ${grouped(counted.of_pairs)}` : ""} training pairs`;
  const misused = ["Word", "Wanted", "Written"];
  const ngrams = ["Words in a row", "Wanted", "Right"];
  fill(byId("error-tables"),
    el("p", { class: "hint prose" }, baseline
      ? `Beside scores: the difference from ${baseline.name}, the baseline, and its 95% interval by paired bootstrap, bold where that is above or below zero; beside counts and F1, in brackets, the baseline’s.`
      : "Beside scores: the 95% interval by bootstrap.", ` Of fewer than ${REPORT.few} there is none, and the row is pale: it tells little.`),
    el("div", { class: "columns ranges-of" },
      errorTable("By length", "Sentences by the number of words of their source.", ["Source words", ...of], sourceRows(found.by_length, "length")),
      errorTable("By the rarest source word", `Sentences by how often their rarest source word stands in the training data, counted in ${inTraining}.`,
        ["Times in training", ...of], sourceRows(found.by_rarest, "rarest")),
      errorTable("By the frequency of target words",
        "Words of the references by how often they stand in the training data; F1 is that of finding them in the right sentence.",
        ["Times in training", "Words", "F1"], found.frequencies_of === "training" ? frequencyRows(found.by_frequency) : [])),
    counted ? null : el("p", { class: "hint" }, "How often words stand in the training data was not kept: nmt evaluate does, where it can read that data."),
    el("div", { class: "columns" },
      errorTable("Written too often", "Words that the translations have more often than the references, beyond chance: the least like chance first. A word leads to the sentences that have too many of it.", misused, misusedRows(found.too_often, "written")),
      errorTable("Written too seldom", "Words that the translations have less often than the references, beyond chance. A word leads to the sentences that have too few of it.", misused, misusedRows(found.too_seldom, "missing")),
      errorTable("Gained over the baseline", "Words in a row that are right, as the reference has them, more often than in the baseline, beyond chance.", ngrams, ngramRows(found.gained)),
      errorTable("Lost against the baseline", "Words in a row that are right less often than in the baseline, beyond chance.", ngrams, ngramRows(found.lost))));
}
