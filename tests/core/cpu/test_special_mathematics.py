"""Special functions of kernels: errors over the range of floats, poles, and what is special."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special

from tests.core import needs
from tests.core.cpu.test_mathematics import errors, numbers, run

pytestmark = needs.codegen
LONG = np.longdouble


def _lgamma(x):
    return np.where(np.isinf(x), np.inf, special.gammaln(x))


#: By SciPy's float64, which is right enough for float32: the largest error in units of the last
#: place.
SINGLE = {
    "lgamma": (_lgamma, 0.51),
    "digamma": (special.digamma, 0.51),
    "i0": (special.i0, 0.51),
    "i0e": (special.i0e, 0.51),
    "i1": (special.i1, 0.51),
    "i1e": (special.i1e, 0.51),
    "erfcx": (special.erfcx, 0.51),
    "normal_share": (special.ndtr, 0.51),
    "log_normal_share": (special.log_ndtr, 0.51),
}


@pytest.fixture(autouse=True)
def no_warnings_of_the_reference():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("name", SINGLE)
def test_errors_over_the_range_are_bounded_in_float32(name):
    reference, bound = SINGLE[name]
    x = numbers(np.dtype(np.float32), 40_000)
    found = errors(run(name, x), reference(x.astype(np.float64)).astype(LONG), x.dtype)
    assert found.max() <= bound, f"at {x[found.argmax()]!r}"


def _digits(function, x):
    with mpmath.workdps(40):
        return np.array([LONG(mpmath.nstr(function(mpmath.mpf(float(v))), 25)) for v in x])


#: By 40 digits: SciPy's lgamma loses most of its digits near 1 and 2.
DOUBLE = {
    "lgamma": (lambda v: mpmath.re(mpmath.loggamma(v)), 3.5),
    "digamma": (mpmath.digamma, 4),
    "trigamma": (lambda v: mpmath.polygamma(1, v), 4),
    "erfcx": (lambda v: mpmath.exp(v * v) * mpmath.erfc(v), 6),
}


def _above_zero():
    rng = np.random.default_rng(0)
    near = [at + rng.uniform(-1e-5, 1e-5, 100) for at in (1, 1.461632144968362, 2, 3)]
    return np.concatenate([10 ** rng.uniform(-12, 12, 400), rng.uniform(0, 30, 400), *near])


@pytest.mark.parametrize("name", DOUBLE)
def test_errors_above_zero_are_bounded_in_float64(name):
    function, bound = DOUBLE[name]
    x = _above_zero()
    x = x[x < 1e6] if name == "erfcx" else x
    exact = _digits(function, x)
    if name == "digamma":  # where it is nearly 0, its argument's own rounding is all that is left
        exact, x = exact[abs(exact) > 1e-4], x[abs(exact) > 1e-4]
    found = errors(run(name, x), exact, x.dtype)
    assert found.max() <= bound, f"at {x[found.argmax()]!r}"


@pytest.mark.parametrize("name", ["lgamma", "digamma", "trigamma"])
def test_below_zero_errors_are_those_of_the_terms_in_float64(name):
    """Zeros lie between the poles there: near them the terms cancel, as in every formula."""
    x = -np.random.default_rng(0).uniform(0.01, 40, 500)
    exact = _digits(DOUBLE[name][0], x)
    rest = np.maximum(abs(x - np.rint(x)), 1e-3)
    terms = np.maximum(abs(exact), np.log(abs(x) + 3) * (abs(x) + 1)) / rest
    assert (abs(run(name, x).astype(LONG) - exact) <= 1e-15 * terms).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_poles_and_infinities(dtype):
    x = np.array([0.0, -0.0, -1, -2, np.inf, -np.inf, np.nan], dtype)
    inf, nan = math.inf, math.nan
    np.testing.assert_array_equal(run("lgamma", x), [inf, inf, inf, inf, inf, inf, nan])
    np.testing.assert_array_equal(run("digamma", x), [-inf, inf, nan, nan, inf, nan, nan])
    if dtype is np.float64:
        poles = run("trigamma", x)[[0, 1, 2, 3, 4, 6]]
        np.testing.assert_array_equal(poles, [inf, inf, inf, inf, 0, nan])


def test_the_logarithm_of_gamma_is_zero_at_one_and_two():
    assert run("lgamma", np.array([1.0, 2.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_next_float_is_numpys(dtype):
    x = numbers(np.dtype(dtype), 4000)
    for y in (np.roll(x, 17), np.zeros_like(x), -np.zeros_like(x), x, np.full_like(x, np.inf)):
        out, wanted = run("nextafter", x, y), np.nextafter(x, y)
        np.testing.assert_array_equal(out, wanted)
        known = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(out[known]), np.signbit(wanted[known]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quotients_rounded_down_are_numpys(dtype):
    x = numbers(np.dtype(dtype), 4000)
    whole = np.rint(np.linspace(-50, 50, x.size)).astype(dtype)
    for a, b in ((x, np.roll(x, 17)), (whole, np.roll(whole, 5)), (x, np.zeros_like(x))):
        out, wanted = run("floor_divide", a, b), np.floor_divide(a, b)
        np.testing.assert_array_equal(out, wanted)
        known = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(out[known]), np.signbit(wanted[known]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_powers_of_two_are_numpys(dtype):
    x = np.random.default_rng(0).uniform(-60, 60, 4000).astype(dtype)
    y = np.roll(x, 1)
    exact = np.logaddexp2(x.astype(LONG), y.astype(LONG))
    size = np.maximum(1, np.maximum(abs(x), abs(y)))
    unit = np.finfo(dtype).eps * size
    assert (abs(run("logaddexp2", x, y) - exact) <= 1.5 * unit).all()
    same = np.array([np.inf, -np.inf, 3], dtype)
    assert run("logaddexp2", same, same).tolist() == [np.inf, -np.inf, 4]
