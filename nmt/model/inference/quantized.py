"""The model with int8 weights, for a CPU: a quarter of the memory, and products of whole numbers.

A row of weights is whole numbers from -127 to 127 and one scale. A vector that is multiplied with them is rounded too,
to 16 bits: as ``256 h + l`` its product is two products of bytes, which a processor with VNNI instructions adds up four
at a time, without any error. Bytes alone, ``h``, would be twice as fast; but what a sentence shares a batch with
changes the last bit of its states, which moves a byte now and then, and a log-probability by up to 1e-2. With 16 bits
it is 5e-4 at most, in float32 1e-5 (300 sentences of Multi30k, alone and in batches of 64).

The unit is one for all vectors, as states, contexts and readouts lie between -1 and 1. Where something does not, as
under residual connections, it is the next power of two, so that other vectors of a batch hardly ever move it.
"""

import math
from typing import Any

import torch
from torch import Tensor

from nmt.model.inference.prepared import PreparedMatrix, prepare
from nmt.model.kernels.products import product
from nmt.model.seq2seq import Seq2Seq

STEPS = 127 * 256
"""A vector whose elements lie between -1 and 1 is rounded to multiples of one over this."""

WHOLE = torch.tensor(1.5 * 2**23)
"""Added to a float32, it leaves no room for a fraction: the last 16 bits of the sum are the nearest whole number."""

PIECE_ROWS = 2048
"""Rows of weights that are multiplied at once, so that what comes out stays in the processor's cache."""

MANY_ROWS = 4096
"""From so many on, as for a table of all types, rounding takes longer than products of bytes save."""

LARGEST_SUM = (2**31 - 1) // (STEPS + 128)
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

    def submatrix(self, rows: Any, columns: Any) -> "Int8Matrix":
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
        both, unit = _rounded(flat)
        scales = self.scales * unit
        for start in range(0, len(self.rows), PIECE_ROWS):
            piece = slice(start, start + PIECE_ROWS)
            sums = torch._int_mm(both, self.rows[piece].t())
            whole = outputs[:, piece].copy_(sums[count:].add_(sums[:count], alpha=256))
            if bias is None:
                whole.mul_(scales[piece])
            else:
                torch.addcmul(bias[piece], whole, scales[piece], out=whole)
        return outputs.view(*inputs.shape[:-1], -1)


def _rounded(vectors: Tensor) -> tuple[Tensor, float]:
    """Vectors (N, K) as high bytes above low ones (2 * N, K), and the unit in which ``256 h + l`` counts."""
    least, most = vectors.aminmax()
    unit = _power_of_two(float(torch.maximum(-least, most))) / STEPS
    whole = torch.add(WHOLE, vectors, alpha=1 / unit).view(torch.int32).to(torch.int16)
    both = whole.new_empty(2 * len(vectors), vectors.shape[1], dtype=torch.int8)
    high, low = both.chunk(2)
    low.copy_(whole)  # its last eight bits, from -128 to 127
    high.copy_(whole.add_(128).bitwise_right_shift_(8))  # what is left over them
    return both, unit


def _power_of_two(largest: float) -> float:
    """The next one, from 1 on; what is not finite stays so."""
    if largest <= 1:
        return 1.0
    return 2.0 ** math.ceil(math.log2(largest)) if math.isfinite(largest) else largest


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
    rounded = prepare(model, lambda each: Int8Matrix.of(each) if fast else Int8Matrix.of(each).float(), embeddings=True)
    rounded.is_int8 = True
    return rounded
