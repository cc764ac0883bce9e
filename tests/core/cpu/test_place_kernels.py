"""Where the largest and smallest elements lie: machine code against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core import needs
from tests.core.cpu import beside
from weft._backend.cpu.launch import places
from weft._backend.numpy_ import BFLOAT16

pytestmark = needs.codegen

FAST = {"argmax": places.argmax, "argmin": places.argmin}
FLOATS = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16), BFLOAT16]
WHOLE = [np.dtype(d) for d in (np.bool_, np.int8, np.uint8, np.int32, np.int64, np.uint64)]


def numbers(dtype, *shape):
    """Return numbers of which many are equal, so that it counts which is taken."""
    drawn = np.random.default_rng(0).integers(-20, 20, shape)
    return (drawn > 0 if dtype.kind == "b" else abs(drawn) if dtype.kind == "u" else drawn).astype(
        dtype
    )


def held(name, x, dim, keepdim=False):
    assert beside.compare(name, FAST[name], (x,), {"dim": dim, "keepdim": keepdim})


@pytest.mark.parametrize("dtype", FLOATS + WHOLE, ids=str)
@pytest.mark.parametrize("name", FAST)
def test_columns(name, dtype):
    held(name, numbers(dtype, 37, 301), 0)
    held(name, numbers(dtype, 3, 40, 17), 1, keepdim=True)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", FAST)
def test_rows(name, dtype):
    held(name, numbers(dtype, 130, 2077), 1)
    held(name, numbers(dtype, 5, 30, 1800), -1 % 3, keepdim=True)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("dim", [0, 1])
def test_the_first_nan_goes_before_all_numbers(name, dtype, dim):
    x = numbers(dtype, 600, 520)
    x[3:7, 5], x[300, 100:110], x[:, 8], x[9], x[10, 10], x[11, 11] = (
        np.nan, np.nan, np.nan, np.nan, np.inf, -np.inf,
    )  # fmt: skip
    x[20] = -np.inf
    x[:, 21] = np.inf
    held(name, x, dim)


@pytest.mark.parametrize("name", FAST)
def test_half_precision_over_all_elements(name):
    x = numbers(BFLOAT16, 90, 100)
    held(name, x, None)
    held(name, x, None, keepdim=True)


@pytest.mark.parametrize("name", FAST)
def test_other_orders_of_memory(name):
    x = numbers(np.dtype(np.float32), 20, 30, 50)
    for axes in ((1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0)):
        taken = 0
        for dim in range(3):
            for keepdim in (False, True):
                turned = x.transpose(axes)
                if places.argmax(turned, dim=dim) is not None:
                    held(name, turned, dim, keepdim)
                    taken += 1
        assert taken == 4  # the dim along memory's rows is NumPy's


def test_what_is_left_to_numpy():
    x = numbers(np.dtype(np.float32), 40, 50)
    assert places.argmax(x[:, ::2], dim=0) is None  # with gaps
    assert places.argmax(x[:, :4].copy(), dim=0) is None  # too narrow
    assert places.argmax(x, dim=None) is None
    assert places.argmax(x[:0], dim=1) is None
    assert places.argmax(x.astype(np.int32), dim=1) is None
    assert places.argmax(x.astype(np.complex64), dim=0) is None
