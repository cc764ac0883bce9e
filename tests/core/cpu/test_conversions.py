"""Conversions to another dtype as machine code against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend.cpu.launch import conversions
from weft._backend.numpy_ import BFLOAT16

pytestmark = needs.codegen

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
        out = conversions.converted(memory, DTYPES[to])
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
        wide = conversions.converted(x, np.dtype(np.float32))
        np.testing.assert_array_equal(wide, x.astype(np.float32))
        back = conversions.converted(wide, kind)
        same = (back.view(np.uint16) == x.view(np.uint16)) | np.isnan(wide)
        assert same.all()


def test_gradients_flow_through_large_conversions():
    x = weft.tensor(np.random.default_rng(0).normal(size=(200, 150)).astype(np.float32))
    x.requires_grad_()
    y = x.t().contiguous().to(weft.float64)
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy(), rtol=1e-6)
