/* The words of the sources: by what each was translated, as far as attention tells. */

const WORDS_AT_ONCE = 100;

const MOST_FREQUENT = { key: "count", descending: true };

/** What is looked for among the words, their order, and how many of them are shown. */
const words = { query: "", sort: MOST_FREQUENT, shown: WORDS_AT_ONCE };

/** Of a rarer word a share says little. */
const LEAST_COUNT = 5;

const WORD_COLUMNS = [
  { key: "word", label: "Source word", title: "As it is written" },
  { key: "count", label: "Count", title: "How often it stands in the sources" },
  { key: "in_training", label: "In training", title: "How often it stands in the training data" },
  { key: "received", label: "Received", title: "Attention that it got from target words, each time on average; one target word gives 1 in all" },
  { key: "passed_over", label: "Passed over", title: `How often it was for no target word what that attended to most; sorts by the share, those that stand there less than ${LEAST_COUNT} times last` },
  { key: "targets", label: "Attended to by", title: "Target words by their share of what it received; sorts by the largest share" },
];

const WORD_ORDERS = {
  word: ({ word }) => word,
  count: ({ count }) => count,
  in_training: ({ in_training: inTraining }) => inTraining,
  received: ({ received }) => received,
  passed_over: ({ count, passed_over: passedOver }) => (count < LEAST_COUNT ? null : passedOver.length / count),
  targets: ({ targets }) => targets[0]?.[1] ?? 0,
};

/** Takes search and order of the words from the address. */
function readWordsAddress(asked) {
  words.query = asked.get("q") ?? "";
  words.sort = readSort(asked.get("sort") ?? "", WORD_ORDERS, MOST_FREQUENT);
}

function wordsAddress({ split = state.evaluation.label } = {}) {
  const { query, sort } = words;
  const asked = new URLSearchParams();
  if (query) asked.set("q", query);
  if (sortText(sort) !== sortText(MOST_FREQUENT)) asked.set("sort", sortText(sort));
  return addressOf("words", asked, split);
}

/** Shows the words anew, from the first on, after a change of search or order. */
function changeWords(changes) {
  Object.assign(words, { shown: WORDS_AT_ONCE }, changes);
  history.replaceState(null, "", wordsAddress());
  renderWords();
}

const wordHead = (column) => sortHead(column, words.sort, column.key !== "word", (sort) => changeWords({ sort }));

/** How often a word of a source stands in the training data; null where that is not known. */
const timesInTraining = (word) => state.evaluation.words.find((each) => each.word === word)?.in_training ?? null;

/** The columns that the evaluation has. */
const wordColumns = () => WORD_COLUMNS.filter(({ key }) => key !== "in_training" || state.evaluation.training_counts);

function wordRow({ word, count, in_training: inTraining, received, passed_over: passedOver, targets }) {
  const target = ([text, share]) => el("li", {}, el("bdi", {}, visible(text)), " ", el("span", { class: "muted" }, percent(share)),
    el("i", { class: "bar", style: `width:${100 * share}%` }));
  const those = (filter, title, text) => el("a", { href: address("sentences", { ...AFRESH, ...filter }), title, dir: "auto" }, text);
  const times = `${grouped(passedOver.length)} (${percent(passedOver.length / count)})`;
  return el("tr", {},
    el("th", { scope: "row" }, those({ word }, `Show the sentences with “${word}”`, visible(word))),
    el("td", {}, grouped(count)),
    inTraining === null ? null : el("td", {}, grouped(inTraining)),
    el("td", { class: "col-received" }, fixed(received, 2)),
    el("td", {}, passedOver.length ? those({ passed_over: word }, `Show the sentences in which “${word}” is passed over`, times) : "–"),
    el("td", { class: "col-targets" }, el("ul", { class: "plain targets" }, targets.map(target))));
}

function renderWords() {
  const query = folded(words.query.trim());
  const passes = ({ word, targets }) => [word, ...targets.map(([text]) => text)].some((text) => folded(text).includes(query));
  const found = state.evaluation.words.filter(passes).sort(inOrder(WORD_ORDERS[words.sort.key], words.sort.descending)); // ties: the most frequent first
  if (byId("word-search").value !== words.query) byId("word-search").value = words.query;
  const table = byId("word-table");
  fill(table.tHead, el("tr", {}, wordColumns().map(wordHead)));
  fill(table.tBodies[0], found.slice(0, words.shown).map(wordRow));
  const left = found.length - words.shown;
  byId("more-words").hidden = left <= 0;
  byId("more-words").textContent = `Show ${grouped(Math.min(left, WORDS_AT_ONCE))} more`;
  const all = `${grouped(found.length)} ${found.length === 1 ? "word" : "words"}`;
  byId("word-count").textContent = left > 0 ? `${grouped(words.shown)} of ${all}` : all;
}
