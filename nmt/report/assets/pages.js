/* Masthead, training curves and the data of About. */

function renderMasthead() {
  const { src, tgt, split, label, search, checkpoint, scores, sentences } = state.evaluation;
  byId("run-name").textContent = REPORT.run.name;
  const facts = [`${src} → ${tgt}`, label === split ? split : `${label} (${split})`, `${grouped(sentences.length)} sentences`];
  byId("run-facts").textContent = [...facts, search.decoding, checkpoint].join(" · ");
  const bleu = scores.find((score) => score.name === "BLEU");
  fill(byId("headline"), bleu ? headline(bleu) : []);
  const choice = byId("split");
  byId("split-choice").hidden = REPORT.evaluations.length < 2;
  fill(choice, REPORT.evaluations.map(({ label: name }) => el("option", { value: name, selected: name === label }, name)));
}

function headline(score) {
  const interval = score.low === null ? "" : `[${fixed(score.low)}, ${fixed(score.high)}]`;
  return el("p", { title: score.signature }, el("span", { class: "muted" }, `${score.name} `), el("strong", {}, fixed(score.score)), ` ${interval}`);
}

async function renderTraining() {
  renderSamples();
  const place = byId("curves");
  const some = (holds) => REPORT.training.some(holds);
  byId("curves-told").hidden = !REPORT.training.length;
  byId("kept-told").hidden = !some(({ layout }) => layout.shapes);
  byId("baseline-told").hidden = !some(({ data }) => data.some(({ line }) => line.dash === "dash"));
  if (!REPORT.training.length) {
    fill(place, el("p", { class: "note" }, "There are no curves: the run has no metrics.csv, which `nmt train` writes."));
    return;
  }
  if (!place.children.length) fill(place, REPORT.training.map(() => el("div", { class: "chart" })));
  for (const [index, figure] of REPORT.training.entries()) {
    const last = figure.data.map(({ name, y }) => `${name} ends at ${y.at(-1)}`);
    await drawChart(place.children[index], figure, `${figure.layout.title.text} over the steps: ${last.join("; ")}`);
  }
}

function renderAbout() {
  const { command, checkpoint, seconds, search, scores, versions } = state.evaluation;
  byId("chrf-signature").textContent = REPORT.chrf_signature;
  const flags = Object.values(REPORT.flags);
  fill(byId("flag-meanings"), flags.map(({ label, meaning }) => el("li", {}, el("em", {}, label), `: ${meaning}`)));
  const facts = {
    command,
    checkpoint,
    seconds: fixed(seconds),
    ...search,
    ...Object.fromEntries(scores.map(({ name, form, signature }) => [`${name}, ${form}`, signature])),
    ...versions,
    ...Object.fromEntries(Object.entries(REPORT.versions).map(([name, number]) => [`${name} (report)`, number])),
  };
  const row = ([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, el("code", {}, String(value)))];
  fill(byId("evaluation-facts"), Object.entries(facts).map(row));
  const { config } = REPORT.run;
  const missing = () => el("p", { class: "note" }, "The run has no config.yaml, which `nmt train` writes.");
  fill(byId("config"), config === null ? missing() : el("pre", {}, config));
}
