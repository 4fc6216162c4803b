"""Words: the unit of gold alignments, of AER, of lengths and of the word view of an attention map.

A word is a run of letters, digits and underscores, or any other visible character by itself: ``"Ja, 3 Hunde."`` has the
words ``Ja`` ``,`` ``3`` ``Hunde`` ``.`` at positions 0 to 4. Where a script writes no spaces between words (Chinese,
Japanese, Thai, Lao, Khmer, Burmese) each character is a word: ``狗在跑。`` has four.

What is drawn as one is never torn: a letter keeps its accents and vowel signs, a consonant what is written below it, an
emoji its colour and what it is joined with, a flag its two letters. What has no width, such as a soft hyphen, is no
word, but may stand in one. The unknown token, ``<unk>``, is one word: it stands for one.

Tokens (pieces of words, or of text without spaces several words) are mapped to words by their character spans, so that
the map holds for every kind of tokenizer.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from nmt.data.special import UNK

Span = tuple[int, int]

UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese, Shan
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"  # other Tai scripts
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b"  # marks and numbers among Chinese characters
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\U0001aff0-\U0001b16f"  # kana
    "\u3100-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
"""The characters of scripts that write no spaces between words, as ranges for the brackets of a regular expression."""

_IS_UNSPACED = re.compile(f"[{UNSPACED}]")

_JOINERS = "\u200c\u200d\u1039\u17d2\u1a60"
"""What ties the next character to the one before: the joiners, and what writes a Burmese, Khmer or Tai letter below."""

_EXTENDING = re.compile("[\u0e33\u0eb3\uff9e\uff9f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""What belongs to the character before it and is no combining mark: vowels, marks of half-width kana, colours of skin,
and what names the region of a flag."""

_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_ZERO_WIDTH_SPACE = "\u200b"

_WORD = re.compile("[lm](?:[lmj]|i+(?=l))*|ff?[mj]*|v(?:m|jv?)*")
"""A word, each character by its kind."""


class _Kinds(dict[int, str]):
    """The kind of each character, found out when it is asked for; for `str.translate`.

    l: a letter of a run; m: a mark of what stands before it; j: what joins; i: invisible; f: half a flag; v: any other
    visible character; a space between words.
    """

    def __missing__(self, code: int) -> str:
        self[code] = self._kind(chr(code))
        return self[code]

    @staticmethod
    def _kind(character: str) -> str:
        category = unicodedata.category(character)
        if character.isspace() or character == _ZERO_WIDTH_SPACE:
            return " "
        if character in _JOINERS:
            return "j"
        if category[0] == "M" or _EXTENDING.match(character):
            return "m"
        if category == "Cf":
            return "i"
        if ord(character) in _FLAG_LETTERS:
            return "f"
        is_letter = character.isalnum() or character == "_"
        return "l" if is_letter and not _IS_UNSPACED.match(character) else "v"


_KINDS = _Kinds()

_ONE_WORD = "\ufffd" + "\u0301" * (len(UNK) - 1)
"""As long as the unknown token, and one word: a character and its marks."""


def split_words(text: str) -> list[Span]:
    """The character span (start, end) of each word of `text`, in reading order."""
    return [match.span() for match in _WORD.finditer(text.replace(UNK, _ONE_WORD).translate(_KINDS))]


def word_texts(text: str) -> list[str]:
    """The words of `text`, in composed characters: however a letter is spelled, a word is the same word."""
    return [unicodedata.normalize("NFC", text[start:end]) for start, end in split_words(text)]


def is_run(word: str) -> bool:
    """Whether a word is a run of letters, digits and underscores, not a single character of another kind."""
    return word[:1].translate(_KINDS) == "l"


def words_of_tokens(text: str, tokens: Sequence[str], spans: Iterable[Span]) -> list[list[int]]:
    """The positions of the words that each token belongs to; none of a special token.

    A token belongs to the words that it shares a character with; what is only the space before a word, to that word.
    Mostly it is one word, which may have several tokens. A token of several words binds them: they have all their
    tokens in common, so that the words of two tokens are the same or have none in common.

    Args:
        text: what they are tokens of.
        tokens: the pieces.
        spans: the characters of each in `text`; none of a special token, nor of a lone ``▁`` at the start.
    """
    words = split_words(text)
    starts, ends = [start for start, _ in words], [end for _, end in words]
    touched: list[range] = []
    following = range(0)
    for token, (start, end) in reversed(list(zip(tokens, spans, strict=True))):
        if start < end:
            first = bisect_right(ends, start)
            following = range(first, min(max(first + 1, bisect_left(starts, end)), len(words)))
            touched.append(following)
        else:
            touched.append(following if token == "▁" else range(0))
    inner = {word for own in touched for word in own[1:]}  # bound to the word before
    borders = [word for word in range(len(words) + 1) if word not in inner]
    units = {word: list(range(*each)) for each in pairwise(borders) for word in range(*each)}
    return [units[own.start] if own else [] for own in reversed(touched)]
