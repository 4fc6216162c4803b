"""The model with int8 weights, for a CPU: a quarter of the memory, and products of whole numbers.

A row of weights is whole numbers from -127 to 127 and one scale. A vector that is multiplied with them is rounded too,
to 15 bits and a scale of its own: as ``128 h + l`` its product is two products of bytes, which a processor with VNNI
instructions adds up four at a time, without any error. Bytes alone, ``h``, would be twice as fast; but what a sentence
shares a batch with changes the last bit of its states, which moves a byte now and then, and a log-probability by
up to 1e-2. With 15 bits it is 1e-4; in float32, 2e-5 (a model of Multi30k, alone and in batches of 64).
"""

from typing import Any

import torch
from torch import Tensor

from nmt.model.prepared import PreparedMatrix, prepare
from nmt.model.products import product
from nmt.model.seq2seq import Seq2Seq

STEPS = 127 * 128
"""A vector is rounded to multiples of its largest element over this."""

PIECE_ROWS = 2048
"""Rows of weights that are multiplied at once, so that what comes out stays in the processor's cache."""

MANY_ROWS = 4096
"""From so many on, as for a table of all types, rounding takes longer than products of bytes save."""

LARGEST_SUM = (2**31 - 1) // STEPS
"""Largest sum of absolute values in a row of weights: whatever it is multiplied with fits 32 bits."""


class Int8Matrix(PreparedMatrix):
    """A matrix of whole numbers.

    Args:
        rows: (F, K) int8.
        scales: (F,) float32, what each row is multiplied by.
    """

    def __init__(self, rows: Tensor, scales: Tensor) -> None:
        super().__init__(rows.shape, rows.device)
        self.rows, self.scales = rows, scales

    @classmethod
    def of(cls, matrix: Tensor) -> "Int8Matrix":
        """The nearest to a matrix (F, K)."""
        matrix = matrix.detach().float()
        scales = torch.maximum(matrix.abs().amax(1) / 127, matrix.abs().sum(1) / (LARGEST_SUM - matrix.shape[1]))
        scales = scales.clamp(min=torch.finfo(torch.float32).tiny)
        return cls((matrix / scales.unsqueeze(1)).round().to(torch.int8), scales)

    def piece(self, rows: Any, columns: Any) -> "Int8Matrix":
        """Some rows and some columns."""
        return Int8Matrix(self.rows[rows][:, columns].contiguous(), self.scales[rows])

    def lookup(self, ids: Tensor) -> Tensor:
        """Rows (...,) -> (..., K)."""
        return self.rows[ids] * self.scales[ids].unsqueeze(-1)

    def float(self) -> Tensor:
        """(F, K) in float32."""
        return self.rows * self.scales.unsqueeze(1)

    def product(self, inputs: Tensor, bias: Tensor | None = None) -> Tensor:
        """``x W' + b``: (..., K) -> (..., F)."""
        flat = inputs.reshape(-1, inputs.shape[-1])
        if len(flat) >= MANY_ROWS:
            return product(flat, self.float(), bias).view(*inputs.shape[:-1], -1)
        count, outputs = len(flat), flat.new_empty(len(flat), len(self.rows))
        both, units = _rounded(flat)
        for start in range(0, len(self.rows), PIECE_ROWS):
            piece = slice(start, start + PIECE_ROWS)
            sums = torch._int_mm(both, self.rows[piece].t())
            whole = torch.mul(sums[count:].add_(sums[:count], alpha=128), units, out=outputs[:, piece])
            if bias is None:
                whole.mul_(self.scales[piece])
            else:
                torch.addcmul(bias[piece], whole, self.scales[piece], out=whole)
        return outputs.view(*inputs.shape[:-1], -1)


def _rounded(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors (N, K) as high bytes above low ones (2 * N, K), and the units (N, 1) in which ``128 h + l`` counts."""
    largest = vectors.abs().amax(1, keepdim=True).clamp_(min=torch.finfo(torch.float32).tiny * STEPS)
    raised = (vectors * (STEPS / largest)).add_(128 * 128 + 64.5).to(torch.int16)  # cut off, hence rounded; positive
    both = raised.new_empty(2 * len(vectors), vectors.shape[1], dtype=torch.int8)
    high, low = both.chunk(2)
    torch.sub(raised >> 7, 128, out=high)
    torch.sub(raised.bitwise_and_(127), 64, out=low)
    return both, largest / STEPS


def can_multiply_bytes() -> bool:
    """Whether this processor has the instructions that int8 products are fast with."""
    return torch.backends.mkldnn.is_available() and torch.cpu._is_vnni_supported()


def quantize(model: Seq2Seq) -> Seq2Seq:
    """The model for inference on a CPU, with int8 weights wherever the decoder multiplies, and int8 embeddings.

    On a processor without fast products of bytes the result has the same weights, rounded, in float32.

    Args:
        model: stays as it is; what is not quantised is shared with it.
    """
    fast = can_multiply_bytes()
    return prepare(model, lambda each: Int8Matrix.of(each) if fast else Int8Matrix.of(each).float(), embeddings=True)
