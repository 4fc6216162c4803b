"""Weights in another form than a tensor, for inference: in the order, or the precision, that multiplies fastest.

A network needs no change for it: where torch multiplies by weights or looks up an embedding, it asks the weights how
(the ``__torch_function__`` protocol).
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from nmt.model.rnn import RecurrentLayer
from nmt.model.seq2seq import Seq2Seq


class PreparedMatrix(ABC):
    """A matrix (F, K) that takes the place of a parameter, in products and as a table of embeddings.

    Args:
        shape: (F, K).
        device: where it is.
    """

    dtype = torch.float32
    """What the network multiplies is float32, and so is what comes out."""
    requires_grad = False

    def __init__(self, shape: torch.Size, device: torch.device) -> None:
        self.shape, self.device = shape, device
        self._submatrices: dict[Any, Self] = {}

    @abstractmethod
    def product(self, inputs: Tensor, bias: Tensor | None = None) -> Tensor:
        """``x W' + b``: (..., K) -> (..., F)."""

    @abstractmethod
    def lookup(self, ids: Tensor) -> Tensor:
        """Rows (...,) -> (..., K)."""

    @abstractmethod
    def submatrix(self, rows: Any, columns: Any) -> Self:
        """Some rows and some columns, by whatever indexes a tensor."""

    @abstractmethod
    def float(self) -> Tensor:
        """(F, K) in float32."""

    def __getitem__(self, index: Any) -> Self:
        """Some rows, and for ``[rows, columns]`` some columns of them; what slices give is kept for the next time."""
        index = index if isinstance(index, tuple) else (index, slice(None))
        if not all(isinstance(each, slice) for each in index):
            return self.submatrix(*index)
        key = tuple((each.start, each.stop, each.step) for each in index)
        if key not in self._submatrices:
            self._submatrices[key] = self.submatrix(*index)
        return self._submatrices[key]

    def split(self, sizes: Sequence[int], dim: int = 0) -> list[Self]:
        """Matrices of so many rows, or columns."""
        ends = torch.tensor(sizes).cumsum(0).tolist()
        cuts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        return [self[cut, :] if dim == 0 else self[:, cut] for cut in cuts]

    def chunk(self, chunks: int, dim: int = 0) -> list[Self]:
        """So many matrices of as many rows, or columns, each."""
        return self.split([self.shape[dim] // chunks] * chunks, dim)

    def t(self) -> "Transposed":
        """(K, F), to be multiplied with from the left."""
        return Transposed(self)

    def to(self, dtype: torch.dtype) -> Self:
        """The same: it has no other precision."""
        return self

    def new_zeros(self, *shape: int) -> Tensor:
        """A float32 tensor of zeros."""
        return torch.zeros(*shape, dtype=torch.float32, device=self.device)

    @classmethod
    def __torch_function__(
        cls, function: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """What torch does with it: ``linear(x, W, b)``, and ``embedding(ids, W)``, whose options are for training."""
        if function is linear:
            inputs, matrix, *bias = args
            return matrix.product(inputs, *bias, **(kwargs or {}))
        if function is embedding:
            return args[1].lookup(args[0])
        return NotImplemented


class Transposed:
    """The transpose (K, F) of a prepared matrix, for ``x @ W'``."""

    dtype = torch.float32
    requires_grad = False

    def __init__(self, matrix: PreparedMatrix) -> None:
        self.matrix, self.device = matrix, matrix.device
        self.shape = torch.Size(reversed(matrix.shape))

    def to(self, dtype: torch.dtype) -> "Transposed":
        """The same: it has no other precision."""
        return self

    def __rmatmul__(self, inputs: Tensor) -> Tensor:
        return self.matrix.product(inputs)


def prepare(model: Seq2Seq, form: Callable[[Tensor], Any], embeddings: bool) -> Seq2Seq:
    """The model for inference, with the weights by which the decoder multiplies in another form.

    The encoder's layers, which run once a token of the source, keep theirs. It has no `state_dict`: what is in another
    form is no parameter.

    Args:
        model: stays as it is; what is not replaced is shared with it.
        form: gives what takes the place of a parameter; one that layers share is asked for once.
        embeddings: whether the tables of embeddings are replaced too.
    """
    shared: dict[int, Any] = {id(parameter): parameter for parameter in model.parameters()}
    copied = copy.deepcopy(model, shared)
    coverage = copied.decoder.attention.coverage
    spared = set() if coverage is None else set(coverage.modules())
    replacements: dict[int, Any] = {}  # by the parameter

    def replace(module: nn.Module, name: str) -> None:
        parameter = getattr(module, name)
        if id(parameter) not in replacements:
            replacements[id(parameter)] = form(parameter)
        delattr(module, name)
        setattr(module, name, replacements[id(parameter)])

    tables = (each for each in copied.encoder.modules() if isinstance(each, nn.Embedding))
    for module in {*tables, copied.output, *copied.decoder.modules()} - spared:
        if isinstance(module, nn.Linear) or (embeddings and isinstance(module, nn.Embedding)):
            replace(module, "weight")
        elif isinstance(module, RecurrentLayer):
            module.has_kernel = False  # torch's kernel multiplies by itself
            replace(module.kernel, "weight_ih_l0")
            replace(module.kernel, "weight_hh_l0")
    copied.register_state_dict_pre_hook(_refuse)
    return copied.eval()


def _refuse(*_: Any) -> NoReturn:
    raise TypeError("a network prepared for inference has no state_dict: take that of nmt.model.saved.load_model")
