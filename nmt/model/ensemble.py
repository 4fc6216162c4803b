"""Several models of one vocabulary as one, for search and forced decoding: what they predict is averaged."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nmt.checked import check_fits
from nmt.config import Combine


class Ensemble(nn.Module):
    """The mean of several models' predictions at each token, and of their attention.

    Args:
        models: two or more, with the same vocabularies; what search asks of a `Seq2Seq` they must have.
        combine: "log_linear", ``p ~ prod_i p_i ** (1 / M)``, or "linear", ``p = sum_i p_i / M``.
    """

    def __init__(self, models: Sequence[Any], combine: Combine = "log_linear") -> None:
        super().__init__()
        check_fits(Combine, "combine", combine)
        self.models: Sequence[Any] = nn.ModuleList(models)  # type: ignore[assignment]
        self.combine = combine

    def encode(self, src_ids: Tensor, src_lengths: Tensor, single: bool = False) -> tuple[list[Any], list[Any]]:
        """Reads sources (B, S), lengths (B,): the memory and the first state of each model."""
        encoded = [model.encode(src_ids, src_lengths, single) for model in self.models]
        return [memory for memory, _ in encoded], [state for _, state in encoded]

    def tabulated(self) -> "Ensemble":
        """The same of each model for many steps in inference: see `Decoder.tabulated`."""
        return Ensemble([model.tabulated() for model in self.models], self.combine)

    def forward(self, src_ids: Tensor, src_lengths: Tensor, previous: Tensor) -> tuple[list[Any], Tensor]:
        """Teacher forcing: what `log_probs` wants of each model, and the mean attention (B, T, S)."""
        outputs = [model(src_ids, src_lengths, previous) for model in self.models]
        return outputs, self._mean([attention for _, attention in outputs])

    def advance(
        self, previous: Tensor, memory: Sequence[Any], state: Sequence[Any]
    ) -> tuple[list[tuple[Tensor, Tensor]], list[Any], Tensor]:
        """One token of every hypothesis (N,): outputs of each model, next states, and the mean attention (N, S)."""
        steps = [model.advance(previous, *each) for model, *each in zip(self.models, memory, state, strict=True)]
        attention = self._mean([weights for _, _, weights in steps])
        return [(readouts, weights) for readouts, _, weights in steps], [after for _, after, _ in steps], attention

    def log_probs(self, outputs: Sequence[tuple[Tensor, Tensor]], attention: Tensor) -> Tensor:
        """What the next token is, from outputs of each model (..., R) with its own attention (..., S): (..., V)."""
        each = torch.stack([model.log_probs(*of) for model, of in zip(self.models, outputs, strict=True)])
        if self.combine == "linear":
            return torch.logsumexp(each, dim=0) - torch.log(torch.tensor(float(len(each))))
        return torch.log_softmax(each.mean(dim=0), dim=-1)

    @staticmethod
    def _mean(attention: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(attention)).mean(dim=0)
