/* Overview: scores, findings, first sentences, distribution, the command. */

const isSerious = ({ weight }) => weight >= 1;

/** A finding, with links to the sentences behind it: those that have its flag, and how that differs from the baseline. */
function findingItem({ text, flag, compared }) {
  const those = (filter, label) => el("a", { href: address("sentences", { ...AFRESH, ...filter }) }, label);
  const changes = compared ? Object.keys(CHANGES).map((how) => `${how}-${compared}`) : [];
  const count = (change) => state.evaluation.sentences.filter(FILTERS.change.holds(change)).length;
  const there = changes.filter(count).map((change) => those({ change }, `${grouped(count(change))} ${changeLabel(change)}`));
  const links = [...(flag ? [those({ flag }, "Show them")] : []), ...there];
  return el("li", {}, text, links.map((link, index) => [index ? " · " : " ", link]));
}

/** Some sentences, each with a number, its source, and the texts of `sides`, the first of which its link shows. */
function exampleList(title, indices, sides = ["hypothesis"], figure = ({ chrf }) => fixed(chrf)) {
  const [shown] = sides;
  const items = indices.map((index) => {
    const sentence = state.evaluation.sentences[index];
    const line = (side) => el("span", { class: "muted", dir: "auto" }, side === shown ? null : el("small", {}, `${nameOf(side)}: `), sentence[side].text || "(empty)");
    return el("li", {},
      el("a", { href: address("sentences", { ...AFRESH, sentence: index, shown }) },
        el("span", { class: "number" }, figure(sentence)),
        el("span", { class: "pair" }, el("span", { dir: "auto" }, sentence.source.text), sides.map(line))));
  });
  return el("div", {}, el("h3", {}, title), el("ol", { class: "plain" }, items));
}

function renderOverview() {
  const { command, findings, distribution, sentences } = state.evaluation;
  fill(byId("scores"), scoreTable(state.evaluation));
  fill(byId("evaluations"), evaluationTable());
  fill(byId("heads"), headTable(state.evaluation));
  fill(byId("against"), state.evaluation.baseline ? against(state.evaluation) : []);
  const [serious, others] = [findings.filter(isSerious), findings.filter((each) => !isSerious(each))];
  byId("findings-title").textContent = serious.length ? "Serious findings" : "Findings";
  fill(byId("serious"), serious.map(findingItem));
  fill(byId("findings"), others.map(findingItem));
  byId("findings-count").textContent = `${others.length} ${serious.length ? "others" : "findings, none of them serious"}`;
  const ranked = sentences.map((_, index) => index).sort((a, b) => sentences[a].chrf - sentences[b].chrf || a - b);
  const misaligned = ranked.filter((index) => sentences[index].aer !== null).sort((a, b) => sentences[b].aer - sentences[a].aer || a - b);
  const count = Math.min(5, ranked.length);
  const middle = Math.floor((ranked.length - count) / 2);
  fill(byId("worst"), exampleList("Worst by chrF", ranked.slice(0, count), ["hypothesis", "reference"]));
  fill(
    byId("examples"),
    exampleList("Typical", ranked.slice(middle, middle + count)),
    exampleList("Best", ranked.slice(-count).reverse()),
    misaligned.length ? exampleList("Worst alignment of the reference, by AER", misaligned.slice(0, count), ["reference"], ({ aer }) => fixed(aer, 2)) : null,
  );
  byId("command").textContent = command;
  const [{ customdata, y }] = distribution.data;
  const ranges = customdata.flatMap((chrf, bar) => (y[bar] ? [el("a", { href: address("sentences", { ...AFRESH, chrf: chrf.join("-") }) }, chrf.join("–")), " "] : []));
  fill(byId("ranges"), "Show the sentences with a chrF of ", ranges);
  drawDistribution(distribution);
}

async function drawDistribution(figure) {
  const node = byId("distribution");
  const [{ customdata }] = figure.data;
  const bars = customdata.map(([low, high], bar) => `${low} to ${high}: ${figure.data.map(({ y }) => y[bar]).join(", baseline ")}`);
  if (!(await drawChart(node, figure, `Number of sentences by sentence chrF. ${bars.join("; ")}`))) return;
  node.removeAllListeners("plotly_click");
  node.on("plotly_click", ({ points }) => {
    location.hash = address("sentences", { ...AFRESH, chrf: points[0].customdata.join("-") });
  });
}
