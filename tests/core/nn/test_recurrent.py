"""Recurrent layers against their equations written out, over layers, directions and layouts."""

from __future__ import annotations

import math
from itertools import product

import pytest

import weft
from weft import nn

Vector = list[float]


@pytest.fixture(autouse=True)
def seed() -> None:
    weft.manual_seed(11)


# --- the equations, over Python numbers ----------------------------------------------------------


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def affine(weight: list[Vector], bias: Vector, x: Vector) -> Vector:
    return [
        sum(w * v for w, v in zip(row, x, strict=True)) + b
        for row, b in zip(weight, bias, strict=True)
    ]


def lists(layer: nn.Module, suffix: str = "") -> list[list]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [getattr(layer, name + suffix).tolist() for name in names]


def lstm_step(weights: list[list], x: Vector, h: Vector, c: Vector) -> tuple[Vector, Vector]:
    w_ih, w_hh, b_ih, b_hh = weights
    n = len(h)
    gates = [a + b for a, b in zip(affine(w_ih, b_ih, x), affine(w_hh, b_hh, h), strict=True)]
    c = [
        sigmoid(gates[n + k]) * c[k] + sigmoid(gates[k]) * math.tanh(gates[2 * n + k])
        for k in range(n)
    ]
    return [sigmoid(gates[3 * n + k]) * math.tanh(c[k]) for k in range(n)], c


def gru_step(weights: list[list], x: Vector, h: Vector) -> Vector:
    w_ih, w_hh, b_ih, b_hh = weights
    n = len(h)
    a, b = affine(w_ih, b_ih, x), affine(w_hh, b_hh, h)
    r = [sigmoid(a[k] + b[k]) for k in range(n)]
    z = [sigmoid(a[n + k] + b[n + k]) for k in range(n)]
    new = [math.tanh(a[2 * n + k] + r[k] * b[2 * n + k]) for k in range(n)]
    return [(1 - z[k]) * new[k] + z[k] * h[k] for k in range(n)]


def rnn_step(weights: list[list], x: Vector, h: Vector) -> Vector:
    w_ih, w_hh, b_ih, b_hh = weights
    sums = zip(affine(w_ih, b_ih, x), affine(w_hh, b_hh, h), strict=True)
    return [math.tanh(a + b) for a, b in sums]


def near(values: object) -> object:
    return pytest.approx(values, rel=1e-12, abs=1e-12)


def flat(tensor: weft.Tensor) -> Vector:
    return tensor.detach().reshape(-1).tolist()


def f64(*shape: int) -> weft.Tensor:
    return weft.randn(*shape, dtype=weft.float64)


# --- cells ---------------------------------------------------------------------------------------


def test_lstm_cell_is_its_equations() -> None:
    cell = nn.LSTMCell(3, 2, dtype=weft.float64)
    x, h, c = f64(1, 3), f64(1, 2), f64(1, 2)
    new_h, new_c = cell(x, (h, c))
    expected_h, expected_c = lstm_step(lists(cell), flat(x), flat(h), flat(c))
    assert flat(new_h) == near(expected_h)
    assert flat(new_c) == near(expected_c)


def test_gru_cell_is_its_equations() -> None:
    cell = nn.GRUCell(3, 2, dtype=weft.float64)
    x, h = f64(1, 3), f64(1, 2)
    assert flat(cell(x, h)) == near(gru_step(lists(cell), flat(x), flat(h)))


def test_rnn_cell_is_its_equations_with_either_nonlinearity() -> None:
    cell = nn.RNNCell(3, 2, dtype=weft.float64)
    x, h = f64(1, 3), f64(1, 2)
    expected = rnn_step(lists(cell), flat(x), flat(h))
    assert flat(cell(x, h)) == near(expected)
    cell.nonlinearity = "relu"
    assert flat(cell(x, h)) == near([max(math.atanh(v), 0) for v in expected])


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_start_from_zeros_and_take_single_vectors(kind: type[nn.Module]) -> None:
    cell = kind(3, 2)
    x = weft.randn(3)
    single, batched = cell(x), cell(x.unsqueeze(0))
    if kind is nn.LSTMCell:
        single, batched = single[0], batched[0]
    assert single.shape == (2,)
    assert flat(batched) == pytest.approx(flat(single), abs=1e-6)


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_say_which_shape_is_wrong(kind: type[nn.Module]) -> None:
    cell = kind(3, 2)
    with pytest.raises(ValueError, match=r"input_size=3, got shape \(1, 4\)"):
        cell(weft.ones(1, 4))
    with pytest.raises(ValueError, match=r"1 or 2 dimensions, got 3"):
        cell(weft.ones(1, 1, 3))
    state = weft.ones(1, 5)
    with pytest.raises(ValueError, match=r"to have shape \(1, 2\), got \(1, 5\)"):
        cell(weft.ones(1, 3), (state, state) if kind is nn.LSTMCell else state)


def test_cells_without_bias_have_none() -> None:
    cell = nn.LSTMCell(3, 2, bias=False)
    assert list(cell.state_dict()) == ["weight_ih", "weight_hh"]
    assert cell.bias_ih is None
    assert repr(cell) == "LSTMCell(3, 2, bias=False)"
    assert repr(nn.RNNCell(3, 2, nonlinearity="relu")) == "RNNCell(3, 2, nonlinearity=relu)"


# --- sequences -----------------------------------------------------------------------------------


def lstm_by_hand(layer: nn.LSTM, x: list[Vector]) -> tuple[list[Vector], list[Vector]]:
    """Outputs and final states of all layers and directions for one sequence, from zeros."""
    finals = []
    for number in range(layer.num_layers):
        joined: list[Vector] = [[] for _ in x]
        for direction in ("", "_reverse") if layer.bidirectional else ("",):
            weights = lists(layer, f"_l{number}{direction}")
            h = c = [0.0] * layer.hidden_size
            times = range(len(x)) if not direction else reversed(range(len(x)))
            for t in times:
                h, c = lstm_step(weights, x[t], h, c)
                joined[t] = joined[t] + h
            finals.append(h)
        x = joined
    return x, finals


@pytest.mark.parametrize(("layers", "bidirectional"), list(product([1, 2], [False, True])))
def test_lstm_is_its_equations_over_layers_and_directions(layers: int, bidirectional: bool) -> None:
    layer = nn.LSTM(3, 2, num_layers=layers, bidirectional=bidirectional, dtype=weft.float64)
    x = f64(4, 3)
    output, (h, c) = layer(x)
    expected, finals = lstm_by_hand(layer, x.tolist())
    assert flat(output) == near([v for row in expected for v in row])
    assert flat(h) == near([v for row in finals for v in row])
    assert c.shape == (layers * (2 if bidirectional else 1), 2)


@pytest.mark.parametrize("kind", [nn.GRU, nn.RNN])
def test_gru_and_rnn_are_their_cells_in_a_loop(kind: type[nn.Module]) -> None:
    layer = kind(3, 2, dtype=weft.float64)
    step = gru_step if kind is nn.GRU else rnn_step
    x, h0 = f64(4, 3), f64(1, 2)
    output, final = layer(x, h0)
    h, expected = flat(h0), []
    for row in x.tolist():
        h = step(lists(layer, "_l0"), row, h)
        expected += h
    assert flat(output) == near(expected)
    assert flat(final) == near(h)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_batch_first_moves_the_batch_axis_and_nothing_else(kind: type[nn.Module]) -> None:
    weft.manual_seed(0)
    plain = kind(3, 2, 2, bidirectional=True)
    weft.manual_seed(0)
    batch_first = kind(3, 2, 2, bidirectional=True, batch_first=True)
    x = weft.randn(5, 4, 3)
    one, state_one = plain(x)
    two, state_two = batch_first(x.transpose(0, 1))
    assert one.shape == (5, 4, 4)
    assert flat(two.transpose(0, 1)) == flat(one)
    if kind is nn.LSTM:
        state_one, state_two = state_one[0], state_two[0]
    assert state_two.shape == (4, 4, 2)
    assert flat(state_two) == flat(state_one)


def test_a_batch_is_its_sequences_one_by_one() -> None:
    layer = nn.LSTM(3, 2, 2, dtype=weft.float64)
    x = f64(5, 4, 3)
    output, (h, c) = layer(x)
    for i in range(4):
        single, (single_h, single_c) = layer(x[:, i])
        assert flat(output[:, i]) == near(flat(single))
        assert flat(h[:, i]) == near(flat(single_h))
        assert flat(c[:, i]) == near(flat(single_c))


def test_states_carry_a_sequence_over_a_cut() -> None:
    layer = nn.LSTM(3, 2, 2, dtype=weft.float64)
    x = f64(6, 1, 3)
    whole, _ = layer(x)
    first, state = layer(x[:2])
    second, _ = layer(x[2:], state)
    assert flat(weft.cat([first, second])) == near(flat(whole))


def test_a_projection_shortens_the_state_and_the_output() -> None:
    layer = nn.LSTM(3, 4, proj_size=2)
    output, (h, c) = layer(weft.randn(5, 1, 3))
    assert output.shape == (5, 1, 2)
    assert h.shape == (1, 1, 2)
    assert c.shape == (1, 1, 4)
    assert layer.weight_hr_l0.shape == (2, 4)
    assert layer.weight_hh_l0.shape == (16, 2)


def test_names_and_shapes_are_pytorchs() -> None:
    layer = nn.LSTM(3, 2, 2, bidirectional=True)
    assert list(layer.state_dict()) == [
        f"{kind}_l{number}{direction}"
        for number in (0, 1)
        for direction in ("", "_reverse")
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    assert layer.weight_ih_l1.shape == (8, 4)
    assert [len(group) for group in layer.all_weights] == [4] * 4
    assert layer.all_weights[1][0] is layer.weight_ih_l0_reverse
    layer.flatten_parameters()


def test_dropout_acts_between_layers_in_training_only() -> None:
    layer = nn.GRU(3, 8, 2, dropout=0.5)
    x = weft.randn(4, 1, 3)
    assert flat(layer(x)[0]) != flat(layer(x)[0])
    layer.eval()
    assert flat(layer(x)[0]) == flat(layer(x)[0])


def test_gradients_flow_to_every_weight_and_to_the_first_step() -> None:
    layer = nn.LSTM(3, 2, 2, bidirectional=True)
    x = weft.randn(4, 1, 3, requires_grad=True)
    layer(x)[0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum().item() > 0 for p in layer.parameters())
    assert x.grad[0].abs().sum().item() > 0


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_gradients_over_a_sequence_are_those_of_the_cell_in_a_loop(
    kind: type[nn.Module], length: int
) -> None:
    cell_kind = {nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell, nn.RNN: nn.RNNCell}[kind]
    layer = kind(3, 2, dtype=weft.float64)
    cell = cell_kind(3, 2, dtype=weft.float64)
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in layer.state_dict().items()})
    one = f64(length, 4, 3).requires_grad_(True)
    two = one.detach().clone().requires_grad_(True)
    (layer(one)[0] ** 2).sum().backward()
    state, total = None, weft.zeros((), dtype=weft.float64)
    for t in range(length):
        state = cell(two[t], state)
        total = total + ((state[0] if kind is nn.LSTM else state) ** 2).sum()
    total.backward()
    assert flat(one.grad) == near(flat(two.grad))
    for name, parameter in cell.named_parameters():
        assert flat(getattr(layer, name + "_l0").grad) == near(flat(parameter.grad))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"hidden_size": 0}, r"hidden_size must be positive, got 0"),
        ({"num_layers": 0}, r"num_layers must be positive, got 0"),
        ({"dropout": 2}, r"probability in \[0, 1\], got 2"),
        ({"proj_size": 2}, r"below hidden_size=2, got 2"),
    ],
)
def test_lstm_refuses_what_cannot_be(settings: dict[str, int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        nn.LSTM(**{"input_size": 3, "hidden_size": 2, **settings})


def test_dropout_on_one_layer_warns_that_it_does_nothing() -> None:
    with pytest.warns(UserWarning, match=r"does nothing with num_layers=1"):
        nn.LSTM(3, 2, dropout=0.5)


def test_an_unknown_nonlinearity_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be 'tanh' or 'relu', got 'tahn'; did you mean"):
        nn.RNN(3, 2, nonlinearity="tahn")


def test_wrong_inputs_and_states_are_named() -> None:
    layer = nn.LSTM(3, 2)
    with pytest.raises(ValueError, match=r"2 \(unbatched\) or 3 dimensions, got 1"):
        layer(weft.ones(3))
    with pytest.raises(ValueError, match=r"input_size=3, got shape \(5, 1, 4\)"):
        layer(weft.ones(5, 1, 4))
    with pytest.raises(ValueError, match=r"at least one step, got shape \(0, 1, 3\)"):
        layer(weft.ones(0, 1, 3))
    state = weft.zeros(1, 9, 2)
    with pytest.raises(ValueError, match=r"shape \(1, 1, 2\) for .* got \(1, 9, 2\)"):
        layer(weft.ones(5, 1, 3), (state, state))


def test_repr_shows_what_differs_from_the_default() -> None:
    assert repr(nn.LSTM(3, 4)) == "LSTM(3, 4)"
    assert repr(nn.GRU(3, 4, 2, False, True, 0.5, True)) == (
        "GRU(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)"
    )


def test_all_recurrent_networks_are_an_rnnbase() -> None:
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        assert issubclass(kind, nn.RNNBase)
    base = nn.RNNBase("LSTM", 3, 4, num_layers=2)
    expected = [(name, p.shape) for name, p in nn.LSTM(3, 4, num_layers=2).named_parameters()]
    assert [(name, p.shape) for name, p in base.named_parameters()] == expected
    assert repr(base) == "RNNBase(3, 4, num_layers=2)"
    with pytest.raises(ValueError, match=r"mode must be one of RNN_TANH, .* got 'LTSM'"):
        nn.RNNBase("LTSM", 3, 4)


def test_flat_weights_are_read_and_replaced_as_model_code_does() -> None:
    model = nn.LSTM(2, 3, num_layers=2, bidirectional=True, proj_size=2)
    assert model._flat_weights_names == [name for name, _ in model.named_parameters()]
    own = model._flat_weights
    assert all(a is b for a, b in zip(own, model.parameters(), strict=True))
    x = weft.randn(4, 1, 2)
    before = model(x)[0]
    model._flat_weights = [weight * 0 for weight in own]
    assert not model(x)[0].any()
    assert all(a is b for a, b in zip(own, model.parameters(), strict=True))
    model._flat_weights = own
    assert weft.equal(model(x)[0], before)
    with pytest.raises(ValueError, match="are 20 tensors"):
        model._flat_weights = own[:3]
