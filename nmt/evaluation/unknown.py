"""How much of what a model read and wrote is the unknown token: words that its vocabulary has not."""

from collections.abc import Sequence
from typing import NamedTuple

from nmt.data.special import BOS, EOS, UNK
from nmt.decoding.translation import Translation


class UnknownTokens(NamedTuple):
    """Numbers of tokens; the beginning and the end of a sentence do not count.

    Attributes:
        written: unknown tokens of the translations.
        of_written: all tokens of the translations.
        read: unknown tokens of the sources.
        of_read: all tokens of the sources.
    """

    written: int
    of_written: int
    read: int
    of_read: int

    def __str__(self) -> str:
        """Such as "12 of 3,000 tokens (0.4%) of the translations and 9 of 2,950 (0.3%) of the sources"."""
        written, read = self.written / max(self.of_written, 1), self.read / max(self.of_read, 1)
        return (
            f"{self.written:,} of {self.of_written:,} tokens ({written:.1%}) of the translations and {self.read:,} of "
            f"{self.of_read:,} ({read:.1%}) of the sources"
        )


def unknown_tokens(translations: Sequence[Translation]) -> UnknownTokens:
    """How many of the tokens of translations and of their sources are unknown."""
    written = [token for each in translations for token in each.tokens if token != EOS]
    read = [token for each in translations for token in each.source_tokens if token != BOS]
    return UnknownTokens(written.count(UNK), len(written), read.count(UNK), len(read))
