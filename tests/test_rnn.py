"""The recurrent layers against their published equations, written out here, and against torch's fused kernels."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from nmt.config import CellKind
from nmt.model.cells import CELLS
from nmt.model.dropout import SequenceDropout, dropout
from nmt.model.rnn import LayerStepper, RecurrentLayer, State
from nmt.model.stack import Bidirectional, RecurrentStack, StackStepper, reorder, reverse

KINDS = list(CELLS)


def norm(layer: RecurrentLayer, index: int, values: Tensor) -> Tensor:
    return layer_norm(values, values.shape[-1:], layer.norms[index].weight, layer.norms[index].bias)


def elman_equations(layer: RecurrentLayer, x: Tensor, state: State) -> State:
    """Elman 1990: y = f(W_x x + W_y y' + b); Ba et al. 2016, eq. 4."""
    kernel = layer.kernel
    total = x @ kernel.weight_ih_l0.T + state[0] @ kernel.weight_hh_l0.T
    if layer.norms is not None:
        return (torch.tanh(norm(layer, 0, total)),)
    return (torch.tanh(total + kernel.bias_ih_l0 + kernel.bias_hh_l0),)


def gru_parts(layer: RecurrentLayer) -> tuple[list[Tensor], ...]:
    kernel, zeros = layer.kernel, [torch.zeros(layer.hidden_size, dtype=layer.weight_hidden.dtype)] * 3
    biases = [zeros, zeros]
    if layer.norms is None:
        biases = [kernel.bias_ih_l0.chunk(3), kernel.bias_hh_l0.chunk(3)]
    return kernel.weight_ih_l0.chunk(3), kernel.weight_hh_l0.chunk(3), *biases


def gru_equations(layer: RecurrentLayer, x: Tensor, state: State) -> State:
    """The first arXiv version of Cho et al. 2014: reset after the recurrent product; Ba et al. 2016, eq. 27 to 29."""
    (h,), (w, u, b, c) = state, gru_parts(layer)
    if layer.norms is not None:
        gates_x = norm(layer, 0, torch.cat([x @ w[0].T, x @ w[1].T], 1))
        gates_h = norm(layer, 2, torch.cat([h @ u[0].T, h @ u[1].T], 1))
        r, z = torch.sigmoid(gates_x + gates_h).chunk(2, 1)
        n = torch.tanh(norm(layer, 1, x @ w[2].T) + r * norm(layer, 3, h @ u[2].T))
    else:
        r = torch.sigmoid(x @ w[0].T + b[0] + h @ u[0].T + c[0])
        z = torch.sigmoid(x @ w[1].T + b[1] + h @ u[1].T + c[1])
        n = torch.tanh(x @ w[2].T + b[2] + r * (h @ u[2].T + c[2]))
    return ((1 - z) * n + z * h,)


def gru_reset_first_equations(layer: RecurrentLayer, x: Tensor, state: State) -> State:
    """Cho et al. 2014: g = tanh(W x + W_h (r * h) + b)."""
    (h,), (w, u, b, c) = state, gru_parts(layer)
    if layer.norms is not None:
        gates_x = norm(layer, 0, torch.cat([x @ w[0].T, x @ w[1].T], 1))
        gates_h = norm(layer, 2, torch.cat([h @ u[0].T, h @ u[1].T], 1))
        r, z = torch.sigmoid(gates_x + gates_h).chunk(2, 1)
        g = torch.tanh(norm(layer, 1, x @ w[2].T) + norm(layer, 3, (r * h) @ u[2].T))
    else:
        r = torch.sigmoid(x @ w[0].T + b[0] + h @ u[0].T + c[0])
        z = torch.sigmoid(x @ w[1].T + b[1] + h @ u[1].T + c[1])
        g = torch.tanh(x @ w[2].T + b[2] + (r * h) @ u[2].T + c[2])
    return (z * h + (1 - z) * g,)


def lstm_equations(layer: RecurrentLayer, x: Tensor, state: State) -> State:
    """Hochreiter & Schmidhuber 1997 with forget gates; Ba et al. 2016, eq. 20 to 22."""
    (h, c), kernel = state, layer.kernel
    if layer.norms is not None:
        gates = norm(layer, 0, x @ kernel.weight_ih_l0.T) + norm(layer, 1, h @ kernel.weight_hh_l0.T)
    else:
        gates = x @ kernel.weight_ih_l0.T + kernel.bias_ih_l0 + h @ kernel.weight_hh_l0.T + kernel.bias_hh_l0
    i, f, g, o = gates.chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    seen = c if layer.norms is None else norm(layer, 2, c)
    return torch.sigmoid(o) * torch.tanh(seen), c


EQUATIONS = {
    "elman": elman_equations,
    "gru": gru_equations,
    "gru_reset_first": gru_reset_first_equations,
    "lstm": lstm_equations,
}


def make(kind: str, layer_norm: bool = False, state_dropout: float = 0.0) -> RecurrentLayer:
    torch.manual_seed(1)
    layer = CELLS[kind](4, 6, layer_norm, state_dropout).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.5)
    return layer


def gradients(layer: RecurrentLayer, outputs: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(outputs.sin().sum(), list(layer.parameters()), allow_unused=True))


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_follows_the_equations_in_values_and_gradients(kind: str, layer_norm: bool) -> None:
    layer = make(kind, layer_norm)
    inputs = torch.randn(3, 5, 4, dtype=torch.float64)
    state = initial = tuple(torch.randn(3, 6, dtype=torch.float64) for _ in range(layer.parts))
    expected = []
    for x in inputs.unbind(1):
        state = EQUATIONS[kind](layer, x, state)
        expected.append(state[0])
    outputs, final = layer(inputs, initial=initial)
    torch.testing.assert_close(outputs, torch.stack(expected, 1))
    torch.testing.assert_close(final, state)
    torch.testing.assert_close(gradients(layer, outputs), gradients(layer, torch.stack(expected, 1)))


@pytest.mark.parametrize("kind", ["elman", "gru", "lstm"])
def test_steps_equal_torchs_fused_kernel_in_values_and_gradients(kind: str) -> None:
    layer = make(kind).float()
    inputs, initial = torch.randn(3, 7, 4), tuple(torch.randn(3, 6) for _ in range(layer.parts))
    for lengths in (None, torch.tensor([7, 2, 5])):
        fused, final = RecurrentLayer._fused(layer, inputs, lengths, initial)
        expected = gradients(layer, fused)
        for view in (layer._fused, layer._stepwise):
            outputs, last = view(inputs, lengths, initial)
            torch.testing.assert_close(outputs, fused, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(last, final, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(gradients(layer, outputs), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 1])])
def test_gradients_of_the_gru_over_sequences_against_finite_differences(lengths: Tensor | None) -> None:
    layer = make("gru")
    inputs = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    state = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)

    def run(inputs: Tensor, state: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        outputs, (last,) = layer(inputs, lengths, (state,))
        return outputs, last

    assert torch.autograd.gradcheck(run, (inputs, state, *layer.parameters()))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_steps_against_finite_differences(kind: str) -> None:
    layer = make(kind, layer_norm=True)
    inputs = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    states = [torch.randn(2, 6, dtype=torch.float64, requires_grad=True) for _ in range(layer.parts)]

    def run(inputs: Tensor, *rest: Tensor) -> Tensor:
        return layer(inputs, initial=rest[: layer.parts])[0]

    assert torch.autograd.gradcheck(run, (inputs, *states, *layer.parameters()))


def test_the_two_grus_differ_where_the_reset_gate_acts() -> None:
    after, before = make("gru"), make("gru_reset_first")
    before.load_state_dict(after.state_dict())
    inputs, state = torch.randn(2, 1, 4).double(), (torch.randn(2, 6).double(),)
    assert not torch.allclose(after(inputs, initial=state)[0], before(inputs, initial=state)[0])
    torch.testing.assert_close(
        after(inputs)[0], gru_equations(after, inputs[:, 0], (torch.zeros(2, 6).double(),))[0][:, None]
    )


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind: str, layer_norm: bool) -> None:
    layer = make(kind, layer_norm)
    inputs = torch.randn(2, 5, 4).double()
    outputs, final = layer(inputs, torch.tensor([3, 5]))
    alone, alone_final = layer(inputs[:1, :3])
    torch.testing.assert_close(outputs[:1, :3], alone)
    assert outputs[0, 3:].abs().max() == 0
    torch.testing.assert_close(tuple(each[:1] for each in final), alone_final)


def test_reversal_keeps_what_it_is_told_to_keep_and_the_padding() -> None:
    order = reverse(torch.tensor([4, 6, 1]), 6, keep=1)
    assert order.tolist() == [[0, 3, 2, 1, 4, 5], [0, 5, 4, 3, 2, 1], [0, 1, 2, 3, 4, 5]]
    assert torch.equal(order.gather(1, order), torch.arange(6).expand(3, 6))
    assert reverse(torch.tensor([4]), 6).tolist() == [[3, 2, 1, 0, 4, 5]]


@pytest.mark.parametrize("kind", KINDS)
def test_bidirectional_is_two_layers_one_of_them_over_the_reversed_sentence(kind: str) -> None:
    layer = Bidirectional(make(kind), make(kind))
    inputs, lengths = torch.randn(2, 5, 4).double(), torch.tensor([3, 5])
    outputs, final = layer(inputs, lengths)
    backwards, last = layer.backwards(inputs[:1, :3].flip(1))
    torch.testing.assert_close(outputs[:1, :3, 6:], backwards.flip(1))
    torch.testing.assert_close(outputs[..., :6], layer.forwards(inputs, lengths)[0])
    torch.testing.assert_close(final[0][:1, 6:], last[0])
    torch.testing.assert_close(final[0][:, :6], layer.forwards(inputs, lengths)[1][0])


def test_bidirectional_gru_is_torchs() -> None:
    layer = Bidirectional(make("gru"), make("gru"))
    torch.nn.init.normal_(layer.backwards.kernel.weight_hh_l0)
    both = torch.nn.GRU(4, 6, batch_first=True, bidirectional=True).double()
    for name, parameter in both.named_parameters():
        side = layer.backwards if name.endswith("_reverse") else layer.forwards
        parameter.data = getattr(side.kernel, name.removesuffix("_reverse")).data
    inputs = torch.randn(3, 5, 4).double()
    torch.testing.assert_close(layer(inputs, torch.tensor([5, 5, 5]))[0], both(inputs)[0])


def stack(kind: str, dropout: SequenceDropout, residual: bool) -> RecurrentStack:
    torch.manual_seed(2)
    return RecurrentStack([CELLS[kind](4, 6), CELLS[kind](6, 6), CELLS[kind](6, 6)], dropout, residual)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_is_its_layers(kind: str, residual: bool) -> None:
    layers = stack(kind, SequenceDropout(0.0, variational=False), residual)
    inputs = torch.randn(2, 4, 4)
    first, _ = layers.layers[0](inputs)
    second, _ = layers.layers[1](first)
    second = second + first if residual else second
    third, _ = layers.layers[2](second)
    outputs, final = layers(inputs)
    torch.testing.assert_close(outputs, third + second if residual else third)

    states, steps, found = [layer.zero_state(2) for layer in layers.layers], StackStepper(layers), []
    for projected in layers.layers[0].project(inputs).unbind(1):
        output, states = steps(projected, states)
        found.append(output)
    torch.testing.assert_close(torch.stack(found, 1), outputs)
    torch.testing.assert_close(states, final)


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_falls_between_layers_and_is_given_by_the_seed(variational: bool) -> None:
    inputs, layers = torch.randn(2, 5, 4), stack("gru", SequenceDropout(0.5, variational), False)
    torch.manual_seed(3)
    first = layers(inputs)[0]
    assert not torch.equal(first, layers(inputs)[0])
    torch.manual_seed(3)
    assert torch.equal(layers(inputs)[0], first)
    lowest = RecurrentStack(layers.layers[:1], layers.dropout, residual=False)
    assert torch.equal(lowest(inputs)[0], lowest(inputs)[0])
    layers.eval()
    assert torch.equal(layers(inputs)[0], layers(inputs)[0])


def test_a_variational_mask_is_the_same_at_all_positions_and_differs_by_sentence() -> None:
    torch.manual_seed(0)
    dropped = SequenceDropout(0.5, variational=True)(torch.ones(8, 6, 20))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
    assert sorted(set(dropped.flatten().tolist())) == [0.0, 2.0]
    step = SequenceDropout(0.5, variational=True).stepper()
    assert torch.equal(step(torch.ones(8, 20)), step(torch.ones(8, 20)))
    each = SequenceDropout(0.5, variational=False)(torch.ones(8, 6, 20))
    assert not torch.equal(each[:, 0], each[:, 1])


@pytest.mark.parametrize("kind", KINDS)
def test_state_dropout_hides_the_same_elements_at_every_step(kind: str) -> None:
    """Gal & Ghahramani 2016, eq. 7: the gates see the previous state under one mask for the whole sequence."""
    layer = make(kind, state_dropout=0.5)
    inputs = torch.randn(2, 4, 4).double()
    torch.manual_seed(5)
    outputs, _ = layer(inputs)
    torch.manual_seed(5)
    mask = dropout(torch.ones(2, 6).double(), 0.5)
    steps, state, found = LayerStepper(layer.eval()), layer.zero_state(2), []
    for projected in layer.project(inputs).unbind(1):
        state = layer.recur(projected, state, state[0] * mask, steps._products)
        found.append(state[0])
    torch.testing.assert_close(outputs, torch.stack(found, 1))
    assert not torch.allclose(layer(inputs)[0], outputs)


def test_reorder_moves_whole_positions() -> None:
    sequence = torch.arange(12.0).view(1, 4, 3)
    assert reorder(sequence, torch.tensor([[2, 0, 1, 3]]))[0, 0].tolist() == [6.0, 7.0, 8.0]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.73])
def test_dropout_zeroes_with_its_probability_and_keeps_the_expectation(p: float) -> None:
    torch.manual_seed(0)
    dropped = dropout(torch.ones(1000, 333), p)
    assert (dropped == 0).float().mean().item() == pytest.approx(p, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(dropped.max(), torch.tensor(1 / (1 - p)))
    rows, columns = (dropped == 0).float().mean(1), (dropped == 0).float().mean(0)
    assert rows.std().item() == pytest.approx((p * (1 - p) / 333) ** 0.5, rel=0.1)  # no pattern along either side
    assert columns.std().item() == pytest.approx((p * (1 - p) / 1000) ** 0.5, rel=0.2)


def test_dropout_of_hardly_less_than_all_drops_nearly_all() -> None:
    assert (dropout(torch.ones(1000), 0.9999999) == 0).float().mean() > 0.99


def test_a_cell_that_torch_does_not_know_may_have_any_number_of_gates() -> None:
    class Minimal(RecurrentLayer):
        """Two gates (Zhou et al. 2016)."""

        gates = 2

        def recur(
            self, projected: Tensor, state: State, hidden: Tensor, products: Sequence[Callable[[Tensor], Tensor]]
        ) -> State:
            forget, candidate = (projected + products[0](hidden)).chunk(2, dim=1)
            return (torch.lerp(hidden, torch.tanh(candidate), torch.sigmoid(forget)),)

    layer = Minimal(3, 5)
    assert all(0 < parameter.abs().max().item() < 5**-0.5 for parameter in layer.parameters())
    outputs, (last,) = layer(torch.randn(2, 4, 3), torch.tensor([4, 2]))
    assert layer.weight_hidden.shape == (10, 5)
    torch.testing.assert_close(outputs[1, 1], last[1])
    assert not outputs[1, 2:].any()


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 2])], ids=["full", "padded"])
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
def test_a_layer_under_autocast_is_exact_where_there_is_no_kernel_for_it(
    cell: CellKind, precision: torch.dtype, lengths: Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CELLS[cell], "has_kernel_of", staticmethod(lambda kind, precision: False))
    layer, inputs = CELLS[cell](3, 5), torch.randn(2, 4, 3)
    expected, state = layer(inputs, lengths)
    with torch.autocast("cpu", precision):
        outputs, found = layer(inputs, lengths)
        layer(inputs.to(precision), lengths)
    torch.testing.assert_close((outputs, *found), (expected, *state), rtol=0, atol=1e-6)
    outputs.sum().backward()
    assert layer.weight_hidden.grad is not None


def test_an_lstm_of_a_torch_without_onednn_is_torchs_own_under_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", None)  # there are no such operators then
    assert CELLS["lstm"].has_kernel_of("cpu", torch.bfloat16)


def test_on_a_gpu_there_is_a_kernel_of_float16_only() -> None:
    for cell in CELLS.values():
        assert cell.has_kernel_of("cuda", torch.float16)
        assert not cell.has_kernel_of("cuda", torch.bfloat16)
