/* The same few sentences at each validation: text and attention as the model learns them. */

/** Which of them is shown, and its validation, by their places; the last validation to begin with. */
const watched = { sample: 0, validation: Infinity };

function watch(changes) {
  Object.assign(watched, changes);
  renderSamples();
}

function renderSamples() {
  const { samples } = REPORT;
  byId("samples").hidden = !samples.length;
  if (!samples.length) return;
  const { source, reference, history } = samples[watched.sample];
  const validation = Math.min(watched.validation, history.length - 1);
  const { step, hypothesis } = history[validation];
  const choices = samples.map((sample, index) =>
    button(`Sentence ${index + 1}`, () => watch({ sample: index }), { pressed: index === watched.sample, focus: `sample-${index}`, title: sample.source.text }));
  fill(byId("sample-choice"), choices);
  const slider = byId("sample-step");
  slider.max = history.length - 1;
  slider.value = validation;
  slider.setAttribute("aria-valuetext", `step ${grouped(step)}`);
  byId("sample-step-name").textContent = `step ${grouped(step)}, validation ${validation + 1} of ${history.length}`;
  const compared = markedText(hypothesis, marker(reference, "ins", null));
  const line = (name, parts) => [el("dt", {}, name), el("dd", { dir: "auto" }, parts)];
  fill(byId("sample-texts"),
    line("Source", source.text),
    line("Reference", reference.text),
    line("Hypothesis", hypothesis.text ? compared : el("span", { class: "muted" }, "(empty)")));
  const sentence = { source, hypothesis };
  const [targets, sources] = [unitsOf(hypothesis, "words"), unitsOf(source, "words")];
  const weights = attentionOf(sentence, "hypothesis", targets, sources);
  fill(byId("sample-attention"), heatmapTable({ sentence, targets, sources, weights, measure: ATTENTION, full: ATTENTION.full }));
}
