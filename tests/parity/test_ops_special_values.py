"""Where functions have their corners: NaN, infinities, signed zeros, ties, kinks, empty tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, assert_same_slopes, quietly

NAN, INF = float("nan"), float("inf")
SPECIAL = [
    NAN,
    INF,
    -INF,
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.5,
    -2.5,
    1e-30,
    -1e-30,
    3e38,
    6.0,
    -3.0,
    3.0,
]

UNARY = [
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1",
    "floor", "frac", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "neg",
    "reciprocal", "relu", "round", "rsqrt", "sigmoid", "sin", "sinh", "sqrt", "square", "tan",
    "tanh", "trunc", "logical_not", "acosh", "angle", "asinh", "atanh", "conj_physical", "deg2rad",
    "fix", "frexp", "isneginf", "isposinf", "isreal", "logit", "nan_to_num", "positive", "rad2deg",
    "signbit", "sinc",
]  # fmt: skip
ACTIVATIONS = [
    "relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign",
    "hardtanh", "hardsigmoid", "hardswish", "leaky_relu", "logsigmoid", "tanhshrink",
    "softshrink", "hardshrink",
]  # fmt: skip
BINARY = [
    "add", "sub", "mul", "div", "pow", "remainder", "fmod", "floor_divide", "atan2", "maximum",
    "minimum", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor",
    "isclose", "clamp_max", "clamp_min", "copysign", "float_power", "fmax", "fmin", "heaviside",
    "hypot", "logaddexp", "logaddexp2", "nextafter", "rsub", "xlogy",
]  # fmt: skip
#: Functions for which torch's vectorised kernels round more roughly, or overflow, at large numbers.
ROUGH = {"sin", "cos", "tan", "remainder", "fmod", "sinc"}


def same_bits_of_zero(got: Any, expected: Any) -> None:
    """Assert that zeros have torch's signs."""
    if isinstance(got, tuple):
        got, expected = got[0], expected[0]
    if not got.dtype.is_floating_point:
        return
    mine, other = (t.detach().double().numpy() for t in (got, expected))
    zero = (mine == 0) & (other == 0)
    np.testing.assert_array_equal(np.signbit(mine[zero]), np.signbit(other[zero]))


def inputs(name: str, dtype: str, *, but: float = NAN) -> list[float]:
    """Return the special values on which a function can be held to torch in a dtype.

    Args:
        name: the function.
        dtype: the dtype.
        but: a size that is not too large for a rough function.
    """
    numbers = [v for v in SPECIAL if not (name in ROUGH and abs(v) > 100) or abs(v) == but]
    if dtype == "bfloat16" and name in ("signbit", "copysign"):
        return [v for v in numbers if v == v]  # torch's cast to bfloat16 sets the sign of NaN
    return numbers


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_special_values(name, dtype):
    numbers = inputs(name, dtype)
    results = [
        quietly(getattr(m, name), m.tensor(numbers, dtype=m.float64).to(getattr(m, dtype)))
        for m in (weft, torch)
    ]
    assert_same(*results, name)
    if name != "relu":  # of -0.0: weft gives 0.0
        same_bits_of_zero(*results)


def test_the_sign_of_nan_is_nan_as_the_array_api_wants_it():
    assert torch.sign(torch.tensor(NAN)).item() == 0
    assert weft.sign(weft.tensor(NAN)).isnan().item()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_special_values(name):
    results = [
        getattr(m.nn.functional, name)(m.tensor(SPECIAL, dtype=m.float64)) for m in (weft, torch)
    ]
    assert_same(*results, name)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_special_values(name, dtype):
    numbers = inputs(name, dtype, but=INF)
    results = []
    for m in (weft, torch):
        x = m.tensor(numbers, dtype=m.float64).to(getattr(m, dtype))
        results.append(quietly(getattr(m, name), x[:, None], x[None]))
    assert_same(*results, name)


@pytest.mark.parametrize(
    "name",
    [
        "floor_divide", "remainder", "fmod", "add", "mul", "sub", "maximum", "div", "lcm",
        "fmax", "fmin", "copysign", "bitwise_left_shift", "bitwise_right_shift", "clamp_min",
        "clamp_max", "atan2", "float_power", "true_divide", "eq", "lt", "ldexp", "xlogy", "rsub",
    ],
)  # fmt: skip
def test_whole_numbers_divide_and_wrap_as_in_torch(name):
    for dtype in ("int8", "uint8", "int32", "int64"):
        low = 0 if dtype == "uint8" else -128
        results = []
        for m in (weft, torch):
            x = m.tensor([low, -(-low // 2), 3, 7, 100, 127], dtype=getattr(m, dtype))
            y = m.tensor([1, 2, 3, 5, 127], dtype=getattr(m, dtype))
            y = m.cat([y, -y[:3]]) if low else y
            results.append(getattr(m, name)(x[:, None], y[None]))
        assert_same(*results, f"{name} of {dtype}")


LINES = """
m.tensor([1.0, nan, 3.0]).max()
m.tensor([1.0, nan, 3.0]).max(0)
m.tensor([1.0, nan, 3.0]).amax()
m.tensor([1.0, nan, 3.0]).argmax()
m.tensor([1.0, nan, nan]).argmin()
m.tensor([1.0, nan, 3.0]).sort()
m.tensor([1.0, nan, 3.0]).sort(descending=True)
m.tensor([1.0, nan, 3.0]).topk(2)
m.tensor([1.0, nan, 3.0]).sum()
m.tensor([inf, -inf]).sum()
m.tensor([inf, 1.0]).logsumexp(0)
m.tensor([-inf, -inf]).logsumexp(0)
m.tensor([-inf, 0.0]).softmax(0)
m.tensor([-inf, -inf]).softmax(0)
m.tensor([1000.0, 0.0]).log_softmax(0)
m.tensor([2.0, 1.0, 2.0]).max(0)
m.tensor([2.0, 1.0, 1.0]).min(0)
m.tensor([[2, 2], [2, 2]]).argmax(1)
m.tensor([[2, 2], [2, 2]]).argmax()
m.tensor([3, 1, 3, 1]).sort(stable=True)
m.tensor([3, 1, 3, 1]).sort(descending=True, stable=True)
m.tensor([True, False, True]).sort(stable=True)
m.tensor([True, False]).sum()
m.tensor([True, False]).prod()
m.tensor([True, False]).cumsum(0)
m.tensor([200, 100], dtype=m.uint8).sum()
m.tensor([200, 100], dtype=m.uint8) + m.tensor([100, 100], dtype=m.uint8)
m.tensor([100], dtype=m.int8) * 2
m.tensor([7, -7]) // 2
m.tensor([7, -7]) % 3
m.tensor([7, -7]) / 2
m.tensor([7.0, -7.0]) % -3
m.tensor([1, 2]).to(m.float16).sum()
m.tensor([60000.0, 60000.0], dtype=m.float16).sum()
m.tensor([60000.0, 60000.0], dtype=m.float16).mean()
m.tensor([2.5, 3.5, -2.5, 0.5]).round()
m.tensor([1.9, -1.9]).to(m.int64)
m.tensor([300.7]).to(m.int64).to(m.uint8)
m.tensor([-1]).to(m.uint8)
m.tensor([0.0, nan, 0.1]).to(m.bool)
m.tensor([1 + 2j]).abs()
m.tensor([1e20]).to(m.float16)
m.tensor([1.0009765625], dtype=m.float64).to(m.bfloat16)
m.zeros(0).sum()
m.zeros(0).prod()
m.zeros(0).mean()
m.zeros(0).var()
m.zeros(1).var()
m.zeros(1).std(unbiased=False)
m.zeros(0, 3).sum(0)
m.zeros(0, 3).mean(0)
m.zeros(2, 0).all(1)
m.zeros(2, 0).any(1)
m.zeros(2, 0).logsumexp(1)
m.zeros(2, 0).softmax(1)
m.zeros(0).cumsum(0)
m.zeros(0).sort()
m.zeros(2, 0).argmax(0)
m.zeros(0, 3) @ m.zeros(3, 2)
m.zeros(2, 0) @ m.zeros(0, 3)
m.cat([m.zeros(0, 3), m.ones(2, 3)])
m.zeros(0, 3).reshape(3, 0)
m.tensor(2.0).sum(0)
m.tensor(2.0).max(0)
m.tensor(2.0).sort()
m.tensor(2.0).softmax(0)
m.tensor(2.0).cumsum(-1)
m.tensor(2.0).flatten()
m.tensor(2.0).var(0)
m.tensor(2.0).logsumexp(0)
m.tensor(2.0).unsqueeze(-1)
m.tensor(5).argmax()
m.tensor(2.0).topk(1)
m.nn.functional.cross_entropy(m.zeros(2, 3), m.tensor([-100, -100]))
m.nn.functional.cross_entropy(m.zeros(2, 3), m.tensor([-100, 1]), reduction="none")
m.nn.functional.nll_loss(m.ones(2, 3), m.tensor([0, 1]), weight=m.tensor([1.0, 0.0, 2.0]))
m.nn.functional.binary_cross_entropy(m.tensor([0.0, 1.0]), m.tensor([1.0, 0.0]))
m.nn.functional.binary_cross_entropy_with_logits(m.tensor([1e3, -1e3]), m.tensor([0.0, 1.0]))
m.nn.functional.kl_div(m.tensor([0.5, -1.0]), m.tensor([0.0, 1.0]), reduction="sum")
m.nn.functional.max_pool1d(m.tensor([[nan, 1.0, 2.0, 3.0]]), 2)
m.nn.functional.max_pool1d(m.tensor([[-inf, -inf, 2.0, 3.0]]), 2, return_indices=True)
m.nn.functional.max_pool2d(m.zeros(1, 1, 4, 4), 2, return_indices=True)
m.clamp(m.tensor([nan, 5.0, -5.0]), 1.0, -1.0)
m.clamp(m.tensor([1, 5]), min=2.5)
m.clamp(m.tensor([1, 5]), 2, 4)
m.arange(0, 1, 0.1)
m.arange(1, 2, 0.3, dtype=m.float64)
m.arange(0, 0)
m.arange(5, 5.5)
m.linspace(0, 1, 0)
m.linspace(0, 1, 7, dtype=m.float64)
m.linspace(0, 10, 4, dtype=m.int64)
m.full((2,), 200, dtype=m.uint8)
m.tensor([0.0, 2.0]) ** m.tensor([0.0, -1.0])
m.tensor([2, 3]) ** m.tensor([3, 0])
2 ** m.tensor([0, 3])
m.tensor([2, 3]) ** 2.0
m.tensor([-8.0]) ** (1 / 3)
m.tensor([4.0]) ** 0.5
"""


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_a_corner_gives_what_torch_gives(line):
    names = {"nan": NAN, "inf": INF}
    expected, got = (quietly(eval, line, {"m": m, **names}) for m in (torch, weft))
    assert_same(got, expected, line)


#: Functions of x = [-1, -0.5, -0, 0, 0.5, 1, 1] and y, of the same with ties, at kinks and ties.
SLOPES = """
x.abs()
x.relu()
x.sign()
x.clamp(-0.5, 0.5)
x.clamp(min=0)
x.clamp(max=0.5)
m.clamp(x, y, y + 1)
m.maximum(x, y)
m.minimum(x, y)
x.max()
x.min()
x.amax()
x.amin(0)
x.max(0).values
x.reshape(1, 7).max(1)[0]
m.max(x, y)
x.sort().values
x[:6].topk(2).values
x.sqrt()
x.square().sqrt()
x.pow(2)
x.pow(0)
x.pow(y)
x.abs().pow(y)
m.where(x > 0, x, y)
x.prod()
x.reshape(7, 1).prod(1)
x[1:].prod()
x.floor()
x.round()
x.frac()
x.remainder(0.5)
x.fmod(0.3)
x.std()
x.var(unbiased=False)
(x * 0).std()
x.logsumexp(0)
x.cumsum(0)
x.asin()
x.acos()
x.atan2(y)
x.reciprocal()
x.log1p()
x.expm1()
x.exp2()
x.rsqrt()
F.relu6(x * 6)
F.hardtanh(x)
F.hardtanh(x, -0.5, 0.5)
F.hardswish(x * 3)
F.leaky_relu(x, 0.1)
F.elu(x)
F.celu(x, 0.5)
F.selu(x)
F.softplus(x * 20)
F.softshrink(x, 0.5)
F.hardshrink(x, 0.5)
F.threshold(x, 0.5, 2.0)
F.gelu(x)
F.gelu(x, approximate="tanh")
F.logsigmoid(x * 100)
F.silu(x)
F.mish(x)
F.softsign(x)
F.prelu(x, y[:1])
F.l1_loss(x, y)
F.smooth_l1_loss(x, y)
F.huber_loss(x, y, delta=0.5)
F.mse_loss(x, y, reduction="sum")
F.binary_cross_entropy(x.sigmoid(), y.sigmoid())
F.binary_cross_entropy_with_logits(x * 1000, (y > 0).double())
F.kl_div(x, y.abs() + 0.1)
F.cross_entropy(x, m.tensor(3))
F.max_pool1d(x.reshape(1, 7), 3, 2)
F.max_pool1d(x.reshape(1, 7), 3, 1, 1)
F.adaptive_max_pool1d(x.reshape(1, 7), 3)
F.adaptive_avg_pool1d(x.reshape(1, 7), 3)
F.pad(x.reshape(1, 7), (2, 1), "reflect")
F.pad(x.reshape(1, 7), (2, 1), "circular")
F.normalize(x, dim=0)
F.layer_norm(x * 0, (7,))
F.cosine_similarity(x, y, dim=0)
x.masked_fill(x > 0, 2.0)
x[x > 0]
x.expand(3, 7)
x.gather(0, m.tensor([0, 0, 6]))
x.index_select(0, m.tensor([1, 1]))
x.mean().expand(2)
x.flip(0)
x.reshape(7, 1) @ y.reshape(1, 7)
x.dot(y)
m.outer(x, y)
"""


@pytest.mark.parametrize("line", SLOPES.strip().splitlines())
def test_the_gradient_at_kinks_and_ties_is_torchs(line):
    assert_same_slopes(line)
