"""Compiled matrix products against NumPy in double precision, however the factors lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.test_onednn_matmul import LYING, cast, drawn
from weft._backend.cpu import switches
from weft._backend.cpu.launch import products
from weft.nn import functional as F

pytestmark = needs.codegen
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
dtypes = pytest.mark.parametrize("dtype", [F32, F64], ids=str)


def assert_near(got, wanted, dtype):
    assert got is not None, "no kernel took the call"
    assert got.shape == wanted.shape
    assert got.dtype == dtype
    assert got.flags.c_contiguous
    error = np.abs(got - wanted).max(initial=0)
    assert error <= (2e-5 if dtype is F32 else 1e-13) * max(1, np.abs(wanted).max(initial=0))


def pair(shape, lying, rng, dtype):
    """Return an array that lies somehow, and its values in double precision."""
    a = cast(drawn(shape, lying, rng), dtype)
    return a, a.astype(np.float64)


@dtypes
@pytest.mark.parametrize("left", LYING)
def test_small_products(left, dtype):
    rng = np.random.default_rng(0)
    for m, k, n in [(8, 8, 8), (1, 3, 5), (9, 1, 1), (4, 17, 33), (5, 40, 70), (2, 0, 3)]:
        for right in LYING if k else ["in order"]:
            x, wide = pair((m, k), left if k else "in order", rng, dtype)
            y, other = pair((k, n), right, rng, dtype)
            bias = rng.standard_normal(n).astype(dtype)
            assert_near(products.small(x, y, m, n), wide @ other, dtype)
            for added, more in ((None, 0), (bias, bias)):
                assert_near(products.small_map(x, y.T, added), wide @ other + more, dtype)


@dtypes
@pytest.mark.parametrize("lead", [((3,), (3,)), ((2, 3), (2, 3)), ((2, 1), (3,)), ((), (4,)),
                                  ((1,), (5,)), ((2, 1, 2), (1, 3, 1))])  # fmt: skip
def test_many_small_products(lead, dtype):
    rng = np.random.default_rng(1)
    taken = 0
    for (m, k, n), left, right in itertools.product([(8, 8, 8), (3, 5, 2)], LYING, LYING):
        x, wide = pair((*lead[0], m, k), left, rng, dtype)
        y, other = pair((*lead[1], k, n), right, rng, dtype)
        got = products.many(x, y)
        if got is None:  # more than two leading dims that do not join
            assert len(np.broadcast_shapes(*lead)) > 2
            continue
        taken += 1
        assert_near(got, wide @ other, dtype)
    assert taken > 100 or len(lead[0]) > 2


@dtypes
@pytest.mark.parametrize("few", [1, 2, 3, 4, 5, 8, 11, 16])
def test_few_rows_and_few_columns(few, dtype):
    rng = np.random.default_rng(2)
    taken = 0
    for k, n in [(70, 50), (33, 17), (600, 21), (5, 1100)]:
        for thin, thick in itertools.product(
            ("in order", "transposed", "every other", "reversed"),
            ("in order", "transposed", "with gaps"),
        ):
            x, wide = pair((few, k), thin, rng, dtype)
            y, other = pair((k, n), thick, rng, dtype)
            bias = rng.standard_normal(2 * n).astype(dtype)[::2]
            for added in (None, bias):
                got = products.few(x, y, added)
                if got is None:
                    short = k * dtype.itemsize < (256 if few <= products.FEW_ACROSS else 2048)
                    assert short if thick == "transposed" else few > products.FEW_ACROSS
                    continue
                taken += 1
                assert_near(got, wide @ other + (0 if added is None else added), dtype)
            got = products.few(y.T, x.T)
            if got is not None:
                taken += 1
                assert_near(got, other.T @ wide.T, dtype)
    assert taken >= 12


def test_what_the_kernels_do_not_take_gives_none():
    x, y = np.ones((4, 8), np.float32), np.ones((8, 64), np.float32)
    assert products.few(x, y) is not None
    assert products.few(x, y.astype(np.float64)) is None
    assert products.few(x.astype(np.int64), y.astype(np.int64)) is None
    assert products.few(x, y[:5]) is None
    assert products.few(x[:0], y) is None
    assert products.few(np.ones((64, 8), np.float32), y) is None
    assert products.few(x, np.ones((8, 128), np.float32)[:, ::2]) is None
    assert products.few(x, y, np.ones(64)) is None
    stacks = np.ones((5, 8, 8), np.float32)
    assert products.many(stacks, stacks) is not None
    assert products.many(stacks, stacks[:3]) is None
    assert products.many(stacks, stacks[:, :3]) is None
    assert products.many(stacks[:0], stacks[:0]) is None
    assert products.many(np.ones((2, 40, 40), np.float32), np.ones((2, 40, 40), np.float32)) is None
    large = np.ones((65, 65), np.float32)
    assert products.small(large, large, 65, 65) is None
    assert products.small_map(large, large) is None


def unaligned(shape, dtype=np.float32):
    """Return an array whose elements lie a byte beside their places."""
    count = int(np.prod(shape))
    memory = np.zeros(count * np.dtype(dtype).itemsize + 1, np.uint8)
    out = np.frombuffer(memory.data, dtype, count, 1).reshape(shape)
    out[...] = np.random.default_rng(3).standard_normal(shape)
    return out


def test_arrays_beside_their_places():
    x, y = unaligned((8, 8)), unaligned((8, 200))
    assert products.few(x, y) is None
    assert products.many(np.stack([x, x]), unaligned((2, 8, 8))) is None
    records = np.zeros((8, 8), [("a", np.int16), ("b", np.float32)])["b"]
    records[...] = x
    for a, b in ((records, x), (x, records)):
        assert products.small(a, b, 8, 8) is None
        assert products.small_map(a, b) is None
    a = weft.from_numpy(x)
    weft.testing.assert_close(a @ a, weft.tensor(x.copy() @ x.copy()))


CASES = {
    "one row": ((1, 700), (700, 300)),
    "one column": ((700, 300), (300, 1)),
    "few rows": ((6, 400), (400, 300)),
    "few columns": ((400, 300), (300, 7)),
    "a vector before": ((600,), (600, 300)),
    "a vector behind": ((600, 300), (300,)),
    "rows in a batch": ((2, 3, 400), (400, 300)),
    "small ones in a batch": ((6, 50, 8, 8), (6, 50, 8, 8)),
    "small": ((12, 30), (30, 20)),
}


@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "transposed"])
@pytest.mark.parametrize("dtype", [weft.float32, weft.float64], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_ops_give_the_same_without_kernels_and_with_them(case, dtype, turned, monkeypatch):
    left, right = CASES[case]
    weft.manual_seed(0)
    x, y = weft.randn(left, dtype=dtype), weft.randn(right, dtype=dtype)
    if turned and len(right) > 1:
        y = y.mT.contiguous().mT
    weight, bias = (weft.randn(s, dtype=dtype) for s in ((300, left[-1]), (300,)))

    def results():
        leaves = [t.detach().requires_grad_() for t in (x, y, weight, bias)]
        outs = [leaves[0] @ leaves[1], F.linear(leaves[0], leaves[2])]
        outs.append(F.linear(leaves[0], leaves[2], leaves[3]))
        weft.cat([out.square().reshape(-1) for out in outs]).sum().backward()
        return [*outs, *(leaf.grad for leaf in leaves)]

    quick = results()
    monkeypatch.setattr(switches, "codegen", False)
    for got, wanted in zip(quick, results(), strict=True):
        assert got.dtype is wanted.dtype
        tolerance = (1e-5 if dtype is weft.float32 else 1e-12) * wanted.abs().max().item()
        weft.testing.assert_close(got, wanted, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shapes", [((1, 500), (500, 400)), ((400, 500), (500, 1))])
def test_nan_and_infinity_reach_just_the_results_that_meet_them(shapes):
    x, y = (np.ones(shape, np.float32) for shape in shapes)
    matrix = x if len(x) > 1 else y.T
    matrix[7, 9], matrix[200, 499] = np.nan, -np.inf
    for other in (y, np.asfortranarray(y)):
        out = (weft.from_numpy(x) @ weft.from_numpy(other)).numpy().reshape(-1)
        assert np.isnan(out[7])
        assert out[200] == -np.inf
        assert np.isfinite(out).sum() == 398


def test_the_number_of_threads_changes_no_bit():
    rng = np.random.default_rng(4)
    x, y = (rng.standard_normal(s).astype(F32) for s in ((3, 700), (700, 1501)))
    before = weft.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            weft.set_num_threads(count)
            found.append([products.few(x, each) for each in (y, np.asfortranarray(y))])
    finally:
        weft.set_num_threads(before)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert np.array_equal(one, other)
