"""Batch -> loss: cross entropy of the real target tokens, and what may be added to it.

Letters: B sentences, T target steps, S source positions, N real target tokens, R readout size, V vocabulary size.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from nmt.data.batch import Batch, length_mask
from nmt.model.seq2seq import LEAST_WEIGHT, Seq2Seq
from nmt.training.cross_entropy import PIECE_TOKENS, linear_cross_entropy


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        label_smoothing: probability mass spread evenly over the vocabulary (Szegedy et al. 2016, section 7).
        guided_alignment: weight of the cross entropy between given alignment and attention (Chen et al. 2016).
        r_drop: weight of the divergence between two passes with different dropout masks (Liang et al. 2021).
        sampling: probability that a previous token is the model's own (Bengio et al. 2015).
    """

    label_smoothing: float = 0.0
    guided_alignment: float = 0.0
    r_drop: float = 0.0
    sampling: float = 0.0


class Loss(NamedTuple):
    """Sums over all target tokens of a batch, EOS included, BOS not; in nats.

    Attributes:
        total: what is minimised; the negative log-likelihood where nothing is smoothed or added.
        nll: the negative log-likelihood; no gradient flows here.
        tokens: how many target tokens, N.
        attention: (N, S) of each token; no gradient flows here.
    """

    total: Tensor
    nll: Tensor
    tokens: int
    attention: Tensor


class _Tokens(NamedTuple):
    """The real target tokens: targets (N,), readouts (N, R) or (N, S, R) and attention (N, S) that predict them."""

    targets: Tensor
    readouts: Tensor
    attention: Tensor


def sequence_loss(model: Seq2Seq, batch: Batch, objective: Objective | None = None) -> Loss:
    """The loss of the targets under teacher forcing; without an objective, the negative log-likelihood."""
    objective = objective or Objective()
    previous = batch.tgt_ids[:, :-1]
    if objective.sampling:
        previous = sampled_previous(model, batch, objective.sampling)
    if objective.r_drop:
        return _r_drop(model, batch, previous, objective)
    tokens = _predict(model, batch, previous)
    total, nll = _cross_entropy(model, tokens, objective.label_smoothing)
    return Loss(total + _guide(batch, tokens.attention, objective), nll, len(tokens.targets), tokens.attention.detach())


def _predict(model: Seq2Seq, batch: Batch, previous: Tensor) -> _Tokens:
    readouts, attention = model(batch.src_ids, batch.src_lengths, previous)
    parts, mask = (batch.tgt_ids[:, 1:], readouts, attention), _real(batch)
    if mask.all():  # as mostly in a batch of targets of like lengths: then there is nothing to copy
        return _Tokens(*(each.flatten(0, 1) for each in parts))
    return _Tokens(*(each[mask] for each in parts))


def _real(batch: Batch) -> Tensor:
    """(B, T) bool, True where there is a token to predict."""
    return length_mask(batch.tgt_lengths - 1, batch.tgt_ids.shape[1] - 1)


def _cross_entropy(model: Seq2Seq, tokens: _Tokens, smoothing: float) -> tuple[Tensor, Tensor]:
    """Sums of the smoothed cross entropy and of the negative log-likelihood."""
    if not model.latent:
        return linear_cross_entropy(tokens.readouts, model.output.weight, model.output.bias, tokens.targets, smoothing)

    def piece(targets: Tensor, readouts: Tensor, attention: Tensor) -> Tensor:
        log_probs = model.log_probs(readouts, attention)
        nll = -log_probs.gather(1, targets[:, None]).sum()
        return torch.stack([(1 - smoothing) * nll - smoothing * log_probs.mean(dim=1).sum(), nll.detach()])

    total, nll = torch.stack([checkpoint(piece, *each, use_reentrant=False) for each in _pieces(tokens)]).sum(0)
    return total, nll.detach()


def _pieces(tokens: _Tokens) -> list[_Tokens]:
    """As many tokens at a time as keep the logits small: a latent alignment has S of them for each."""
    size = PIECE_TOKENS if tokens.readouts.dim() == 2 else max(1, PIECE_TOKENS // tokens.readouts.shape[1])
    return [_Tokens(*each) for each in zip(*(part.split(size) for part in tokens), strict=True)]


def _guide(batch: Batch, attention: Tensor, objective: Objective) -> Tensor | float:
    """``-sum A log a`` over the tokens that are aligned (Chen et al. 2016), times its weight."""
    if not objective.guided_alignment:
        return 0.0
    assert batch.alignment is not None
    gold = batch.alignment[_real(batch)]
    return -objective.guided_alignment * (gold * attention.clamp(min=LEAST_WEIGHT).log()).sum()


def _r_drop(model: Seq2Seq, batch: Batch, previous: Tensor, objective: Objective) -> Loss:
    """Two passes: their mean loss, and alpha / 4 times both divergences: half of what Liang et al. 2021 minimise."""
    passes = [_predict(model, batch, previous) for _ in range(2)]
    weight, smoothing = objective.r_drop / 4, objective.label_smoothing

    def piece(targets: Tensor, *parts: Tensor) -> Tensor:
        one, other = (model.log_probs(*each) for each in (parts[:2], parts[2:]))
        mean = (one + other) / 2
        nll = -mean.gather(1, targets[:, None]).sum()
        divergence = ((one.exp() - other.exp()) * (one - other)).sum()  # KL(p || q) + KL(q || p)
        total = (1 - smoothing) * nll - smoothing * mean.mean(dim=1).sum() + weight * divergence
        return torch.stack([total, nll.detach()])

    pieces = zip(*(_pieces(each) for each in passes), strict=True)
    sums = [checkpoint(piece, *one, *other[1:], use_reentrant=False) for one, other in pieces]
    total, nll = torch.stack(sums).sum(0)
    guides = [_guide(batch, each.attention, objective) for each in passes]
    first = passes[0]
    return Loss(total + (guides[0] + guides[1]) / 2, nll.detach(), len(first.targets), first.attention.detach())


@torch.no_grad()
def sampled_previous(model: Seq2Seq, batch: Batch, probability: float) -> Tensor:
    """Previous tokens (B, T), each with that probability drawn from what the model predicts after the references.

    Scheduled sampling (Bengio et al. 2015) in two passes, so that a fused decoder stays fused (Duckworth et al. 2019).
    """
    previous, mask = batch.tgt_ids[:, :-1].clone(), _real(batch)
    tokens = _predict(model, batch, previous)
    drawn = [model.log_probs(each.readouts, each.attention).exp().multinomial(1) for each in _pieces(tokens)]
    predicted = torch.zeros_like(batch.tgt_ids[:, 1:])
    predicted[mask] = torch.cat(drawn).squeeze(1)
    chosen = torch.rand(previous.shape, device=previous.device)[:, 1:] < probability
    previous[:, 1:] = torch.where(chosen & mask[:, 1:], predicted[:, :-1], previous[:, 1:])
    return previous
