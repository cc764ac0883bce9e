"""Elementwise functions where mathematics gives the answer: exactness, range, bits, views."""

from __future__ import annotations

import math

import pytest

import weft

INF, NAN = math.inf, math.nan


def test_quotients_of_large_integers_are_exact():
    big = 2**62 + 3
    x = weft.tensor([big, -big, big, -big])
    y = weft.tensor([1, 1, -2, -2])
    assert weft.div(x, y, rounding_mode="trunc").tolist() == [big, -big, -(big // 2), big // 2]
    assert weft.div(x, y, rounding_mode="floor").tolist() == [v // w for v, w in [
        (big, 1), (-big, 1), (big, -2), (-big, -2)
    ]]  # fmt: skip


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
def test_shifts_never_leave_the_bits_of_the_dtype(dtype):
    kind = getattr(weft, dtype)
    bits = 8 * kind.itemsize
    x = weft.tensor([1, 100], dtype=kind)
    for by in range(bits + 3):
        left, right = (x << by).tolist(), (x >> by).tolist()
        wrapped = [(v << by) & (2**bits - 1) if by < bits else 0 for v in (1, 100)]
        if kind.is_signed:
            wrapped = [w - 2**bits if w >= 2 ** (bits - 1) else w for w in wrapped]
        assert left == wrapped
        assert right == [v >> by for v in (1, 100)]


def test_the_sign_of_a_shifted_negative_stays():
    assert (weft.tensor([-1, -9, -(2**63)]) >> 70).tolist() == [-1, -1, -1]
    assert (weft.tensor([-1, -9]) >> -1).tolist() == [-1, -1]


def test_ldexp_passes_through_powers_that_the_dtype_cannot_hold():
    tiny = weft.tensor([2.0**-149])
    assert weft.ldexp(tiny, weft.tensor([270])).tolist() == [2.0**121]
    assert weft.ldexp(weft.tensor([0.0, 1.0]), weft.tensor([10**6, 10**6])).tolist() == [0, INF]
    least = weft.tensor([2.0**-1074], dtype=weft.float64)
    assert weft.ldexp(least, weft.tensor([2097])).tolist() == [2.0**1023]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_frexp_and_ldexp_are_inverse(dtype):
    kind = getattr(weft, dtype)
    info = weft.finfo(kind)
    x = weft.tensor([info.max, info.tiny, -1.5, 0.0, -0.0, info.eps], dtype=kind)
    mantissa, exponent = weft.frexp(x)
    assert (mantissa.dtype, exponent.dtype) == (kind, weft.int32)
    assert weft.ldexp(mantissa, exponent).tolist() == x.tolist()
    sizes = mantissa.abs()[x != 0]
    assert ((sizes >= 0.5) & (sizes < 1)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_nextafter_is_one_step_of_the_dtype_itself(dtype):
    kind = getattr(weft, dtype)
    one, two = weft.ones(1, dtype=kind), weft.full((1,), 2, dtype=kind)
    assert (weft.nextafter(one, two) - one).item() == weft.finfo(kind).eps
    assert weft.nextafter(two, two).item() == 2


def test_gcd_and_lcm_of_mixed_operands():
    x = weft.tensor([12, -18, 0])
    assert weft.gcd(x, 8).tolist() == [4, 2, 8]
    assert weft.lcm(x, weft.tensor([[4], [5]])).tolist() == [[12, 36, 0], [60, 90, 0]]
    with pytest.raises(weft.DTypeError, match="lcm: expected integers, got operands that promote"):
        weft.lcm(x, 0.5)


def test_logaddexp_neither_overflows_nor_loses_the_small_one():
    for module in (weft.logaddexp, weft.logaddexp2):
        far = module(weft.tensor([1000.0, -1000.0]), weft.tensor([1000.0, -1000.0]))
        shift = math.log(2) if module is weft.logaddexp else 1
        assert far.tolist() == pytest.approx([1000 + shift, -1000 + shift])
    z = weft.logaddexp(weft.tensor([1000 + 1j]), weft.tensor([1000 + 1j]))
    assert z.abs().item() == pytest.approx(abs(1000 + math.log(2) + 1j))


def test_xlogy_is_zero_where_its_factor_is():
    zero = weft.zeros(3)
    assert weft.xlogy(zero, weft.tensor([0.0, -1.0, INF])).tolist() == [0, 0, 0]
    assert weft.xlogy(zero, weft.tensor(NAN)).isnan().all()
    assert weft.xlogy(weft.ones(2), 0.0).tolist() == [-INF, -INF]


def test_lerp_gives_its_end_exactly():
    x, end = weft.tensor([1e30, -3.0]), weft.tensor([1.0, 7.0])
    assert weft.lerp(x, end, 1.0).tolist() == [1, 7]
    assert weft.lerp(x, end, 0.0).tolist() == x.tolist()


def test_limits_of_nan_and_crossed_limits():
    x = weft.tensor([1.0, NAN])
    assert weft.clamp(x, min=NAN).isnan().all()
    assert weft.clamp(weft.tensor([1.0, 9.0]), 5.0, 2.0).tolist() == [2, 2]
    assert weft.clamp(weft.arange(4), max=weft.tensor([0, 1, 1, 9])).tolist() == [0, 1, 1, 3]


def test_the_parts_of_complex_numbers_share_their_memory_even_when_strided():
    z = weft.zeros(3, 4, dtype=weft.complex128)
    part = z.t()[::2].imag
    assert part.shape == (2, 3)
    part[1] = 5.0
    assert z.imag[:, 2].tolist() == [5, 5, 5]
    assert z.real.count_nonzero().item() == 0
    pairs = weft.view_as_real(z[1:, ::-1])
    assert pairs.shape == (2, 4, 2)
    pairs[..., 0] = 1.0
    assert z.real.tolist() == [[0] * 4, [1] * 4, [1] * 4]


def test_the_parts_of_a_number_without_dims_are_views_too():
    z = weft.tensor(1 + 2j)
    z.imag.add_(1)
    z.real = 7
    assert z.item() == 7 + 3j


def test_writing_a_part_bumps_the_version_of_the_whole():
    z = weft.tensor([1 + 2j], requires_grad=True)
    square = z * z
    with weft.no_grad():
        z.real.zero_()
    with pytest.raises(weft.GradError, match="mul"):
        square.abs().sum().backward()


def test_a_cotangent_of_any_strides_goes_back_through_the_pairs():
    z = weft.tensor([1 + 2j, 3 + 4j, 5j], requires_grad=True)
    (weft.view_as_real(z).t() * weft.arange(6.0).reshape(2, 3)).sum().backward()
    assert z.grad.tolist() == [3j, 1 + 4j, 2 + 5j]


def test_pairs_that_are_not_neighbours_are_refused():
    with pytest.raises(ValueError, match=r"stride 1, got strides \(1, 3\); call .contiguous"):
        weft.view_as_complex(weft.zeros(2, 3).t())
    assert weft.view_as_complex(weft.zeros(2, 3).t().contiguous()).shape == (3,)


def test_comparisons_in_place_keep_the_dtype():
    x = weft.tensor([1.0, 2.0])
    assert x.gt_(1.5) is x
    assert (x.dtype, x.tolist()) == (weft.float32, [0, 1])
    y = weft.tensor([3, 0])
    y.logical_not_()
    assert (y.dtype, y.tolist()) == (weft.int64, [0, 1])


@pytest.mark.parametrize(
    "name",
    ["lt", "le", "gt", "ge", "maximum", "minimum", "fmax", "fmin", "clamp_min", "clamp_max",
     "floor_divide", "remainder", "fmod", "atan2", "hypot", "copysign", "nextafter", "xlogy"],
)  # fmt: skip
def test_complex_numbers_are_refused_where_there_is_no_order(name):
    z = weft.tensor([1 + 2j])
    for other in (z, 2.0, weft.tensor([1.0])):
        with pytest.raises(weft.DTypeError, match="expected real numbers, got operands"):
            getattr(weft, name)(z, other)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_overflows_where_its_own_dtype_does(dtype):
    kind = getattr(weft, dtype)
    top = weft.finfo(kind).max
    x = weft.tensor([top], dtype=kind)
    assert (weft.hypot(x, x).item(), weft.exp2(x).item()) == (INF, INF)
    assert weft.nan_to_num(x * 2).item() == top
    assert weft.logaddexp(x, x).item() == top


def test_tolerances_compare_integers_without_wrapping():
    low, high = weft.tensor([0], dtype=weft.uint8), weft.tensor([255], dtype=weft.uint8)
    assert not weft.isclose(low, high, atol=1).item()
    assert weft.isclose(low, high, rtol=0, atol=255).item()


def test_add_takes_an_alpha_that_its_dtype_can_hold():
    yes, no = weft.tensor([True, False]), weft.tensor([False, False])
    assert weft.add(no, yes, alpha=3).tolist() == [True, False]
    assert weft.add(weft.tensor([1]), yes, alpha=5).tolist() == [6, 1]
    with pytest.raises(weft.DTypeError, match=r"alpha must be a number that weft.int64 can hold"):
        weft.add(weft.tensor([1]), weft.tensor([2]), alpha=0.5)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x, y: x + y, "add"),
        (lambda x, y: x - y, "sub"),
        (lambda x, y: x**y, "pow"),
        (lambda x, y: x.clamp_min(y), "clamp"),
        (lambda x, y: x.heaviside(y), "heaviside"),
        (lambda x, y: x.ldexp(y), "ldexp"),
        (lambda x, y: x.div(y, rounding_mode="trunc"), "div"),
        (lambda x, y: weft.where(x > 0, x, y), "where"),
        (lambda x, y: x.long() << y.long(), "bitwise_left_shift"),
        (lambda x, y: x.long() & y.long(), "bitwise_and"),
        (lambda x, y: x.long().lcm(y.long()), "lcm"),
    ],
)
def test_a_misfit_is_told_under_the_name_that_was_called(call, name):
    with pytest.raises(weft.ShapeError, match=rf"^{name}: shapes .* do not broadcast"):
        call(weft.ones(2), weft.ones(3))


def test_the_gradient_of_a_quotient_by_the_number_0_is_infinite():
    x = weft.tensor([1.0, -1.0], requires_grad=True)
    for zero, expected in ((0.0, math.inf), (-0.0, -math.inf), (0, math.inf)):
        (g,) = weft.autograd.grad((x / zero).sum(), x)
        assert g.tolist() == [expected, expected]


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round", "sign"])
def test_a_flat_function_has_gradient_zero_for_an_infinite_cotangent(name):
    x = weft.tensor([0.3, -1.6], requires_grad=True)
    getattr(weft, name)(x).backward(weft.tensor([math.inf, 1.0]))
    assert x.grad.tolist() == [0.0, 0.0]


def test_whose_sign_is_taken_gets_zeros_for_a_gradient():
    x, y = weft.tensor([3.0]), weft.tensor([-1.0], requires_grad=True)
    weft.copysign(x, y).sum().backward()
    assert y.grad.tolist() == [0.0]
