"""Reading, adding and combining by number: the kernels give what the reference gives."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu import switches
from weft._backend.cpu.launch import gathering
from weft.ops.index_keys import ARRAY

pytestmark = needs.codegen

OPS = {
    "index": 0,
    "index_add_into_zeros": 1e-6,
    "picked": 0,
    "scatter_into_zeros": 1e-6,
    "placed": 0,
    "scattered_extreme": 0,
    "scattered_product": 1e-6,
}
ALL = slice(None)
random = np.random.default_rng(0)
MOVED = ["float32", "float64", "float16", ml_dtypes.bfloat16, "int8", "bool", "complex64", "int64"]
ADDED = ["float32", "float64", "float16", ml_dtypes.bfloat16, "int32", "uint8", "int64"]


@pytest.mark.parametrize("name", OPS)
def test_kernels_agree_with_the_reference_on_what_ops_are_given(name):
    calls = calls_of(tuple(OPS))[name]
    taken = [
        compare(name, getattr(gathering, name), arrays, params, OPS[name])
        for arrays, params in calls
        if all(a.dtype.kind != "c" for a in arrays)
    ]
    assert sum(taken) >= 5


def numbers(high, *shape, low=0):
    return random.integers(low, high, shape)


def values(dtype, *shape):
    return (random.standard_normal(shape) * 8).astype(dtype)


@pytest.mark.parametrize("dtype", MOVED, ids=str)
@pytest.mark.parametrize("width", [(), (1,), (3,), (70,), (5, 40)], ids=str)
@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_rows_are_read_by_number(dtype, width, kind):
    x = values(dtype, 50, *width)
    for shape in ((), (1,), (700,), (9, 11)):
        at = numbers(50, *shape, low=-50).astype(kind)
        assert compare("index", gathering.index, (x, at), {"key": (ARRAY,)})


@pytest.mark.parametrize(
    "key", [(ALL, ARRAY), (ALL, ARRAY, ALL), (Ellipsis, ARRAY), (ALL, ALL, ARRAY)]
)
def test_entries_of_any_dim_are_read_by_number(key):
    x = values("float32", 6, 7, 5)
    at = numbers(5, 300)
    assert compare("index", gathering.index, (x, at), {"key": key})
    g = values("float32", *x[tuple(at if k is ARRAY else k for k in key)].shape)
    params = {"key": key, "shape": x.shape}
    assert compare("index_add_into_zeros", gathering.index_add_into_zeros, (g, at), params, 1e-5)


def test_several_index_arrays_broadcast():
    x = values("float32", 4, 6, 7, 3)
    i, j = numbers(6, 5, 1, low=-6), numbers(7, 1, 8, low=-7)
    for key in ((ALL, ARRAY, ARRAY), (ALL, ARRAY, ARRAY, ALL)):
        assert compare("index", gathering.index, (x, i, j), {"key": key})
        g = values("float32", 4, 5, 8, 3)
        params = {"key": key, "shape": x.shape}
        assert compare(
            "index_add_into_zeros", gathering.index_add_into_zeros, (g, i, j), params, 1e-5
        )
    for key in ((ARRAY, ALL, ARRAY), (slice(1, 3), ARRAY, ARRAY), (None, ARRAY, ARRAY)):
        assert gathering.index(x, i, j, key=key) is None


@pytest.mark.parametrize("dtype", ADDED, ids=str)
@pytest.mark.parametrize("width", [(), (1,), (3,), (70,), (40, 5)], ids=str)
def test_rows_are_added_by_number(dtype, width):
    g = values(dtype, 900, *width)
    at = numbers(50, 900)
    small = g.dtype.itemsize == 2 and g.dtype.kind in "fV"
    if small:  # the reference over NumPy sums in half precision; the op does not
        wide = np.zeros((50, *width), np.float32)
        np.add.at(wide, at, g.astype(np.float32))
        got = gathering.index_add_into_zeros(g, at, key=(ARRAY,), shape=(50, *width))
        assert got.dtype == g.dtype
        np.testing.assert_allclose(got.astype(np.float32), wide, rtol=1e-2, atol=1e-2)
        return
    params = {"key": (ARRAY,), "shape": (50, *width)}
    assert compare("index_add_into_zeros", gathering.index_add_into_zeros, (g, at), params, 1e-4)


def test_complex_rows_are_added():
    g, at = values("complex64", 300, 5) + 1j, numbers(7, 300)
    params = {"key": (ARRAY,), "shape": (7, 5)}
    assert compare("index_add_into_zeros", gathering.index_add_into_zeros, (g, at), params, 1e-4)


@pytest.mark.parametrize("dtype", ADDED, ids=str)
@pytest.mark.parametrize(
    ("shape", "dim"), [((500,), 0), ((30, 40), 0), ((30, 40), 1), ((5, 9, 70), 1)]
)
def test_elements_are_picked_and_added_along_a_dim(dtype, shape, dim):
    x = values(dtype, *shape)
    for count in (1, 3, 60):
        reach = (*shape[:dim], count, *shape[dim + 1 :])
        at = numbers(shape[dim], *reach)
        assert compare("picked", gathering.picked, (x, at), {"dim": dim})
        src = values(dtype, *reach)
        params = {"dim": dim, "length": shape[dim], "shape": shape}
        if src.dtype.itemsize != 2:
            fast = gathering.scatter_into_zeros
            assert compare("scatter_into_zeros", fast, (src, at), params, 1e-5)
        assert compare("placed", gathering.placed, (x, at, src), {"dim": dim})
        for own in (True, False):
            for largest in (True, False):
                settings = {"dim": dim, "largest": largest, "include_self": own}
                if src.dtype.itemsize != 2:
                    fast = gathering.scattered_extreme
                    assert compare("scattered_extreme", fast, (x, at, src), settings)


def test_products_meet_at_their_places():
    x, src = values("float64", 20, 30), values("float64", 60, 30)
    for own in (True, False):
        args = (x, numbers(20, 60, 30), src)
        fast = gathering.scattered_product
        assert compare("scattered_product", fast, args, {"dim": 0, "include_self": own}, 1e-12)


def test_strided_and_broadcast_arguments_are_taken():
    x = values("float32", 40, 30).T
    at = np.broadcast_to(numbers(30, 20, 1), (20, 40))
    assert compare("picked", gathering.picked, (x, at), {"dim": 0})
    assert compare("picked", gathering.picked, (x, numbers(30, 9, 25)[:, ::-1]), {"dim": 0})
    g = np.broadcast_to(values("float32", 1, 30), (200, 30))
    params = {"key": (ARRAY,), "shape": (6, 30)}
    at = numbers(6, 400)[::2]
    assert compare("index_add_into_zeros", gathering.index_add_into_zeros, (g, at), params, 1e-4)


def test_nan_and_infinities_are_moved_and_win():
    x = np.array([np.nan, 1, -np.inf, np.inf, -0.0], np.float32)
    at = numbers(5, 5)
    for largest in (True, False):
        settings = {"dim": 0, "largest": largest, "include_self": True}
        assert compare("scattered_extreme", gathering.scattered_extreme, (x, at, x[::-1]), settings)
    params = {"dim": 0, "length": 5, "shape": (5,)}
    assert compare("scatter_into_zeros", gathering.scatter_into_zeros, (x, at), params)


@pytest.mark.parametrize("bad", [-1, 1000, 2**40, -(2**62)])
def test_a_number_out_of_range_is_left_to_the_kernel_that_names_it(bad):
    x = weft.ones(1000, 40)
    at = weft.zeros(1000, 40, dtype=weft.int64)
    at[777, 3] = bad
    for call in (
        lambda: weft.gather(x, 0, at),
        lambda: weft.scatter_add(x, 0, at, x),
        lambda: weft.scatter(x, 0, at, x),
        lambda: weft.scatter_reduce(x, 0, at, x, "amax"),
        lambda: weft.index_select(x, 0, at[:, 3]),
        lambda: weft.index_add(x, 0, at[:, 3], x),
        lambda: weft.nn.functional.embedding(at, x),
    ):
        with pytest.raises(IndexError, match=rf"index {bad} is out of range .*length 1000"):
            call()
    if bad != -1:
        with pytest.raises(IndexError, match=rf"index {bad} is out of range"):
            x[at[:, 3]]


@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_numbers_are_looked_through_in_one_pass(kind):
    at = numbers(1000, 100_003).astype(kind)
    at[5], at[6] = 0, 999
    assert gathering.all_inside(at, 1000) is True
    for place in (0, 50_001, 100_002):
        for bad in (-1, 1000, np.iinfo(kind).min, np.iinfo(kind).max):
            wrong = at.copy()
            wrong[place] = bad
            assert gathering.all_inside(wrong, 1000) is False
    assert gathering.all_inside(at[::2], 1000) is None
    assert gathering.all_inside(at.astype(np.float32), 1000) is None
    with pytest.raises(IndexError, match=r"index 1000 is out of range .* of length 1000"):
        at[77] = 1000
        weft.index_select(weft.zeros(1000, 2), 0, weft.from_numpy(at))


def test_nothing_is_read_of_an_empty_dim():
    x = np.zeros((0, 5), np.float32)
    assert gathering.index(x, np.zeros(3, np.int64), key=(ARRAY,)) is None
    got = gathering.index(x, np.zeros((0,), np.int64), key=(ARRAY,))
    assert got.shape == (0, 5)
    assert weft.nn.functional.embedding(
        weft.zeros(0, 9, dtype=weft.int64), weft.ones(3, 4)
    ).shape == (0, 9, 4)


def test_the_number_of_threads_does_not_change_a_bit():
    at, g = weft.from_numpy(numbers(100, 5000)), weft.from_numpy(values("float32", 5000, 96))
    before = weft.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            weft.set_num_threads(threads)
            table = weft.zeros(100, 96, requires_grad=True)
            weft.nn.functional.embedding(at, table).backward(g)
            results.append(table.grad.numpy().tobytes())
    finally:
        weft.set_num_threads(before)
    assert len(set(results)) == 1


def test_without_kernels_numpy_gives_the_same(monkeypatch):
    table, at = weft.from_numpy(values("float32", 100, 512)), weft.from_numpy(numbers(100, 300))
    fast = weft.nn.functional.embedding(at, table)
    monkeypatch.setattr(switches, "codegen", False)
    assert gathering.index(table.numpy(), at.numpy(), key=(ARRAY,)) is None
    assert (weft.nn.functional.embedding(at, table) == fast).all()
