/* Which sentences are listed, and in which order. */

const BY_NUMBER = { key: "number", descending: false };

/** By how much the sentence chrF is above the baseline's; null without one. */
const gainOf = ({ chrf, baseline }) => (baseline ? chrf - baseline.chrf : null);

/** By how much the reference ranks above the hypothesis, by the score of the search; null where that is not known. */
const gapOf = ({ reference, hypothesis }) => (reference.score === null ? null : reference.score - hypothesis.score);

/** By how much the best “what if” of a sentence is above the hypothesis, by chrF; null without one. One that begins as
 *  the reference is told what is right, and has a filter of its own. */
const bestGain = ({ branches, chrf }) => {
  const own = branches.filter((branch) => !branch.as_reference);
  return own.length ? Math.max(...own.map((branch) => branch.chrf)) - chrf : null;
};

/** By how much the translation that begins as the reference is above the hypothesis, by chrF; null without one. */
const referenceGain = ({ branches, chrf }) => {
  const begun = branches.find((branch) => branch.as_reference);
  return begun ? begun.chrf - chrf : null;
};

const hasBaseline = ({ baseline }) => baseline !== null;

const hasSameText = ({ hypothesis, baseline }) => hypothesis.text === baseline?.text;

/** Kinds of sentences that the page tells by itself, and which evaluations have them. */
const KINDS = {
  better: { label: "better", meaning: "The chrF is above the baseline's", isIn: hasBaseline, holds: (sentence) => gainOf(sentence) > 0 },
  worse: { label: "worse", meaning: "The chrF is below the baseline's", isIn: hasBaseline, holds: (sentence) => gainOf(sentence) < 0 },
  alike: { label: "alike", meaning: "The chrF is that of the baseline, whose text is another", isIn: hasBaseline, holds: (sentence) => gainOf(sentence) === 0 && !hasSameText(sentence) },
  same: { label: "same text", meaning: "The text is that of the baseline", isIn: hasBaseline, holds: hasSameText },
  what_if: { label: "what-if better", meaning: "A “what if” has a higher chrF than the hypothesis", isIn: ({ sentences }) => sentences.some((sentence) => bestGain(sentence) !== null), holds: (sentence) => bestGain(sentence) > 0 },
  as_reference: { label: "better if begun as the reference", meaning: "With the reference's token where it leaves the reference, the translation goes on to a higher chrF", isIn: ({ sentences }) => sentences.some((sentence) => referenceGain(sentence) !== null), holds: (sentence) => referenceGain(sentence) > 0 },
};

/** The kinds that an evaluation has. */
const kindsOf = (evaluation) => Object.keys(KINDS).filter((kind) => KINDS[kind].isIn(evaluation));

/** How a flag of a translation can differ from that of the baseline's. */
const CHANGES = {
  gone: { label: "gone", holds: (now, before) => before && !now },
  new: { label: "new", holds: (now, before) => now && !before },
  both: { label: "in both", holds: (now, before) => now && before },
};

/** The two parts of a change such as "gone-long": how, and which flag. */
const changeParts = (change) => [change.split("-")[0], change.slice(change.indexOf("-") + 1)];

const changeLabel = (change) => CHANGES[changeParts(change)[0]].label;

function isChanged(change) {
  const [how, flag] = changeParts(change);
  return ({ flags, baseline }) => baseline !== null && CHANGES[how].holds(flags.includes(flag), baseline.flags.includes(flag));
}

/** The values of a filter that can have several, all of which are to hold: spaces stand between them. */
const valuesOf = (text) => text?.split(" ").filter(Boolean) ?? [];

/** Whether a text has such values, and all of them are known. */
const areAll = (isKnown) => (text) => valuesOf(text).length > 0 && valuesOf(text).every(isKnown);

/** Filters by their names in an address: whether a text there is a value of them, and what then holds for a sentence.
 *  “chrf=40-45” is a bin of real numbers, without its end; “length=10-14” a range of whole ones, with it. */
const FILTERS = {
  flag: { knows: areAll((flag) => Object.hasOwn(REPORT.flags, flag)), holds: (chosen) => ({ flags }) => valuesOf(chosen).every((flag) => flags.includes(flag)) },
  change: { knows: (change) => Object.hasOwn(CHANGES, changeParts(change)[0]) && Object.hasOwn(REPORT.flags, changeParts(change)[1]), holds: isChanged },
  kind: { knows: areAll((kind) => Object.hasOwn(KINDS, kind)), holds: (chosen) => (sentence) => valuesOf(chosen).every((kind) => KINDS[kind].holds(sentence)) },
  chrf: { knows: (range) => /^\d{1,3}-\d{1,3}$/.test(range), holds: isInBin },
  word: { knows: Boolean, holds: (word) => ({ source }) => source.words.includes(word) },
  passed_over: { knows: Boolean, holds: isPassedOver },
  written: { knows: Boolean, holds: (word) => ({ surplus }) => surplus.includes(word) },
  missing: { knows: Boolean, holds: (word) => ({ missing }) => missing.includes(word) },
  length: { knows: isRange, holds: (range) => ({ source }) => isInRange(range, source.words.length) },
  rarest: { knows: isRange, holds: (range) => ({ rarest }) => rarest !== null && isInRange(range, rarest) },
};

/** From the first number of a bin such as "40-45" on, and below the second, but for 100. */
function isInBin(bin) {
  const [low, high] = bin.split("-").map(Number);
  return ({ chrf }) => chrf >= low && (chrf < high || high === 100);
}

/** Whether a text is a range of whole numbers such as "10-14", or "100-" without an end. */
function isRange(text) {
  return /^\d{1,9}-\d{0,9}$/.test(text);
}

function isInRange(range, number) {
  const [least, most] = range.split("-");
  return number >= Number(least) && (most === "" || number <= Number(most));
}

function isPassedOver(word) {
  const row = state.evaluation.words.find((each) => each.word === word);
  const numbers = new Set(row?.passed_over);
  return (sentence, index) => numbers.has(index);
}

/** Orders of the sentences: the number to sort by, null where there is none, which comes last. They begin with the least,
 *  or with the greatest where they descend. */
const ORDERS = {
  number: { label: "position", value: (sentence, index) => index },
  source: { label: "source words", value: ({ source }) => source.words.length },
  rarest: { label: "rarest source word", value: ({ rarest }) => rarest },
  attention: { label: "entropy", value: ({ entropy }) => entropy },
  chrf: { label: "chrF", value: ({ chrf }) => chrf },
  gain: { label: "gain over the baseline", value: gainOf },
  ratio: { label: "length ratio", value: ({ length_ratio: ratio }) => ratio },
  confidence: { label: "confidence", value: ({ confidence }) => confidence },
  aer: { label: "AER", value: ({ aer }) => aer, descends: true },
  gap: { label: "lead of the reference’s score", value: gapOf, descends: true },
  what_if: { label: "gain of the best what-if", value: bestGain, descends: true },
  as_reference: { label: "gain of beginning as the reference", value: referenceGain, descends: true },
};

/** The orders that an evaluation has: those by a number that some sentence has. */
const ordersOf = ({ sentences }) => Object.keys(ORDERS).filter((key) => sentences.some((sentence, index) => ORDERS[key].value(sentence, index) !== null));

/** Compares by a key, of which those without come last. */
const inOrder = (key, descending) => (a, b) => {
  const [one, other] = [key(a), key(b)];
  if (one === null || other === null) return (one === null) - (other === null);
  return (descending ? -1 : 1) * (one < other ? -1 : Number(one > other));
};

/** The indices of the sentences that pass search and filters, sorted. */
function selectRows() {
  const { sentences } = state.evaluation;
  const tests = Object.entries(state.filter).filter(([, value]) => value).map(([name, value]) => FILTERS[name].holds(value));
  const asked = pattern(state.query);
  if (asked) tests.push((sentence) => asked.test(haystack(sentence)));
  const values = sentences.map(ORDERS[state.sort.key].value);
  const passing = [...sentences.keys()].filter((index) => tests.every((holds) => holds(sentences[index], index)));
  return passing.sort(inOrder((index) => values[index], state.sort.descending));
}
