"""Matrix products of float32 on a CPU, by oneDNN where it is the faster; without gradients.

torch leaves these products to MKL. For a step's few rows and for the output layer oneDNN is faster by a tenth to two
thirds. It compiles a product for each shape and keeps it, and the memory that it lies between: so it serves what is
multiplied in few shapes, the steps of a recurrence and the output layer. Other devices and precisions, autocast and
export are torch's.

On a processor with wider vectors than MKL uses there (AMD's, from Zen 5 on) oneDNN is twice as fast. There a layer of
all positions of a batch, whose number is always another, is multiplied in pieces of few sizes (`long_product`), and so
is what sums over all positions, the gradient of a matrix (`product_over_rows`); on a Zen 4 a step loses 8% by that.

On Intel's own processors MKL is as fast, but for matrices that are packed and for products with a bias, which it adds
in a pass of its own; and with a transposed matrix, which takes longer to pack than a sequence's steps save, or with
several matrices at once, it is faster. Fastest there is MKL with a matrix that lies column by column: by a tenth to a
fifth, for few rows twice, and nothing is compiled. To lay it out takes longer than to pack it.

Letters: N rows, K inner size, F outer size, L layers side by side.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

PIECES = 512, 128, 32
"""Rows that oneDNN multiplies at a time where their number is always another: as many as possible, MKL what is left."""


@cache
def has_onednn() -> bool:
    """Whether this torch multiplies by oneDNN, and lays out matrices for it."""
    has_operators = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    return has_operators and torch.backends.mkldnn.is_available()


@cache
def _processor() -> dict[str, Any]:
    """What torch knows of it: its name, sizes of caches, and which instructions it has."""
    return getattr(torch.cpu, "get_capabilities", dict)()


@cache
def _has_mkl_at_home() -> bool:
    """Whether this is a processor that MKL is made for."""
    return torch.backends.mkl.is_available() and "Intel" in _processor().get("cpu_name", "")


@cache
def _outgrows_mkl() -> bool:
    """Whether its vectors are twice as wide as those that MKL uses there: AMD's, from Zen 5 on; told by what is new."""
    about = _processor()
    is_new = about.get("avx512_vp2intersect") or about.get("avx_vnni") or about.get("l1d_cache_size", 0) > 32 << 10
    return "AMD" in about.get("cpu_name", "") and bool(about.get("avx512_f") and is_new)


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


def _is_for_pieces(left: Tensor) -> bool:
    """Whether oneDNN is so much faster that it pays to give it layers and long products piece by piece."""
    return _suits(left) and _outgrows_mkl()


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
    return [packed(matrix) for matrix in matrices] if _is_for_pieces(matrices) else matrices


def layered_product(left: Tensor, right: Tensor | list[Tensor], summand: Tensor | None = None) -> Tensor:
    """Each layer's ``left right'``, and a summand: (L, N, K), (L, F, K), (L, N, F) -> (L, N, F)."""
    if isinstance(right, Tensor):
        return left @ right.mT if summand is None else torch.baddbmm(summand, left, right.mT)
    if summand is None:
        return _side_by_side([product(*layer) for layer in zip(left, right, strict=True)])
    return _side_by_side([sum_of_product(*layer) for layer in zip(summand, left, right, strict=True)])


def _side_by_side(layers: list[Tensor]) -> Tensor:
    """Layers (N, F) -> (L, N, F); one is not copied."""
    return layers[0].unsqueeze(0) if len(layers) == 1 else torch.stack(layers)


def _pieces(rows: int) -> Iterator[tuple[slice, bool]]:
    """The pieces of so many rows, and whether each is of one of the sizes."""
    begin = 0
    for size in PIECES:
        while rows - begin >= size:
            yield slice(begin, begin + size), True
            begin += size
    if begin < rows:
        yield slice(begin, rows), False


def long_product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """``left right' + bias`` of any number of rows N: (N, K), (F, K), (F,) -> (N, F); or each layer's, (L, N, K) ..."""
    if not _is_for_pieces(left):
        if left.dim() == 2:
            return linear(left, right, bias)
        return left @ right.mT if bias is None else torch.baddbmm(bias.unsqueeze(1), left, right.mT)
    products = left.new_empty(*left.shape[:-1], right.shape[-2])
    biases = [None] * len(left) if bias is None else bias
    layers = [(products, left, right, bias)] if left.dim() == 2 else zip(products, left, right, biases, strict=True)
    for result, inputs, matrix, summand in layers:
        inputs, matrix = dense(inputs), dense(matrix)
        for rows, whole in _pieces(len(inputs)):
            result[rows] = (product if whole else linear)(inputs[rows], matrix, summand)
    return products


def gapless(rows: Tensor) -> Tensor:
    """Rows (..., N, F), to be multiplied more than once, without the gaps that each product would close by itself."""
    return rows.contiguous() if _is_for_pieces(rows) else rows


def add_product(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """``left' right`` of N rows, and the total, in its place, if there is one: (F, K), (N, F), (N, K) -> (F, K).

    oneDNN wants its left matrix row by row, and torch transposes on one thread: what is transposed here is the narrower
    one, and where that is by far the narrower, the sum lies column by column.
    """
    if not _is_for_pieces(left):
        return _add_by_torch(total, left, right)
    is_wide = left.shape[1] >= 2 * right.shape[1]
    part = product(right.t(), left.t()).t() if is_wide else product(left.t(), right.t())
    return part if total is None else total.add_(part)


def _add_by_torch(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    return left.t() @ right if total is None else total.addmm_(left.t(), right)


def product_over_rows(left: Tensor, right: Tensor) -> Tensor:
    """``left' right`` of any number of rows N: (N, F), (N, K) -> (F, K); or each layer's, (L, N, F) ..."""
    if not _is_for_pieces(left):
        return left.mT @ right
    if left.dim() > 2:
        return _side_by_side([product_over_rows(*layer) for layer in zip(left, right, strict=True)])
    left, right, total = dense(left), dense(right), None
    for rows, whole in _pieces(len(left)):
        total = (add_product if whole else _add_by_torch)(total, left[rows], right[rows])
    assert total is not None
    return total


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right``, of any dimensions."""
    return product(left, right.t()) if left.dim() == right.dim() == 2 and _suits(right) else left @ right


def dense(matrix: Tensor) -> Tensor:
    """The matrix without gaps between its rows or columns: with them, oneDNN takes a thousand times as long."""
    has_gaps = not (matrix.is_mkldnn or matrix.is_contiguous() or matrix.t().is_contiguous())
    return matrix.contiguous() if has_gaps else matrix
