/* The scores of an evaluation, a row each, beside those of its baseline where there is one. */

/** An error rate of links as a score; nothing where it is not known. */
const linkScore = (name, of, found) => found && {
  name, score: found.aer, low: null, high: null, digits: 3, higher_is_better: false,
  form: `${of} against ${grouped(found.links)} gold links${found.possible ? ` and ${grouped(found.possible)} only possible` : ""}, precision ${fixed(found.precision, 3)}, recall ${fixed(found.recall, 3)}`,
  signature: found.method,
};

function allScores({ scores, alignment, effect_alignment: ofEffects, heads }) {
  const of = heads.length ? `mean attention of ${heads.length - 1} heads` : "attention";
  return [...scores, linkScore("AER", of, alignment), linkScore("AER of effects", "effects", ofEffects)].filter(Boolean);
}

/** By how much a score differs from the baseline's; undefined where that is not known. */
function differenceOf({ name, form }, { differences, aer }) {
  return name === "AER" ? aer ?? undefined : differences.find((each) => each.name === name && each.form === form);
}

/** What is said of a score beside its name: which direction is better, or the form of text if it is not that of the first. */
const remarkOf = ({ form, higher_is_better: isHigher }, [first]) => (!isHigher ? "lower is better" : form === first.form ? null : form);

/** An interval from 0 to 100 as a bar. */
const rangeBar = ({ low, high }) => el("i", { class: "range" }, el("i", { style: `left:${low}%;width:${Math.min(high, 100) - low}%` }));

function scoreRow(score, scores, baseline) {
  const { low, high, digits = 1 } = score;
  const remark = remarkOf(score, scores);
  const found = baseline && differenceOf(score, baseline);
  const interval = low === null ? "–" : baseline ? `${fixed(low)} – ${fixed(high)}` : [`${fixed(low)}\u00a0–\u00a0${fixed(high)}`, rangeBar(score)];
  const compared = found ? [fixed(found.baseline, digits), signed(found.score - found.baseline, digits), `${signed(found.low, digits)} to ${signed(found.high, digits)}`, found.p_text] : ["–", "–", "–", "–"];
  return el("tr", {},
    el("th", { scope: "row" }, score.name, remark && el("small", {}, ` ${remark}`)),
    el("td", { class: "score" }, fixed(score.score, digits)),
    [interval, ...(baseline ? compared : [])].map((cell) => el("td", {}, cell)));
}

/** The table of the scores, and how they are computed, which is there on demand. */
function scoreTable(evaluation) {
  const { baseline } = evaluation;
  const scores = allScores(evaluation);
  const head = ["", "Score", "95% interval", ...(baseline ? ["Baseline", "Difference", "its interval", "p"] : [])];
  const how = ({ name, form, signature }) => [el("dt", {}, `${name}, ${form}`), el("dd", { class: "signature" }, signature)];
  return [
    figuresTable("Scores", head.map((text) => el("th", { scope: "col" }, text)), scores.map((score) => scoreRow(score, scores, baseline))),
    el("details", { class: "hint signatures" }, el("summary", {}, "Signatures"), el("dl", {}, scores.map(how))),
  ];
}

const changedSetting = ([key, before, now]) => el("span", {}, el("code", {}, key), ` ${before} → ${now} `);

/** What the baseline is, what differs in its settings, and which sentences gained and lost. */
function against({ baseline, sentences }) {
  const sorted = (descending) => address("sentences", { ...AFRESH, sort: { key: "gain", descending } });
  const those = (kind) => {
    const count = sentences.filter(KINDS[kind].holds).length;
    const told = `${grouped(count)} ${KINDS[kind].label}`;
    return count ? el("a", { href: address("sentences", { ...AFRESH, kind }) }, told) : told;
  };
  return [
    el("p", { class: "hint" }, `The baseline: ${[baseline.name, baseline.search, baseline.checkpoint].join(" · ")}`),
    baseline.settings.length ? el("p", { class: "hint settings" }, "Settings that differ, the baseline’s first: ", baseline.settings.map(changedSetting)) : null,
    el("p", { class: "hint" }, "By the chrF of each sentence: ", those("better"), ", ", those("worse"), ", ", those("alike"), ", ", those("same"), ". See the ",
      el("a", { href: sorted(true) }, "largest gains"), ", ", el("a", { href: sorted(false) }, "largest losses"), "."),
  ];
}
