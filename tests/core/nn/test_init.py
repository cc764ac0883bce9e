"""Initial values: bounds, moments, structure, and what each layer draws at first."""

from __future__ import annotations

import math

import pytest

import weft
from weft import nn
from weft.nn import init


@pytest.fixture(autouse=True)
def seed() -> None:
    weft.manual_seed(20260)


def moments(tensor: weft.Tensor) -> tuple[float, float]:
    flat = tensor.detach().double()
    return flat.mean().item(), flat.std().item()


def assert_uniform(tensor: weft.Tensor, bound: float) -> None:
    """Within the bound, near to it at both ends, and with a uniform's deviation."""
    flat = tensor.detach().double()
    assert flat.abs().max().item() <= bound * (1 + 1e-6)
    assert flat.max().item() > 0.95 * bound
    assert flat.min().item() < -0.95 * bound
    mean, std = moments(tensor)
    assert abs(mean) < 0.06 * bound
    assert std == pytest.approx(bound / math.sqrt(3), rel=0.06)


def assert_normal(tensor: weft.Tensor, std: float) -> None:
    """With that deviation, and with a normal's share beyond it."""
    mean, measured = moments(tensor)
    assert abs(mean) < 0.06 * std
    assert measured == pytest.approx(std, rel=0.06)
    beyond = (tensor.detach().abs() > std).double().mean().item()
    assert beyond == pytest.approx(0.3173, abs=0.04)


# --- the functions -------------------------------------------------------------------------------


def test_every_initialiser_returns_its_tensor_and_records_nothing() -> None:
    weight = nn.Parameter(weft.empty(3, 4))
    for fill in (
        init.uniform_, init.normal_, init.ones_, init.zeros_, init.eye_, init.xavier_uniform_,
        init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_,
    ):  # fmt: skip
        assert fill(weight) is weight
        assert weight.is_leaf
        assert weight.requires_grad
    assert init.constant_(weight, 3.0).sum().item() == 36


def test_uniform_and_normal_have_their_parameters() -> None:
    x = weft.empty(4000)
    assert_uniform(init.uniform_(x, -3.0, 3.0), 3.0)
    assert_normal(init.normal_(x, 0.0, 2.5), 2.5)
    mean, std = moments(init.normal_(x, 5.0, 0.5))
    assert mean == pytest.approx(5.0, abs=0.05)
    assert std == pytest.approx(0.5, rel=0.06)


def test_a_generator_makes_the_values_repeatable() -> None:
    first = init.normal_(weft.empty(5), generator=weft.Generator().manual_seed(3)).tolist()
    init.normal_(weft.empty(7))
    second = init.normal_(weft.empty(5), generator=weft.Generator().manual_seed(3)).tolist()
    assert first == second


def test_xavier_uses_both_fans() -> None:
    weight = weft.empty(40, 20, 3)
    assert_uniform(init.xavier_uniform_(weight, gain=2.0), 2.0 * math.sqrt(6 / (60 + 120)))
    assert_normal(init.xavier_normal_(weight), math.sqrt(2 / (60 + 120)))


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 60), ("fan_out", 120)])
def test_kaiming_uses_the_fan_asked_for(mode: str, fan: int) -> None:
    weight = weft.empty(40, 20, 3)
    init.kaiming_uniform_(weight, mode=mode, nonlinearity="relu")
    assert_uniform(weight, math.sqrt(2) * math.sqrt(3 / fan))
    init.kaiming_normal_(weight, a=1.0, mode=mode)
    assert_normal(weight, 1 / math.sqrt(fan))


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1.0), ("conv2d", None, 1.0), ("sigmoid", None, 1.0),
        ("tanh", None, 5 / 3), ("relu", None, math.sqrt(2)), ("selu", None, 0.75),
        ("leaky_relu", None, math.sqrt(2 / 1.0001)), ("leaky_relu", 1, 1.0),
    ],
)  # fmt: skip
def test_gains_are_the_published_ones(name: str, param: float | None, gain: float) -> None:
    assert init.calculate_gain(name, param) == pytest.approx(gain)


def test_unknown_settings_are_refused_with_the_near_one() -> None:
    with pytest.raises(ValueError, match=r"unknown nonlinearity 'relo'; did you mean 'relu'"):
        init.calculate_gain("relo")
    with pytest.raises(ValueError, match=r"must be a number, got 'a'"):
        init.calculate_gain("leaky_relu", "a")
    with pytest.raises(ValueError, match=r"mode must be 'fan_in' or 'fan_out', got 'fan'"):
        init.kaiming_uniform_(weft.empty(2, 2), mode="fan")
    with pytest.raises(ValueError, match=r"two or more axes .* got shape \(3,\)"):
        init.xavier_uniform_(weft.empty(3))


def test_an_empty_weight_is_left_alone_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"without elements does nothing"):
        init.kaiming_uniform_(weft.empty(0, 3))


def test_truncated_normal_keeps_its_limits_and_its_shape() -> None:
    x = init.trunc_normal_(weft.empty(8000), std=0.5, a=-0.5, b=1.0)
    assert x.min().item() >= -0.5
    assert x.max().item() <= 1.0
    # within one deviation below and two above: (Φ'(-1) - Φ'(2)) / (Φ(2) - Φ(-1)) = 0.2296
    assert x.mean().item() == pytest.approx(0.5 * 0.2296, abs=0.01)
    narrow = init.trunc_normal_(weft.empty(2000), std=10.0, a=-0.1, b=0.1)
    assert_uniform(narrow, 0.1)
    with pytest.raises(ValueError, match=r"\[1, 1\] holds none of a normal distribution"):
        init.trunc_normal_(weft.empty(2), a=1, b=1)


def test_eye_and_dirac_pass_their_input_on() -> None:
    assert init.eye_(weft.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    with pytest.raises(ValueError, match=r"eye_ needs a matrix"):
        init.eye_(weft.empty(2))
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    init.dirac_(conv.weight, groups=2)
    x = weft.randn(1, 4, 5, 5)
    assert conv(x).tolist() == x.tolist()
    with pytest.raises(ValueError, match=r"5 outputs are not divisible by groups=2"):
        init.dirac_(weft.empty(5, 2, 3), groups=2)


def test_sparse_zeroes_its_share_of_each_column() -> None:
    weight = init.sparse_(weft.empty(20, 6), sparsity=0.31, std=2.0)
    zeros = (weight == 0).sum(0)
    assert zeros.tolist() == [7] * 6


# --- what layers draw at first -------------------------------------------------------------------


def test_linear_draws_weight_and_bias_within_one_over_root_fan_in() -> None:
    layer = nn.Linear(100, 200)
    assert_uniform(layer.weight, 0.1)
    assert layer.bias.abs().max().item() <= 0.1


def test_a_convolution_draws_within_one_over_root_fan_in() -> None:
    layer = nn.Conv2d(8, 64, 5, groups=2)
    assert_uniform(layer.weight, 1 / math.sqrt(4 * 25))
    assert layer.bias.abs().max().item() <= 0.1


def test_embeddings_are_standard_normal_with_a_zero_row_for_padding() -> None:
    layer = nn.Embedding(400, 20, padding_idx=-1)
    assert_normal(layer.weight[:399], 1.0)
    assert layer.weight[399].abs().sum().item() == 0


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_layers_draw_within_one_over_root_hidden(kind: type[nn.Module]) -> None:
    layer = kind(50, 64)
    for parameter in layer.parameters():
        assert parameter.abs().max().item() <= 0.125
    assert_uniform(next(layer.parameters()), 0.125)


def test_norms_begin_as_the_plain_normalisation() -> None:
    layer = nn.BatchNorm2d(3)
    assert layer.weight.tolist() == layer.running_var.tolist() == [1, 1, 1]
    assert layer.bias.tolist() == layer.running_mean.tolist() == [0, 0, 0]
    assert layer.num_batches_tracked.item() == 0
    assert nn.LayerNorm(2).weight.tolist() == [1, 1]
    assert nn.PReLU(2).weight.tolist() == [0.25, 0.25]


def test_the_seed_decides_the_weights() -> None:
    weft.manual_seed(1)
    first = nn.Linear(3, 3).weight.tolist()
    weft.manual_seed(1)
    assert nn.Linear(3, 3).weight.tolist() == first
    assert nn.Linear(3, 3).weight.tolist() != first
