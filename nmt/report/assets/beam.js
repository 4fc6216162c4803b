/* The beam of a sentence: what the search held after each step, as a tree that grows to the right. */

const BEAM = { column: 106, row: 30, width: 86, height: 22, margin: 6, characters: 11, beyond: 8, onPaper: 6 }; // pixels; characters; steps
const END_OF_SENTENCE = "</s>";

/** All places of the beam that found a translation, step after step, each with its parent: null in the first step. */
function beamPlaces(beam, found) {
  const steps = [];
  beam.forEach((held, step) => {
    steps.push(held.map(([parent, token, logProb, score = null], row) => {
      const from = steps[step - 1]?.[parent] ?? null;
      const ended = token === END_OF_SENTENCE;
      return { step, row, token, logProb, score, parent: from, total: (from?.total ?? 0) + logProb, ended, goesOn: false, found: false };
    }));
    for (const { parent } of steps[step]) if (parent) parent.goesOn = true;
  });
  let place = null;
  for (const [step, token] of found.tokens.entries()) {
    place = steps[step]?.find((each) => each.parent === place && each.token === token);
    if (!place) break;
    place.found = true;
  }
  return steps.flat();
}

/** A place and all that it goes back to, the first step first. */
function lineage(place) {
  const line = [];
  for (let each = place; each; each = each.parent) line.unshift(each);
  return line;
}

const lineageText = (place) => lineage(place).map(({ token }) => visible(token)).join(" ");

/** What became of a hypothesis, in words. */
function beamFate({ found, ended, goesOn, step }, last) {
  if (found && !goesOn) return "found";
  if (found) return "on the way to what was found";
  if (ended) return "ended, and ranked lower";
  if (goesOn) return "goes on";
  return step === last ? "open when the search ended" : "dropped: at the next step others were more probable";
}

/** The score that decides between what has ended, beside that of what was found; nothing where it is not known. */
function beamScore({ score, found }, best) {
  if (score === null) return "";
  return `; score ${fixed(score, 3)}${found || best.score === null ? "" : `, of what was found ${fixed(best.score, 3)}`}`;
}

/** The tree that is shown, null where there is none: its places, that of what was found and that which is told of, where
 *  they stand in the page, the elements of the places that are drawn, and the step from which on they are. */
let tree = null;

/** The tree with its heading, of the baseline where that is shown, else of the hypothesis: a reference was not searched
 *  for. Nothing where the search kept no beam, or there was no choice to be made. */
function beamSection(sentence, shown) {
  const side = shown === "baseline" ? "baseline" : "hypothesis";
  const { beam } = side === "baseline" ? sentence.baseline : sentence;
  tree = null;
  if (!beam.some((held) => held.length > 1)) return null;
  const places = beamPlaces(beam, sentence[side]);
  const best = places.filter(({ found }) => found).at(-1) ?? places[0];
  const rows = Math.max(...beam.map((held) => held.length));
  tree = { places, best, told: best, rows, steps: beam.length, drawn: new Map(), from: null, line: el("p", { class: "beam-told" }) };
  tree.node = beamSvg(0, beam.length, { role: "group", "aria-label": `Beam of ${rows} over ${beam.length} steps; found: ${sentence[side].text}`, onpointerleave: () => tellPlace(best) });
  tree.frame = el("div", { class: "frame", role: "region", "aria-label": "Beam", onscroll: drawBeam }, tree.node);
  drawBeam();
  tellPlace(best);
  return el("section", { class: "beam" },
    el("h3", {}, `Beam of the ${side}`),
    el("p", { class: "hint" }, "What the search held after each step, the most probable on top; what was found is blue, what was dropped is pale. Fuller colour: a more probable token. What has ended is ranked by its score, not by the log-probability alone. Point at one to read how it began, or go from one to the next with the arrow keys."),
    tree.line,
    tree.frame);
}

/** The place for `steps` steps of the tree from step `first` on. */
function beamSvg(first, steps, attributes, ...children) {
  const size = { width: 2 * BEAM.margin + (steps - 1) * BEAM.column + BEAM.width, height: 2 * BEAM.margin + (tree.rows - 1) * BEAM.row + BEAM.height };
  return svg("svg", { ...size, viewBox: `${first * BEAM.column} 0 ${size.width} ${size.height}`, ...attributes }, ...children);
}

/** Draws the steps in view, and some about them: a long tree has more places than a page can hold. */
function drawBeam() {
  if (!tree || tree.onPaper) return;
  const from = Math.max(0, Math.floor(tree.frame.scrollLeft / BEAM.column) - BEAM.beyond);
  if (from === tree.from) return;
  tree.from = from;
  const steps = Math.ceil(byId("detail").clientWidth / BEAM.column) + 2 * BEAM.beyond;
  tree.drawn = drawnPlaces(from, from + steps);
  const parts = [...tree.drawn.values()];
  markLine();
  fill(tree.node, parts.map(([, edge]) => edge), parts.map(([node]) => node));
}

/** All of the tree below each other, some steps in a row, as paper does not scroll. */
function beamOnPaper() {
  if (!tree) return;
  tree.onPaper = true;
  const firsts = Array.from({ length: Math.ceil(tree.steps / BEAM.onPaper) }, (_, row) => row * BEAM.onPaper);
  fill(tree.frame, firsts.map((first) => {
    const parts = [...drawnPlaces(first, first + BEAM.onPaper).values()];
    return beamSvg(first, BEAM.onPaper, {}, parts.map(([, edge]) => edge), parts.map(([node]) => node));
  }));
}

/** For each place from step `first` to before step `end` its element, and the edge that leads to it or null. */
function drawnPlaces(first, end) {
  const x = ({ step }) => BEAM.margin + step * BEAM.column;
  const y = ({ row }) => BEAM.margin + row * BEAM.row;
  const middle = (place) => y(place) + BEAM.height / 2;
  const draw = (place) => {
    const { parent, found, ended, goesOn, token } = place;
    const kind = found ? "found" : goesOn ? "open" : ended ? "ended" : "dropped";
    const edge = parent && svg("path", { class: `edge ${kind}`,
      d: `M${x(parent) + BEAM.width},${middle(parent)} C${x(place) - 10},${middle(parent)} ${x(place) - 10},${middle(place)} ${x(place)},${middle(place)}` });
    const node = svg("g", { class: `place ${kind}`, transform: `translate(${x(place)},${y(place)})`, role: "img", "aria-label": lineageText(place),
      onpointerenter: () => tellPlace(place), onfocus: () => tellPlace(place), onkeydown: (event) => moveInBeam(event, place) },
      svg("rect", { width: BEAM.width, height: BEAM.height, rx: 4, style: `--probability:${Math.exp(place.logProb)}` }),
      svg("text", { x: BEAM.width / 2, y: BEAM.height / 2 }, shorten(visible(token), BEAM.characters)));
    return [place, [node, edge]];
  };
  return new Map(tree.places.filter(({ step }) => step >= first && step < end).map(draw));
}

/** Tells of a place, and marks how it began. */
function tellPlace(place) {
  tree.told = place;
  markLine();
  const { total, logProb } = place;
  const tokens = lineage(place).flatMap(({ token }) => [" ", el("bdi", {}, visible(token))]).slice(1);
  fill(tree.line, el("strong", { dir: isRightToLeft(lineageText(place)) ? "rtl" : "ltr" }, tokens),
    el("span", { class: "muted" }, ` ${beamFate(place, tree.steps - 1)}${beamScore(place, tree.best)}; log-probability ${fixed(total, 2)}, of the token ${fixed(logProb, 2)}`));
}

/** Marks the line to the place that is told of; Tab leads to that place, or to one in view. */
function markLine() {
  const line = new Set(lineage(tree.told));
  const drawn = [...tree.drawn.keys()];
  const stop = tree.drawn.has(tree.told) ? tree.told : (drawn.find((place) => line.has(place)) ?? drawn[0]);
  for (const [place, [node, edge]] of tree.drawn) {
    for (const part of [node, edge]) part?.classList.toggle("line", line.has(place));
    node.setAttribute("tabindex", place === stop ? "0" : "-1");
    if (place === stop) node.setAttribute("data-focus", "beam");
    else node.removeAttribute("data-focus");
  }
}

/** Along the tree: to what a place continues, to what continues it, and up and down in its step. */
function moveInBeam(event, from) {
  const { step, row } = from;
  const at = (down) => tree.places.find((each) => each.step === step && each.row === row + down);
  const next = tree.places.filter((each) => each.parent === from);
  const to = { ArrowLeft: from.parent, ArrowRight: next.find(({ found }) => found) ?? next[0], ArrowUp: at(-1), ArrowDown: at(1) }[event.key];
  if (event.key.startsWith("Arrow")) event.preventDefault();
  if (!to) return;
  const [node] = tree.drawn.get(to);
  node.focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest", inline: "center" });
}
