/* What else is known of the chosen step: what one look alone would have brought, and where in training it was like this. */

const insightPanel = el("div", { class: "insight" });

/** Shows it; nothing where it was not asked for, or the attention that is shown is not the hypothesis's. */
function showInsight() {
  const { sentence, shown, targets, step } = view;
  const token = targets[step]?.tokens[0];
  fill(insightPanel, shown === "hypothesis" && token !== undefined ? [looksSection(sentence, token), neighborsSection(sentence, token)] : []);
}

/** For each source token what would have been written if all attention had been there. */
function looksSection({ source, hypothesis }, token) {
  const { looks, tokens, attention } = hypothesis;
  if (!looks) return null;
  const size = source.tokens.length;
  const shareOf = (packed) => (column) => (bytesOf(packed)[token * size + column] / 255) ** 2;
  const [weight, probability, written] = [attention, looks.probabilities, looks.written].map(shareOf);
  const look = (label, column) => {
    const found = looks.types[looks.tokens[token * size + column]];
    return el("li", { class: found === tokens[token] ? "same" : null, title: `“${visible(tokens[token])}” ${percent(written(column))}; attention ${percent(weight(column))}` },
      el("bdi", { class: "word", style: `--weight:${weight(column)}` }, visible(label)),
      el("span", { class: "muted" }, "→"),
      el("bdi", { class: "found" }, visible(found)),
      el("span", { class: "share" }, percent(probability(column))));
  };
  return el("section", { "aria-label": "One look" },
    el("h3", {}, "One look"),
    el("p", { class: "hint" }, "What would stand for ", el("strong", { dir: "auto" }, visible(tokens[token])), " if this step had looked at one source token alone, and all before it as they did. Shaded: where it looked. Where another look would have brought the right word, the attention is at fault; where none does, what the model made of the source, or knows of the target."),
    el("ul", { class: "plain looks" }, source.tokens.map(look)));
}

/** The steps of training pairs at which the model was in the most similar state. */
function neighborsSection({ hypothesis }, token) {
  const found = hypothesis.neighbors?.[token];
  if (!found) return null;
  const { examples, searched } = state.evaluation.neighbors;
  const written = hypothesis.tokens[token];
  const same = found.filter(([, other]) => other === written).length;
  const neighbor = ([example, other, start, end, similarity]) => {
    const [source, target] = examples[example];
    const characters = [...target]; // places count characters, not UTF-16 units
    const part = (...range) => characters.slice(...range).join("");
    const begin = start + (characters[start] === " " && end > start);
    return el("li", {},
      el("span", { class: "muted share", title: "Cosine of what the output layer read" }, fixed(similarity, 2)),
      el("span", { dir: "auto" }, part(0, begin), el("mark", { class: other === written ? "same" : null }, part(begin, end) || visible(other)), part(end),
        el("small", { class: "muted", dir: "auto" }, source)));
  };
  return el("section", { "aria-label": "In training" },
    el("h3", {}, "In training"),
    el("p", { class: "hint" }, `The steps most like this one, of ${grouped(searched)} training pairs: there the model has learned to go on with the word that is marked. `,
      el("strong", {}, `${same} of ${found.length}`), " go on as here."),
    el("ol", { class: "plain neighbors" }, found.map(neighbor)));
}
