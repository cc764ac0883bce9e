"""Sorting and searching: the kernels give the order that the references give."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu.launch import sorting

pytestmark = needs.codegen

OPS = ("argsort", "top_places", "kth_place", "found")
random = np.random.default_rng(0)
DTYPES = [
    *("float32", "float64", ml_dtypes.bfloat16),
    *("bool", "int8", "uint8", "int32", "int64", "uint64"),
]


@pytest.mark.parametrize("name", OPS)
def test_kernels_agree_with_the_reference_on_what_ops_are_given(name):
    taken = 0
    for arrays, params in calls_of(OPS)[name]:
        own = (np.sort(arrays[0]), *arrays[1:]) if name == "found" else arrays
        taken += compare(name, getattr(sorting, name), own, params)
    assert taken >= 3


def values(dtype, *shape):
    """Return numbers of the whole range, with equal ones and, of floats, all that is special."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = random.integers(info.min, info.max, shape, dtype, endpoint=True)
        few = random.integers(0, 5, shape).astype(dtype)
        return np.where(random.random(shape) < 0.5, x, few)
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    x = random.standard_normal(shape) * np.exp(random.standard_normal(shape) * 5)
    special = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30])
    with np.errstate(over="ignore"):
        return np.where(random.random(shape) < 0.7, x, random.choice(special, shape)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("shape", "dim"),
    [((1,), 0), ((39,), 0), ((41,), 0), ((3000,), 0), ((50, 300), 1), ((300, 7), 0)],
)
def test_order_is_stable_and_nan_is_last(dtype, shape, dim):
    for x in (values(dtype, *shape), values(dtype, *shape)[::-1], np.zeros(shape, dtype)):
        for descending in (False, True):
            params = {"dim": dim, "descending": descending, "stable": True}
            assert compare("argsort", sorting.argsort, (x,), params)
        n = shape[dim]
        for k in {0, n // 2, n - 1}:
            assert compare("kth_place", sorting.kth_place, (x,), {"dim": dim, "k": k})
        for k in {1, min(10, n), min(60, n), n}:
            for largest in (True, False):
                params = {"dim": dim, "k": k, "largest": largest}
                assert compare("top_places", sorting.top_places, (x,), params)


@pytest.mark.parametrize("make", [np.sort, lambda x: np.sort(x)[::-1], np.zeros_like, np.copy])
@pytest.mark.parametrize("k", [1, 10, 32, 33, 400])
def test_the_first_few_of_long_rows_in_any_order(make, k):
    x = make(random.standard_normal(5000).astype(np.float32))
    x = np.stack([x, np.roll(x, 77)])
    for largest in (True, False):
        params = {"dim": 1, "k": k, "largest": largest}
        assert compare("top_places", sorting.top_places, (x,), params)


def test_what_is_sorted_may_be_strided():
    x = values("float32", 40, 60, 3)
    for view in (x[::2, :, 1], x[:, ::-1].transpose(2, 0, 1), np.broadcast_to(x[:1], x.shape)):
        for dim in range(view.ndim):
            params = {"dim": dim, "descending": True, "stable": True}
            assert compare("argsort", sorting.argsort, (view,), params)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 64, 1000])
def test_places_in_sorted_rows(dtype, right, n):
    x = np.sort(np.nan_to_num(values(dtype, n)))
    y = np.concatenate([values(dtype, 500), x])
    assert compare("found", sorting.found, (x, y), {"right": right})
    x = np.sort(np.nan_to_num(values(dtype, 6, n)))
    assert compare("found", sorting.found, (x, values(dtype, 6, 90)), {"right": right})


def test_what_the_kernels_do_not_take():
    x = np.zeros((3, 0), np.float32)
    assert sorting.argsort(x, dim=1, descending=False) is None
    assert sorting.argsort(np.zeros((), np.float32), dim=0, descending=False) is None
    assert sorting.top_places(np.zeros((3, 5)), dim=1, k=0, largest=True) is None
    assert sorting.found(np.zeros(0), np.zeros(200), right=True) is None
    assert weft.sort(weft.zeros(300, 0)).indices.shape == (300, 0)


def test_functions_and_gradients_agree_with_numpy():
    data = random.permutation(4000).reshape(40, 100).astype(np.float32)
    x = weft.from_numpy(data).requires_grad_()
    g = weft.from_numpy(random.standard_normal((40, 7)).astype(np.float32))
    top = weft.topk(x, 7, sorted=True)
    top.values.backward(g)
    wanted = np.zeros_like(data)
    np.put_along_axis(wanted, np.argsort(-data, 1)[:, :7], g.numpy(), 1)
    assert (x.grad.numpy() == wanted).all()
    assert (weft.median(x, 1).values.detach().numpy() == np.sort(data, 1)[:, 49]).all()
    assert (weft.kthvalue(x, 3, 0).values.detach().numpy() == np.sort(data, 0)[2]).all()
    assert (weft.unique(x.detach().long() // 7).numpy() == np.unique(data // 7)).all()
    found = weft.bucketize(x.detach(), weft.arange(0.0, 4000, 11))
    assert (found.numpy() == np.searchsorted(np.arange(0, 4000, 11), data)).all()


def test_the_number_of_threads_does_not_change_an_order():
    x = weft.from_numpy(values("float32", 64, 700))
    before = weft.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            weft.set_num_threads(count)
            found.append(weft.argsort(x, 1).numpy())
    finally:
        weft.set_num_threads(before)
    assert (found[0] == found[1]).all()
    assert (found[0] == found[2]).all()
