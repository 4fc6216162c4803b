/* The beam of a sentence: what the search held after each step, as a tree that grows to the right. */

const BEAM = { column: 106, row: 30, width: 86, height: 22, margin: 6, characters: 11 }; // pixels, but for the last
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
const lineage = (place) => (place ? [...lineage(place.parent), place] : []);

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

/** The tree with its heading, of the baseline where that is shown, else of the hypothesis: a reference was not searched
 *  for. Nothing where the search kept no beam, or there was no choice to be made. */
function beamSection(sentence, shown) {
  const whose = shown === "baseline" ? "baseline" : "hypothesis";
  const { beam } = whose === "baseline" ? sentence.baseline : sentence;
  if (!beam.some((held) => held.length > 1)) return null;
  const places = beamPlaces(beam, sentence[whose]);
  const best = places.filter(({ found }) => found).at(-1) ?? places[0];
  const last = beam.length - 1;
  const x = ({ step }) => BEAM.margin + step * BEAM.column;
  const y = ({ row }) => BEAM.margin + row * BEAM.row;
  const middle = (place) => y(place) + BEAM.height / 2;
  const told = el("p", { class: "beam-told", dir: "auto" });
  const nodes = new Map();
  let stop = null; // the place that Tab leads to
  const show = (shown) => {
    stop?.setAttribute("tabindex", "-1");
    stop?.removeAttribute("data-focus");
    [stop] = nodes.get(shown);
    stop.setAttribute("tabindex", "0");
    stop.setAttribute("data-focus", "beam");
    const line = new Set(lineage(shown));
    for (const [place, [node, edge]] of nodes) for (const part of [node, edge]) part?.classList.toggle("line", line.has(place));
    fill(told, el("strong", {}, lineage(shown).map(({ token }) => visible(token)).join(" ")),
      el("span", { class: "muted" }, ` ${beamFate(shown, last)}${beamScore(shown, best)}; log-probability ${fixed(shown.total, 2)}, of the token ${fixed(shown.logProb, 2)}`));
  };
  /** Along the tree: to what a place continues, to what continues it, and up and down in its step. */
  const move = (event, from) => {
    const { step, row } = from;
    const at = (down) => places.find((each) => each.step === step && each.row === row + down);
    const next = places.filter((each) => each.parent === from);
    const to = { ArrowLeft: from.parent, ArrowRight: next.find(({ found }) => found) ?? next[0], ArrowUp: at(-1), ArrowDown: at(1) }[event.key];
    if (event.key.startsWith("Arrow")) event.preventDefault();
    if (!to) return;
    const [node] = nodes.get(to);
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest", inline: "center" });
  };
  for (const place of places) {
    const { parent, found, ended, goesOn, token } = place;
    const kind = found ? "found" : goesOn ? "open" : ended ? "ended" : "dropped";
    const edge = parent && svg("path", { class: `edge ${kind}`,
      d: `M${x(parent) + BEAM.width},${middle(parent)} C${x(place) - 10},${middle(parent)} ${x(place) - 10},${middle(place)} ${x(place)},${middle(place)}` });
    const node = svg("g", { class: `place ${kind}`, transform: `translate(${x(place)},${y(place)})`, role: "img", tabindex: "-1",
      "aria-label": lineage(place).map((each) => visible(each.token)).join(" "), onpointerenter: () => show(place), onfocus: () => show(place), onkeydown: (event) => move(event, place) },
      svg("rect", { width: BEAM.width, height: BEAM.height, rx: 4, style: `--probability:${Math.exp(place.logProb)}` }),
      svg("text", { x: BEAM.width / 2, y: BEAM.height / 2 }, shorten(visible(token), BEAM.characters)));
    nodes.set(place, [node, edge]);
  }
  const rows = Math.max(...beam.map((held) => held.length));
  const size = { width: 2 * BEAM.margin + last * BEAM.column + BEAM.width, height: 2 * BEAM.margin + (rows - 1) * BEAM.row + BEAM.height };
  const drawn = [...nodes.values()];
  const tree = svg("svg", { ...size, viewBox: `0 0 ${size.width} ${size.height}`, role: "group", "aria-label": `Beam of ${rows} over ${last + 1} steps; found: ${sentence[whose].text}`, onpointerleave: () => show(best) },
    drawn.map(([, edge]) => edge), drawn.map(([node]) => node));
  show(best);
  return el("section", { class: "beam" },
    el("h3", {}, `Beam of the ${whose}`),
    el("p", { class: "hint" }, "What the search held after each step, the most probable on top; what was found is blue, what was dropped is pale. Fuller colour: a more probable token. What has ended is ranked by its score, not by the log-probability alone. Point at one to read how it began, or go from one to the next with the arrow keys."),
    told,
    el("div", { class: "frame", role: "region", "aria-label": "Beam" }, tree));
}
