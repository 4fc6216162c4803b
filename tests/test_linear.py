"""The linear layer that is trained on a CPU: torch's results and gradients."""

import pytest
import torch
from torch import nn

from nmt.model.kernels.linear import Linear, _Linear, linear, linear_layers

pytestmark = pytest.mark.usefixtures("library")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7,), (3, 50), (2, 5, 130)], ids=str)
def test_results_and_gradients_are_torchs(shape, bias):
    layer, inputs = Linear(6, 4, bias), torch.randn(*shape, 6, requires_grad=True)
    expected, found = nn.functional.linear(inputs, layer.weight, layer.bias), layer(inputs)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    leaves = [inputs, *layer.parameters()]
    gradients = [torch.autograd.grad((each * weights).sum(), leaves) for each in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_gradients_by_finite_differences():
    sizes = (5, 3), (4, 3), (4,)
    inputs, weight, bias = (torch.randn(*size, dtype=torch.float64, requires_grad=True) for size in sizes)
    assert torch.autograd.gradcheck(linear, (inputs, weight, bias))
    layers = [torch.stack([each, 2.0 * each]).detach().requires_grad_() for each in (inputs, weight, bias)]
    assert torch.autograd.gradcheck(linear_layers, layers)


def test_what_needs_no_gradient_gets_none():
    inputs, weight = torch.randn(5, 3), torch.randn(4, 3, requires_grad=True)
    linear(inputs, weight).sum().backward()
    torch.testing.assert_close(weight.grad, inputs.sum(dim=0).expand(4, 3))
    assert inputs.grad is None


def test_without_gradients_and_under_autocast_it_is_torchs(monkeypatch):
    monkeypatch.setattr(_Linear, "apply", lambda *_: pytest.fail("not trained here"))
    layer = Linear(6, 4)
    with torch.no_grad():
        assert layer(torch.randn(2, 6)).shape == (2, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(2, 6)).dtype == torch.bfloat16
