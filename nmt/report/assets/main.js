/* The address in the location bar decides what is shown; keys and buttons change the address. */

const TABS = { overview: "Overview", sentences: "Sentences", words: "Words", errors: "Errors", training: "Training", about: "About" };

/** How far down each section was left, in pixels. */
const leftAt = {};

/** Shows what the address asks for: `#/sentences/412?flag=cut_off&split=val`. */
function route() {
  clearTimeout(writing);
  const [path, query = ""] = location.hash.slice(2).split("?");
  const [name, number] = path.split("/");
  const tab = Object.hasOwn(TABS, name) ? name : "overview";
  const parameters = new URLSearchParams(query);
  const split = parameters.get("split") ?? REPORT.evaluations[0].label;
  const evaluation = REPORT.evaluations.find((each) => each.label === split) ?? REPORT.evaluations[0];
  if (evaluation !== state.evaluation) Object.assign(state, { evaluation, chosen: null });
  if (tab === "sentences") {
    Object.assign(state, readAddress(parameters));
    if (byId("search").value !== state.query) byId("search").value = state.query;
  }
  if (tab === "words") readWordsAddress(parameters);
  renderMasthead();
  const { tab: before } = document.body.dataset;
  leftAt[before] = scrollY;
  for (const key of Object.keys(TABS)) byId(key).hidden = key !== tab;
  document.body.dataset.tab = tab;
  if (before !== tab) scrollTo(0, tab === "sentences" ? 0 : (leftAt[tab] ?? 0)); // to a sentence lead links from elsewhere
  const missing = evaluation.label === split ? null : `There is no evaluation “${split}” in this report; this is “${evaluation.label}”.`;
  fill(byId("missing"), missing);
  byId("missing").hidden = !missing;
  ({ overview: renderOverview, sentences: () => showSentences(number), words: renderWords, errors: renderErrors, training: renderTraining, about: renderAbout })[tab]();
  fill(byId("tabs"), Object.entries(TABS).map(([key, label]) =>
    el("a", { href: placeOf(key), "data-focus": key, "aria-current": key === tab ? "page" : null }, label)));
  const shown = tab === "sentences" && state.chosen !== null ? `Sentence ${state.chosen + 1}` : TABS[tab];
  document.title = `${shown} · ${REPORT.run.name}, ${evaluation.label}`;
}

/** The address of a section as it was left, in this evaluation or another: with the sentence, if that has the same. */
function placeOf(tab, other = state.evaluation) {
  const split = other.label;
  const sentence = other.split === state.evaluation.split ? state.chosen : null;
  const step = other === state.evaluation ? state.step : null;
  if (tab === "sentences") return address(tab, { split, sentence, step, ...state.filter });
  return tab === "words" ? wordsAddress({ split }) : address(tab, { split });
}

const oneColumn = matchMedia("(max-width: 960px)");

function showSentences(number) {
  const asked = Number(number) - 1;
  const held = byId("table").tBodies[0].contains(document.activeElement);
  updateRows();
  const known = asked in state.evaluation.sentences;
  state.chosen = known ? asked : number === undefined ? (state.rows[0] ?? null) : null;
  revealChosen();
  renderRows();
  renderDetail(number !== undefined && !known ? `There is no sentence ${number} in ${state.evaluation.label}.` : undefined);
  if (held) byId("table").querySelector("[aria-current] a")?.focus({ preventScroll: true });
  if (known && oneColumn.matches) byId("detail").scrollIntoView();
}

/** Goes `by` rows down the table as it is filtered and sorted. */
function moveSentence(by) {
  const position = state.rows.indexOf(state.chosen);
  const next = state.rows[Math.max(0, Math.min(state.rows.length - 1, position + by))];
  if (next !== undefined) location.replace(address("sentences", { sentence: next, ...state.filter }));
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
}

/** The theme that was chosen before in this browser, where it keeps such things for files. */
function storedTheme(chosen) {
  try {
    if (chosen) localStorage.setItem("nmt-theme", chosen);
    return localStorage.getItem("nmt-theme");
  } catch {
    return null;
  }
}

function toggleTheme() {
  setTheme(currentTheme() === "dark" ? "light" : "dark");
  storedTheme(currentTheme());
  redraw();
}

/** Draws again what depends on colours. */
function redraw() {
  const tab = document.body.dataset.tab;
  if (tab === "overview") renderOverview();
  if (tab === "training") renderTraining();
  if (tab === "sentences") renderDetail();
}

/** Paper is white, as wide as it is, and cannot be unfolded. */
function beforePrint() {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  document.documentElement.dataset.theme = "light";
  beamOnPaper();
  chartsOnPaper(PAPER_WIDTH);
  if (!view || state.asTable || !window.Plotly) return;
  const layout = drawHeatmapNow(window.Plotly, plot, view, PAPER_WIDTH, "light");
  layOver(layout, view.targets);
  canvas.style.zoom = Math.min(1, PAPER_WIDTH / layout.width); // paper does not scroll
  focusTarget(null);
}

function afterPrint() {
  setTheme(byId("theme").textContent === "Light" ? "dark" : "light");
  chartsOffPaper();
  redraw();
}

/** Puts the focus where the page's content begins, or its chosen sentence. */
function skip(event) {
  event.preventDefault();
  byId(document.body.dataset.tab === "sentences" ? "detail" : "main").focus();
}

const SENTENCE_KEYS = {
  j: () => moveSentence(1),
  ArrowDown: () => moveSentence(1),
  k: () => moveSentence(-1),
  ArrowUp: () => moveSentence(-1),
  ArrowRight: ({ shiftKey }) => moveAlong(1, shiftKey),
  ArrowLeft: ({ shiftKey }) => moveAlong(-1, shiftKey),
  r: () => setShown(view?.shown === "reference" ? "hypothesis" : "reference"),
  b: () => setShown(view?.shown === "baseline" ? "hypothesis" : "baseline"),
  u: moveToUnsure,
  Escape: () => view && view.held !== null && holdSource(view.held),
  e: nextMeasure,
  w: () => setUnit(state.unit === "words" ? "subwords" : "words"),
};

/** Along the targets, or along the source words. */
function moveAlong(by, inSource) {
  if (!view?.targets.length) return;
  if (inSource) moveSource(by);
  else chooseStep(view.step + by);
}

const KEYS = {
  t: toggleTheme,
  "?": () => byId("keys").showModal(),
  "/": () => {
    const { tab } = document.body.dataset;
    if (!["sentences", "words"].includes(tab)) location.hash = address("sentences");
    setTimeout(() => byId(tab === "words" ? "word-search" : "search").focus());
  },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  if (event.target.matches("input, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const inFrame = event.target.closest(".frame"); // its arrow keys scroll, but for those that move along the heatmap
  const isStep = inFrame === frame && !state.asTable && ["ArrowLeft", "ArrowRight"].includes(event.key);
  if (inFrame && event.key.startsWith("Arrow") && !isStep) return;
  const action = KEYS[event.key] ?? (document.body.dataset.tab === "sentences" ? SENTENCE_KEYS[event.key] : undefined);
  if (!action) return;
  event.preventDefault();
  action(event);
}

function onSearch() {
  state.query = byId("search").value;
  updateRows();
  byId("scroller").scrollTop = 0;
  const before = state.chosen;
  if (!state.rows.includes(before)) Object.assign(state, { chosen: state.rows[0] ?? null, step: null });
  renderRows();
  if (state.chosen !== before) renderDetail();
  else markFound("detail", byId("detail"));
  keepAddress();
}

let drawnWidth = innerWidth;

/** The heatmap depends on the width alone: a telephone changes the height while it scrolls. */
function onResize() {
  if (document.body.dataset.tab !== "sentences" || matchMedia("print").matches) return;
  renderRows();
  if (innerWidth !== drawnWidth) renderDetail();
  drawnWidth = innerWidth;
}

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
setTheme(storedTheme() === "dark" || (storedTheme() !== "light" && darkScheme.matches) ? "dark" : "light");

function listen() {
  history.scrollRestoration = "manual"; // the browser knows how far down an address was left, not in which section
  darkScheme.addEventListener("change", () => (setTheme(darkScheme.matches ? "dark" : "light"), redraw()));
  document.querySelector(".skip").addEventListener("click", skip);
  byId("theme").addEventListener("click", toggleTheme);
  byId("help").addEventListener("click", () => byId("keys").showModal());
  byId("split").addEventListener("change", () => {
    location.hash = placeOf(document.body.dataset.tab, REPORT.evaluations.find(({ label }) => label === byId("split").value));
  });
  byId("search").addEventListener("input", onSearch);
  byId("order").addEventListener("change", () => {
    const key = byId("order").value;
    sortRows({ key, descending: Boolean(ORDERS[key].descends) });
  });
  byId("direction").addEventListener("click", () => sortRows({ ...state.sort, descending: !state.sort.descending }));
  byId("word-search").addEventListener("input", () => changeWords({ query: byId("word-search").value }));
  byId("sample-step").addEventListener("input", () => watch({ validation: Number(byId("sample-step").value) }));
  byId("more-words").addEventListener("click", () => ((words.shown += WORDS_AT_ONCE), renderWords()));
  byId("scroller").addEventListener("scroll", renderRows, { passive: true });
  document.addEventListener("keydown", onKey);
  window.addEventListener("hashchange", route);
  window.addEventListener("resize", onResize);
  window.addEventListener("beforeprint", beforePrint);
  window.addEventListener("afterprint", afterPrint);
}

async function start() {
  if (!window.DecompressionStream) {
    byId("missing").textContent = "This browser is too old to unpack the page's data; report.json beside the page holds the same.";
    byId("missing").hidden = false;
    return;
  }
  await loadReport();
  listen();
  route();
}

start();
