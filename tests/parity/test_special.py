"""Special functions beside torch's: wide ranges, corners, and where torch's are less exact."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import torch

import weft
from tests.parity.torch_side import assert_same

INF, NAN = float("inf"), float("nan")
CORNERS = [INF, -INF, NAN, 0.0, -0.0, 1.0, -1.0, -2.0, -3.0, 0.5, -0.5, 1e-30, 20.0, 100.0, -100.0]

UNARY = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "digamma", "entr", "erf",
    "erfc", "erfcx", "erfinv", "gammaln", "i0", "i0e", "i1", "i1e", "log_ndtr",
    "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "ndtr", "ndtri", "psi", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
]  # fmt: skip
POLYNOMIALS = [
    *(f"{s}chebyshev_polynomial_{k}" for s in ("", "shifted_") for k in "tuvw"),
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l",
    "legendre_polynomial_p",
]  # fmt: skip

#: Corners at which torch has no number though there is one, as (function, place).
TORCH_HAS_NAN = {("airy_ai", INF)}
#: torch's Bessel and Airy functions are less exact than SciPy's; the tolerance that they keep.
LESS_EXACT = {
    "airy_ai": 2e-5, "bessel_j0": 1e-6, "bessel_j1": 1e-6, "bessel_y0": 1e-6, "bessel_y1": 1e-6,
}  # fmt: skip


def both(name: str, *arrays: np.ndarray) -> tuple[weft.Tensor, torch.Tensor]:
    """Return weft's and torch's result."""
    mine = getattr(weft.special, name)(*(weft.from_numpy(a) for a in arrays))
    return mine, getattr(torch.special, name)(*(torch.from_numpy(a) for a in arrays))


@pytest.mark.parametrize("name", UNARY)
def test_corners_are_torchs(name):
    places = [c for c in CORNERS if (name, c) not in TORCH_HAS_NAN]
    slack = LESS_EXACT.get(name, 0.0)
    for dtype, rtol in ((np.float32, 5e-6), (np.float64, 1e-12)):
        mine, theirs = both(name, np.array(places, dtype))
        assert_same(mine, theirs, name, (rtol, max(slack, 1e-37)))


@pytest.mark.parametrize("name", UNARY)
def test_wide_ranges_are_torchs(name):
    x = np.concatenate([np.linspace(-30, 30, 601), np.geomspace(1e-8, 150, 200)])
    mine, theirs = both(name, x)
    ours, other = mine.numpy(), theirs.numpy()
    fine = np.isfinite(other)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(other))
    np.testing.assert_array_equal(ours[~fine], other[~fine])
    # near a zero of the function no relative error holds
    atol = LESS_EXACT.get(name, 2e-14)
    np.testing.assert_allclose(ours[fine], other[fine], rtol=1e-10, atol=atol)


@pytest.mark.parametrize("name", LESS_EXACT)
def test_where_torchs_are_less_exact_weft_has_the_other_algorithms_value(name):
    x = np.linspace(0.5, 8, 200)
    independent = {
        "airy_ai": lambda: np.sqrt(x / 3) / np.pi * scipy.special.kv(1 / 3, 2 / 3 * x**1.5),
        "bessel_j0": lambda: scipy.special.jv(0, x),
        "bessel_j1": lambda: scipy.special.jv(1, x),
        "bessel_y0": lambda: scipy.special.yv(0, x),
        "bessel_y1": lambda: scipy.special.yv(1, x),
    }[name]()
    mine, _ = both(name, x)
    np.testing.assert_allclose(mine.numpy(), independent, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta", "xlog1py"])
def test_corners_of_two_arguments_are_torchs(name):
    left, right = np.meshgrid(
        [INF, 0.0, -1.0, 0.5, 1.0, 2.0, 10.0, 200.0], [0.0, -1.0, -1.5, 0.5, 1.0, 10.0, 200.0]
    )
    for dtype, rtol in ((np.float32, 3e-5), (np.float64, 1e-10)):
        mine, theirs = both(name, left.astype(dtype), right.astype(dtype))
        assert_same(mine, theirs, name, (rtol, 1e-37))


def test_torch_loses_a_nan_and_weft_keeps_it():
    nan, inf = np.array(NAN), np.array(INF)
    mine, theirs = both("gammainc", nan, inf)
    assert theirs.item() == 1.0
    assert np.isnan(mine.item())
    mine, theirs = both("zeta", np.array(2.0), inf)
    assert np.isnan(theirs.item())
    assert mine.item() == 0.0


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_are_torchs(name):
    x, n = np.meshgrid(np.linspace(-1.5, 1.5, 31), [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 7.0, 13.0, 2.7])
    mine, theirs = both(name, x.ravel(), n.ravel())
    scale = max(1.0, float(theirs.abs().max()))
    assert_same(mine, theirs, name, (1e-9, 1e-13 * scale))


@pytest.mark.parametrize("order", [0, 1, 2, 5, 20])
def test_polygamma_is_torchs(order):
    x = np.array([0.0, -0.0, -0.5, -1.5, 0.5, 1.0, 2.0, 10.0, 100.0, 1e-5, NAN])
    mine = weft.polygamma(order, weft.from_numpy(x))
    theirs = torch.polygamma(order, torch.from_numpy(x))
    assert_same(mine, theirs, f"order {order}", (1e-8, 0))


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16"])
def test_result_dtypes_are_torchs_where_torch_has_the_kernel(name, dtype):
    try:
        theirs = getattr(torch.special, name)(torch.ones(2, dtype=getattr(torch, dtype)))
    except (RuntimeError, NotImplementedError):
        return
    mine = getattr(weft.special, name)(weft.ones(2).to(getattr(weft, dtype)))
    assert mine.dtype.name == str(theirs.dtype).removeprefix("torch.")
