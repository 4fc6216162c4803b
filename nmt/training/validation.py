"""What a validation finds out: of the references under teacher forcing, and by greedy translations."""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np
import torch
from torch import Tensor

from nmt.data.batch import Batch, on_device_of
from nmt.data.datamodule import TranslationData
from nmt.data.ranks import of_all_ranks, sum_over_ranks
from nmt.decoding.alignment import hard_alignment
from nmt.decoding.options import SearchOptions
from nmt.decoding.records import Records
from nmt.decoding.search import search
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.translation import Translation
from nmt.decoding.tree import Hypothesis
from nmt.evaluation.aer import LinkCounts, count_links, error_rate
from nmt.evaluation.metrics import bleu
from nmt.model.seq2seq import Seq2Seq
from nmt.training.loss import sequence_loss

MERIT = "val_merit"
"""What callbacks know the `merit` of a validation by."""

LEAST_BLEU = 1.0
"""Of a corpus below it hardly four words in a row are right, and which ones is chance."""


@dataclass
class _Totals:
    """Of the references: nats, entropy and number of their tokens, EOS included.

    The even entropy is that of attention to all source positions alike. Lost are sentences for which the search found
    nothing that is finite.
    """

    nll: float = 0.0
    entropy: float = 0.0
    even_entropy: float = 0.0
    tokens: float = 0.0
    lost: float = 0.0


class Validation:
    """A walk over the validation split, in which each rank has a share of the batches.

    Args:
        data: the split and the tokenizers.
    """

    def __init__(self, data: TranslationData) -> None:
        self._data, self._options = data, SearchOptions(beam_size=1, alternatives=0)
        self._totals, self._links = _Totals(), np.zeros(len(LinkCounts._fields))
        self._best: dict[int, Hypothesis] = {}

    def add(self, model: Seq2Seq, batch: Batch) -> None:
        """Scores the references of a batch, and translates it greedily.

        A translation is at most as long as its source allows, and twice as long as any target that is trained on: what
        is repeated on and on to a source of thousands of tokens would take longer than all the rest.
        """
        totals, loss = self._totals, sequence_loss(model, batch)
        totals.nll += float(loss.nll)
        totals.entropy += float(torch.special.entr(loss.attention.float()).sum())
        totals.even_entropy += float(((batch.tgt_lengths - 1) * batch.src_lengths.log()).sum())
        totals.tokens += loss.tokens
        if "alignment" in self._data.validation.column_names:
            self._compare_links(batch, loss.attention)
        memory, state = model.encode(batch.src_ids, batch.src_lengths)
        longest = 2 * self._data.config.max_length_tokens
        limits = [min(self._options.limit(length), longest) for length in batch.src_lengths.tolist()]
        sentences = SearchBatch(
            on_device_of(torch.tensor(limits), batch.src_ids), unsaid=self._data.tokenizers.tgt.unsaid
        )
        found = search(model, memory, state, sentences, self._options)
        totals.lost += sum(not hypotheses for hypotheses in found)
        rows = zip(batch.indices.tolist(), found, strict=True)
        self._best |= {row: hypotheses[0] for row, hypotheses in rows if hypotheses}

    def _compare_links(self, batch: Batch, attention: Tensor) -> None:
        """Adds the links of the most attended words: attention (N, S) of all target tokens of the batch."""
        rows = [self._data.validation[row] for row in batch.indices.tolist()]
        each = attention.float().cpu().split((batch.tgt_lengths - 1).tolist())
        links = [
            hard_alignment(
                weights[:, : 1 + len(row["src_ids"])].numpy(), [[], *row["src_words"]], [*row["tgt_words"], []]
            )
            for row, weights in zip(rows, each, strict=True)
        ]
        self._links += count_links(links, [row["alignment"] for row in rows])

    def figures(self, device: torch.device) -> dict[str, float]:
        """The figures of the whole split, whatever the ranks' shares of it were; the ranks speak over the device.

        Of the references under teacher forcing `val_loss` (nats a target token), `val_attention_entropy` (nats a target
        token: 0 where each attends to one position; of several heads, that of their mean), `val_attention_evenness`
        (what that is of the entropy of attention to all positions alike, 0 to 1), and, where the split has gold word
        alignments, `val_aer` (0 to 1, of the attention to them); of greedy translations `val_bleu` (0 to 100).

        Raises:
            FloatingPointError: if the loss, or what a search looked at, is not finite; in all ranks, for none would
                wait for the others.
        """
        own = torch.tensor([*self._links, *astuple(self._totals)], dtype=torch.float64)
        sums = sum_over_ranks(own, device).tolist()
        links, totals = LinkCounts(*sums[: len(self._links)]), _Totals(*sums[len(self._links) :])
        if not math.isfinite(totals.nll):
            raise FloatingPointError(f"the loss is {totals.nll}")
        if totals.lost:
            raise FloatingPointError("no probability is finite")
        tokenizer, references = self._data.tokenizers.tgt, self._data.validation_references
        texts = of_all_ranks({row: tokenizer.decode(best.ids) for row, best in self._best.items()})
        figures = {
            "val_loss": totals.nll / totals.tokens,
            "val_bleu": bleu(list(texts.values()), [references[row] for row in texts], self._data.config.tgt),
            "val_attention_entropy": totals.entropy / totals.tokens,
            "val_attention_evenness": totals.entropy / (totals.even_entropy or 1.0),
        }
        if links.gold:
            figures["val_aer"] = error_rate(links)
        return figures

    def samples(self, sentences: int) -> dict[int, Translation]:
        """So many of the translations, by row of the split, spread evenly over it."""
        rows = list(of_all_ranks(dict.fromkeys(self._best, 0)))
        wanted = rows[:: max(1, len(rows) // max(1, sentences))][:sentences]
        tokenizers, split = self._data.tokenizers, self._data.validation
        records, rows = Records(tokenizers.tgt), [row for row in wanted if row in self._best]
        own = {row: records.of(tokenizers.src.encode(split[row]["src"]), self._best[row]) for row in rows}
        return of_all_ranks(own)


def merit(figures: Mapping[str, float], monitor: str) -> float:
    """How good a validation is, more is better: what the best checkpoint, early stopping and the plateau go by.

    That is `val_bleu`, if it is monitored and at least `LEAST_BLEU`. Otherwise it is the negative of `val_loss`, which
    is less than that: of the first validations of a training, BLEU would choose one by chance.

    Args:
        figures: of the validation.
        monitor: "val_bleu" or "val_loss".
    """
    if monitor == "val_bleu" and figures["val_bleu"] >= LEAST_BLEU:
        return figures["val_bleu"]
    return -figures["val_loss"]


def judged_by(merit: float, monitor: str) -> str:
    """The figure that a merit comes from, and if it is not the one that is monitored, why."""
    if merit >= LEAST_BLEU:
        return "val_bleu"
    return "val_loss" if monitor == "val_loss" else f"val_loss (val_bleu is below {LEAST_BLEU:g})"
