"""The mathematics of kernels: errors over the whole range of floats, and special values."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import special

from tests.core.cpu import every_float
from tests.core.cpu.every_float import FUNCTION, of_one
from weft._backend.cpu import compiler
from weft._backend.cpu.kernels import mathematics
from weft._backend.cpu.language import T, f32, f64, kernel, ptr

TYPES = {"float32": f32, "float64": f64}
LONG = np.longdouble


@kernel
def of_two(begin, end, x: ptr(T), y: ptr(T), out: ptr(T)):
    for i in range(begin, end):
        out[i] = FUNCTION(x[i], y[i])


def run(name, *arrays):
    kernel_of = of_one if len(arrays) == 1 else of_two
    kind = TYPES[arrays[0].dtype.name]
    out = np.empty_like(arrays[0])
    function = getattr(mathematics, name)
    kernel_of.at(T=kind, FUNCTION=function)(out.size, 1 << 16, *arrays, out)
    return out


def _erf(x):
    return np.array([math.erf(v) for v in x.astype(np.float64).tolist()], LONG)


def _erfc(x):
    return np.array([math.erfc(v) for v in x.astype(np.float64).tolist()], LONG)


def _erfinv(x):
    # SciPy's gives 0 of -0
    return np.copysign(special.erfinv(x.astype(np.float64)), x).astype(LONG)


# The largest error allowed, in units of the last place, in float32 and float64. That of float32
# is the largest that ``every_float`` found among all numbers, rounded up.
ONE = {
    "exp": (np.exp, 1.02, 1),
    "exp2": (np.exp2, 0.87, 1),
    "expm1": (np.expm1, 1.59, 2),
    "log": (np.log, 0.84, 1),
    "log2": (np.log2, 0.51, 2),
    "log10": (np.log10, 0.51, 2),
    "log1p": (np.log1p, 0.84, 1),
    "tanh": (np.tanh, 1.34, 3),
    "sinh": (np.sinh, 0.51, 3),
    "cosh": (np.cosh, 0.51, 3),
    "asinh": (np.arcsinh, 0.51, 2.5),
    "acosh": (np.arccosh, 0.51, 2.5),
    "atanh": (np.arctanh, 0.51, 2),
    "sin": (np.sin, 1.5, 2),
    "cos": (np.cos, 1.5, 2),
    "tan": (np.tan, 0.51, 3),
    "asin": (np.arcsin, 0.51, 2),
    "acos": (np.arccos, 0.51, 1.5),
    "atan": (np.arctan, 0.51, 1.5),
    "erf": (_erf, 1.15, 3.5),
    "erfc": (_erfc, 0.51, 5),
    "erfinv": (_erfinv, 0.6, 0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.5, 1.5),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 2.83, 3),
    "softplus": (lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))), 1.68, 2),
}
TWO = {
    "pow": (np.power, 1, 1.5),
    "atan2": (np.arctan2, 0.51, 3),
    "hypot": (np.hypot, 0.51, 2),
    "fmod": (np.fmod, 0, 0),
    "remainder": (np.remainder, 0.5, 0.5),
}


def errors(out, exact, dtype):
    """Return the error of each result in units of the last place; 0 for the same special one."""
    wanted = exact.astype(dtype)
    finite = np.isfinite(wanted) & np.isfinite(out)
    same = (wanted == out) & (np.signbit(wanted) == np.signbit(out))
    same |= np.isnan(wanted) & np.isnan(out)
    assert (finite | same).all(), "inf, NaN"
    zero = finite & (wanted == 0) & (out == 0)
    assert same[zero].all(), "the sign of zero"
    unit = np.spacing(np.maximum(abs(wanted), np.finfo(dtype).tiny)).astype(LONG)
    return np.where(finite, abs(out.astype(LONG) - exact) / unit, 0)


def numbers(dtype, count):
    """Every magnitude of floats alike, then where functions turn, then what is special."""
    rng = np.random.default_rng(0)
    words = np.uint32 if dtype == np.float32 else np.uint64
    spread = np.linspace(0, np.iinfo(words).max, count, dtype=words)
    spread = (spread ^ rng.integers(0, 1 << 10, count, dtype=words)).view(dtype)
    near = [rng.uniform(-at, at, count // 4) for at in (0.5, 2, 12, 100, 750)]
    one = 1 + rng.uniform(-1e-3, 1e-3, count // 8)
    turns = np.arange(-100, 100) * math.pi / 4
    info = np.finfo(dtype)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, info.max, info.tiny, info.max / 2]
    special += [info.smallest_subnormal, -info.smallest_subnormal, -info.max, -info.tiny]
    return np.concatenate([spread, *near, one, turns, special]).astype(dtype)


@pytest.fixture(autouse=True)
def no_warnings_of_the_reference():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(ONE.keys() - {"erfinv"}))
def test_errors_over_the_range_are_bounded(name, dtype):
    reference, *bounds = ONE[name]
    x = numbers(np.dtype(dtype), 40_000)
    if name in ("sin", "cos", "tan") and dtype == "float64":
        x = x[~(abs(x) > 2.0**31)]
    found = errors(run(name, x), reference(x.astype(LONG)), np.dtype(dtype))
    worst = int(found.argmax())
    assert found[worst] <= bounds[dtype == "float64"], f"at {x[worst]!r}"


def test_errors_of_erfinv_are_bounded_in_float32():
    x = np.concatenate([numbers(np.dtype(np.float32), 40_000), _towards_one()])
    found = errors(run("erfinv", x), _erfinv(x), x.dtype)
    assert found.max() <= ONE["erfinv"][1], f"at {x[found.argmax()]!r}"


def _towards_one():
    """All floats near 1, where the function rises most."""
    ones = np.arange(1 << 16, dtype=np.uint32)
    near = (np.float32(1).view(np.uint32) - ones).view(np.float32)
    return np.concatenate([near, -near])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_normal_distribution_is_as_right_as_one_and_erf(dtype):
    x = numbers(np.dtype(dtype), 40_000)
    out = run("ndtr", x).astype(LONG)
    tail = _erfc(abs(x) / LONG(2) ** LONG(0.5)) / 2
    bound = 1e-7 if dtype == "float32" else 5e-16
    assert np.isnan(out[np.isnan(x)]).all()
    assert np.nanmax(abs(out - np.where(x < 0, tail, 1 - tail))) <= bound
    assert (out[x < -13] == 0).all()  # so that infinity times it is NaN, as of the sum
    assert (out[x > 13] == 1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TWO)
def test_errors_of_functions_of_two_are_bounded(name, dtype):
    reference, *bounds = TWO[name]
    rng = np.random.default_rng(1)
    n = 40_000
    special = np.array(
        [
            0,
            -0.0,
            1,
            -1,
            2,
            -2,
            3,
            -3,
            0.5,
            -0.5,
            np.inf,
            -np.inf,
            np.nan,
            1e-40,
            -1e-40,
            2.5,
            -2.5,
            1e30,
            -1e30,
            2**24,
            2**24 + 1,
            2**53,
            -7,
            7,
        ]
    )
    pairs = [
        (np.exp(rng.uniform(-20, 20, n)), rng.uniform(-5, 5, n)),
        (1 + rng.uniform(-1e-2, 1e-2, n), rng.uniform(-8000, 8000, n)),
        (-rng.integers(1, 50, n), rng.integers(-20, 20, n)),
        (2.0 ** rng.uniform(-149, 127, n), rng.uniform(-2, 2, n)),
        (np.repeat(special, len(special)), np.tile(special, len(special))),
    ]
    x, y = (np.concatenate(part).astype(dtype) for part in zip(*pairs, strict=True))
    found = errors(run(name, x, y), reference(x.astype(LONG), y.astype(LONG)), np.dtype(dtype))
    worst = int(found.argmax())
    assert found[worst] <= bounds[dtype == "float64"], f"at {x[worst]!r}, {y[worst]!r}"


def test_sines_of_large_doubles_are_no_numbers_rather_than_wrong():
    x = np.array([2.0**31, 2.0**31 + 1, -1e300])
    for name in ("sin", "cos", "tan"):
        assert np.isnan(run(name, x)).tolist() == [False, True, True]


def test_powers_of_ten_have_whole_logarithms():
    x = 10.0 ** np.arange(-20, 23)
    for dtype in (np.float32, np.float64):
        assert (run("log10", x.astype(dtype)) == np.arange(-20, 23)).all()
    assert (run("log2", 2.0 ** np.arange(-1074, 1024)) == np.arange(-1074, 1024)).all()


def test_logaddexp_is_numpys():
    x = np.array([0.0, -np.inf, -np.inf, np.inf, np.inf, np.nan, 3, -800, 1e-3])
    y = np.array([0.0, -np.inf, 1.5, np.inf, -np.inf, 1, np.nan, 5, -4])
    assert np.allclose(run("logaddexp", x, y), np.logaddexp(x, y), rtol=1e-15, equal_nan=True)


@pytest.mark.parametrize("name", ONE)
def test_loops_of_it_vectorise(name):
    assembly = compiler.assembly(of_one.text(T=f32, FUNCTION=getattr(mathematics, name)))
    of_intel, of_arm = r"\bv?(mul|div|fn?madd\d+)p[sd]\b", r"\bf(mul|mla|div)(\.4s|\.2d|\s+v)"
    assert re.search(f"{of_intel}|{of_arm}", assembly)


def test_the_measure_of_every_float_tells_errors_and_special_numbers():
    exact = np.array([1.0, -2.5, 3e-45, np.inf, np.nan, -0.0])
    out = exact.astype(np.float32)

    def found():
        error = np.zeros(1)
        every_float.largest_error.at()(out.size, out.size, out, exact, error)
        return error[0]

    assert found() < 0.5
    out[1] = np.nextafter(out[1], np.float32(0))
    assert found() == 1
    for place, wrong in ((3, 1e38), (4, 0.0), (5, 0.0), (0, np.inf), (0, np.nan)):
        out[:] = exact
        out[place] = wrong
        assert found() == math.inf


def test_a_sample_of_every_float_is_within_the_bounds():
    assert 0.5 < every_float.errors_of("tanh", every=2048)[0] <= ONE["tanh"][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", every_float.FUNCTIONS)
def test_errors_of_every_float32(name):
    assert set(every_float.FUNCTIONS) == set(ONE)
    assert every_float.errors_of(name)[0] <= ONE[name][1]
