"""Search over any step function: greedy, beam, diverse beam, sampling; free, or guided by what a sentence demands.

Search knows a step function, a batch of sentences and its own options: neither Lightning nor a concrete model. All
sentences of a batch advance together. A beam has K places; a hypothesis that ends keeps its place, so that fewer are
open, and the output layer is computed for the open ones only. A sentence without an open hypothesis, or whose open ones
cannot overtake what has ended, leaves the batch. What is large (log-probabilities, states) stays on the device; the
choice among the best few is made on the host.

Letters: B sentences still searched, W hypotheses each (open ones first, then empty places), N = B * W rows, L open
rows, V vocabulary, S source positions, m proposals of a hypothesis, P places after the step.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from nmt.decoding.beams import Beams
from nmt.decoding.options import SearchOptions
from nmt.decoding.sentences import SearchBatch
from nmt.decoding.tree import Hypothesis


class StepFunction(Protocol):
    """What search asks of a model; the hypotheses of a sentence are rows side by side, as many for each sentence."""

    def advance(self, previous: Tensor, memory: Any, state: Any) -> tuple[Any, Any, Tensor]:
        """Previous ids (N,), memory of B rows, state of N rows -> outputs of N rows, next state, attention (N, S)."""

    def log_probs(self, outputs: Any, attention: Tensor) -> Tensor:
        """Some rows of outputs and attention (L, S) -> log-probabilities of the next token (L, V)."""


def tree_map(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The same tree of tensors (tuples, named tuples, lists) with the function applied to each."""
    if isinstance(tree, Tensor):
        return function(tree)
    children = [tree_map(function, child) for child in tree]
    return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)


def select_rows(tree: Any, rows: Tensor) -> Any:
    """The same tree of tensors with the given rows of each."""
    return tree_map(lambda tensor: tensor.index_select(0, rows), tree)


def on_device(numbers: np.ndarray, device: torch.device) -> Tensor:
    """Numbers of the host on a device; a GPU is not waited for."""
    return torch.from_numpy(numbers).to(device, non_blocking=device.type == "cuda")


def search(
    model: StepFunction, memory: Any, state: Any, batch: SearchBatch, options: SearchOptions
) -> list[list[Hypothesis]]:
    """The hypotheses of each sentence, best first; samples as they were drawn.

    There is at least one, and at most `n_best`, or `beam_size` if there is a choice to be made by risk.

    Args:
        model: the step function.
        memory: tree of tensors with one row a sentence; what does not change from step to step.
        state: tree of tensors with one row a sentence; the state before the first token.
        batch: what else is known of the sentences.
        options: what is asked for.
    """
    beams, device = Beams(batch, options), batch.limits.device
    parents, rows = beams.first, len(batch.limits)
    previous = torch.full((len(parents),), batch.bos, device=device)
    unsaid = torch.tensor(batch.unsaid, dtype=torch.int64, device=device) if batch.unsaid else None
    while len(parents):
        if len(parents) != rows or (parents != np.arange(rows)).any():
            state = select_rows(state, on_device(parents, device))
        rows = len(parents)
        outputs, state, attention = model.advance(previous, memory, state)
        of_opened = attention
        if not beams.full:
            opened = on_device(beams.opened, device)
            outputs, of_opened = select_rows(outputs, opened), attention.index_select(0, opened)
        log_probs = model.log_probs(outputs, of_opened)
        if unsaid is not None:
            log_probs.index_fill_(1, unsaid, -torch.inf)
        going_on, parents, tokens = beams.take(log_probs, attention.float())
        if going_on is not None:
            memory = select_rows(memory, on_device(going_on, device))
        previous = on_device(tokens, device)
    return beams.results()
