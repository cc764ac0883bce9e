"""Compiled dropout gives the bits that a draw of uniform numbers gives."""

from __future__ import annotations

import numpy as np
import pytest

import weft
import weft.nn.functional as F
from tests.core import needs
from tests.core.cpu.fused import DTYPES, LAYOUTS, drawn
from weft._backend import ndarray
from weft._backend.cpu import switches
from weft._backend.cpu.launch import dropout as launch
from weft._core import catalogue

KEYS = [(0, 0, 0), (12345678901234567, 7, 2**32 - 3), (2**64 - 1, 2**64 - 1, 2**64 - 2)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", [1, 3, 4, 1023, 1025, 5000])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_the_bits_are_the_formulas(dtype, size, key):
    x, words = drawn((size,), dtype), np.array(key, np.uint64)
    op = catalogue.ops["dropped"]
    for p in (0.0, 0.1, 0.5, 1 / 3, 1e-9, 1 - 2.0**-30):
        with np.errstate(all="ignore"):
            wanted, mask = op.kernel(np, x, words, p=p)
        got, kept = launch.dropped(x, words, p=p)
        assert kept.dtype == np.bool_
        assert np.array_equal(kept, mask)
        for one in (got, launch.masked(x, kept, p=p)):
            assert one.dtype == wanted.dtype == dtype
            assert np.array_equal(one.view(f"u{dtype.itemsize}"), wanted.view(f"u{dtype.itemsize}"))


@needs.codegen
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_index_has_its_number_wherever_it_lies(layout):
    x, key = drawn((6, 5, 4), np.dtype(np.float32), layout), np.array(KEYS[1], np.uint64)
    got, kept = catalogue.ops["dropped"].kernels[ndarray](x, key, p=0.5)
    wanted, mask = launch.dropped(np.ascontiguousarray(x), key, p=0.5)
    assert np.array_equal(got, wanted)
    assert np.array_equal(kept, mask)
    assert got.strides == x.strides or layout != "turned"
    assert np.array_equal(launch.masked(x, np.asfortranarray(kept), p=0.5), wanted)


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64, weft.float16, weft.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_draws_what_rand_draws(dtype, p):
    x = weft.randn(37, 41).to(dtype)
    weft.manual_seed(3)
    got = F.dropout(x, p)
    after = weft.rand(2)
    weft.manual_seed(3)
    kept = weft.rand(37, 41) >= p
    assert (got == x * (kept.to(dtype) / (1 - p))).all()
    assert (after == weft.rand(2)).all()


def test_the_gradient_has_the_mask_and_a_byte_is_kept_for_each():
    x = weft.randn(50, 30, requires_grad=True)
    out = F.dropout(x, 0.4)
    (g,) = weft.autograd.grad(out, [x], weft.ones(50, 30), retain_graph=True)
    assert ((g == 0) == (out == 0)).all()
    node = out._node.node
    assert [type(a).__name__ for a in node.args] == ["Unsaved", "Unsaved"]
    assert [getattr(a, "nbytes", 0) for a in node.out] == [0, 1500]


def test_infinities_that_are_dropped_are_nan_as_ever():
    out = F.dropout(weft.full((1000,), float("inf")), 0.5)
    assert set(map(str, set(out.tolist()))) <= {"nan", "inf"}
    assert 300 < out.isnan().sum().item() < 700


def test_without_the_code_generator_the_bits_are_the_same(monkeypatch):
    x = weft.randn(33, 65)
    weft.manual_seed(1)
    fast = F.dropout(x, 0.2)
    monkeypatch.setattr(switches, "codegen", False)
    weft.manual_seed(1)
    assert (fast == F.dropout(x, 0.2)).all()


def test_threads_draw_the_same():
    x = weft.randn(300, 1000)
    before = weft.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            weft.set_num_threads(threads)
            weft.manual_seed(2)
            found.append(F.dropout(x, 0.3))
    finally:
        weft.set_num_threads(before)
    assert all((one == found[0]).all() for one in found)
