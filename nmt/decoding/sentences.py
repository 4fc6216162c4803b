"""The sentences of a search: what is known of them beside what the model makes of them."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from nmt.data.special import BOS_ID, EOS_ID
from nmt.decoding.guides import Guide


class SearchBatch(NamedTuple):
    """A batch of sentences to search for. Ids are columns of the step function's log-probabilities.

    Attributes:
        limits: (B,) most tokens of each, EOS included, at least 1.
        numbers: (B,) of each in the whole input; with the seed they fix what is sampled.
        covered: (B, S) bool, the source positions that the coverage penalty counts; all by default.
        guides: of each sentence, or None where it may do anything; None if that is so for all.
        unsaid: ids that no hypothesis holds; the probabilities of the others stay as they are.
        bos: id that every hypothesis begins with (not part of the result).
        eos: id that finishes a hypothesis.
    """

    limits: Tensor
    numbers: Sequence[int] | None = None
    covered: Tensor | None = None
    guides: Sequence[Guide | None] | None = None
    unsaid: Sequence[int] = ()
    bos: int = BOS_ID
    eos: int = EOS_ID
