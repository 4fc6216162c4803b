"""Products with a repeated matrix: the same values and gradients as plain products."""

import pytest
import torch
from torch import Tensor

from nmt.model.kernels.repeated import repeated


def recurrence(inputs: Tensor, matrix: Tensor, product) -> Tensor:  # noqa: ANN001
    state, total = inputs, torch.zeros((), dtype=inputs.dtype)
    for _ in range(4):
        state = torch.tanh(product(state) + inputs)
        total = total + (state * matrix.sum()).sum()
    return total


@pytest.mark.parametrize(("inputs", "matrix"), [((3, 5), (5, 5)), ((2, 3, 5), (5, 5)), ((2, 3, 5), (2, 5, 5))])
def test_values_and_gradients_are_those_of_plain_products(inputs: tuple[int, ...], matrix: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(inputs, dtype=torch.float64, requires_grad=True)
    w = torch.randn(matrix, dtype=torch.float64, requires_grad=True)
    plain = recurrence(x, w, lambda each: each @ w)
    expected = torch.autograd.grad(plain, (x, w))
    found = recurrence(x, w, repeated(w))
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(torch.autograd.grad(found, (x, w)), expected)


def test_a_second_backward_pass_gives_the_same_gradients() -> None:
    x, w = torch.randn(2, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
    loss = recurrence(x, w, repeated(w))
    first = torch.autograd.grad(loss, (x, w), retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(loss, (x, w)), first)


def test_the_steps_may_be_used_in_part() -> None:
    """A step whose result does not reach the loss leaves nothing behind."""
    x, w = torch.randn(2, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
    product = repeated(w)
    product(x)
    loss = product(2 * x).sin().sum()
    expected = torch.autograd.grad((2 * x @ w).sin().sum(), w)
    torch.testing.assert_close(torch.autograd.grad(loss, w), expected)


def test_without_gradients_it_is_a_plain_product() -> None:
    x, w = torch.randn(2, 3), torch.randn(3, 4)
    assert torch.equal(repeated(w)(x), x @ w)
    with torch.no_grad():
        assert not repeated(w.requires_grad_())(x).requires_grad


def test_under_autocast_the_product_is_in_lower_precision_and_the_gradient_is_not() -> None:
    x, w = torch.randn(2, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        product = repeated(w)
        out = product(x)
        assert out.dtype == torch.bfloat16
        loss = (out + product(out)).float().sum()
    gradients = torch.autograd.grad(loss, (x, w))
    assert [each.dtype for each in gradients] == [torch.float32] * 2
    expected = torch.autograd.grad((x @ w + x @ w @ w).sum(), (x, w))
    torch.testing.assert_close(gradients, expected, atol=0.2, rtol=0.05)
