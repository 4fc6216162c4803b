/* Overview: scores, findings, distribution, first sentences, the command. */

function scoreCard(score) {
  const interval = score.low === null ? "no interval" : `95% interval ${fixed(score.low)} – ${fixed(score.high)}`;
  return el(
    "article",
    { class: "card" },
    el("h3", {}, score.name, el("small", {}, score.higher_is_better ? "higher is better" : "lower is better")),
    el("p", { class: "big" }, fixed(score.score)),
    el("p", {}, interval),
    el("p", { class: "muted" }, score.form),
    el("p", { class: "signature" }, score.signature),
  );
}

const lowerIsBetter = () => el("small", {}, " lower is better");

/** The error rate of links, and what they are of. */
function alignmentCard(of, alignment, name = "AER") {
  return el(
    "article",
    { class: "card" },
    el("h3", {}, name, lowerIsBetter()),
    el("p", { class: "big" }, fixed(alignment.aer, 3)),
    el("p", {}, `precision ${fixed(alignment.precision, 3)}, recall ${fixed(alignment.recall, 3)}`),
    el("p", { class: "muted" }, `${of} against ${grouped(alignment.links)} gold links${alignment.possible ? ` and ${grouped(alignment.possible)} only possible` : ""}`),
    el("p", { class: "signature" }, alignment.method),
  );
}

const changedSetting = ([key, before, now]) => el("span", {}, el("code", {}, key), ` ${before} → ${now} `);

/** By how much the evaluation differs from its baseline, and where. */
function against({ baseline, sentences }) {
  const head = ["", "Baseline", "This evaluation", "Difference", "95% interval", "p"].map((text) => el("th", { scope: "col" }, text));
  const row = (name, isLower, cells, how) => [
    el("tr", {}, el("th", { scope: "row" }, name, isLower ? lowerIsBetter() : null), cells.map((text) => el("td", {}, text))),
    el("tr", { class: "how" }, el("td", { class: "signature", colspan: head.length }, how)),
  ];
  const difference = (digits) => ({ name, baseline: before, score, low, high, p_text, form, signature, higher_is_better }) =>
    row(name, !higher_is_better, [fixed(before, digits), fixed(score, digits), signed(score - before, digits), `${signed(low, digits)} to ${signed(high, digits)}`, p_text], `${form}, ${signature}`);
  const sorted = (descending) => address("sentences", { ...AFRESH, sort: { key: "gain", descending } });
  const those = (kind) => {
    const count = sentences.filter(KINDS[kind].holds).length;
    return el("a", { href: address("sentences", { ...AFRESH, kind }) }, `${grouped(count)} ${KINDS[kind].label}`);
  };
  return [
    el("h2", {}, `Against ${baseline.name}`),
    el("p", { class: "hint" }, `The baseline: ${[baseline.name, baseline.search, baseline.checkpoint].join(" · ")}`),
    baseline.settings.length ? el("p", { class: "hint settings" }, "Settings that differ, the baseline’s first: ", baseline.settings.map(changedSetting)) : null,
    figuresTable(head, [...baseline.differences.map(difference(1)), baseline.aer && difference(3)(baseline.aer)]),
    el("p", {}, "By the chrF of each sentence: ", those("better"), ", ", those("worse"), ", ", those("alike"), ", ", those("same"), ". See the ",
      el("a", { href: sorted(true) }, "largest gains"), ", ", el("a", { href: sorted(false) }, "largest losses"), "."),
  ];
}

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
  const { scores, alignment, effect_alignment: ofEffects, heads, command, findings, distribution, sentences } = state.evaluation;
  fill(byId("scores"), scores.map(scoreCard), alignment && alignmentCard(heads.length ? `mean attention of ${heads.length - 1} heads` : "attention", alignment), ofEffects && alignmentCard("effects", ofEffects, "AER of effects"));
  fill(byId("evaluations"), evaluationTable());
  fill(byId("heads"), headTable(state.evaluation));
  fill(byId("against"), state.evaluation.baseline ? against(state.evaluation) : []);
  fill(byId("findings"), findings.map(findingItem));
  const ranked = sentences.map((_, index) => index).sort((a, b) => sentences[a].chrf - sentences[b].chrf || a - b);
  const misaligned = ranked.filter((index) => sentences[index].aer !== null).sort((a, b) => sentences[b].aer - sentences[a].aer || a - b);
  const count = Math.min(5, ranked.length);
  const middle = Math.floor((ranked.length - count) / 2);
  fill(
    byId("examples"),
    exampleList("Worst", ranked.slice(0, count)),
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
