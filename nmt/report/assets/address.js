/* What the page shows <-> its address. */

/** What a link asks for that does not go on with a search. */
const AFRESH = { query: "", sort: BY_NUMBER, shown: "hypothesis" };

const SIDE = /^(hypothesis|reference|baseline|what-if-\d+)$/;
const MEASURE = /^(attention|effect|head-\d+)$/;

/** An order as an address has it, and what it is of these `orders`, or else the usual one. */
const sortText = ({ key, descending }) => (descending ? "-" : "") + key;
const readSort = (text, orders, usual) => {
  const key = text.replace(/^-/, "");
  return Object.hasOwn(orders, key) ? { key, descending: text !== key } : usual;
};

/** The filters, search, order and view that the parameters of an address ask for, so far as they are what `address`
 *  writes. */
function readAddress(parameters) {
  const asked = Object.keys(FILTERS).map((name) => [name, parameters.get(name) ?? ""]);
  const step = parameters.get("step") ?? "";
  return {
    filter: Object.fromEntries(asked.filter(([name, value]) => FILTERS[name].knows(value))),
    query: parameters.get("q") ?? "",
    shown: SIDE.exec(parameters.get("shown"))?.[0] ?? "hypothesis",
    unit: parameters.get("unit") === "subwords" ? "subwords" : "words",
    measure: MEASURE.exec(parameters.get("measure"))?.[0] ?? "attention",
    against: parameters.get("against") === "baseline" ? "baseline" : "reference",
    asTable: parameters.get("view") === "table",
    scaled: parameters.get("scale") === "auto",
    step: /^[1-9]\d*$/.test(step) ? Number(step) - 1 : null,
    sort: readSort(parameters.get("sort") ?? "", ORDERS, BY_NUMBER),
  };
}

/** The address of a section, of a sentence and a step of it (indices from 0), of filters, with search, order and how a
 *  sentence is shown as they are. */
function address(tab, { sentence = null, step = null, query = state.query, sort = state.sort, shown = state.shown, split = state.evaluation.label, ...filter } = {}) {
  const asked = new URLSearchParams();
  for (const name of Object.keys(FILTERS)) if (filter[name]) asked.set(name, filter[name]);
  if (tab === "sentences") {
    if (query) asked.set("q", query);
    if (sort.key !== "number" || sort.descending) asked.set("sort", sortText(sort));
    if (shown !== "hypothesis") asked.set("shown", shown);
    if (state.unit !== "words") asked.set("unit", state.unit);
    if (state.measure !== "attention") asked.set("measure", state.measure);
    if (state.against !== "reference") asked.set("against", state.against);
    if (state.asTable) asked.set("view", "table");
    if (state.scaled) asked.set("scale", "auto");
  }
  if (step !== null) asked.set("step", step + 1);
  return addressOf(sentence === null ? tab : `${tab}/${sentence + 1}`, asked, split);
}

/** The address of a place with what is asked of it; the evaluation stands in it where there is more than one. */
function addressOf(place, asked, split) {
  if (REPORT.evaluations.length > 1) asked.set("split", split);
  return `#/${place}${asked.size ? `?${asked}` : ""}`;
}

let writing = 0;

/** Writes what is shown of the sentences into the address. */
function keepAddress() {
  clearTimeout(writing);
  history.replaceState(null, "", address("sentences", { sentence: state.chosen, step: state.step, ...state.filter }));
}

/** The same once the keys rest: browsers allow only so many such changes in a second. */
function keepAddressLater() {
  clearTimeout(writing);
  writing = setTimeout(keepAddress, 200);
}
