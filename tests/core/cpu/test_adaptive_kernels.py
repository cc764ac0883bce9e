"""Pooling to a fixed size: kernels against the ops' references, on sizes that divide nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft
import weft.nn.functional as F
from tests.core import needs
from weft._backend.cpu import switches

SHAPES = [((2, 3, 17), 5), ((3, 10), 10), ((2, 4, 9, 23), (4, 7)), ((2, 9, 23), (11, 30)),
          ((1, 2, 5, 6, 13), (2, 4, 5)), ((2, 1, 1, 4100), (1, 3))]  # fmt: skip


def pooled(kind, x, sizes):
    count = len(sizes) if isinstance(sizes, tuple) else 1
    return getattr(F, f"adaptive_{kind}_pool{count}d")(x, sizes)


def with_and_without_kernels(monkeypatch, run):
    found = []
    for compiled in (True, False):
        monkeypatch.setattr(switches, "codegen", compiled)
        found.append(run())
    return zip(*found, strict=True)


@pytest.mark.parametrize(("shape", "sizes"), SHAPES)
@pytest.mark.parametrize(
    ("dtype", "allowed"),
    [("float32", 1e-6), ("float64", 1e-14), ("float16", 2e-3), ("bfloat16", 2e-2)],
)
def test_means_and_their_derivative(shape, sizes, dtype, allowed, monkeypatch):
    base = weft.tensor(np.random.default_rng(0).standard_normal(shape)).to(getattr(weft, dtype))

    def run():
        x = base.clone().requires_grad_()
        out = pooled("avg", x, sizes)
        weights = weft.arange(out.numel()).reshape(out.shape) % 7
        out.backward(weights.to(out.dtype))
        assert out.dtype is x.grad.dtype is x.dtype
        return out.detach().double().numpy(), x.grad.double().numpy()

    for a, b in with_and_without_kernels(monkeypatch, run):
        assert np.abs(a - b).max() <= allowed * max(1, np.abs(b).max())


@pytest.mark.parametrize(("shape", "sizes"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int32", "uint8"])
def test_the_largest_and_where_they_are(shape, sizes, dtype, monkeypatch):
    values = np.random.default_rng(1).integers(0, 9, shape)  # with ties
    base = weft.tensor(values).to(getattr(weft, dtype))
    count = len(sizes) if isinstance(sizes, tuple) else 1

    def run():
        pool = getattr(F, f"adaptive_max_pool{count}d")
        out, places = pool(base, sizes, True)
        return out.double().numpy(), places.numpy()

    for a, b in with_and_without_kernels(monkeypatch, run):
        assert np.array_equal(a, b)


def test_nan_and_infinity_stay_in_their_windows(monkeypatch):
    base = np.random.default_rng(2).standard_normal((2, 3, 11, 13)).astype("f4")
    base[0, 1, 3, 4], base[1, 2, 5, 5], base[1, 0, 0, 0] = math.nan, math.inf, -math.inf
    base[0, 1, 3, 5] = math.nan

    def run():
        x = weft.tensor(base)
        largest, places = F.adaptive_max_pool2d(x, (4, 5), True)
        return F.adaptive_avg_pool2d(x, (4, 5)).numpy(), largest.numpy(), places.numpy()

    for a, b in with_and_without_kernels(monkeypatch, run):
        assert np.allclose(a, b, rtol=1e-5, equal_nan=True)


@needs.codegen
def test_arrays_that_lie_otherwise_and_empty_ones():
    x = weft.randn(2, 9, 7, 4, dtype=weft.float64)
    turned = x.permute(0, 3, 1, 2)
    for kind in ("avg", "max"):
        assert weft.equal(pooled(kind, turned, (4, 3)), pooled(kind, turned.contiguous(), (4, 3)))
        assert pooled(kind, weft.ones(0, 3, 5, 5), (2, 3)).shape == (0, 3, 2, 3)
    with pytest.raises(weft.ShapeError, match="a spatial dim is 0"):
        F.adaptive_avg_pool2d(weft.ones(1, 2, 0, 3), (2, 2))
    with pytest.raises(weft.DTypeError, match="floating or complex"):
        F.adaptive_avg_pool1d(weft.ones(1, 2, 5, dtype=weft.int64), 2)
