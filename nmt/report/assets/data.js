/* report.json, and what is computed from it: weights, words, differences, filters. */

/** What report.json holds, once `loadReport` is done. */
const REPORT = {};

const BY_NUMBER = { key: "number", descending: false };

/** What a link asks for that does not go on with a search. */
const AFRESH = { query: "", sort: BY_NUMBER, shown: "hypothesis" };

const SIDES = ["hypothesis", "reference", "baseline"];

const state = {
  evaluation: null,
  filter: { flag: null, chrf: null },
  query: "",
  sort: BY_NUMBER,
  rows: [],
  chosen: null,
  unit: "words",
  shown: "hypothesis",
  asTable: false,
};

async function loadReport() {
  Object.assign(REPORT, JSON.parse(await unpacked("report-gzip")));
  state.evaluation = REPORT.evaluations[0];
}

/** Whose tokens and attention are shown: those that are chosen, if the sentence has them, else the hypothesis's. The
 *  reference's were kept under forced decoding; a baseline is what another evaluation made of the sentence. */
const shownOf = (sentence) => (sentence[state.shown]?.tokens ? state.shown : "hypothesis");

/** The source in the tokens of the model whose attention is shown. */
const sourceOf = (sentence, shown) => sentence[shown].source ?? sentence.source;

/** Attention [target][source] of what is shown of a sentence, or a smaller matrix over `units` of its tokens: the sum
 *  over the source tokens and the mean over the target tokens of each unit. */
function attentionOf(sentence, shown, targetUnits, sourceUnits) {
  const bytes = bytesOf(sentence[shown].attention);
  const columns = sourceOf(sentence, shown).tokens.length;
  const weight = (row, column) => (bytes[row * columns + column] / 255) ** 2;
  return targetUnits.map((target) =>
    sourceUnits.map((source) => {
      let sum = 0;
      for (const row of target.tokens) for (const column of source.tokens) sum += weight(row, column);
      return sum / target.tokens.length;
    }),
  );
}

/** The rows or columns of the heatmap: each token, or each word with all its tokens, where a token of no word stays
 *  by itself; in order of the first token. */
function unitsOf(side, unit) {
  const units = [];
  const unitOfWord = new Map();
  side.tokens.forEach((token, index) => {
    const word = side.word_of_token[index];
    const known = unit === "words" && word !== null ? unitOfWord.get(word) : undefined;
    if (known) known.tokens.push(index);
    else {
      const label = unit === "words" && word !== null ? side.words[word] : token;
      units.push({ label, word, tokens: [index] });
      unitOfWord.set(word, units.at(-1));
    }
  });
  return units;
}

/** The filter, search and order that the parameters of an address ask for, so far as they are what `address` writes. */
function readAddress(parameters) {
  const [flag, sort] = [parameters.get("flag"), parameters.get("sort") ?? "number"];
  const range = /^(\d{1,3})-(\d{1,3})$/.exec(parameters.get("chrf") ?? "");
  const key = sort.replace(/^-/, "");
  return {
    filter: { flag: Object.hasOwn(REPORT.flags, flag ?? "") ? flag : null, chrf: range && [Number(range[1]), Number(range[2])] },
    query: parameters.get("q") ?? "",
    shown: SIDES.find((side) => side === parameters.get("shown")) ?? "hypothesis",
    sort: Object.hasOwn(SORT_KEYS, key) ? { key, descending: sort !== key } : BY_NUMBER,
  };
}

/** For each word of `a`, whether it belongs to the longest common subsequence with `b`. */
function commonWords(a, b) {
  const length = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  const common = new Array(a.length).fill(false);
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) (common[i++] = true), j++;
    else if (length[i + 1][j] >= length[i][j + 1]) i++;
    else j++;
  }
  return common;
}

const SORT_KEYS = {
  number: (sentence, index) => index,
  source: (sentence) => sentence.source.words.length,
  attention: (sentence) => sentence.entropy ?? -1,
  chrf: (sentence) => sentence.chrf,
  gain: (sentence) => gainOf(sentence) ?? 0,
  ratio: (sentence) => sentence.length_ratio ?? -1,
  confidence: (sentence) => sentence.confidence ?? -1,
};

/** By how much the sentence chrF is above the baseline's; null without one. */
const gainOf = ({ chrf, baseline }) => (baseline ? chrf - baseline.chrf : null);

const haystacks = new WeakMap();

function haystack(sentence) {
  if (!haystacks.has(sentence)) {
    const texts = ["source", "hypothesis", "reference", "baseline"].map((side) => sentence[side]?.text);
    haystacks.set(sentence, folded(texts.join("\n")));
  }
  return haystacks.get(sentence);
}

/** The indices of the sentences that pass search and filters, sorted. */
function selectRows() {
  const { sentences } = state.evaluation;
  const query = folded(state.query.trim());
  const { flag, chrf } = state.filter;
  const passes = (sentence) =>
    (!flag || sentence.flags.includes(flag)) &&
    (!chrf || (sentence.chrf >= chrf[0] && (sentence.chrf < chrf[1] || chrf[1] === 100))) &&
    (!query || haystack(sentence).includes(query));
  const key = SORT_KEYS[state.sort.key];
  const sign = state.sort.descending ? -1 : 1;
  return sentences
    .map((sentence, index) => index)
    .filter((index) => passes(sentences[index]))
    .sort((a, b) => sign * (key(sentences[a], a) - key(sentences[b], b)) || a - b);
}

/** The address of a section, of a sentence (an index from 0), of a filter, with search, order and whose attention is
 *  shown as they are; the split stands in it where there is more than one. */
function address(tab, { sentence = null, flag = null, chrf = null, query = state.query, sort = state.sort, shown = state.shown, split = state.evaluation.label } = {}) {
  const asked = new URLSearchParams();
  if (flag) asked.set("flag", flag);
  if (chrf) asked.set("chrf", chrf.join("-"));
  if (tab === "sentences" && query) asked.set("q", query);
  if (tab === "sentences" && (sort.key !== "number" || sort.descending)) asked.set("sort", (sort.descending ? "-" : "") + sort.key);
  if (tab === "sentences" && shown !== "hypothesis") asked.set("shown", shown);
  if (REPORT.evaluations.length > 1) asked.set("split", split);
  return `#/${tab}${sentence === null ? "" : `/${sentence + 1}`}${asked.size ? `?${asked}` : ""}`;
}
