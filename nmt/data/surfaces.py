"""Ids -> text: how each token of a vocabulary reads, and where in the text it went."""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from nmt.data.pretokens import SPACE
from nmt.data.special import BOS, EOS, PAD, UNK
from nmt.data.words import Span

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_WHITE = re.compile(f"[{SPACE}]")


class Decoded(NamedTuple):
    """The text of some ids, with the piece and the span in `text` of each id; (0, 0) for what leaves no text."""

    text: str
    tokens: list[str]
    spans: list[Span]


class Surfaces:
    """How the tokens of a vocabulary read.

    Args:
        tokens: the piece of each id.

    Attributes:
        utf8: the text of each id: nothing of a special token, one byte of a byte token.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._bytes = [bytes.fromhex(match[1]) if (match := _BYTE.fullmatch(each)) else b"" for each in tokens]
        self._texts = [_WHITE.sub(" ", _text(each)) for each in tokens]  # of a byte token, not asked for
        self.utf8 = [byte or _text(each).encode() for byte, each in zip(self._bytes, tokens, strict=True)]

    def decode(self, ids: Iterable[int], words: Mapping[int, str] | None = None) -> Decoded:
        """The text of ids and where in it each of them went.

        Bytes that make up one character share its span; bytes that make up none become U+FFFD. The text has no
        white space but single spaces between words, whatever the ids are.

        Args:
            ids: any number of them.
            words: what to write in place of some of them, by their positions.
        """
        ids = list(ids)
        text, spans = "", []
        for piece, count in self._pieces(ids, words or {}):
            if not text or text[-1] == " ":
                piece = piece.lstrip(" ")
            spans += [(len(text), len(text) + len(piece))] * count
            text += piece
        text = text.rstrip(" ")
        spans = [(start, min(end, len(text))) if start < min(end, len(text)) else (0, 0) for start, end in spans]
        return Decoded(text, [self._tokens[each] for each in ids], spans)

    def _pieces(self, ids: Sequence[int], words: Mapping[int, str]) -> Iterator[tuple[str, int]]:
        """The text of the tokens in turn, with the number of tokens that share it: the bytes of a character do."""
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        waiting = 0
        for position, each in enumerate(ids):
            if byte := self._bytes[each]:
                piece = utf8.decode(byte)
                left = len(utf8.getstate()[0])
                if piece:
                    yield _WHITE.sub(" ", piece), waiting + 1 - left
                waiting = left
                continue
            if waiting:
                yield utf8.decode(b"", final=True), waiting
                waiting = 0
            yield f" {words[position]}" if position in words else self._texts[each], 1
        if waiting:
            yield utf8.decode(b"", final=True), waiting


def _text(token: str) -> str:
    """The text of one token that is not a byte."""
    if token in (PAD, BOS, EOS):
        return ""
    if token == UNK:
        return " <unk>"
    continuation = token.startswith("##") and len(token) > 2
    return (token[2:] if continuation else token).replace("▁", " ")
