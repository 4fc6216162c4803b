"""Words: the unit of gold alignments, of AER and of the word view of an attention map.

A word is a maximal run of letters with their combining marks, digits and underscores, or any other visible character:
``"Ja, 3 Hunde."`` has the words ``Ja`` ``,`` ``3`` ``Hunde`` ``.`` at positions 0 to 4. Tokens (pieces of words) are
mapped to words by their character spans, so that the map holds for every kind of tokenizer.
"""

import re
import unicodedata
from collections.abc import Iterable

Span = tuple[int, int]

_WORD = re.compile(r"\w+|[^\w\s]")


def split_words(text: str) -> list[Span]:
    """The character span (start, end) of each word of `text`, in reading order."""
    if not text.isascii():  # combining marks are no word characters to `re`
        text = "".join("m" if unicodedata.category(character)[0] == "M" else character for character in text)
    return [match.span() for match in _WORD.finditer(text)]


def word_texts(text: str) -> list[str]:
    """The words of `text`."""
    return [text[start:end] for start, end in split_words(text)]


def words_of_spans(text: str, spans: Iterable[Span]) -> list[int | None]:
    """The position of the word that each span belongs to; None where a span touches no word.

    A span belongs to the first word that it shares a character with: a piece that begins with the space before
    a word belongs to that word, and so does a piece that is nothing but that space. Special tokens have the empty span
    (0, 0) and belong to none.
    """
    word_from: list[int | None] = [None] * len(text)  # of the first visible character from here on
    begin = 0
    for position, (_, end) in enumerate(split_words(text)):
        word_from[begin:end] = [position] * (end - begin)
        begin = end
    return [word_from[start] if start < end else None for start, end in spans]
