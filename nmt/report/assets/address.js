/* What the page shows <-> its address. */

/** What a link asks for that does not go on with a search. */
const AFRESH = { query: "", sort: BY_NUMBER, shown: "hypothesis" };

const SIDES = ["hypothesis", "reference", "baseline"];

/** An order as an address has it, and what it is of these `orders`, or else the usual one. */
const sortText = ({ key, descending }) => (descending ? "-" : "") + key;
const readSort = (text, orders, usual) => {
  const key = text.replace(/^-/, "");
  return Object.hasOwn(orders, key) ? { key, descending: text !== key } : usual;
};

/** The filters, search and order that the parameters of an address ask for, so far as they are what `address` writes. */
function readAddress(parameters) {
  const asked = Object.keys(FILTERS).map((name) => [name, parameters.get(name) ?? ""]);
  return {
    filter: Object.fromEntries(asked.filter(([name, value]) => FILTERS[name].knows(value))),
    query: parameters.get("q") ?? "",
    shown: SIDES.find((side) => side === parameters.get("shown")) ?? "hypothesis",
    sort: readSort(parameters.get("sort") ?? "", ORDERS, BY_NUMBER),
  };
}

/** The address of a section, of a sentence (an index from 0), of filters, with search, order and whose attention is
 *  shown as they are; the evaluation stands in it where there is more than one. */
function address(tab, { sentence = null, query = state.query, sort = state.sort, shown = state.shown, split = state.evaluation.label, ...filter } = {}) {
  const asked = new URLSearchParams();
  for (const name of Object.keys(FILTERS)) if (filter[name]) asked.set(name, filter[name]);
  if (tab === "sentences" && query) asked.set("q", query);
  if (tab === "sentences" && (sort.key !== "number" || sort.descending)) asked.set("sort", sortText(sort));
  if (tab === "sentences" && shown !== "hypothesis") asked.set("shown", shown);
  if (REPORT.evaluations.length > 1) asked.set("split", split);
  return `#/${tab}${sentence === null ? "" : `/${sentence + 1}`}${asked.size ? `?${asked}` : ""}`;
}
