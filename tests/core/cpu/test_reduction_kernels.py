"""Reductions as machine code against NumPy's, over every choice of dims, layout and dtype."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend.cpu import switches
from weft._backend.cpu.launch import reductions
from weft._backend.numpy_ import BFLOAT16
from weft._core import catalogue
from weft._core.aval import Aval
from weft.ops import load_all

load_all()
pytestmark = needs.codegen
OPS = ["sum", "prod", "amax", "amin"]
F32 = np.dtype(np.float32)


def itself(xp, x):
    return x


def compiled(name, x, dims, keepdim=False, dtype=None):
    """Return the machine code's result, whatever the size."""
    op = catalogue.ops[name]
    combine = {"amax": "max", "amin": "min"}.get(name, name)
    out = op.shape(Aval(x.shape, x.dtype), dim=dims, keepdim=keepdim).dtype
    return reductions.reduced(combine, itself, x, dims, keepdim, dtype or out)


@pytest.fixture(autouse=True)
def small_arrays_too(monkeypatch):
    monkeypatch.setattr(reductions, "_QUICK_EXTREMES", 0)
    reductions._PLANS.clear()
    yield
    reductions._PLANS.clear()


def reference(name, x, dims, keepdim=False):
    wide = x if x.dtype.kind in "biu" else x.astype(np.longdouble)
    function = {"amax": "max", "amin": "min"}.get(name, name)
    with np.errstate(all="ignore"):
        return getattr(np, function)(wide, axis=dims, keepdims=keepdim)


def subsets(ndim):
    return [d for k in range(1, ndim + 1) for d in itertools.combinations(range(ndim), k)]


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dims", subsets(4), ids=str)
@pytest.mark.parametrize("name", OPS)
def test_every_choice_of_dims(name, dims, keepdim):
    x = np.random.default_rng(0).uniform(0.9, 1.1, (3, 9, 5, 11)).astype(np.float32)
    for memory in (x, np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)):
        out = compiled(name, memory, dims, keepdim)
        assert out is not None
        wanted = reference(name, memory, dims, keepdim)
        assert out.shape == wanted.shape
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, wanted.astype(np.float32), rtol=2e-7)


@pytest.mark.parametrize(
    "shape", [(1, 40_001), (5, 40_000), (20, 33_000), (3, 5000, 9), (4099, 300)]
)
@pytest.mark.parametrize("name", ["sum", "amax"])
def test_work_that_is_cut_into_parts(name, shape):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for dims in subsets(len(shape)):
        out = compiled(name, x, dims)
        if out is not None:
            np.testing.assert_allclose(out, reference(name, x, dims), rtol=1e-6, atol=1e-5)


DTYPES = {
    "float64": np.dtype(np.float64),
    "float16": np.dtype(np.float16),
    "bfloat16": BFLOAT16,
    "int32": np.dtype(np.int32),
    "int64": np.dtype(np.int64),
    "uint8": np.dtype(np.uint8),
    "bool": np.dtype(np.bool_),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPS)
def test_dtypes(name, dtype):
    rng = np.random.default_rng(0)
    kind = DTYPES[dtype]
    x = rng.integers(0, 3, (30, 20, 12)).astype(kind)
    if name == "prod":
        x = np.maximum(x[:3, :4], x.dtype.type(1)) if kind.kind != "b" else x
        x = np.ascontiguousarray(x)
    for dims in ((0,), (2,), (0, 2), (0, 1, 2)):
        out = compiled(name, x, dims)
        if out is None:
            assert kind.kind == "b" and name in ("amax", "amin")
            continue
        wanted = np.asarray(reference(name, x, dims))
        with np.errstate(over="ignore"):
            rounded = wanted.astype(out.dtype).astype(np.float64)
        near = 1e-2 if kind is BFLOAT16 else 1e-3
        np.testing.assert_allclose(out.astype(np.float64), rounded, rtol=near)
        if kind.kind in "biu":
            assert (np.asarray(out) == wanted).all()


@pytest.mark.parametrize("name", ["any", "all"])
@pytest.mark.parametrize("dims", [(0,), (1,), (0, 1)], ids=str)
def test_truths(name, dims):
    x = np.random.default_rng(0).random((40, 70)) < (0.02 if name == "any" else 0.98)
    assert (compiled(name, x, dims) == getattr(np, name)(x, axis=dims)).all()


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_inf_go_through(name, value):
    for dtype in (np.float32, np.float64):
        x = np.ones((50, 60), dtype)
        x[7, 9] = value
        x[8, 9] = -value if name == "sum" else value
        for dims in ((0,), (1,), (0, 1)):
            with np.errstate(invalid="ignore"):
                wanted = reference(name, x, dims).astype(dtype)
            np.testing.assert_array_equal(compiled(name, x, dims), wanted)


def test_extremes_of_infinities_alone():
    x = np.full((20, 30), -math.inf, np.float32)
    assert (compiled("amax", x, (1,)) == -math.inf).all()
    assert (compiled("amin", -x, (0,)) == math.inf).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_ten_million_are_no_worse_than_numpys(dtype):
    x = np.random.default_rng(0).random(10_000_000).astype(dtype)
    exact = math.fsum(x.tolist())
    ours = abs(float(compiled("sum", x, (0,))) - exact)
    assert ours <= max(abs(float(x.sum()) - exact), np.spacing(x.dtype.type(exact)))
    columns = x.reshape(-1, 10)
    ours = abs(compiled("sum", columns, (0,)).astype(float) - columns.sum(0, dtype=np.longdouble))
    numpys = abs(columns.sum(0).astype(float) - columns.sum(0, dtype=np.longdouble))
    assert ours.max() <= max(numpys.max(), np.spacing(x.dtype.type(exact / 10)))


def test_the_number_of_threads_changes_no_bit():
    x = weft.tensor(np.random.default_rng(0).normal(size=(300, 1000)).astype(np.float32))
    before = weft.get_num_threads()
    results = []
    for count in (1, 2, 3):
        weft.set_num_threads(count)
        results.append([x.sum().item(), *x.sum(0).tolist(), *x.sum(1).tolist()])
    weft.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "var", "count_nonzero", "any"])
def test_large_calls_agree_with_small_ones(name):
    x = weft.tensor(np.random.default_rng(0).normal(size=(200, 150)).astype(np.float32))
    x = x > 0.5 if name in ("any", "count_nonzero") else x
    function = getattr(weft, name)
    fast = [function(x), function(x, 0), function(x, 1)]
    switches.codegen = False
    try:
        slow = [function(x), function(x, 0), function(x, 1)]
    finally:
        switches.codegen = True
    for a, b in zip(fast, slow, strict=True):
        assert a.dtype is b.dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=1e-6)


def test_gradients_of_large_sums():
    x = weft.tensor(np.ones((200, 150), np.float32), requires_grad=True)
    (x * x).sum(0).mean().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 / 150, rtol=1e-6)


def test_empty_and_scattered_memory_is_numpys():
    assert compiled("sum", np.zeros((0, 3), np.float32), (0,)) is None
    assert compiled("sum", np.zeros((30, 30), np.float32)[::2, ::2], (0,)) is None
    assert compiled("sum", np.zeros((30, 3), np.float32), (0,)) is None  # narrow columns


@pytest.mark.parametrize(
    "shape, dims", [((300_001,), (0,)), ((700, 1000), (1,)), ((4, 70_000), (1,))]
)
def test_rows_taken_backwards_give_the_same_bits(monkeypatch, shape, dims):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    outs = []
    for back in (0, 1):
        monkeypatch.setattr(reductions, "against", lambda back=back: back)
        outs.append(weft.sum(weft.tensor(x), dims).numpy())
    assert (outs[0] == outs[1]).all()
    np.testing.assert_allclose(outs[0], x.astype(np.float64).sum(dims), rtol=1e-4, atol=1e-3)
