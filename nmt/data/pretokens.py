"""Text -> normal form -> pre-tokens: the parts of the library's pipeline that stand before the model, and its decoder.

All kinds but one take plain text, and are described in `nmt.data.tokenizer`. The kind presplit takes text that another
program has cut, with a space between two pieces. Its normal form is the pieces as this program writes them, the first
of a word with ``▁``, with a space between two::

    ▁weiß e ▁Katze      of  weiß@@ e Katze  (joiner @@),  ▁weiß e ▁Katze  (joiner ▁)
    ▁weiße ▁Katze ▁.    of  weiße Katze .   (joiner none)

Plain text has no space in its normal form, which tells the two apart.
"""

import re
from collections.abc import Sequence

import tokenizers
from tokenizers import Regex, decoders, normalizers, pre_tokenizers

from nmt.config import Joiner, TokenizerConfig, TokenizerKind
from nmt.data.special import SPECIAL_TOKENS
from nmt.data.words import UNSPACED

SPACE = "\\s\x1c-\x1f"
"""What `str.isspace()` calls white space, for use in brackets; the library's `\\s` does not know \\x1c to \\x1f."""

_PROBE = "▁A <s> b"
_PROBE_FORMS = "▁a▁<s>▁b", "▁a ▁<s> ▁b", "▁a < s> b"
"""The normal forms of `_PROBE`, in small letters: of plain text, and of text that was cut, by joiner."""


def prepare(backend: tokenizers.Tokenizer, settings: TokenizerConfig) -> None:
    """Gives a tokenizer of the library its normaliser, pre-tokenizer and decoder."""
    if settings.kind == "presplit":
        backend.normalizer = _presplit_form(settings.joiner)
        backend.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    else:
        backend.normalizer = _plain_form(settings.lowercase, settings.protected)
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(_pattern(settings.kind, settings.protected)), "isolated")
    backend.decoder = _decoder()


def takes_presplit(backend: tokenizers.Tokenizer) -> bool:
    """Whether a tokenizer takes text that was cut.

    Raises:
        ValueError: if it makes other pre-tokens than any of this program: its tokens would not join to a text.
    """
    normal = backend.normalizer.normalize_str(_PROBE) if backend.normalizer else _PROBE
    pieces = [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(normal)] if backend.pre_tokenizer else []
    is_whole = "".join(pieces) == normal.replace(" ", "") and not any("▁" in piece[1:] for piece in pieces)
    if normal.lower() not in _PROBE_FORMS or not is_whole:
        raise ValueError("its normaliser and pre-tokenizer are those of another program: train it with nmt")
    return " " in normal


UNCUT = re.compile(rf"[^▁]*[^\W{UNSPACED}][{SPACE}]+[^\W{UNSPACED}][^▁]*")
"""A whole text without ▁ in which a space stands between two letters whose scripts write spaces between words."""


def is_uncut(text: str, joiner: Joiner) -> bool:
    """Whether a text that is to be cut with this joiner is not, but has spaces between words: they are lost."""
    return joiner == "▁" and bool(UNCUT.fullmatch(text))


def _plain_form(lowercase: bool, protected: Sequence[str]) -> normalizers.Normalizer:
    folded = [normalizers.Lowercase(), *(each for text in protected for each in _capitals(text))]
    return normalizers.Sequence(
        [
            *(folded if lowercase else []),
            normalizers.NFC(),
            normalizers.Replace(Regex(f"[{SPACE}▁]+"), " "),
            normalizers.Strip(),
            normalizers.Prepend("▁"),
            normalizers.Replace(" ", "▁"),
        ]
    )


def _capitals(text: str) -> list[normalizers.Normalizer]:
    """What gives a string that was lower-cased its capitals back: one by one, so that each keeps its place."""
    low = [letter.lower() for letter in text]
    context = ((re.escape(text[:at]), re.escape("".join(low[at + 1 :]))) for at in range(len(text)))
    return [
        normalizers.Replace(Regex(f"(?<={before}){small}(?={after})"), letter)
        for small, letter, (before, after) in zip(low, text, context, strict=True)
        if small != letter
    ]


def _presplit_form(joiner: Joiner) -> normalizers.Normalizer:
    white, own = (f"[{SPACE}]+", []) if joiner == "▁" else (f"[{SPACE}▁]+", [normalizers.Prepend("▁")])
    marked = {
        "none": [normalizers.Replace(" ", " ▁")],
        "@@": [
            normalizers.Replace(Regex(" ?@@$"), ""),
            normalizers.Replace(" ", " ▁"),
            normalizers.Replace("@@ ▁", " "),
        ],
        "▁": [normalizers.Replace(Regex("▁+"), "▁")],
    }
    # A piece within a word could be spelled as a special token, or as what WordPiece writes for one: it is cut.
    named = f"(?<![^ ])<(?=({'|'.join(each[1:] for each in SPECIAL_TOKENS)})(?![^ ]))"
    return normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(white), " "),
            normalizers.Strip(),
            *own,
            *marked[joiner],
            normalizers.Replace(Regex(named), "< "),
            normalizers.Replace(Regex("(?<![^ ])#(?=#)"), "# "),
        ]
    )


def _pattern(kind: TokenizerKind, protected: Sequence[str]) -> str:
    """What a pre-token of plain text is: a protected string, else a run of letters or a mark, or any one character.

    Where a script writes no spaces a run is longer than a word, so that pieces can be: only whole words are cut there.
    """
    names = "|".join(re.escape(each) for each in sorted(protected, key=len, reverse=True))
    first, letter = "", r"\w"
    if kind == "word":
        first, letter = rf"▁?[{UNSPACED}]\p{{M}}*|", rf"[^\W{UNSPACED}]"
    if protected:
        first, letter = rf"▁?({names})|{first}", f"((?!{names}){letter})"
    return first + ("." if kind == "char" else rf"▁?{letter}+|▁?[^\w▁]")


def _decoder() -> decoders.Decoder:
    """What `Tokenizer.decode` does, for those who load the file with the library alone."""
    return decoders.Sequence(
        [
            decoders.Replace(Regex("^<(pad|s|/s)>$"), ""),
            decoders.Replace(Regex("^<unk>$"), "▁<unk>"),
            decoders.Replace(Regex("^##(?=.)"), ""),
            decoders.ByteFallback(),
            decoders.Replace("▁", " "),
            decoders.Fuse(),
            decoders.Replace(Regex(f"[{SPACE}]+"), " "),
            decoders.Replace(Regex("^ | $"), ""),
        ]
    )
