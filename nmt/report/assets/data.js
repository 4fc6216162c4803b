/* report.json, the state of the page, and what is computed from both: weights, words, differences. */

/** What report.json holds, once `loadReport` is done. */
const REPORT = {};

const state = {
  evaluation: null,
  filter: {},
  query: "",
  sort: BY_NUMBER,
  rows: [],
  chosen: null,
  unit: "words",
  step: null,
  shown: "hypothesis",
  measure: "attention",
  against: "reference",
  asTable: false,
  scaled: false,
};

async function loadReport() {
  Object.assign(REPORT, JSON.parse(await unpacked("report-gzip")));
  for (const { sentences } of REPORT.evaluations) // a “what if” is shown as the other sides are
    for (const sentence of sentences) sentence.branches.forEach((branch, index) => (sentence[`what-if-${index + 1}`] = branch));
  state.evaluation = REPORT.evaluations[0];
}

/** Whose tokens and attention are shown: those that are chosen, if the sentence has them, else the hypothesis's. The
 *  reference's were kept under forced decoding; a baseline is what another evaluation made of the sentence, "what-if-1"
 *  the first of what else it could have been. */
const shownOf = (sentence) => (sentence[state.shown] ? state.shown : "hypothesis");

/** The source in the tokens of the model whose attention is shown. */
const sourceOf = (sentence, shown) => sentence[shown].source ?? sentence.source;

/** Attention [target][source] of what is shown of a sentence, or a smaller matrix over `units` of its tokens: the sum
 *  over the source tokens and the mean over the target tokens of each unit. `packed` is another attention of it. */
function attentionOf(sentence, shown, targetUnits, sourceUnits, packed = sentence[shown].attention) {
  const bytes = bytesOf(packed);
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

/** The rows or columns of the heatmap: each token, or each word with all its tokens, where the words of one token stay
 *  together and a token of no word by itself; in order of the first token. */
function unitsOf(side, unit) {
  const units = [];
  const unitOfWord = new Map();
  side.tokens.forEach((token, index) => {
    const words = side.words_of_token[index];
    const known = unit === "words" && words.length ? unitOfWord.get(words[0]) : undefined;
    if (known) known.tokens.push(index);
    else {
      const label = unit === "words" && words.length ? words.map((word) => side.words[word]).join("") : token;
      units.push({ label, words, tokens: [index] });
      unitOfWord.set(words[0], units.at(-1));
    }
  });
  return units;
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
