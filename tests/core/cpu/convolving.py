"""What the tests of convolution kernels share: inputs, the reference, a layer's gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

import weft
from weft._backend import xp
from weft._backend.cpu import switches
from weft._core import catalogue
from weft.nn import functional as F


def drawn(shape: Any, seed: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def reference(name: str, *arrays: np.ndarray, **settings: Any) -> np.ndarray:
    """Return what an op's reference gives in float64."""
    wide = [a.astype(np.float64) for a in arrays]
    return catalogue.ops[name].kernel(xp, *wide, **settings)


def assert_near(got: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(got, wanted, rtol=0, atol=4e-6 * np.abs(wanted).max())


def slopes(shape: Any, weight: Any, **settings: Any) -> tuple[weft.Tensor, ...]:
    """Return a layer's result, its input's gradient, and gradients of that one's square."""
    weft.manual_seed(0)
    x, w = weft.randn(shape, requires_grad=True), weft.randn(weight, requires_grad=True)
    b = weft.randn(weight[0], requires_grad=True)
    out = F.conv2d(x, w, b, **settings)
    (dx,) = weft.autograd.grad(out.square().sum(), x, create_graph=True)
    return out, dx, *weft.autograd.grad(dx.square().sum() + out.sum(), (x, w, b))


def assert_as_without_kernels(monkeypatch: Any, got: Any, *args: Any, **settings: Any) -> None:
    """The layer has the same gradients where there is neither a kernel nor oneDNN."""
    monkeypatch.setattr(switches, "codegen", False)
    monkeypatch.setattr(switches, "onednn", False)
    for one, wanted in zip(got, slopes(*args, **settings), strict=True):
        scale = wanted.abs().max().item()
        weft.testing.assert_close(one, wanted, rtol=0, atol=1e-5 * scale, check_stride=False)
