/* The heads of an attention, a row each, and their mean. */

const HEAD_COLUMNS = [
  ["Entropy", ({ entropy }) => fixed(entropy, 2)],
  ["On the first token", ({ first }) => (first === null ? "–" : percent(first))],
  ["On the last token", ({ last }) => (last === null ? "–" : percent(last))],
  ["AER", ({ aer }) => fixed(aer, 3)],
];

/** The table of the heads; nothing where there is one. */
function headTable({ heads }) {
  if (!heads.length) return null;
  const head = ["", ...HEAD_COLUMNS.map(([name]) => name)].map((text) => el("th", { scope: "col" }, text));
  const row = (figures, index) => el("tr", {},
    el("th", { scope: "row" }, index ? `Head ${index}` : `Mean of ${heads.length - 1} heads`),
    HEAD_COLUMNS.map(([, cell]) => el("td", {}, cell(figures))));
  return [
    el("h2", {}, "Heads"),
    el("p", { class: "hint prose" }, "All else in this page that is of the attention is of the mean of its heads; a sentence shows each. Entropy in nats a token; the shares of the first token, which is special, and of the last; AER of the references. A head that mostly looks at one place, whatever is written, may have found nothing better to do."),
    figuresTable("Heads", head, heads.map(row)),
  ];
}
