"""The model with int8 weights, for a CPU: a quarter of the memory, and products of whole numbers.

A row of weights is whole numbers from -127 to 127 and one scale. A vector that is multiplied with them is rounded too,
to 15 bits and a scale of its own: as ``128 h + l`` its product is two products of bytes, which a processor with VNNI
instructions adds up four at a time, without any error. Bytes alone, ``h``, would be twice as fast; but what a sentence
shares a batch with changes the last bit of its states, which moves a state's byte now and then, and a step of a byte is
seen in the log-probabilities. A step of 15 bits is not.

It needs no change of the network: where torch multiplies by weights or looks up an embedding, it asks the weights how
(the ``__torch_function__`` protocol).
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from nmt.model.rnn import RecurrentLayer
from nmt.model.seq2seq import Seq2Seq

STEPS = 127 * 128
"""A vector is rounded to multiples of its largest element over this."""

PIECE_ROWS = 1024
"""Rows of weights that are multiplied at once, so that what comes out stays in the processor's cache."""

LARGEST_SUM = (2**31 - 1) // STEPS
"""Largest sum of absolute values in a row of weights: whatever it is multiplied with fits 32 bits."""


class Int8Matrix:
    """A matrix (F, K) that takes the place of a parameter, in products and as a table of embeddings.

    Args:
        rows: (F, K) int8.
        scales: (F,) float32, what each row is multiplied by.
    """

    dtype = torch.float32
    requires_grad = False
    """What the model multiplies is float32, and so is what comes out."""

    def __init__(self, rows: Tensor, scales: Tensor) -> None:
        self.rows, self.scales, self.device = rows, scales, rows.device

    @classmethod
    def of(cls, matrix: Tensor) -> "Int8Matrix":
        """The nearest to a matrix (F, K)."""
        matrix = matrix.detach().float()
        scales = torch.maximum(matrix.abs().amax(1) / 127, matrix.abs().sum(1) / (LARGEST_SUM - matrix.shape[1]))
        scales = scales.clamp(min=torch.finfo(torch.float32).tiny)
        return cls((matrix / scales.unsqueeze(1)).round().to(torch.int8), scales)

    @property
    def shape(self) -> torch.Size:
        """(F, K)."""
        return self.rows.shape

    def __getitem__(self, index: Any) -> "Int8Matrix":
        """Some rows, and for ``[rows, columns]`` some columns of them."""
        index = index if isinstance(index, tuple) else (index,)
        return Int8Matrix(self.rows[index].contiguous(), self.scales[index[0]])

    def split(self, sizes: Sequence[int], dim: int = 0) -> list["Int8Matrix"]:
        """Pieces of so many rows, or columns."""
        pieces = self.rows.split(list(sizes), dim)
        scales = self.scales.split(list(sizes)) if dim == 0 else [self.scales] * len(pieces)
        return [Int8Matrix(*piece) for piece in zip(pieces, scales, strict=True)]

    def t(self) -> "_Transposed":
        """(K, F), to be multiplied with from the left."""
        return _Transposed(self)

    def to(self, dtype: torch.dtype) -> "Int8Matrix":
        """The same: it has no other precision."""
        return self

    def new_zeros(self, *shape: int) -> Tensor:
        """A float32 tensor of zeros."""
        return self.scales.new_zeros(*shape)

    def float(self) -> Tensor:
        """(F, K) in float32."""
        return self.rows * self.scales.unsqueeze(1)

    def product(self, inputs: Tensor, bias: Tensor | None = None) -> Tensor:
        """``x W' + b``: (..., K) -> (..., F)."""
        flat = inputs.reshape(-1, inputs.shape[-1])
        count, outputs = len(flat), flat.new_empty(len(flat), len(self.rows))
        units = flat.abs().amax(1, keepdim=True).clamp_(min=torch.finfo(torch.float32).tiny) / STEPS  # (N, 1)
        rounded = (flat / units).round_()
        high = (rounded / 128).round_()
        both = torch.empty(2 * count, flat.shape[1], dtype=torch.int8)  # high and low bytes
        both[:count], both[count:] = high, rounded.sub_(high, alpha=128)
        for start in range(0, len(self.rows), PIECE_ROWS):
            piece = slice(start, start + PIECE_ROWS)
            sums = torch._int_mm(both, self.rows[piece].t())
            whole = torch.mul(sums[count:].add_(sums[:count], alpha=128), units, out=outputs[:, piece])
            if bias is None:
                whole.mul_(self.scales[piece])
            else:
                torch.addcmul(bias[piece], whole, self.scales[piece], out=whole)
        return outputs.view(*inputs.shape[:-1], -1)

    @classmethod
    def __torch_function__(
        cls, function: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """What torch does with it: ``linear(x, W, b)``, and ``embedding(ids, W)``, whose options are for training."""
        if function is linear:
            inputs, matrix, *bias = args
            return matrix.product(inputs, *bias, **(kwargs or {}))
        if function is embedding:
            ids, matrix = args
            return matrix.rows[ids] * matrix.scales[ids].unsqueeze(-1)
        return NotImplemented


class _Transposed:
    """The transpose (K, F) of an `Int8Matrix`, for ``x @ W'``."""

    dtype = torch.float32
    requires_grad = False

    def __init__(self, matrix: Int8Matrix) -> None:
        self.matrix, self.device = matrix, matrix.device
        self.shape = torch.Size(reversed(matrix.shape))

    def to(self, dtype: torch.dtype) -> "_Transposed":
        """The same: it has no other precision."""
        return self

    def __rmatmul__(self, inputs: Tensor) -> Tensor:
        return self.matrix.product(inputs)


def can_multiply_bytes() -> bool:
    """Whether this processor has the instructions that int8 products are fast with."""
    return torch.backends.mkldnn.is_available() and torch.cpu._is_vnni_supported()


def quantize(model: Seq2Seq) -> Seq2Seq:
    """The model for inference on a CPU, with int8 weights wherever the decoder multiplies, and int8 embeddings.

    The encoder's layers, which run once a token of the source, keep their precision. On a processor without fast
    products of bytes the result has the same weights, rounded, in float32.

    Args:
        model: stays as it is; what is not quantised is shared with it.
    """
    kept: dict[int, Any] = {id(parameter): parameter for parameter in model.parameters()}
    quantized = copy.deepcopy(model, kept)
    coverage = quantized.decoder.attention.coverage
    spared = set() if coverage is None else set(coverage.modules())
    rounded: dict[int, Int8Matrix | Tensor] = {}  # by the parameter, which layers may share

    def replace(module: nn.Module, name: str) -> None:
        parameter = getattr(module, name)
        if id(parameter) not in rounded:
            matrix = Int8Matrix.of(parameter)
            rounded[id(parameter)] = matrix if can_multiply_bytes() else matrix.float()
        delattr(module, name)
        setattr(module, name, rounded[id(parameter)])

    table, output = quantized.encoder.embedding.table, quantized.output
    for module in {table, output, *quantized.decoder.modules()} - spared:
        if isinstance(module, nn.Linear | nn.Embedding):
            replace(module, "weight")
        elif isinstance(module, RecurrentLayer):
            module.has_kernel = False  # torch's kernel multiplies by itself
            replace(module.kernel, "weight_ih_l0")
            replace(module.kernel, "weight_hh_l0")
    return quantized.eval()
