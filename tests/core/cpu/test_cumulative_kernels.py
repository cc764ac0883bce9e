"""What runs along a dim: the kernels give what the references give."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu.launch import cumulative

pytestmark = needs.codegen

OPS = {
    "running_sum": 1e-5,
    "running_product": 1e-5,
    "running_places": 0,
    "recurrence": 1e-5,
    "logcumsumexp": 1e-5,
}
random = np.random.default_rng(0)
SHAPES = [((1,), 0), ((700,), 0), ((30, 40), 0), ((30, 40), 1), ((3, 70, 65), 1), ((2, 0, 3), 0)]
DTYPES = ["float32", "float64", "float16", ml_dtypes.bfloat16, "int32", "int64", "uint8", "bool"]


@pytest.mark.parametrize("name", OPS)
def test_kernels_agree_with_the_reference_on_what_ops_are_given(name):
    taken = [
        compare(name, getattr(cumulative, name), arrays, params, OPS[name])
        for arrays, params in calls_of(tuple(OPS))[name]
    ]
    assert sum(taken) >= 2


def values(dtype, *shape):
    dtype = np.dtype(dtype)
    if dtype.kind in "iub":
        return random.integers(0, 2 if dtype.kind == "b" else 5, shape).astype(dtype)
    return (1 + random.standard_normal(shape) / 8).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
def test_sums_products_and_extremes(dtype, shape, dim):
    x = values(dtype, *shape)
    tolerance = {2: 2e-2, 4: 1e-4}.get(x.dtype.itemsize, 1e-11)
    for own in (x, x[..., ::-1], np.asfortranarray(x)):
        if not x.size:
            assert cumulative.running_sum(own, dim=dim) is None
            continue
        for reverse in (False, True):
            params = {"dim": dim, "reverse": reverse}
            assert compare("running_sum", cumulative.running_sum, (own,), params, tolerance)
        few = own[(slice(None),) * dim + (slice(0, 20),)]
        fast = cumulative.running_product
        assert compare("running_product", fast, (few,), {"dim": dim}, tolerance)
        for largest in (True, False):
            if x.dtype.kind != "b":
                params = {"dim": dim, "largest": largest}
                assert compare("running_places", cumulative.running_places, (own,), params)
    if x.size and x.dtype.kind == "f" and x.dtype.itemsize > 2:
        assert compare("logcumsumexp", cumulative.logcumsumexp, (x,), {"dim": dim}, 1e-5)
        factors = x / 2
        for reverse in (True, False):
            params = {"dim": dim, "reverse": reverse}
            assert compare("recurrence", cumulative.recurrence, (factors, x), params, 1e-4)


@pytest.mark.parametrize("length", [8192, 8193, 50001])
def test_a_long_row_is_parted(length):
    for shape in ((length,), (3, length)):
        x = random.standard_normal(shape)
        params = {"dim": len(shape) - 1}
        assert compare("running_sum", cumulative.running_sum, (x,), params, 1e-10)
        back = {**params, "reverse": True}
        assert compare("running_sum", cumulative.running_sum, (x,), back, 1e-10)
        close = 1 + x / 1e4
        assert compare("running_product", cumulative.running_product, (close,), params, 1e-10)
        whole = random.integers(-9, 9, shape)
        assert compare("running_sum", cumulative.running_sum, (whole,), params)


def test_what_is_not_finite():
    special = np.array([1, -np.inf, 2, np.inf, 3, np.nan, 4, -np.inf], np.float32)
    for x in (special, special[:2], special[:5], special[1:2], np.full(5, -np.inf, np.float32)):
        for own in (x, np.tile(x[:, None], 20), np.tile(x, (20, 1))):
            for dim in range(own.ndim):
                assert compare("running_sum", cumulative.running_sum, (own,), {"dim": dim})
                fast = cumulative.logcumsumexp
                assert compare("logcumsumexp", fast, (own,), {"dim": dim}, 1e-6)
                for largest in (True, False):
                    params = {"dim": dim, "largest": largest}
                    assert compare("running_places", cumulative.running_places, (own,), params)


def test_sums_of_large_exponentials_do_not_overflow():
    x = np.linspace(-3000, 3000, 600, dtype=np.float32)
    for own in (x, x[::-1]):
        assert compare("logcumsumexp", cumulative.logcumsumexp, (own,), {"dim": 0}, 1e-6)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp", "cummax"])
def test_gradients_are_those_of_small_pieces(name):
    data = values("float64", 90, 60)
    g = weft.from_numpy(random.standard_normal((90, 60)))
    for dim in (0, 1):
        x = weft.from_numpy(data).requires_grad_()
        out = getattr(weft, name)(x, dim)
        (out.values if name == "cummax" else out).backward(g)
        found = []
        for i in range(60 if dim == 0 else 90):  # too small for the kernels, one by one
            row = weft.from_numpy(data[:, i] if dim == 0 else data[i]).requires_grad_()
            one = getattr(weft, name)(row, 0)
            (one.values if name == "cummax" else one).backward(g[:, i] if dim == 0 else g[i])
            found.append(row.grad.numpy())
        wanted = np.stack(found, 1 - dim)
        np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-9, atol=1e-12)
