/* What else is known of the chosen step: what one look alone would have brought, and where in training it was like this. */

const LOOKS_AT_ONCE = 12;

const insightPanel = el("div", { class: "insight" });

/** Shows it of a piece of the chosen word, by its place in that; nothing where it was not asked for, or the attention that
 *  is shown is not the hypothesis's. */
function showInsight(piece = 0, allLooks = false) {
  const { sentence, shown, targets, step } = view;
  const tokens = shown === "hypothesis" ? (targets[step]?.tokens ?? []) : [];
  const sections = tokens.length ? [looksSection(sentence, tokens[piece], allLooks, () => showInsight(piece, true)), neighborsSection(sentence, tokens[piece])] : [];
  const known = sections.some((section) => section !== null);
  fill(insightPanel, known && tokens.length > 1 ? pieceChoice(sentence.hypothesis, tokens, piece) : null, sections);
}

/** The pieces of a word that has several, to choose among. */
function pieceChoice({ tokens: all }, tokens, piece) {
  const choice = (token, index) =>
    button(visible(all[token]), () => showInsight(index), { pressed: index === piece, focus: `piece-${index}`, dir: "auto" });
  return el("div", { class: "tools" }, el("span", { class: "muted" }, "Of the piece"), segments("Piece", tokens.map(choice)));
}

/** For each source token what would have been written if all attention had been there; of many those that matter most. */
function looksSection({ source, hypothesis }, token, all, showAll) {
  const { looks, tokens, attention } = hypothesis;
  if (!looks) return null;
  const size = source.tokens.length;
  const row = (packed) => Array.from(bytesOf(packed).subarray(token * size, (token + 1) * size), (level) => (level / 255) ** 2);
  const [weights, probabilities, written] = [attention, looks.probabilities, looks.written].map(row);
  const found = looks.tokens.slice(token * size, (token + 1) * size).map((place) => looks.types[place]);
  const matters = (column) => Math.max(weights[column], found[column] === tokens[token] ? 0 : probabilities[column]);
  const ranked = [...source.tokens.keys()].sort((a, b) => matters(b) - matters(a));
  const columns = all ? [...source.tokens.keys()] : ranked.slice(0, LOOKS_AT_ONCE).sort((a, b) => a - b);
  const look = (column) =>
    el("li", { class: found[column] === tokens[token] ? "same" : null, title: `“${visible(tokens[token])}” ${percent(written[column])}; attention ${percent(weights[column])}` },
      el("bdi", { class: "word", style: `--weight:${weights[column]}` }, visible(source.tokens[column])),
      el("span", { class: "muted" }, "→"),
      el("bdi", { class: "found" }, visible(found[column])),
      el("span", { class: "share" }, percent(probabilities[column])));
  return el("section", { "aria-label": "One look" },
    el("h3", {}, "One look"),
    el("p", { class: "hint" }, "What would stand for ", el("strong", { dir: "auto" }, visible(tokens[token])), " if this step had looked at one source token alone, and all before it as they did. Shaded: where it looked. Where another look would have brought the right word, the attention is at fault; where none does, what the model made of the source, or knows of the target."),
    el("ul", { class: "plain looks" }, columns.map(look)),
    columns.length < size ? button(`Show all ${grouped(size)}`, showAll, { class: "more" }) : null);
}

/** The steps of training pairs at which the model was in the most similar state; what stands there twice is shown once. */
function neighborsSection({ hypothesis }, token) {
  const steps = hypothesis.neighbors?.[token];
  if (!steps) return null;
  const { examples, searched } = state.evaluation.neighbors;
  const written = hypothesis.tokens[token];
  const textOf = ([example, , start]) => JSON.stringify([...examples[example], start]);
  const found = steps.filter((step, index) => steps.findIndex((each) => textOf(each) === textOf(step)) === index);
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
