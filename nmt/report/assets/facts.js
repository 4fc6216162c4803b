/* The numbers of what is shown of a sentence: hypothesis, reference or baseline. */

/** Words of a translation by those of the reference. */
const lengthRatioOf = ({ words }, reference) => (reference.words.length ? words.length / reference.words.length : null);

/** The line of numbers above the texts; those of the hypothesis stand in the row itself. */
function factsLine(sentence, shown) {
  const { hypothesis, reference, baseline } = sentence;
  const own = shown === "hypothesis" ? sentence : sentence[shown];
  const other = shown === "baseline" ? sentence : baseline;
  const fact = (name, value, title = null) => el("span", { title }, el("span", { class: "muted" }, `${name} `), value);
  const beside = (text, name, number, digits) => (number === undefined ? text : `${text}, ${name} ${fixed(number, digits)}`);
  const logs = (name) => ({
    hypothesis: beside(fixed(hypothesis.tokens.length ? hypothesis[name] : null, 2), "reference", reference.tokens ? reference[name] : undefined, 2),
    reference: beside(fixed(reference[name], 2), "hypothesis", hypothesis[name], 2),
    baseline: fixed(baseline?.[name], 2),
  })[shown];
  return el("p", { class: "facts-line" },
    el("span", {}, `${shown[0].toUpperCase()}${shown.slice(1)}:`),
    own.chrf === undefined ? null : fact("chrF", beside(fixed(own.chrf), shown === "baseline" ? "hypothesis" : "baseline", other?.chrf)),
    own.chrf === undefined ? null : fact("length ratio", fixed(lengthRatioOf(sentence[shown], reference), 2)),
    fact("confidence", fixed(own.confidence, 2)),
    fact("entropy", fixed(own.entropy, 2), `Of the attention of the ${shown}, in nats a token`),
    fact("log-probability", logs("log_prob"), `The search ranks by a score: ${logs("score")}`),
    shown === "baseline" || sentence.aer === null ? null : fact("AER", fixed(sentence.aer, 2), "Of the attention of the reference against its gold alignment"),
    flagLabels(shown === "baseline" ? baseline : sentence),
    state.rows.includes(view.index) ? null : el("span", { class: "muted" }, "not in the list as it is filtered"));
}
