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

function exampleList(title, indices, figure = ({ chrf }) => fixed(chrf), translation = "hypothesis") {
  const { sentences } = state.evaluation;
  const items = indices.map((index) => {
    const { source, [translation]: { text } } = sentences[index];
    return el(
      "li",
      {},
      el(
        "a",
        { href: address("sentences", { ...AFRESH, sentence: index, shown: translation }) },
        el("span", { class: "number" }, figure(sentences[index])),
        el("span", { class: "pair" },
          el("span", { dir: "auto" }, source.text),
          el("span", { class: "muted", dir: "auto" }, text || "(empty)")),
      ),
    );
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
  fill(byId("worst"), exampleList("Worst by chrF", ranked.slice(0, count)));
  fill(
    byId("examples"),
    exampleList("Typical", ranked.slice(middle, middle + count)),
    exampleList("Best", ranked.slice(-count).reverse()),
    misaligned.length ? exampleList("Worst alignment of the reference, by AER", misaligned.slice(0, count), ({ aer }) => fixed(aer, 2), "reference") : null,
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
  await drawChart(node, figure, `Number of sentences by sentence chrF. ${bars.join("; ")}`);
  node.removeAllListeners("plotly_click");
  node.on("plotly_click", ({ points }) => {
    location.hash = address("sentences", { ...AFRESH, chrf: points[0].customdata.join("-") });
  });
}
