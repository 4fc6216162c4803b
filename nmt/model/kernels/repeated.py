"""A matrix by which every step of a sequence multiplies; its gradient is one product over all steps.

Left to autograd, each step's product gives a gradient of the whole matrix, which is then added to the others: T small
products and T sums. Here each step leaves its input and its gradient behind, and the matrix gets ``X' G`` once.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from nmt.model.kernels.products import dense, matmul, product_over_rows

Product = Callable[[Tensor], Tensor]
"""(..., k) -> (..., f): multiplication from the left with a fixed matrix (k, f), or with one (k, f) a sentence."""

Collect = Callable[[], Tensor | None]
"""Gives the gradient that the steps have left behind, if any, and forgets it."""


class LeftBehind(list[Any]):
    """What the steps of a backward pass have left behind.

    A pass that does not go on to what they share, such as `torch.autograd.grad` by a state, never collects it; the next
    pass must not find it there.
    """

    _task = -1

    def of_this_pass(self) -> "LeftBehind":
        """Itself, without what another backward pass has left."""
        task = torch._C._current_graph_task_id()
        if task != self._task:
            self.clear()
            self._task = task
        return self


class _Shared(Function):
    """The tensor itself; its backward comes when all the steps have had theirs."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, collect: Collect) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.collect = collect
        return tensor.view_as(tensor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor | None, None]:
        given, left = grad_outputs[0], ctx.collect()
        return (left if given is None else given if left is None else given + left), None


def shared(tensor: Tensor, collect: Collect) -> Tensor:
    """A tensor for steps that leave behind what `collect` makes its gradient of; what they give it is added to that."""
    return _Shared.apply(tensor, collect)


class _Multiply(Function):
    """One step's product."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, matrix: Tensor, uses: LeftBehind) -> Tensor:
        ctx.save_for_backward(inputs, matrix)
        ctx.uses = uses
        return matmul(inputs, matrix)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, None, None]:
        (grad_output,), (inputs, matrix) = grad_outputs, ctx.saved_tensors
        ctx.uses.of_this_pass().append((inputs, grad_output))
        return matmul(grad_output, matrix.mT) if ctx.needs_input_grad[0] else None, None, None


def as_multiplied(matrix: Tensor) -> Tensor:
    """A matrix in the precision in which it is multiplied: under autocast, autocast's."""
    kind = matrix.device.type
    return matrix.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else matrix


def repeated(matrix: Tensor) -> Product:
    """Multiplication with a matrix that all steps of a sequence share.

    Args:
        matrix: (k, f), for inputs (..., k); or (..., k, f) with leading dimensions, for inputs (..., T, k) with the
            same. Under autocast it is cast once, not at each step.
    """
    matrix = as_multiplied(matrix)
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and matrix.requires_grad):
        return lambda inputs: inputs.to(matrix.dtype) @ matrix
    uses = LeftBehind()  # input of each step, and gradient of its output

    def collect() -> Tensor | None:
        left = uses.of_this_pass()
        if not left:
            return None
        inputs, grad_outputs = (torch.cat(steps, dim=-2) for steps in zip(*left, strict=True))
        left.clear()
        return product_over_rows(inputs, grad_outputs) if inputs.dim() == 2 else inputs.mT @ grad_outputs

    matrix = shared(dense(matrix) if matrix.dim() == 2 else matrix, collect)

    def product(inputs: Tensor) -> Tensor:
        inputs = inputs.to(matrix.dtype)
        if torch.compiler.is_compiling():  # which sees no list: there a step gives its own gradient
            return inputs @ matrix
        if matrix.dim() > 2:
            return _Multiply.apply(inputs, matrix, uses)
        return _Multiply.apply(inputs.flatten(0, -2), matrix, uses).unflatten(0, inputs.shape[:-1])

    return product
