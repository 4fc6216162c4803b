"""Hypotheses -> Translation records: back to text, and the choice among several by the least risk; records -> ids."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nmt.data.special import BOS, UNK_ID
from nmt.data.tokenizer import Encoded, Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.demands import unmet
from nmt.decoding.options import SearchOptions
from nmt.decoding.risk import expected_utilities
from nmt.decoding.step_rows import StepRows
from nmt.decoding.translation import Beam, Request, Translation
from nmt.decoding.tree import Hypothesis

DIVERGED = "the model gives no finite probabilities: its training diverged, or its weights are damaged"


class Records:
    """Makes records.

    Args:
        tokenizer: of the target language.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._tokens = tokenizer, tokenizer.tokens

    def best(
        self, request: Request, source: Encoded, hypotheses: Sequence[Hypothesis], options: SearchOptions
    ) -> Translation:
        """The first hypothesis, with as many others as are wanted; by the least risk if that is asked for.

        By the least risk, too, what meets the demands comes before what does not, and what has ended before the rest.
        """
        if not hypotheses:
            raise ValueError(DIVERGED)
        records = [self.of(source, hypothesis, options.replace_unknown) for hypothesis in hypotheses]
        if request.is_demanding:
            records = [replace(each, unmet=unmet(request, each, self._tokenizer)) for each in records]
        if options.mbr != "none":
            highest = max(record.log_prob for record in records)
            weights = [1.0 if options.is_sampled else math.exp(record.log_prob - highest) for record in records]
            utilities = expected_utilities([record.text for record in records], weights, options.mbr)
            ranks = [(-each.met, not each.finished, -gain) for each, gain in zip(hypotheses, utilities, strict=True)]
            order = sorted(range(len(hypotheses)), key=ranks.__getitem__)
            records = [replace(records[index], score=utilities[index]) for index in order]
        return replace(records[0], beam=self._beam(hypotheses[0]), others=tuple(records[1 : options.n_best]))

    def of(self, source: Encoded, hypothesis: Hypothesis, replace_unknown: bool = False) -> Translation:
        """The record of one hypothesis."""
        if math.isnan(hypothesis.log_prob):
            raise ValueError(DIVERGED)
        words = self._copied(source, hypothesis) if replace_unknown else {}
        text, tokens, spans = self._tokenizer.decode_with_spans(hypothesis.ids, words)
        return Translation(
            source=source.text,
            source_tokens=(BOS, *source.tokens),
            source_spans=((0, 0), *source.spans),
            text=text,
            tokens=tuple(tokens),
            spans=tuple(spans),
            token_log_probs=tuple(hypothesis.token_log_probs),
            attention=hypothesis.attention[:, : len(source.ids) + 1].copy(),  # a view would keep its whole batch
            alternatives=StepRows(
                [(self._tokens[token], score) for token, score in step] for step in hypothesis.alternatives
            ),
            log_prob=hypothesis.log_prob,
            score=hypothesis.score,
            finished=hypothesis.finished,
        )

    def _copied(self, source: Encoded, hypothesis: Hypothesis) -> dict[int, str]:
        """What stands for the unknown tokens, by their positions: the source token that each attended to most."""
        unknown = [position for position, token in enumerate(hypothesis.ids) if token == UNK_ID]
        most = hypothesis.attention[unknown, 1 : len(source.ids) + 1].argmax(axis=1)
        texts = [source.text[slice(*source.spans[place])].strip() for place in most.tolist()]
        return {place: self._tokenizer.written(text) for place, text in zip(unknown, texts, strict=True) if text}

    def _beam(self, first: Hypothesis) -> Beam:
        """What the beam held, with its tokens named."""
        return StepRows(
            [(place.parent, self._tokens[place.token], place.log_prob) for place in step] for step in first.beam
        )


def nothing(line: str) -> Translation:
    """The translation of a line without a token: nothing, with certainty."""
    return Translation(line, (BOS,), ((0, 0),), "", (), (), (), np.zeros((0, 1), np.float32), (), 0.0, 0.0, True)


def ids_of(tokenizers: TokenizerPair, translations: Sequence[Translation]) -> tuple[list[list[int]], list[list[int]]]:
    """The ids of what was read, without BOS, and of what was written."""
    sources = [tokenizers.src.ids(each.source_tokens[1:]) for each in translations]
    return sources, [tokenizers.tgt.ids(each.tokens) for each in translations]
