"""Matrix products by oneDNN give what the reference gives, for operands of any strides."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend.cpu import onednn_matmul, switches
from weft._backend.cpu.onednn import GELU_ERF, RELU
from weft._backend.numpy_ import BFLOAT16
from weft.nn import functional as F

pytestmark = needs.onednn
F32, F16 = np.dtype(np.float32), np.dtype(np.float16)
TOLERANCE = {F32: 2e-6, BFLOAT16: 1e-2, F16: 2e-3}
SIZES = [(5, 7, 6), (1, 8, 4), (4, 8, 1), (1, 1, 1), (3, 1, 5), (1, 5, 1)]


def drawn(shape, lying, rng):
    """Return an array of a shape that lies in memory in some way."""
    *lead, m, n = shape

    def plain(*lengths):
        return rng.standard_normal(lengths)

    return {
        "in order": lambda: plain(*shape),
        "transposed": lambda: plain(*lead, n, m).swapaxes(-1, -2),
        "with gaps": lambda: plain(*lead, m, 2 * n)[..., :n],
        "every other": lambda: plain(*lead, m, 2 * n)[..., ::2],
        "reversed": lambda: plain(*shape)[::-1, ..., ::-1],
        "one row": lambda: np.broadcast_to(plain(*lead, 1, n), shape),
        "one matrix": lambda: np.broadcast_to(plain(m, n), shape),
        "Fortran": lambda: np.asfortranarray(plain(*shape)),
        "sliding": lambda: np.broadcast_to(
            np.lib.stride_tricks.sliding_window_view(plain(m + n), n)[:m], shape
        ),
    }[lying]()


LYING = [
    "in order", "transposed", "with gaps", "every other", "reversed", "one row", "one matrix",
    "Fortran", "sliding",
]  # fmt: skip


def cast(a, dtype):
    """Return the array in a dtype, lying as it does."""
    out = np.empty_like(np.lib.stride_tricks.as_strided(a, strides=a.strides), dtype)
    if any(step <= 0 for step in a.strides) or 1 in a.shape:
        memory = a.base if a.base is not None else a
        while memory.base is not None:
            memory = memory.base
        narrow = memory.astype(dtype)
        ratio = memory.itemsize // narrow.itemsize
        offset = (a.ctypes.data - memory.ctypes.data) // ratio
        steps = tuple(step // ratio for step in a.strides)
        return np.ndarray(a.shape, dtype, narrow, offset, steps)
    out[...] = a
    return out


def assert_near(got, wanted, dtype):
    assert got is not None, "oneDNN did not take the call"
    assert got.shape == wanted.shape
    assert got.dtype == dtype
    scale = max(1, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(
        got.astype(np.float64), wanted, rtol=0, atol=TOLERANCE[dtype] * scale
    )


@pytest.fixture
def everything(monkeypatch):
    for dtype in onednn_matmul.BEYOND:
        monkeypatch.setitem(onednn_matmul.BEYOND, dtype, -1)


BATCHES = [((), ()), ((2,), ()), ((2, 3), ()), ((2,), (2,)), ((2, 3), (2, 3)), ((1,), (2, 3))]


@pytest.mark.parametrize("dtype", [F32, BFLOAT16, F16], ids=str)
@pytest.mark.parametrize("batches", [*BATCHES, ((2, 1), (3,)), ((), (2,))], ids=str)
def test_products_agree_with_numpys_however_the_operands_lie(everything, batches, dtype):
    rng = np.random.default_rng(1)
    taken = 0
    for (m, k, n), left, right in itertools.product(SIZES, LYING, LYING):
        x = cast(drawn((*batches[0], m, k), left, rng), dtype)
        y = cast(drawn((*batches[1], k, n), right, rng), dtype)
        bias = rng.standard_normal(n).astype(dtype)
        wanted = x.astype(np.float64) @ y.astype(np.float64)
        for added in (None, bias):
            got = onednn_matmul.product(x, y, added)
            vector = not batches[1] and (n == 1 or (m == 1 and not batches[0]))
            if got is None and vector and dtype is not BFLOAT16:
                continue  # a vector's product is OpenBLAS's
            if got is None:  # memory that overlaps, or a batch that repeats on both sides
                assert {left, right} & {"sliding", "one row", "one matrix"}
                continue
            taken += 1
            more = 0 if added is None else added.astype(np.float64)
            assert_near(got, wanted + more, dtype)
    assert taken > 300


@pytest.mark.parametrize("function", [RELU, GELU_ERF])
def test_a_function_of_the_result_runs_in_the_same_pass(everything, function):
    rng = np.random.default_rng(2)
    x, y, bias = (rng.standard_normal(s).astype(F32) for s in ((9, 20), (20, 33), (33,)))
    got = onednn_matmul.product(x, y, bias, ((function, 0.0, 0.0),))
    plain = weft.from_numpy(x @ y + bias)
    wanted = (F.relu if function == RELU else F.gelu)(plain).numpy()
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "case",
    [
        "float64",
        "int64",
        "small",
        "empty",
        "inner",
        "vector",
        "one row",
        "two dtypes",
        "switched off",
    ],
)
def test_what_onednn_does_not_take_gives_none(case, monkeypatch):
    x, y = np.ones((128, 128), np.float32), np.ones((128, 128), np.float32)
    if case in ("float64", "int64"):
        x, y = x.astype(case), y.astype(case)
    elif case == "small":
        x, y = x[:58, :58], y[:58, :58]
    elif case == "empty":
        x, y = x[:, :0], y[:0]
    elif case == "inner":
        y = y[:100]
    elif case == "one row":
        x, y = np.ones((1, 800), np.float32), np.ones((800, 800), np.float32)
    elif case == "vector":
        x = x[0]
    elif case == "two dtypes":
        y = y.astype(BFLOAT16)
    else:
        monkeypatch.setattr(switches, "onednn", False)
    assert onednn_matmul.product(x, y) is None


SHAPES = [((130, 90), (90, 70)), ((3, 4, 60, 50), (3, 4, 50, 60)), ((7, 40, 64), (64, 128))]


@pytest.mark.parametrize("dtype", [weft.float32, weft.bfloat16], ids=str)
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_ops_give_the_same_without_onednn_and_with_it(left, right, dtype, monkeypatch):
    weft.manual_seed(0)
    x, y = weft.randn(left).to(dtype), weft.randn(right).to(dtype)
    weight, bias = weft.randn(right[-1], left[-1]).to(dtype), weft.randn(right[-1]).to(dtype)

    def results():
        leaves = [t.clone().requires_grad_() for t in (x, y, weight, bias)]
        outs = [leaves[0] @ leaves[1], F.linear(leaves[0], leaves[2])]
        outs.append(F.linear(leaves[0], leaves[2], leaves[3]))
        weft.cat([out.float().square().reshape(-1) for out in outs]).sum().backward()
        return [*outs, *(leaf.grad for leaf in leaves)]

    quick = results()
    monkeypatch.setattr(switches, "onednn", False)
    for got, wanted in zip(quick, results(), strict=True):
        assert got.dtype is wanted.dtype
        tolerance = (1e-5 if dtype is weft.float32 else 3e-2) * wanted.abs().max().item()
        weft.testing.assert_close(got, wanted, rtol=0, atol=tolerance)


def test_nan_and_infinity_reach_just_the_results_that_meet_them():
    x, y = np.ones((100, 100), np.float32), np.ones((100, 100), np.float32)
    x[3, 5], y[7, 9] = np.nan, np.inf
    out = (weft.from_numpy(x) @ weft.from_numpy(y)).numpy()
    assert np.isnan(out[3]).all()
    assert np.isinf(np.delete(out[:, 9], 3)).all()
    assert np.isfinite(out).sum() == 99 * 99


def test_products_of_several_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(3)
    shapes = [((90, k), (k, 70)) for k in (80, 81, 82)]
    pairs = [[rng.standard_normal(shape).astype(F32) for shape in pair] for pair in shapes]
    wrong = []

    def work(x, y):
        wanted = onednn_matmul.product(x, y)
        for _ in range(40):
            if not np.array_equal(onednn_matmul.product(x, y), wanted):
                wrong.append(x.shape)

    running = [threading.Thread(target=work, args=pair) for pair in pairs]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not wrong
