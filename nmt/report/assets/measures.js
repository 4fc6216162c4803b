/* What the heatmap can show of each target and each source: the attention, that of one head, or the effect. */

const ATTENTION = {
  key: "attention",
  label: "Attention",
  title: "Where the decoder looked (e)",
  name: "Attention",
  scales: "scales",
  full: 1, // at which the colours are full
  ticks: [0, 0.25, 0.5, 0.75, 1], // of that
  ofWords: false,
  relation: "attends to",
  inverse: "is attended to by",
  shaded: "attended to",
  note: null,
  written: percent,
  entropyOf: ({ entropy }) => entropy,
  aerOf: ({ aer }) => aer,
  of: attentionOf,
};

const EFFECT = {
  key: "effect",
  label: "Effect",
  title: "What the target word would lose without the source word (e)",
  name: "Effect",
  scales: "diverging",
  full: 5, // nats: the word would be 150 times less probable
  ticks: [-1, 0, 1],
  ofWords: true,
  relation: "depends on",
  inverse: "is what these depend on:",
  shaded: "depended on",
  note: "By how many nats the log-probability of the target word falls when the source word is left out; below zero, it rises.",
  written: (fall) => `${signed(fall)} nats`,
  entropyOf: () => null,
  aerOf: () => null,
  of: effectsOf,
};

/** What is known of a translation: its attention, with several heads their mean and each of them, and effects. */
function measuresOf({ heads, effects }) {
  const known = effects ? [EFFECT] : [];
  if (!heads) return [ATTENTION, ...known];
  const each = heads.map((packed, index) => {
    const name = `Attention of head ${index + 1}`;
    const own = { entropyOf: (_, { head_entropies: all }) => all[index], aerOf: ({ head_aers: all }) => all?.[index] ?? null };
    return { ...ATTENTION, ...own, key: `head-${index + 1}`, label: `${index + 1}`, name, title: `${name} (e)`, of: (...sides) => attentionOf(...sides, packed) };
  });
  const mean = `Attention, mean of ${heads.length} heads`;
  return [{ ...ATTENTION, label: "Mean", name: mean, title: `${mean} (e)` }, ...each, ...known];
}

/** The one that is chosen, if it is known of a translation, else its attention. */
function measureOf(side) {
  const measures = measuresOf(side);
  return measures.find(({ key }) => key === state.measure) ?? measures[0];
}

function setMeasure(key) {
  state.measure = key;
  renderDetail();
  keepAddress();
}

/** The weight at which the colours are full: that of the measure, or the greatest that is shown. */
function fullOf(measure, weights) {
  const greatest = () => Math.max(...weights.map((row) => Math.max(...row.map(Math.abs))));
  return (state.scaled && greatest()) || measure.full;
}

/** How full the colour of a weight is, from 0 to 1. */
const shadeOf = (weight, { full }) => Math.max(0, Math.min(1, weight / full));

/** Shows the next of what is known. */
function nextMeasure() {
  if (!view) return;
  const keys = measuresOf(view.sentence[view.shown]).map(({ key }) => key);
  setMeasure(keys[(keys.indexOf(view.measure.key) + 1) % keys.length]);
}

/** Effects [target][source] between words: those of the tokens of a target word add up. */
function effectsOf(sentence, shown, targets, sources) {
  const { effects } = sentence[shown];
  return targets.map(({ tokens }) => sources.map(({ words: [word] }) => tokens.reduce((sum, token) => sum + effects[token][word], 0)));
}

/** A choice of what is shown, where there is more than one. */
function measureChoice(side) {
  const measures = measuresOf(side);
  if (measures.length < 2) return null;
  return segments("What is shown", measures.map(({ key, label, title }) =>
    button(label, () => setMeasure(key), { pressed: key === view.measure.key, focus: key, title })));
}
