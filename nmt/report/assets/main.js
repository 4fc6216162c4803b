/* The address in the location bar decides what is shown; keys and buttons change the address. */

const TABS = { overview: "Overview", sentences: "Sentences", training: "Training", about: "About" };

/** Shows what the address asks for: `#/sentences/412?flag=cut_off&split=val`. */
function route() {
  const [path, query = ""] = location.hash.slice(2).split("?");
  const [name, number] = path.split("/");
  const tab = name in TABS ? name : "overview";
  const parameters = new URLSearchParams(query);
  const range = (parameters.get("chrf") ?? "").split("-").map(Number);
  const flag = parameters.get("flag");
  const split = parameters.get("split") ?? REPORT.evaluations[0].split;
  state.evaluation = REPORT.evaluations.find((evaluation) => evaluation.split === split) ?? REPORT.evaluations[0];
  state.filter = { flag: flag in REPORT.flags ? flag : null, chrf: range.length === 2 ? range : null };
  renderMasthead();
  fill(byId("tabs"), Object.entries(TABS).map(([key, label]) =>
    el("a", { href: address(key), "data-focus": key, "aria-current": key === tab ? "page" : null }, label)));
  for (const key of Object.keys(TABS)) byId(key).hidden = key !== tab;
  document.body.dataset.tab = tab;
  ({ overview: renderOverview, sentences: () => showSentences(number), training: renderTraining, about: renderAbout })[tab]();
}

function showSentences(number) {
  const asked = Number(number) - 1;
  updateRows();
  state.chosen = asked in state.evaluation.sentences ? asked : (state.rows[0] ?? null);
  revealChosen();
  renderRows();
  renderDetail();
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

function toggleTheme() {
  setTheme(currentTheme() === "dark" ? "light" : "dark");
  route();
}

const SENTENCE_KEYS = {
  j: () => moveSentence(1),
  ArrowDown: () => moveSentence(1),
  k: () => moveSentence(-1),
  ArrowUp: () => moveSentence(-1),
  ArrowRight: () => view && chooseStep(view.step + 1),
  ArrowLeft: () => view && chooseStep(view.step - 1),
  w: () => setUnit(state.unit === "words" ? "subwords" : "words"),
};

const KEYS = {
  t: toggleTheme,
  "?": () => byId("keys").showModal(),
  "/": () => {
    if (document.body.dataset.tab !== "sentences") location.hash = address("sentences");
    setTimeout(() => byId("search").focus());
  },
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  if (event.target.matches("input, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const action = KEYS[event.key] ?? (document.body.dataset.tab === "sentences" ? SENTENCE_KEYS[event.key] : undefined);
  if (!action) return;
  event.preventDefault();
  action();
}

function onSearch() {
  state.query = byId("search").value;
  updateRows();
  byId("scroller").scrollTop = 0;
  renderRows();
}

let drawnWidth = innerWidth;

/** The heatmap depends on the width alone: a telephone changes the height while it scrolls. */
function onResize() {
  if (document.body.dataset.tab !== "sentences") return;
  renderRows();
  if (innerWidth !== drawnWidth) renderDetail();
  drawnWidth = innerWidth;
}

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
setTheme(darkScheme.matches ? "dark" : "light");
darkScheme.addEventListener("change", () => (setTheme(darkScheme.matches ? "dark" : "light"), route()));
byId("theme").addEventListener("click", toggleTheme);
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("split").addEventListener("change", () => {
  location.hash = address(document.body.dataset.tab, { split: byId("split").value });
});
byId("search").addEventListener("input", onSearch);
byId("scroller").addEventListener("scroll", renderRows, { passive: true });
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", route);
window.addEventListener("resize", onResize);
route();
