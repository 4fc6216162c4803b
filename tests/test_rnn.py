"""The recurrent layers against their published equations and against torch's fused implementation."""

import pytest
import torch
from torch import Tensor

from nmt.model.rnn import GRU, LSTM, RecurrentStack, recurrent_layer


def gru_equations(layer: GRU, inputs: Tensor, hidden: Tensor) -> Tensor:
    """Cho et al. 2014 (v3), with torch's reset gate after the recurrent product, one gate at a time."""
    w = layer.weight_ih_l0.chunk(3)
    u = layer.weight_hh_l0.chunk(3)
    b, c = layer.bias_ih_l0.chunk(3), layer.bias_hh_l0.chunk(3)
    r = torch.sigmoid(inputs @ w[0].T + b[0] + hidden @ u[0].T + c[0])
    z = torch.sigmoid(inputs @ w[1].T + b[1] + hidden @ u[1].T + c[1])
    n = torch.tanh(inputs @ w[2].T + b[2] + r * (hidden @ u[2].T + c[2]))
    return (1 - z) * n + z * hidden


def lstm_equations(layer: LSTM, inputs: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Hochreiter & Schmidhuber 1997 with forget gates, one gate at a time."""
    w, u = layer.weight_ih_l0.chunk(4), layer.weight_hh_l0.chunk(4)
    b = (layer.bias_ih_l0 + layer.bias_hh_l0).chunk(4)
    i, f, g, o = (inputs @ w[k].T + hidden @ u[k].T + b[k] for k in range(4))
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def test_gru_step_follows_the_equations() -> None:
    torch.manual_seed(0)
    layer = recurrent_layer("gru", 4, 5)
    inputs, hidden = torch.randn(3, 4), torch.randn(3, 5)
    (after,) = layer.recur(layer.project(inputs), (hidden,))
    torch.testing.assert_close(after, gru_equations(layer, inputs, hidden))


def test_lstm_step_follows_the_equations() -> None:
    torch.manual_seed(0)
    layer = recurrent_layer("lstm", 4, 5)
    inputs, hidden, cell = torch.randn(3, 4), torch.randn(3, 5), torch.randn(3, 5)
    after = layer.recur(layer.project(inputs), (hidden, cell))
    torch.testing.assert_close(after, lstm_equations(layer, inputs, hidden, cell))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_steps_equal_the_fused_sequence_in_values_and_gradients(cell: str) -> None:
    torch.manual_seed(1)
    stack = RecurrentStack(cell, 4, 6, layers=2, dropout=0.0)
    inputs = torch.randn(3, 7, 4)
    initial = [tuple(torch.randn(3, 6) for _ in range(2 if cell == "lstm" else 1)) for _ in range(2)]

    fused, final = stack.unroll(inputs, initial)
    fused.sin().sum().backward()
    fused_gradients = [parameter.grad.clone() for parameter in stack.parameters()]
    stack.zero_grad()
    states, outputs = initial, []
    for projected in stack.layers[0].project(inputs).unbind(1):
        states = stack.recur(projected, states)
        outputs.append(states[-1][0])
    stepwise = torch.stack(outputs, 1)
    stepwise.sin().sum().backward()

    torch.testing.assert_close(stepwise, fused)
    torch.testing.assert_close(states, final)
    for parameter, gradient in zip(stack.parameters(), fused_gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_final_state_is_that_of_the_last_real_position(cell: str, bidirectional: bool) -> None:
    torch.manual_seed(2)
    stack = RecurrentStack(cell, 4, 6, layers=2, dropout=0.0, bidirectional=bidirectional)
    inputs = torch.randn(2, 5, 4)
    outputs, final = stack(inputs, torch.tensor([3, 5]))
    alone, alone_final = stack(inputs[:1, :3], torch.tensor([3]))
    torch.testing.assert_close(outputs[:1, :3], alone)
    assert outputs[0, 3:].abs().max() == 0
    for state, alone_state in zip(final, alone_final, strict=True):
        torch.testing.assert_close(tuple(each[:1] for each in state), alone_state)
    if not bidirectional:
        torch.testing.assert_close(final[-1][0][0], outputs[0, 2])


def test_dropout_falls_between_layers_only_and_is_given_by_the_seed() -> None:
    inputs, lengths = torch.randn(2, 5, 4), torch.tensor([5, 4])
    single = RecurrentStack("gru", 4, 6, layers=1, dropout=0.5)
    torch.testing.assert_close(single(inputs, lengths)[0], single(inputs, lengths)[0])
    double = RecurrentStack("gru", 4, 6, layers=2, dropout=0.5)
    torch.manual_seed(3)
    first = double(inputs, lengths)[0]
    assert not torch.equal(first, double(inputs, lengths)[0])
    torch.manual_seed(3)
    torch.testing.assert_close(double(inputs, lengths)[0], first)


def test_an_unknown_cell_is_named() -> None:
    with pytest.raises(ValueError, match="unknown cell 'gruu': choose gru or lstm"):
        recurrent_layer("gruu", 4, 4)
