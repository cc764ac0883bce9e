"""Corners of elementwise functions: odd dtypes, overflow, views, refusals, kinks, complex."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, assert_same_slopes, quietly

NAN, INF = float("nan"), float("inf")

LINES = """
m.acosh(m.tensor([1, 2]))
m.atanh(m.tensor([True, False]))
m.angle(m.tensor([1, -1]))
m.angle(m.tensor([True]))
m.angle(m.tensor([complex(-0.0, -0.0), complex(nan, 1), complex(-inf, inf)]))
m.angle(m.tensor([complex(-1, 0.0), complex(-1, -0.0)]))
m.sgn(m.tensor([complex(inf, 0), complex(nan, 1), 0, 3 + 4j]))
m.sgn(m.tensor([True, False]))
m.sign(m.tensor([True, False]))
m.sgn(m.tensor([-3, 0, 2]))
m.isreal(m.tensor([1j, 2, complex(1, -0.0), complex(1, nan)]))
m.isreal(m.tensor([True]))
m.isposinf(m.tensor([1, 2]))
m.isneginf(m.tensor([True]))
m.signbit(m.tensor([-1, 1]))
m.signbit(m.tensor([200], dtype=m.uint8))
m.signbit(m.tensor([True]))
m.signbit(m.tensor([-nan, nan]))
m.bitwise_left_shift(m.tensor([100, -3], dtype=m.int8), m.tensor([1, 9], dtype=m.int8))
m.bitwise_left_shift(m.tensor([100, -3], dtype=m.int8), m.tensor([-1, 7], dtype=m.int8))
m.bitwise_right_shift(m.tensor([100, -3], dtype=m.int8), m.tensor([-1, 9], dtype=m.int8))
m.bitwise_left_shift(m.tensor([2]), True)
m.bitwise_left_shift(m.tensor([2], dtype=m.uint8), m.tensor([2]))
m.bitwise_left_shift(2, m.tensor([2], dtype=m.uint8))
3 << m.tensor([2], dtype=m.int8)
m.tensor([-200, 200]) >> 3
m.tensor([255], dtype=m.uint8) >> 1
-9 >> m.tensor([1, 2, 70])
+m.tensor([1, -2])
m.copysign(m.tensor([1, -2]), m.tensor([-0.0, 1]))
m.copysign(m.tensor([1, -2]), -1)
m.copysign(m.tensor([True]), -1)
m.copysign(m.tensor([nan, inf]), m.tensor([-1.0, -nan]))
m.deg2rad(m.tensor([180]))
m.rad2deg(m.tensor([True]))
m.div(m.tensor([7, -7]), 2, rounding_mode="trunc")
m.div(m.tensor([7, -7]), 2.0, rounding_mode="trunc")
m.div(m.tensor([9007199254740993]), 1, rounding_mode="trunc")
m.div(m.tensor([-9223372036854775807]), m.tensor([2]), rounding_mode="trunc")
m.div(m.tensor([1.0, -1, 0, nan, inf]), 0, rounding_mode="floor")
m.div(m.tensor([1.0, -1, 0, nan, inf]), 0, rounding_mode="trunc")
m.div(m.tensor([True]), m.tensor([3]), rounding_mode="floor")
m.div(m.tensor([-128], dtype=m.int8), m.tensor([-1], dtype=m.int8), rounding_mode="trunc")
m.fix(m.tensor([3]))
m.exp2(m.tensor([1 + 2j]))
m.exp2(m.tensor([True]))
m.log2(m.tensor([1 + 2j]))
m.float_power(m.tensor([3]), 2)
m.float_power(2, m.tensor([3]))
m.float_power(m.tensor([3 + 1j]), 2)
m.float_power(m.tensor([2.0]), 1j)
m.float_power(m.tensor([2], dtype=m.int8), m.tensor([7.0]))
m.float_power(m.tensor([2.0]).to(m.float16), 3)
m.float_power(m.tensor([True]), 3)
m.fmax(m.tensor([True]), m.tensor([2]))
m.fmin(m.tensor([3]), m.tensor([2.5]))
m.maximum(m.tensor([3]), m.tensor([2.5]))
m.frexp(m.tensor([0.0, -0.0, inf, -inf, nan, 3, 1e-45]))
m.frexp(m.tensor([3.0, 1e-7], dtype=m.float16))
m.frexp(m.tensor([3.0, 1e-40], dtype=m.bfloat16))
m.gcd(m.tensor([12, 0, -4]), m.tensor([8, 0, 6]))
m.gcd(m.tensor([12]), m.tensor([8], dtype=m.uint8))
m.gcd(m.tensor([-128], dtype=m.int8), m.tensor([0], dtype=m.int8))
m.lcm(m.tensor([12, 0, -4, 127], dtype=m.int8), m.tensor([8, 0, 6, 126], dtype=m.int8))
m.lcm(m.tensor([2**40]), m.tensor([2**40 - 1]))
m.lcm(m.tensor([6, -6]), m.tensor([-4, 4]))
m.heaviside(m.tensor([nan, 0, 1, -1, -0.0]), m.tensor([0.5]))
m.heaviside(m.tensor([0, 1]), m.tensor([5]))
m.heaviside(m.tensor([True, False]), m.tensor([True]))
m.heaviside(m.tensor([inf, -inf]), m.tensor([nan]))
m.ldexp(m.tensor([3]), m.tensor([4]))
m.ldexp(m.tensor([3.0]), m.tensor([0.5]))
m.ldexp(m.tensor([1e-30]), m.tensor([130]))
m.ldexp(m.tensor([1.0], dtype=m.float64), m.tensor([200]))
m.ldexp(m.tensor([1e-7], dtype=m.float16), m.tensor([20]))
m.ldexp(m.tensor([1j]), m.tensor([3]))
m.ldexp(m.tensor([True]), m.tensor([True]))
m.ldexp(m.tensor([3.0]), m.tensor([-300]))
m.lerp(m.tensor([1.0, inf, -inf]), m.tensor([inf, inf, 1]), 0.5)
m.lerp(m.tensor([1.0, inf, -inf]), m.tensor([inf, inf, 1]), 0.2)
m.lerp(m.tensor([1j, 2]), m.tensor([3j, 4]), 0.5)
m.lerp(m.tensor([1j, 2]), m.tensor([3j, 4]), 0.5j)
m.lerp(m.tensor([1.0, 2]), m.tensor([3.0, 4]), m.tensor(0.5))
m.lerp(m.tensor([1.0, 2]), m.tensor([3.0, 4]), m.tensor(0.5, dtype=m.float64))
m.lerp(m.tensor([1e30]), m.tensor([3.0]), 1.0)
m.lerp(m.tensor([1.0]), m.tensor([2.0, 3]), m.tensor([[0.3], [0.6]]))
m.lerp(m.tensor([1.0], dtype=m.float16), m.tensor([2.0], dtype=m.float16), 0.3)
m.addcmul(m.tensor([1]), m.tensor([2.0]), m.tensor([3]), value=2)
m.addcdiv(m.tensor([1.0]), m.tensor([1.0]), m.tensor([0.0]), value=0)
m.addcmul(m.tensor([1.0]), m.tensor([inf]), m.tensor([1.0]), value=0)
m.add(m.tensor([True]), m.tensor([True]), alpha=2)
m.add(m.tensor([True, True]), m.tensor([True, False]), alpha=0)
m.add(m.tensor([100], dtype=m.int8), m.tensor([True]), alpha=3)
m.add(m.tensor([1.0]), m.tensor([2]), alpha=1.5)
m.rsub(m.tensor([1]), 3)
m.rsub(m.tensor([1]), m.tensor([2.0]), alpha=2)
m.logaddexp(m.tensor([1 + 1j, 5j]), m.tensor([2 - 1j, 5j]))
m.logaddexp(m.tensor([inf, -inf, nan, 1000.0]), m.tensor([inf, -inf, 1, 999.0]))
m.logaddexp2(m.tensor([inf, -inf, nan, 1000.0]), m.tensor([inf, -inf, 1, 999.0]))
m.logit(m.tensor([0, 1]))
m.logit(m.tensor([0, 1, 2, -1, 0.5, nan]), eps=0.1)
m.logit(m.tensor([0.3, 0.7], dtype=m.float16), 1e-3)
m.xlogy(0, m.tensor([0.0, nan, inf, -1]))
m.xlogy(m.tensor([0, 0]), 0)
m.xlogy(m.tensor([nan, 1.0]), 0)
m.xlogy(m.tensor([2]), m.tensor([3]))
m.nan_to_num(m.tensor([nan, inf, -inf], dtype=m.float16))
m.nan_to_num(m.tensor([nan, inf, -inf], dtype=m.bfloat16), 1.5, 3)
m.nan_to_num(m.tensor([3]), 1.5, 3)
m.nan_to_num(m.tensor([complex(nan, inf)]), 1.5, 3)
m.nan_to_num(m.tensor([nan, inf, -inf], dtype=m.float64), neginf=-7)
m.nextafter(m.tensor([1.0, 0, nan, inf]).to(m.float16), m.tensor([2.0, -1, 1, 0]).to(m.float16))
m.nextafter(m.tensor([1.0, 0, nan, inf]).to(m.bfloat16), m.tensor([2.0, -1, 1, 0]).to(m.bfloat16))
m.nextafter(m.tensor([1.0]), m.tensor([2.0], dtype=m.float64))
m.remainder(5, m.tensor([3, -3]))
m.remainder(m.tensor([1.0, -1.0, -0.0, 0.0]), m.tensor([-inf, inf, 1, -1]))
m.fmod(m.tensor([-7, 7]), m.tensor([3, -3]))
m.sinc(m.tensor([0, 1]))
m.sinc(m.tensor([0j, 1 + 1j]))
m.real(m.tensor([1]))
m.imag(m.tensor([1j, 2]))
m.conj(m.tensor([1, 2]))
m.conj_physical(m.tensor([1 + 2j]))
m.is_conj(m.tensor([1 + 2j]))
m.tensor([1 + 2j]).is_neg()
m.resolve_neg(m.resolve_conj(m.tensor([1 + 2j])))
m.complex(m.tensor([1.0]), m.tensor([[2.0], [3.0]]))
m.complex(m.zeros(0, 2), m.zeros(2))
m.polar(m.tensor([2.0, inf], dtype=m.float64), m.tensor([1.0, 0.0], dtype=m.float64))
m.view_as_real(m.zeros(0, 2, dtype=m.complex64))
m.view_as_complex(m.zeros(0, 2))
m.view_as_real(m.tensor(1 + 2j))
m.view_as_complex(m.tensor([1.0, 2.0]))
m.view_as_real(m.tensor([[1 + 2j, 3 + 4j], [5j, 6]]).t())
m.isclose(m.tensor([1, 2]), m.tensor([1, 3]), rtol=0.5)
m.isclose(m.tensor([100]), m.tensor([101]), rtol=0.1)
m.isclose(m.tensor([True]), m.tensor([False]), atol=2)
m.isclose(m.tensor([250], dtype=m.uint8), m.tensor([251], dtype=m.uint8), atol=1)
m.isclose(m.tensor([251], dtype=m.uint8), m.tensor([250], dtype=m.uint8), atol=1)
m.isclose(m.tensor([2**62]), m.tensor([2**62 + 1]), rtol=0, atol=0)
m.isclose(m.tensor([2**62]), m.tensor([2**62 + 1]), rtol=0, atol=0.5)
m.isclose(m.tensor([nan, 1]), m.tensor([nan, nan]), equal_nan=True)
m.isclose(m.tensor([complex(nan, 1)]), m.tensor([complex(1, nan)]), equal_nan=True)
m.isclose(m.tensor([complex(inf, 1)]), m.tensor([complex(inf, 2)]))
m.isclose(m.tensor([inf, inf, 1, -inf]), m.tensor([inf, -inf, inf, 1]), rtol=inf)
m.allclose(m.tensor([1.0, nan]), m.tensor([1.0, nan]), equal_nan=True)
m.allclose(m.zeros(0), m.zeros(0))
m.equal(m.tensor([1]), m.tensor([1.0]))
m.equal(m.tensor([nan]), m.tensor([nan]))
m.equal(m.zeros(0, 2), m.zeros(0, 3))
m.clamp_min(m.tensor([1, 5]), 2.5)
m.clamp_min(m.tensor([1, 5]), m.tensor([2.5]))
m.clamp_min(m.tensor([1.0, nan]), m.tensor([nan, 0]))
m.clamp_max(m.tensor([1.0, nan, 7]), 2)
m.clamp(m.tensor([1.0, nan]), min=nan)
m.clip(m.tensor([5, -5]), -1, m.tensor(3))
m.clamp(m.tensor([5], dtype=m.uint8), min=-1)
m.tensor([1.0, 2]).eq_(1)
m.tensor([1, 2]).lt_(1.5)
m.tensor([1, 2]).greater_equal_(m.tensor([2, 2]))
m.tensor([1, 2]).logical_and_(m.tensor([0.0, 1]))
m.tensor([0, 2]).logical_not_()
m.tensor([1.0, 0]).logical_xor_(m.tensor([1, 1]))
m.tensor([1, 2]).bitwise_and_(3)
m.tensor([1, 2]).bitwise_left_shift_(3)
m.tensor([1, 2]).div_(2, rounding_mode="floor")
m.tensor([3, 5]).floor_divide_(2)
m.tensor([1, 2]).pow_(2)
m.tensor([1.0, 2]).xlogy_(2)
m.tensor([1.0, 2]).ldexp_(m.tensor([3]))
m.tensor([1.0, 2]).lerp_(m.tensor([2.0, 3]), 0.5)
m.tensor([1.0, 2]).addcmul_(m.tensor([2.0, 3]), m.tensor([2.0, 3]), value=-1)
m.tensor([1.0, 2]).addcdiv_(m.tensor([2.0, 3]), m.tensor([2.0, 4]))
m.tensor([2.0], dtype=m.float64).float_power_(3)
m.tensor([1.0, nan]).nan_to_num_(5)
m.tensor([0.5, 0.25]).logit_()
m.tensor([12, 18]).gcd_(m.tensor([8, 27]))
m.tensor([1 + 2j]).conj_physical_()
m.tensor([3 + 4j]).sgn_()
m.tensor([1.5, -1.5]).copysign_(-1.0)
m.tensor([1.0, 2]).clip_(max=1.5)
m.tensor([1.0, 2]).negative_().absolute_()
m.tensor([1.0, 2]).multiply_(3).subtract_(1, alpha=2).divide_(2).true_divide_(4)
m.tensor([0.5]).arcsin_().arctan_().arccos_()
m.lerp(m.tensor([1.0]), m.tensor([2.0]), m.tensor([0.3]), out=m.tensor([0.0]))
m.greater(m.tensor([1, 2]), 1.5, out=m.tensor([False, False]))
m.negative(m.tensor([200], dtype=m.uint8))
m.absolute(m.tensor([-128], dtype=m.int8))
m.square(m.tensor([100], dtype=m.int8))
m.logical_not(m.tensor([1j, 0]))
m.logical_or(m.tensor([1j, 0]), m.tensor([0]))
m.bitwise_xor(m.tensor([True]), 3)
m.bitwise_and(3, m.tensor([1]))
m.round(m.tensor([15.5, 25.0]), decimals=-1)
m.round(m.tensor([0.125, 2.675], dtype=m.float64), decimals=2)
m.frac(m.tensor([inf, -inf, -0.0, nan]))
"""


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_a_corner_gives_what_torch_gives(line):
    names = {"nan": NAN, "inf": INF}
    expected, got = (quietly(eval, line, {"m": m, **names}) for m in (torch, weft))
    assert_same(got, expected, line)


REFUSED = """
m.bitwise_left_shift(m.tensor([1.5]), 2)
m.bitwise_right_shift(m.tensor([True]), m.tensor([True]))
m.tensor([2]) << 1.5
m.copysign(m.tensor([1 + 2j]), -1)
m.div(m.tensor([1 + 2j]), 2, rounding_mode="floor")
m.div(m.tensor([1]), 0, rounding_mode="trunc")
m.fmod(m.tensor([1]), 0)
m.tensor([1]) // 0
m.floor_divide(m.tensor([True]), m.tensor([True]))
m.fmax(m.tensor([1 + 1j]), m.tensor([1 + 1j]))
m.maximum(m.tensor([1 + 1j]), m.tensor([1 + 1j]))
m.frexp(m.tensor([3]))
m.gcd(m.tensor([True]), m.tensor([True]))
m.lcm(m.tensor([4.0]), m.tensor([2.0]))
m.heaviside(m.tensor([0, 1]), m.tensor([0.5]))
m.heaviside(m.tensor([1j]), m.tensor([1j]))
m.add(m.tensor([1]), m.tensor([2]), alpha=1.5)
m.add(m.tensor([1.0]), m.tensor([2.0]), alpha=2j)
m.rsub(m.tensor([True]), m.tensor([True]))
m.positive(m.tensor([True]))
m.negative(m.tensor([True]))
m.signbit(m.tensor([1j]))
m.isposinf(m.tensor([1j]))
m.isneginf(m.tensor([1j]))
m.imag(m.tensor([1.0]))
m.complex(m.tensor([1.0]), m.tensor([2.0], dtype=m.float64))
m.complex(m.tensor([1]), m.tensor([2]))
m.polar(m.tensor([1.0]), m.tensor([2.0], dtype=m.float64))
m.view_as_real(m.tensor([1.0]))
m.view_as_complex(m.tensor([1.0]))
m.view_as_complex(m.tensor(1.0))
m.view_as_complex(m.tensor([1, 2]))
m.view_as_complex(m.zeros(2, 3).t())
m.view_as_complex(m.zeros(2, 2).t())
m.isclose(m.tensor([1]), m.tensor([1.0]))
m.isclose(m.tensor([1.0]), m.tensor([1.0]), rtol=-1)
m.allclose(m.tensor([1.0]), m.tensor([1.0]), atol=-1)
m.allclose(m.tensor([1]), m.tensor([1.0]))
m.clamp_min(m.tensor([1j]), 1)
m.clamp(m.tensor([1.0]))
m.tensor([1, 2]).clamp_min_(1.5)
m.tensor([True]).bitwise_and_(3)
m.tensor([True]).add_(3)
m.tensor([1, 2]).div_(2)
m.tensor([1, 2]).floor_divide_(1.5)
m.tensor([1, 2]).copysign_(2)
m.tensor([1, 2]).ldexp_(m.tensor([3]))
m.tensor([1, 2]).pow_(-1)
m.tensor([1.0]).add_(m.tensor([1.0, 2.0]))
m.bitwise_not(m.tensor([1.0]))
m.bitwise_and(3, 5)
m.eq(m.tensor([1]), "a")
m.lt(m.tensor([1j]), m.tensor([2j]))
m.logit(m.tensor([1j]))
m.atan2(m.tensor([1j]), m.tensor([1j]))
m.trunc(m.tensor([1j]))
m.deg2rad(m.tensor([1j]))
m.hypot(m.tensor([1j]), m.tensor([1j]))
m.remainder(m.tensor([1j]), 2)
m.xlogy(m.tensor([1j]), m.tensor([1j]))
"""


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_what_torch_refuses_weft_refuses(line):
    for m, errors in (
        (torch, (RuntimeError, TypeError, NotImplementedError)),
        (weft, (TypeError, ValueError, ZeroDivisionError)),
    ):
        with pytest.raises(errors):
            quietly(eval, line, {"m": m})


#: Functions of x = [-1, -0.5, -0, 0, 0.5, 1, 1] and y, of the same with ties, at kinks and ties.
SLOPES = """
x.angle()
x.sgn()
x.copysign(y)
x.copysign(-2.0)
x.fmax(y)
x.fmin(y)
m.fmax(x, x * nan)
m.fmin(x * nan, y)
m.maximum(x, x * nan)
x.clamp_min(y)
x.clamp_max(y)
x.clamp_min(0.5)
m.clamp(x, nan, 1.0)
(x + 2).hypot(y)
x.ldexp(y)
m.lerp(x, y, 0.25)
m.lerp(x, y, y)
m.logaddexp(x, y)
m.logaddexp2(x, y)
x.abs().logit()
x.logit(0.2)
m.xlogy(x, y)
m.xlogy(x, 0.5)
m.xlogy(2.0, y)
(x / x).nan_to_num(2.0)
(1 / x).nan_to_num()
m.nextafter(x, y)
x.sinc()
x.asinh()
x.atanh()
(x + 2).acosh()
x.deg2rad()
x.rad2deg()
x.frac()
x.fix()
x.frexp().mantissa
m.float_power(x, 2)
m.float_power(2, y)
m.rsub(x, y, alpha=3)
m.addcmul(x, y, x, value=2)
m.addcdiv(x, y, x + 3, value=2)
m.view_as_real(m.complex(x, y))
m.view_as_real(m.polar(x.abs() + 1, y))
m.complex(x, y).abs()
m.complex(x, y).angle()
m.view_as_real(m.complex(x, y).sgn())
m.complex(x, y).imag
m.view_as_complex(x[:6].reshape(3, 2)).real
m.view_as_real(m.complex(x, y).conj().resolve_conj())
x.positive()
x.negative().absolute()
x.true_divide(y + 3)
"""


@pytest.mark.parametrize("line", SLOPES.strip().splitlines())
def test_the_gradient_at_kinks_and_ties_is_torchs(line):
    assert_same_slopes(line, {"nan": NAN})


COMPLEX = [
    0.5 + 0.25j, -0.5 + 0.25j, -2 - 1j, 2 - 0.5j, 1j, -1j, 3 + 0j, -3 + 0j, 0.25 - 3j,
    -1e-3 + 1e-3j,
]  # fmt: skip
OF_COMPLEX = [
    "abs", "acos", "acosh", "angle", "asin", "asinh", "atan", "atanh", "conj", "cos", "cosh", "exp",
    "exp2", "expm1", "isfinite", "isinf", "isnan", "isreal", "log", "log10", "log1p", "log2", "neg",
    "reciprocal", "rsqrt", "sgn", "sigmoid", "sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh",
]  # fmt: skip


@pytest.mark.parametrize("name", OF_COMPLEX)
def test_functions_of_complex_numbers(name):
    for dtype in ("complex64", "complex128"):
        numbers = [v for v in COMPLEX if not (name in ("atan", "reciprocal") and abs(v) == 1)]
        results = [
            getattr(m, name)(m.tensor(numbers, dtype=getattr(m, dtype))) for m in (weft, torch)
        ]
        within = (5e-6, 5e-6) if dtype == "complex64" else (1e-12, 1e-12)
        assert_same(*results, f"{name} in {dtype}", within)


@pytest.mark.parametrize(
    "name", ["add", "sub", "mul", "div", "pow", "eq", "ne", "logaddexp", "float_power"]
)
def test_functions_of_two_complex_numbers(name):
    results: list[Any] = []
    for m in (weft, torch):
        x = m.tensor(COMPLEX, dtype=m.complex128)
        results.append(getattr(m, name)(x[:, None], x[None]))
    assert_same(*results, name, (1e-10, 1e-10))


def test_parts_and_pairs_are_views_as_in_torch():
    for m in (weft, torch):
        z = m.tensor([[1 + 2j, 3 + 4j], [5 + 6j, 7 + 8j]])
        z.real[0] = 9.0
        z.imag.mul_(10)
        z.t().real[1, 1] = 0.5
        m.view_as_real(z)[1, 0, 0] = -1.0
        assert z.tolist() == [[9 + 20j, 9 + 40j], [-1 + 60j, 0.5 + 80j]]
        pairs = m.zeros(2, 2)
        m.view_as_complex(pairs)[1] = 3 + 4j
        assert pairs.tolist() == [[0, 0], [3, 4]]
        z.real = m.zeros(2, 2)
        z.imag = m.tensor([1.0, 2.0])
        assert z.tolist() == [[1j, 2j], [1j, 2j]]


def test_frexp_is_a_named_tuple():
    for m in (weft, torch):
        found = m.frexp(m.tensor([3.0]))
        assert (found.mantissa.tolist(), found.exponent.tolist()) == ([0.75], [2])
        assert found.exponent.dtype is m.int32


def test_numpy_scalars_count_as_python_numbers():
    import numpy as np

    x = weft.tensor([1.5, 2.5])
    for scalar in (np.float64(0.5), np.int64(2), np.float32(0.25), np.bool_(True)):
        plain = scalar.item()
        for name in ("add", "mul", "fmax", "clamp_min", "atan2", "xlogy", "logaddexp", "lt"):
            got, expected = (getattr(weft, name)(x, v) for v in (scalar, plain))
            assert (got.dtype, got.tolist()) == (expected.dtype, expected.tolist()), name
    whole = weft.tensor([12, 18])
    assert weft.gcd(whole, np.int64(8)).tolist() == [4, 2]
    assert (whole << np.int32(1)).tolist() == [24, 36]
