"""Hypotheses -> Translation records: back to text, and the choice among several by the least risk."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nmt.data.tokenizer import Encoded, Tokenizer
from nmt.data.vocabulary import BOS
from nmt.decoding.options import SearchOptions
from nmt.decoding.risk import expected_utilities
from nmt.decoding.translation import Beam, Translation
from nmt.decoding.tree import Hypothesis

DIVERGED = "the model gives no finite probabilities: its training diverged, or its weights are damaged"


class Records:
    """Makes records.

    Args:
        tokenizer: of the target language.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._tokens = tokenizer, tokenizer.tokens

    def best(self, line: str, source: Encoded, found: Sequence[Hypothesis], options: SearchOptions) -> Translation:
        """The first hypothesis, with as many others as are wanted; by the least risk if that is asked for.

        By the least risk, too, what meets the demands comes before what does not, and what has ended before the rest.
        """
        if not found:
            raise ValueError(DIVERGED)
        records = [self.of(line, source, each) for each in found]
        if options.mbr != "none":
            highest = max(each.log_prob for each in records)
            weights = [1.0 if options.method == "sample" else math.exp(each.log_prob - highest) for each in records]
            utilities = expected_utilities([each.text for each in records], weights, options.mbr)
            ranked = [(-each.met, not each.finished, -utility) for each, utility in zip(found, utilities, strict=True)]
            order = sorted(range(len(found)), key=ranked.__getitem__)
            records = [replace(records[index], score=utilities[index]) for index in order]
        return replace(records[0], beam=self._beam(found[0]), others=tuple(records[1 : options.n_best]))

    def of(self, line: str, source: Encoded, found: Hypothesis) -> Translation:
        """The record of one hypothesis."""
        if math.isnan(found.log_prob):
            raise ValueError(DIVERGED)
        text, tokens, spans = self._tokenizer.decode_with_spans(found.ids)
        named = [tuple((self._tokens[token], score) for token, score in step) for step in found.alternatives]
        return Translation(
            source=line,
            source_tokens=(BOS, *source.tokens),
            source_spans=((0, 0), *source.spans),
            text=text,
            tokens=tuple(tokens),
            spans=tuple(spans),
            token_log_probs=tuple(found.token_log_probs),
            attention=found.attention[:, : len(source.ids) + 1],
            alternatives=tuple(named),
            log_prob=found.log_prob,
            score=found.score,
            finished=found.finished,
        )

    def _beam(self, first: Hypothesis) -> Beam:
        """What the beam held, with its tokens named."""
        return tuple(
            tuple((place.parent, self._tokens[place.token], place.log_prob) for place in step) for step in first.beam
        )


def nothing(line: str) -> Translation:
    """The translation of a line without a token: nothing, with certainty."""
    return Translation(line, (BOS,), ((0, 0),), "", (), (), (), np.zeros((0, 1), np.float32), (), 0.0, 0.0, True)
