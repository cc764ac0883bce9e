"""Clipping gradients beside PyTorch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import weft


def both(dtype: str, empty: bool = True):
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for shape in [(3, 4), (5,), (), (2000,), *([(0,)] if empty else [])]:
        g = np.asarray(10 * rng.standard_normal(shape))
        if dtype.startswith("complex"):
            g = g + 1j * rng.standard_normal(shape)
        g = g.astype(dtype)
        ours.append(weft.zeros(shape, dtype=getattr(weft, dtype)).requires_grad_())
        theirs.append(torch.zeros(shape, dtype=getattr(torch, dtype), requires_grad=True))
        ours[-1].grad, theirs[-1].grad = weft.tensor(g), torch.tensor(g)
    return ours, theirs


@pytest.mark.parametrize("foreach", [None, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "complex128"])
@pytest.mark.parametrize("order", [2, 1, math.inf, 3, 0.5])
def test_norms_and_clipped_gradients_are_torchs(order, dtype, foreach):
    ours, theirs = both(dtype, empty=order != math.inf)  # of which torch refuses the largest
    tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "complex128": 1e-12}[dtype]
    mine = weft.nn.utils.clip_grad_norm_(ours, 1.5, order, foreach=foreach)
    other = torch.nn.utils.clip_grad_norm_(theirs, 1.5, order, foreach=foreach)
    assert mine.dtype.name == str(other.dtype).removeprefix("torch.")
    np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=tolerance)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=tolerance, atol=1e-7)


@pytest.mark.parametrize("foreach", [None, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_clipped_values_are_torchs(dtype, foreach):
    ours, theirs = both(dtype)
    weft.nn.utils.clip_grad_value_(ours, 1.5, foreach=foreach)
    torch.nn.utils.clip_grad_value_(theirs, 1.5, foreach=foreach)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())
