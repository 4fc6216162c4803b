/* Where along a sentence the model was unsure. */

const MOST_NATS = 4; // the length of a whole bar: the model gave the word less than 2%

/** By how much a unit of the targets surprised the model: −log of its probability, in nats. */
function surprisalOf({ probabilities }, { tokens }) {
  return tokens.reduce((sum, token) => sum - Math.log(Math.max(probabilities[token], 5e-5)), 0); // which are rounded
}

/** How long the bar behind a target is, from 0 to 1: the longer the less probable the model found it. */
const unsureness = (unit) => Math.min(1, surprisalOf(view.sentence[view.shown], unit) / MOST_NATS);

/** Goes to the unit that the model found least probable, and from that to the next. */
function moveToUnsure() {
  if (!view?.targets.length) return;
  const nats = view.targets.map((unit) => surprisalOf(view.sentence[view.shown], unit));
  const ranked = [...nats.keys()].sort((a, b) => nats[b] - nats[a] || a - b);
  const next = ((view.unsure ?? -1) + 1) % ranked.length;
  chooseStep(ranked[next]);
  view.unsure = next;
}
