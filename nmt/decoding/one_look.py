"""What each step would write if all its attention were on one source position, for every position in turn.

Letters: B sentences, T target steps, S source positions, M heads, V vocabulary size.
"""

from collections.abc import Iterator
from copy import copy

import torch
from torch import Tensor, nn

from nmt.decoding.search import select_rows
from nmt.model.attention import Attention, AttentionState, Memory
from nmt.model.decoder import Decoder
from nmt.model.seq2seq import Seq2Seq


class OneLook(nn.Module):
    """In the place of `Attention`, for one step of S hypotheses a sentence: hypothesis s attends to position s alone.

    Args:
        attention: in whose place it stands.
    """

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        self.heads, self.alignment = attention.heads, attention.alignment

    def stepper(self, memory: Memory, hypotheses: int) -> "OneLookStepper":
        """As of `Attention`."""
        each = torch.eye(hypotheses, dtype=memory.values.dtype, device=memory.values.device)
        return OneLookStepper(each.repeat(1, self.heads).expand(len(memory.mask), -1, -1))


class OneLookStepper:
    """Weights (B, S, M * S), whatever is asked."""

    def __init__(self, weights: Tensor) -> None:
        self._weights = weights

    def __call__(self, queries: Tensor, state: AttentionState) -> tuple[Tensor, AttentionState]:
        """The weights; the state stays as it was, for no other step follows."""
        return self._weights, state


@torch.inference_mode()
def one_look_log_probs(model: Seq2Seq, src_ids: Tensor, src_lengths: Tensor, previous: Tensor) -> Iterator[Tensor]:
    """What the next token of given targets would be if one step attended to one source position alone.

    The steps before it attend as they do. Then the context is the encoder state of that position, for the gates and for
    the readout: counterfactual attention (Jain & Wallace 2019), one look at a time. Where the alignment is latent, it
    is ``p(y | s)`` as the model itself has it (Deng et al. 2018).

    Args:
        model: in evaluation mode.
        src_ids: (B, S) source ids, BOS first, padded on the right.
        src_lengths: (B,) with BOS.
        previous: (B, T) target ids from BOS on.

    Yields:
        For each of the T steps log-probabilities (B, S, V); those of padding mean nothing.
    """
    if model.latent:
        readouts, _ = model(src_ids, src_lengths, previous)
        for each in readouts.unbind(1):
            yield torch.log_softmax(model.output(each).float(), dim=-1)
        return
    sentences, positions = src_ids.shape
    rows = torch.arange(sentences, device=src_ids.device).repeat_interleave(positions)
    memory, state = model.encode(src_ids, src_lengths)
    looking = _looking(model.decoder)
    for tokens in previous.unbind(1):
        readouts, _, _ = looking.advance(tokens[rows], memory, select_rows(state, rows))
        yield torch.log_softmax(model.output(readouts).float(), dim=-1).unflatten(0, (sentences, positions))
        _, state, _ = model.advance(tokens, memory, state)


def _looking(decoder: Decoder) -> Decoder:
    """The same decoder but for its attention, with the same parameters."""
    other = copy(decoder)
    other._modules = {**decoder._modules, "attention": OneLook(decoder.attention)}
    return other
