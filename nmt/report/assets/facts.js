/* The numbers of what is shown of a sentence: hypothesis, reference, baseline or a “what if”. */

/** Words of a translation by those of the reference. */
const lengthRatioOf = ({ words }, reference) => (reference.words.length ? words.length / reference.words.length : null);

/** The line of numbers above the texts; those of the hypothesis stand in the row itself. */
function factsLine(sentence, shown) {
  const { hypothesis, reference, baseline } = sentence;
  const own = shown === "hypothesis" ? sentence : sentence[shown];
  const isOther = shown === "baseline" || own.step !== undefined;
  const other = isOther ? sentence : baseline;
  const fact = (name, value, title = null) => el("span", { title }, el("span", { class: "muted" }, `${name} `), value);
  const beside = (text, name, number, digits) => (number === undefined ? text : `${text}, ${name} ${fixed(number, digits)}`);
  const logs = (name) => {
    if (shown === "hypothesis") return beside(fixed(hypothesis.tokens.length ? hypothesis[name] : null, 2), "reference", reference[name], 2);
    return shown === "baseline" ? fixed(own[name], 2) : beside(fixed(own[name], 2), "hypothesis", hypothesis[name], 2);
  };
  const { measure } = view;
  const [entropy, aer] = [measure.entropyOf(own, sentence[shown]), shown === "baseline" ? null : measure.aerOf(sentence)];
  return el("p", { class: "facts-line" },
    el("span", {}, `${nameOf(shown)}:`),
    own.chrf === undefined ? null : fact("chrF", beside(fixed(own.chrf), isOther ? "hypothesis" : "baseline", other?.chrf)),
    own.chrf === undefined ? null : fact("length ratio", fixed(lengthRatioOf(sentence[shown], reference), 2)),
    fact("confidence", fixed(own.confidence, 2)),
    entropy === null ? null : fact("entropy", fixed(entropy, 2), `${measure.name}, in nats a token`),
    fact("log-probability", logs("log_prob"), `The search ranks by a score: ${logs("score")}`),
    aer === null ? null : fact("AER", fixed(aer, 2), `${measure.name} of the reference, against its gold alignment`),
    flagLabels(shown === "baseline" ? baseline : sentence),
    state.rows.includes(view.index) ? null : el("span", { class: "muted" }, "not in the list as it is filtered"));
}
