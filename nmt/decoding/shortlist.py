"""The target types that a source sentence is likely to need, from the attention lexicon of the training data.

What the attention of a trained model points to while it reads the training pairs is a dictionary (Jean et al. 2015,
section 3.3, take theirs from word alignment). The output layer, most of the work of a step on a CPU, is then computed
for the types that some sentence of the batch may use, and each sentence chooses among its own. What all others would
have weighed is estimated (`Rest`), so that probabilities stay near those of the whole vocabulary: normalised among a
sentence's own types, they flatter a hypothesis just where the model would have said something else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import linear

from nmt.data.special import BOS_ID, EOS_ID
from nmt.decoding.guides import OfColumns
from nmt.decoding.sentences import SearchBatch
from nmt.model.kernels.linear import is_plain
from nmt.model.seq2seq import Seq2Seq

FILE = "shortlist.safetensors"


class Candidates(NamedTuple):
    """What the sentences of a batch may use.

    Attributes:
        ids: (U,) in rising order: the types that any of the B sentences may use, and BOS.
        allowed: (B, U) bool, True = the sentence may use it; never BOS, always EOS.
    """

    ids: Tensor
    allowed: Tensor

    def column(self, token: int) -> int:
        """Where a type stands among `ids`."""
        return int(torch.searchsorted(self.ids, token))

    def columns_of(self, batch: SearchBatch) -> SearchBatch:
        """The same sentences, with columns in place of ids; that of BOS is of the rest, and unsaid."""
        ids = self.ids.cpu().numpy()
        return batch._replace(
            guides=[None if guide is None else OfColumns(guide, ids) for guide in batch.guides or ()],
            unsaid=np.isin(ids, [BOS_ID, *batch.unsaid]).nonzero()[0].tolist(),
            bos=self.column(batch.bos),
            eos=self.column(batch.eos),
        )


class Rest(NamedTuple):
    """One more row of the output layer, in the place of all types that a sentence may not use.

    ``exp(weight' r + bias)`` of a readout r is about the sum of their exponentiated logits.

    Attributes:
        weight: (R,) float32.
        bias: () float32.
    """

    weight: Tensor
    bias: Tensor


class Shortlist:
    """For each source type the target types it may need, and those that any sentence may need.

    Args:
        types: (source types, most a type) int64 target ids; a shorter list is filled with EOS.
        common: (C,) int64, of any sentence, EOS among them.
        vocab_size: of the target, V.
        rest: of the model that it was made with; None where the other types are to weigh nothing.
    """

    def __init__(self, types: Tensor, common: Tensor, vocab_size: int, rest: Rest | None = None) -> None:
        self.types, self.common, self.vocab_size, self.rest = types, common, vocab_size, rest

    @classmethod
    def load(cls, folder: Path) -> "Shortlist":
        """The shortlist of a model folder.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if its file is damaged.
        """
        path = folder / FILE
        if not path.is_file():
            raise FileNotFoundError(f"{folder} has no shortlist: make it with `nmt shortlist RUN`")
        try:
            tensors = load_file(path)
            rest = Rest(tensors["rest_weight"], tensors["rest_bias"]) if "rest_weight" in tensors else None
            return cls(tensors["types"].long(), tensors["common"].long(), int(tensors["vocab_size"]), rest)
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} is damaged: {error}; make it again with `nmt shortlist RUN`") from error

    def fits(self, src_size: int, tgt_size: int, readout_size: int) -> bool:
        """Whether it can be of a model with vocabularies and readouts of these sizes."""
        same = (len(self.types), self.vocab_size) == (src_size, tgt_size)
        return same and (self.rest is None or len(self.rest.weight) == readout_size)

    def save(self, folder: Path) -> None:
        """Writes it beside the model."""
        size = torch.tensor(self.vocab_size)
        tensors = {"types": self.types.int(), "common": self.common.int(), "vocab_size": size}
        if self.rest is not None:
            tensors |= {"rest_weight": self.rest.weight, "rest_bias": self.rest.bias}
        (folder / FILE).write_bytes(save(tensors))  # by itself the library lets only the owner read it

    def candidates(self, src_ids: Tensor, src_mask: Tensor, extra: Sequence[list[int]] | None = None) -> Candidates:
        """What each sentence may use: what its tokens may need, and what any sentence may need.

        Args:
            src_ids: (B, S).
            src_mask: (B, S) bool, True = a real token.
            extra: for each sentence further target types, such as those of a prefix that it must begin with.
        """
        device, sentences = src_ids.device, len(src_ids)
        needed = self.types[src_ids.cpu()].masked_fill(~src_mask.cpu().unsqueeze(2), EOS_ID)
        allowed = torch.zeros(sentences, self.vocab_size, dtype=torch.bool)
        allowed.scatter_(1, needed.flatten(1), True)
        allowed[:, self.common] = True
        for row, more in enumerate(extra or ()):
            if more:
                allowed[row, more] = True
        used = allowed.any(dim=0)
        used[BOS_ID], allowed[:, BOS_ID] = True, False
        ids = used.nonzero().squeeze(1)
        return Candidates(ids.to(device), allowed[:, ids].to(device))


class _Memory(NamedTuple):
    """The memory of the model, and the number of each sentence in its batch, (B,)."""

    model: Any
    sentence: Tensor


class Restricted(nn.Module):
    """A model that chooses among the candidates of one batch only: a token is its column among their ids.

    For search it stands in the model's place, or as one of an ensemble. The probabilities of the types that a sentence
    may use and of the rest, which has the column of BOS, sum to one, whatever the other sentences of the batch may use.

    Args:
        model: whose output layer is restricted; its weights are gathered here, once a batch.
        candidates: of the batch that is going to be encoded.
        rest: what the other types weigh; None for nothing.

    Raises:
        ValueError: if the output layer is more than its weights.
    """

    def __init__(self, model: Seq2Seq, candidates: Candidates, rest: Rest | None = None) -> None:
        super().__init__()
        if not is_plain(model.output):
            raise ValueError("shortlist: it is for an output layer that is an nn.Linear, not wrapped and without hooks")
        self.model, self.ids = model, candidates.ids
        self.weight, self.bias = model.output.weight[self.ids], model.output.bias[self.ids]
        blocked = torch.zeros(candidates.allowed.shape, dtype=self.bias.dtype, device=self.ids.device)
        self.blocked = blocked.masked_fill_(~candidates.allowed, -torch.inf)  # (B, U)
        self.rest = None if rest is None else Rest(*(tensor.to(self.ids.device) for tensor in rest))
        self.bos = candidates.column(BOS_ID)

    def encode(self, src_ids: Tensor, src_lengths: Tensor, single: bool = False) -> tuple[_Memory, Any]:
        """Reads the sources (B, S) of the batch, lengths (B,): its memory, and the first state."""
        memory, state = self.model.encode(src_ids, src_lengths, single)
        return _Memory(memory, torch.arange(len(src_ids), device=src_ids.device)), state

    def advance(self, previous: Tensor, memory: _Memory, state: Any) -> tuple[tuple[Tensor, Tensor], Any, Tensor]:
        """One token of every hypothesis, columns (N,): what `log_probs` wants, the next state, attention (N, S)."""
        readouts, state, attention = self.model.advance(self.ids[previous], memory.model, state)
        sentence = memory.sentence.repeat_interleave(len(previous) // len(memory.sentence))
        return (readouts, sentence), state, attention

    def log_probs(self, outputs: tuple[Tensor, Tensor], attention: Tensor) -> Tensor:
        """What the next token is: (L, U), -inf for what the row's sentence may not use, in BOS's column the rest."""
        readouts, sentence = outputs
        blocked = self.blocked.index_select(0, sentence)
        logits = linear(readouts, self.weight, self.bias)
        logits.add_(blocked.unsqueeze(1) if self.model.latent else blocked)
        if self.rest is not None:
            logits[..., self.bos] = readouts @ self.rest.weight.to(readouts.dtype) + self.rest.bias
        return self.model.normalized(logits, attention)
