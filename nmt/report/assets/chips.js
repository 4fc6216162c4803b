/* The filters of the sentences as chips: those that are chosen, all of which hold, and those that would leave something. */

/** A range such as "10-14" or "100-" in words. */
function rangeInWords(range) {
  const [least, most] = range.split("-");
  return rangeText(Number(least), most === "" ? null : Number(most));
}

/** How the chips call a filter that is there only while it is chosen. */
const CHOSEN = {
  change: (change) => `${REPORT.flags[changeParts(change)[1]].label}: ${changeLabel(change)}`,
  chrf: (range) => `chrF ${range.replace("-", "–")}`,
  word: (word) => `“${visible(word)}”`,
  passed_over: (word) => `“${visible(word)}” passed over`,
  written: (word) => `“${visible(word)}” too often`,
  missing: (word) => `“${visible(word)}” missing`,
  length: (range) => `${rangeInWords(range)} source words`,
  rarest: (range) => `rarest word ${rangeInWords(range)} times in training`,
};

function renderChips() {
  const { evaluation, filter, query, rows } = state;
  const changed = (name, value) => address("sentences", { ...filter, [name]: value });
  const chosen = Object.keys(CHOSEN).filter((name) => filter[name]);
  const choices = (name, values, described) => {
    const pressed = valuesOf(filter[name]);
    return [...new Set([...values, ...pressed])].map((value) => {
      const isPressed = pressed.includes(value);
      const count = rows.filter((index) => FILTERS[name].holds(value)(evaluation.sentences[index], index)).length;
      if (!count && !isPressed) return null;
      const { label, meaning } = described[value];
      const others = isPressed ? pressed.filter((each) => each !== value) : [...pressed, value];
      return chip(value, `${label} ${grouped(count)}`, isPressed, changed(name, others.join(" ")), meaning);
    });
  };
  const isFiltered = query || Object.values(filter).some(Boolean);
  fill(byId("chips"),
    chosen.map((name) => chip(name, `${CHOSEN[name](filter[name])} ×`, true, changed(name, null), "Without this filter")),
    choices("flag", evaluation.flags, REPORT.flags),
    choices("kind", kindsOf(evaluation), KINDS),
    isFiltered ? chip("all", "Show all", null, address("sentences", { query: "" }), "Without filters and search") : null);
}

/** `pressed` is null where a chip is no filter. */
const chip = (name, label, pressed, href, title) => button(label, () => (location.hash = href), { class: "chip", pressed, focus: name, title });
