"""Readouts and targets -> loss; the output layer sees real tokens only, never padding."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from nmt.data.batch import Batch
from nmt.model.encoder import length_mask
from nmt.model.seq2seq import Seq2Seq


class Loss(NamedTuple):
    """Sums over all target tokens of a batch, EOS included, BOS not; in nats.

    Attributes:
        smoothed: what is minimised; the negative log-likelihood where nothing is smoothed.
        nll: the negative log-likelihood; of the smoothed loss no gradient flows here.
        tokens: how many target tokens.
    """

    smoothed: Tensor
    nll: Tensor
    tokens: int


def sequence_loss(model: Seq2Seq, batch: Batch, label_smoothing: float = 0.0) -> Loss:
    """Cross entropy of the targets under teacher forcing, with label smoothing (Szegedy et al. 2016, section 7)."""
    readouts, _ = model(batch.src_ids, batch.src_lengths, batch.tgt_ids[:, :-1])
    mask = length_mask(batch.tgt_lengths - 1, batch.tgt_ids.shape[1] - 1)
    targets = batch.tgt_ids[:, 1:][mask]
    logits = model.logits(readouts[mask])
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # sums over V are lost in half precision
    smoothed = cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
    nll = smoothed.detach() if label_smoothing == 0 else cross_entropy(logits.detach(), targets, reduction="sum")
    return Loss(smoothed, nll, len(targets))
