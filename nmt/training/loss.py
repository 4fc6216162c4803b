"""Batch -> loss: cross entropy of the real target tokens, and what may be added to it.

Letters: B sentences, T target steps, S source positions, N real target tokens, R readout size, V vocabulary size.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from nmt.config import TrainingConfig
from nmt.data.batch import Batch, length_mask, on_device_of
from nmt.model.kernels.linear import is_plain
from nmt.model.seq2seq import LEAST_WEIGHT, Seq2Seq
from nmt.training.cross_entropy import PIECE_LOGITS, PIECE_TOKENS, linear_cross_entropy

PLAIN = TrainingConfig(label_smoothing=0.0)
"""Minimises the negative log-likelihood: nothing is smoothed, nothing added."""


class Loss(NamedTuple):
    """Sums over all target tokens of a batch, EOS included, BOS not; in nats.

    Attributes:
        total: what is minimised; the negative log-likelihood where nothing is smoothed or added.
        nll: the negative log-likelihood; no gradient flows here.
        tokens: how many target tokens, N.
        attention: (N, S) of each token; no gradient flows here.
        added: what the terms beside the cross entropy are, by name, before their weights; no gradient flows here.
    """

    total: Tensor
    nll: Tensor
    tokens: int
    attention: Tensor
    added: dict[str, Tensor]


class _Tokens(NamedTuple):
    """The real target tokens: targets (N,), readouts (N, R) or (N, S, R) and attention (N, S) that predict them."""

    targets: Tensor
    readouts: Tensor
    attention: Tensor


def sequence_loss(model: Seq2Seq, batch: Batch, settings: TrainingConfig = PLAIN, sampling: float = 0.0) -> Loss:
    """The loss of the targets under teacher forcing.

    Args:
        model: the network.
        batch: sentence pairs.
        settings: what is minimised.
        sampling: probability that a previous token is the model's own (Bengio et al. 2015): what of
            `scheduled_sampling` has been reached.
    """
    previous = sampled_previous(model, batch, sampling) if sampling else batch.tgt_ids[:, :-1]
    passes = [_predict(model, batch, previous) for _ in range(2 if settings.r_drop else 1)]
    added: dict[str, tuple[float, Tensor]] = {}  # weight and value
    if settings.r_drop:
        total, nll, divergence = _two_passes(model, passes[0], passes[1], settings.label_smoothing)
        added["divergence"] = settings.r_drop / 2, divergence  # half of what Liang et al. 2021 minimise, as is total
    else:
        total, nll = _cross_entropy(model, passes[0], settings.label_smoothing)
    if settings.guided_alignment:
        guides = [_distance_to_alignment(batch, each.attention) for each in passes]
        added["guided_alignment"] = settings.guided_alignment, sum(guides[1:], guides[0]) / len(guides)
    for weight, value in added.values():
        total = total + weight * value
    first, values = passes[0], {name: value.detach() for name, (_, value) in added.items()}
    return Loss(total, nll, len(first.targets), first.attention.detach(), values)


def _predict(model: Seq2Seq, batch: Batch, previous: Tensor) -> _Tokens:
    readouts, attention = model(batch.src_ids, batch.src_lengths, previous)
    parts, real = (batch.tgt_ids[:, 1:], readouts, attention), _real(batch)
    if real.all():  # usual where the targets have like lengths: then nothing needs to be copied
        return _Tokens(*(each.flatten(0, 1) for each in parts))
    where = _places(real, readouts)
    return _Tokens(*(each[where] for each in parts))


def _real(batch: Batch) -> Tensor:
    """(B, T) bool, True where there is a token to predict; where the lengths are."""
    return length_mask(batch.tgt_lengths - 1, batch.tgt_ids.shape[1] - 1)


def _places(real: Tensor, other: Tensor) -> tuple[Tensor, ...]:
    """Rows and columns of what is True, on the device of `other`: found on the host, they need no wait for a GPU."""
    return tuple(on_device_of(each, other) for each in real.nonzero(as_tuple=True))


def _cross_entropy(model: Seq2Seq, tokens: _Tokens, smoothing: float) -> tuple[Tensor, Tensor]:
    """Sums of the smoothed cross entropy and of the negative log-likelihood."""
    if not model.latent and is_plain(model.output):
        return linear_cross_entropy(tokens.readouts, model.output.weight, model.output.bias, tokens.targets, smoothing)

    def piece(targets: Tensor, readouts: Tensor, attention: Tensor) -> Tensor:
        log_probs = model.log_probs(readouts, attention)
        return torch.stack(_smoothed(log_probs, targets, smoothing))

    total, nll = torch.stack([_again(model, piece, *each) for each in _pieces(model, tokens)]).sum(0)
    return total, nll.detach()


def _smoothed(log_probs: Tensor, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """The same sums of log-probabilities (L, V) and targets (L,), of which the second gives no gradient."""
    nll = -log_probs.gather(1, targets[:, None]).sum()
    return (1 - smoothing) * nll - smoothing * log_probs.mean(dim=1).sum(), nll.detach()


def _pieces(model: Seq2Seq, tokens: _Tokens) -> list[_Tokens]:
    """As many tokens at a time as keep the logits small: a latent alignment has S of them for each."""
    readouts = 1 if tokens.readouts.dim() == 2 else tokens.readouts.shape[1]
    size = tokens_at_once(readouts, model.tgt_vocab_size, tokens.readouts.device.type)
    return [_Tokens(*each) for each in zip(*(part.split(size) for part in tokens), strict=True)]


def tokens_at_once(readouts: int, vocab_size: int, device: str) -> int:
    """Tokens with so many readouts each whose logits exist at once; off the CPU it is the number of calls that counts.

    There they are a quarter of those in `linear_cross_entropy`: autograd keeps several tensors of their size.
    """
    most = PIECE_TOKENS if device == "cpu" else PIECE_LOGITS // 4 // vocab_size
    return max(1, most // readouts)


def _again(model: Seq2Seq, piece: Callable[..., Tensor], *parts: Tensor) -> Tensor:
    """What `piece` gives; for its gradient it is computed anew, with the same random numbers if it may draw any."""
    return checkpoint(piece, *parts, use_reentrant=False, preserve_rng_state=not is_plain(model.output))


def _distance_to_alignment(batch: Batch, attention: Tensor) -> Tensor:
    """``-sum A log a`` over the tokens that are aligned (Chen et al. 2016), as far as a window lets them be reached."""
    assert batch.alignment is not None
    linked = batch.alignment[_places(_real(batch), attention)]
    gold = linked * (attention > 0)
    gold = gold * (linked.sum(1, keepdim=True) / gold.sum(1, keepdim=True).clamp(min=LEAST_WEIGHT))
    return -(gold * attention.clamp(min=LEAST_WEIGHT).log()).sum()


def _two_passes(model: Seq2Seq, one: _Tokens, other: _Tokens, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of both passes' smoothed cross entropies and of their log-likelihoods, and how far they are apart.

    That is the mean of the divergences from one to the other and back (Liang et al. 2021, eq. 2).
    """

    def piece(targets: Tensor, *parts: Tensor) -> Tensor:
        ones, others = (model.log_probs(*each) for each in (parts[:2], parts[2:]))
        mean = (ones + others) / 2
        divergence = ((ones.exp() - others.exp()) * (ones - others)).sum() / 2
        return torch.stack([*_smoothed(mean, targets, smoothing), divergence])

    pieces = zip(_pieces(model, one), _pieces(model, other), strict=True)
    total, nll, divergence = torch.stack([_again(model, piece, *left, *right[1:]) for left, right in pieces]).sum(0)
    return total, nll.detach(), divergence


@torch.no_grad()
def sampled_previous(model: Seq2Seq, batch: Batch, probability: float) -> Tensor:
    """Previous tokens (B, T), each with that probability drawn from what the model predicts after the references.

    Scheduled sampling (Bengio et al. 2015) in two passes, so that a fused decoder stays fused (Duckworth et al. 2019).
    """
    previous, real = batch.tgt_ids[:, :-1].clone(), _real(batch)
    tokens = _predict(model, batch, previous)
    drawn = [model.log_probs(each.readouts, each.attention).exp().multinomial(1) for each in _pieces(model, tokens)]
    predicted = torch.zeros_like(batch.tgt_ids[:, 1:])
    predicted[_places(real, predicted)] = torch.cat(drawn).squeeze(1)
    chosen = torch.rand(previous.shape, device=previous.device)[:, 1:] < probability
    previous[:, 1:] = torch.where(chosen & on_device_of(real, chosen)[:, 1:], predicted[:, :-1], previous[:, 1:])
    return previous
