"""The embedded corpus: English-German sentence pairs with gold word alignment, from a synchronous grammar.

The corpus is the quickstart, the learning test, and the instrument that measures attention. One description of a
sentence gives both languages, so that translation and alignment are right by construction. Sentences are statements,
questions and complex sentences of 4 to 24 words, marks included: see `nmt.data.phrasebook.patterns`. The words stand in
`lexicon.json`.

A source has one translation: `you` is `du`; the German perfect is the English simple past with a past time or in a
question for where, when or why, and the present perfect otherwise; `gerade` is the progressive; `weil` is `because`.

Alignments are pairs (English word, German word) of positions as `nmt.data.words.split_words` counts them,
punctuation included, in the conventions:

- articles to articles, `not` and `a` or `any` to `kein`, `in the` to `im`, `cannot` to `kann` and `nicht`;
- a verb of one word to all German words that say the same: `bought` to `hat` and `gekauft`, `tidies` to `räumt` and
  `auf`; where both sides have two words, each to its own: `has bought` - `hat gekauft`, `turns on` - `schaltet ein`;
- do-support and other auxiliaries to the German finite verb, the progressive's `is` to `gerade` where German says it;
- `wants to read` and `will lesen`: `to` to the infinitive; `to` before a receiver to the first word of the receiver;
- a final mark to the final mark, a comma to the comma of the other side; German commas that English does not have
  stay unaligned, and so does nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from nmt.data.phrasebook.author import Author
from nmt.data.phrasebook.nominals import Word, Words, aligned
from nmt.data.phrasebook.patterns import Draft, draft


@dataclass(frozen=True)
class SentencePair:
    """An English and a German sentence; `alignment` holds (English word, German word) positions, sorted."""

    english: str
    german: str
    alignment: tuple[tuple[int, int], ...]


def generate(pairs: int, seed: int) -> list[SentencePair]:
    """Sentence pairs of which no two share their English or their German sentence.

    Args:
        pairs: how many.
        seed: the same seed gives the same pairs everywhere, and fewer pairs are the beginning of more.
    """
    author = Author(Random(seed))
    found: list[SentencePair] = []
    seen: set[str] = set()
    while len(found) < pairs:
        pair = sentence_pair(draft(author))
        if pair.english in seen or pair.german in seen:
            continue
        seen.update((pair.english, pair.german))
        found.append(pair)
    return found


def splits(
    seed: int = 1, train: int = 20_000, validation: int = 500, test: int = 1_000
) -> dict[str, list[SentencePair]]:
    """The splits `train`, `validation` and `test`; no sentence of either language is in two of them."""
    pairs = generate(train + validation + test, seed)
    return {
        "train": pairs[validation + test :],
        "validation": pairs[:validation],
        "test": pairs[validation : validation + test],
    }


def rows(pairs: Iterable[SentencePair], src: str, tgt: str) -> Iterator[dict[str, Any]]:
    """Each pair as `src`, `tgt` and `alignment`, a list of [source word, target word].

    Args:
        pairs: the sentence pairs.
        src: source language, `en` or `de`.
        tgt: target language, the other one.

    Raises:
        ValueError: for any other pair of languages.
    """
    if (src, tgt) not in {("en", "de"), ("de", "en")}:
        raise ValueError(f"the embedded corpus has no pair {src!r} to {tgt!r}: choose 'en' to 'de' or 'de' to 'en'")
    return _rows(pairs, src == "en")


def _rows(pairs: Iterable[SentencePair], from_english: bool) -> Iterator[dict[str, Any]]:
    for pair in pairs:
        if from_english:
            yield {"src": pair.english, "tgt": pair.german, "alignment": [list(link) for link in pair.alignment]}
        else:
            alignment = sorted([target, source] for source, target in pair.alignment)
            yield {"src": pair.german, "tgt": pair.english, "alignment": alignment}


def sentence_pair(sentence: Draft) -> SentencePair:
    """The pair as text, with its alignment."""
    mark = Word(sentence.mark, frozenset({-1}))
    english, german = [_punctuated([*side, mark]) for side in (sentence.english, sentence.german)]
    return SentencePair(_text(english), _text(german), tuple(aligned(english, german)))


def _punctuated(words: Words) -> Words:
    """The words without a comma before another mark, which takes over its links."""
    kept: Words = []
    for word in words:
        if kept and kept[-1].text == "," and word.text in {",", ".", "?"}:
            word = Word(word.text, word.links | kept.pop().links)
        kept.append(word)
    return kept


def _text(words: Words) -> str:
    """The words as a sentence: punctuation attached, first letter capital."""
    text = "".join(word.text if word.text in {",", ".", "?"} else f" {word.text}" for word in words).strip()
    return text[0].upper() + text[1:]
