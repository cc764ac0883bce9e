"""Copies in another dtype or order as machine code against NumPy's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import weft
from weft._backend.cpu.launch import copies
from weft._backend.numpy_ import BFLOAT16

KINDS = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"]
DTYPES = {k: BFLOAT16 if k == "bfloat16" else np.dtype(k) for k in KINDS}


def numbers(dtype):
    rng = np.random.default_rng(0)
    if dtype.kind == "b":
        return rng.integers(0, 2, (50, 700)).astype(dtype)
    if dtype.kind in "iu":
        return rng.integers(-100 if dtype.kind == "i" else 0, 100, (50, 700)).astype(dtype)
    x = rng.normal(size=(50, 700)) * 10.0 ** rng.integers(-9, 9, (50, 700))
    x[0, :5] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    with np.errstate(over="ignore"):
        return x.astype(dtype)


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("have", KINDS)
def test_conversions_are_numpys(have, to):
    x = numbers(DTYPES[have])
    for memory in (x, x.T, x[:, ::2]):
        out = copies.converted(memory, DTYPES[to])
        if out is None:
            floats = DTYPES[have].kind not in "biu"
            assert floats or to in ("float16", "bfloat16") or memory.size < 32768
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            wanted = memory.astype(DTYPES[to])
        assert out.strides == wanted.strides
        np.testing.assert_array_equal(out.astype(np.float64), wanted.astype(np.float64))


def test_every_bfloat16_and_half_is_read_and_written_right():
    for kind in (BFLOAT16, np.dtype(np.float16)):
        x = np.arange(1 << 16, dtype=np.uint16).view(kind)
        wide = copies.converted(x, np.dtype(np.float32))
        np.testing.assert_array_equal(wide, x.astype(np.float32))
        back = copies.converted(wide, kind)
        same = (back.view(np.uint16) == x.view(np.uint16)) | np.isnan(wide)
        assert same.all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "float16", "bfloat16"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_copies_in_the_order_of_indices(order, dtype):
    base = np.random.default_rng(0).integers(0, 100, (37, 33, 41)).astype(DTYPES[dtype])
    for x in (base.transpose(order), base[1:, ::2].transpose(order), base[::-1].transpose(order)):
        out = copies.ordered(x)
        if out is None:
            continue
        assert out.flags.c_contiguous
        assert out.dtype == x.dtype
        np.testing.assert_array_equal(out.astype(np.float64), x.astype(np.float64))


def test_common_permutations_are_taken():
    x = np.zeros((8, 16, 28, 28), np.float32)
    assert copies.ordered(x.transpose(0, 2, 3, 1)) is not None  # to channels last
    assert copies.ordered(np.zeros((8, 28, 28, 16), np.float32).transpose(0, 3, 1, 2)) is not None
    assert copies.ordered(np.zeros((4, 64, 8, 32), np.float32).transpose(0, 2, 1, 3)) is not None
    assert copies.ordered(np.zeros((300, 200), np.float32).T) is not None


def test_gradients_flow_through_large_copies():
    x = weft.tensor(np.random.default_rng(0).normal(size=(200, 150)).astype(np.float32))
    x.requires_grad_()
    y = x.t().contiguous().to(weft.float64)
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy(), rtol=1e-6)
