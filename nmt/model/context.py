"""Contexts: the encoder states mixed by attention, and how they reach what reads them.

A context is ``c = a h``, with the weights a of a step and the encoder states h. Gates and readout read it, each through
a matrix W of its own, and as ``W (a h) = a (W h)`` there are two orders:

- mix first: each step mixes the encoder states, and each reader projects the context;
- project first: each reader projects the encoder states once a sentence, and each step mixes what it has projected.

Letters: B sentences, T steps, or the hypotheses of a sentence at one step, S source positions, M heads, H encoder state
size, F size of what a reader gets.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.model.kernels.repeated import repeated


class Context(NamedTuple):
    """What is attended to at some steps.

    Attributes:
        weights: (B, T, M * S).
        mixed: (B, T, H) what they mix of the encoder states; None where readers project first.
    """

    weights: Tensor
    mixed: Tensor | None

    @property
    def vectors(self) -> Tensor:
        """(B, T, H), for readers that have not projected first."""
        assert self.mixed is not None
        return self.mixed


Mixer = Callable[[Tensor], Context]
"""Weights (B, T, M * S) -> the context."""

Reader = Callable[[Context], Tensor]
"""A context -> what one of its readers gets, ``W c`` (B, T, F)."""


def mixer(values: Tensor, project_first: bool = False) -> Mixer:
    """What makes contexts of weights, along one sequence.

    Args:
        values: (B, M * S, H) what is mixed.
        project_first: whether every reader does so; then nothing is mixed here.
    """
    if project_first:
        return lambda weights: Context(weights, None)
    mix = repeated(values)
    return lambda weights: Context(weights, mix(weights))


def reader(projected: Tensor, weight: Tensor) -> Reader:
    """What a reader gets of contexts, along one sequence.

    Args:
        projected: (B, M * S, F) the encoder states as it has projected them; (B, M * S, 0) if they are mixed first.
        weight: (F, H) by which it projects.
    """
    if projected.shape[2]:
        mix = repeated(projected)
        return lambda context: mix(context.weights)
    project = repeated(weight.t())
    return lambda context: project(context.vectors)


def joined(contexts: Sequence[Context]) -> Context:
    """The contexts of single steps, one behind the other."""
    weights, mixed = zip(*contexts, strict=True)
    return Context(torch.cat(weights, dim=1), None if mixed[0] is None else torch.cat(mixed, dim=1))
