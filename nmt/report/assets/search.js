/* The search in the texts of the sentences: what it asks for, and where it is found. */

/** A character of a script that writes no spaces between words: a word by itself (`nmt.data.words`). */
const UNSPACED = "[\\p{scx=Hani}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Bopo}\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}\\p{sc=Tale}\\p{sc=Talu}\\p{sc=Lana}\\p{sc=Tavt}]";

/** A letter of a word of several. */
const LETTER = `(?:(?!${UNSPACED})[\\p{L}\\p{M}\\p{N}_])`;

/** Text as it is compared in a search: composed, in lower case, ß as ss, ς as σ. */
const folded = (text) => text.normalize("NFC").toUpperCase().toLowerCase().replaceAll("ς", "σ");

/** What finds a search in folded text: a text in quotes only as whole words. Null where nothing is asked for. */
function pattern(query) {
  const [, quoted] = /^["“”„](.+)["“”]$/.exec(query.trim()) ?? [];
  const literal = folded(quoted ?? query.trim()).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  if (!literal) return null;
  return new RegExp(quoted ? `(?<!${LETTER}(?=${LETTER}))${literal}(?!(?<=${LETTER})${LETTER})` : literal, "u");
}

const haystacks = new WeakMap();

/** The texts of a sentence that are searched, by what they are called. */
function textsOf({ source, hypothesis, reference, baseline, branches }) {
  const others = branches.map(({ text }) => ["What if", text]);
  return [["Source", source.text], ["Hypothesis", hypothesis.text], ["Reference", reference.text], ...(baseline ? [["Baseline", baseline.text]] : []), ...others];
}

function haystack(sentence) {
  if (!haystacks.has(sentence)) haystacks.set(sentence, folded(textsOf(sentence).map(([, text]) => text).join("\n")));
  return haystacks.get(sentence);
}

/** The places [start, end) of `text` where the search is found. */
function placesFound(text) {
  const asked = pattern(state.query);
  if (!asked) return [];
  const [starts, ends, parts] = [[], [], []];
  for (const { 0: part, index } of text.matchAll(/\P{M}\p{M}*|\p{M}+/gu)) { // as folding may change their lengths
    parts.push(folded(part));
    for (let added = parts.at(-1).length; added > 0; added--) starts.push(index), ends.push(index + part.length);
  }
  const found = parts.join("").matchAll(new RegExp(asked, "gu"));
  return Array.from(found, ({ 0: { length }, index }) => [starts[index], ends[index + length - 1]]);
}

/** Marks where the search is found in what lies in `node`, the elements with `data-text`; the name is that of a place
 *  whose old marks go. */
function markFound(name, node) {
  if (!CSS.highlights) return; // a browser from before 2023
  const ranges = [...node.querySelectorAll("[data-text]")].flatMap((each) => placesFound(each.textContent).map((place) => rangeOf(each, place)));
  CSS.highlights.set(`found-in-${name}`, new Highlight(...ranges));
}

/** The range of an element's text from `start` to `end`. */
function rangeOf(element, [start, end]) {
  const range = new Range();
  const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let before = 0; walk.nextNode(); before += walk.currentNode.length) {
    const { currentNode: node } = walk;
    if (start >= before && start < before + node.length) range.setStart(node, start - before);
    if (end > before && end <= before + node.length) range.setEnd(node, end - before);
  }
  return range;
}
