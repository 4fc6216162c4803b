"""Matrix products of float32 on a CPU, by oneDNN where it is the faster; without gradients.

torch leaves these products to MKL. For a step's few rows and for the output layer oneDNN is faster by a tenth to two
thirds, and twice as fast on a processor with wider vectors than MKL uses there (AMD's Zen 5). It compiles a product for
each shape and keeps it, and the memory that it lies between: so it serves what is multiplied in few shapes, the steps
of a recurrence and the output layer, but not a layer of all positions of a batch, whose number is always another. Other
devices and precisions, autocast and export are torch's.

On Intel's own processors MKL is as fast, but for matrices that are packed and for products with a bias, which it adds
in a pass of its own; and with a transposed matrix, which takes longer to pack than a sequence's steps save, or with
several matrices at once, it is faster. Fastest there is MKL with a matrix that lies column by column: by a tenth to a
fifth, for few rows twice, and nothing is compiled. To lay it out takes longer than to pack it.

Letters: N rows, K inner size, F outer size, L layers side by side.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear


@cache
def has_onednn() -> bool:
    """Whether this torch multiplies by oneDNN, and lays out matrices for it."""
    there = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    return there and torch.backends.mkldnn.is_available()


@cache
def _has_mkl_at_home() -> bool:
    """Whether this is a processor that MKL is made for."""
    about: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return torch.backends.mkl.is_available() and "Intel" in about.get("cpu_name", "")


def _suits(matrix: Any) -> bool:
    """Whether oneDNN can multiply it."""
    return (
        has_onednn()
        and isinstance(matrix, Tensor)
        and matrix.dtype == torch.float32
        and matrix.device.type == "cpu"
        and matrix.numel() > 0
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def _is_for_onednn(left: Tensor, right: Tensor, bias: Tensor | None = None) -> bool:
    if not _suits(left) or right.is_mkldnn or not _has_mkl_at_home():
        return _suits(left)
    return bias is not None and right.stride(1) == 1


def packed(matrix: Tensor) -> Tensor:
    """A matrix (F, K) in an order that `product` multiplies faster with; worth it from two products on."""
    if not _suits(matrix) or (matrix.stride(1) != 1 and _has_mkl_at_home()):  # or a transpose, see above
        return matrix
    return torch.ops.mkldnn._reorder_linear_weight(matrix.contiguous(), None)


def settled(matrix: Tensor) -> Tensor:
    """A matrix (F, K) in the order that `product` multiplies fastest with, however long it takes to lay out."""
    return matrix.t().contiguous().t() if _suits(matrix) and _has_mkl_at_home() else packed(matrix)


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """``left right' + bias``: (N, K), (F, K), (F,) -> (N, F)."""
    if not _is_for_onednn(left, right, bias):
        if bias is None or not _suits(left):
            return linear(left, right, bias)
        return linear(left, right).add_(bias)  # which MKL would write first, to read it again
    return torch.ops.mkldnn._linear_pointwise(dense(left), dense(right), bias, "none", [], "")


def sum_of_product(summand: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """``summand + left right'``: (N, F), (N, K), (F, K) -> (N, F)."""
    if not _is_for_onednn(left, right):
        return torch.addmm(summand, left, right.t())
    return torch.ops.mkldnn._linear_pointwise.binary(dense(left), summand, dense(right), None, "add")


def packed_layers(matrices: Tensor) -> Tensor | list[Tensor]:
    """Matrices (L, F, K) in the order that `layered_product` multiplies them fastest in."""
    return [packed(each) for each in matrices] if _suits(matrices) and not _has_mkl_at_home() else matrices


def layered_product(left: Tensor, right: Tensor | list[Tensor], summand: Tensor | None = None) -> Tensor:
    """Each layer's ``left right'``, and a summand: (L, N, K), (L, F, K), (L, N, F) -> (L, N, F)."""
    if isinstance(right, Tensor):
        return left @ right.mT if summand is None else torch.baddbmm(summand, left, right.mT)
    if summand is None:
        return torch.stack([product(*each) for each in zip(left, right, strict=True)])
    return torch.stack([sum_of_product(*each) for each in zip(summand, left, right, strict=True)])


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right``, of any dimensions."""
    return product(left, right.t()) if left.dim() == right.dim() == 2 and _suits(right) else left @ right


def dense(matrix: Tensor) -> Tensor:
    """The matrix without gaps between its rows or columns: with them, oneDNN takes a thousand times as long."""
    has_gaps = not (matrix.is_mkldnn or matrix.is_contiguous() or matrix.t().is_contiguous())
    return matrix.contiguous() if has_gaps else matrix
