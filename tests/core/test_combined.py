"""addcmul and addcdiv: large tensors go through one formula, small ones through three."""

from __future__ import annotations

import numpy as np
import pytest

import weft


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
@pytest.mark.parametrize("value", [1, -0.3, 2])
def test_one_pass_gives_what_three_give(name, value):
    weft.manual_seed(0)
    x, y, z = (weft.rand(100, 100) + 0.1 for _ in range(3))
    whole = getattr(weft, name)(x, y, z, value=value)
    rows = [getattr(weft, name)(x[i], y[i], z[i], value=value) for i in range(100)]
    np.testing.assert_allclose(whole.numpy(), weft.stack(rows).numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_gradients_of_large_tensors_are_those_of_small_ones(name):
    weft.manual_seed(0)
    leaves = [(weft.rand(100, 100) + 0.1).double().requires_grad_() for _ in range(3)]
    getattr(weft, name)(*leaves, value=0.7).square().sum().backward()
    for i in (0, 57):
        rows = [leaf.detach()[i].clone().requires_grad_() for leaf in leaves]
        getattr(weft, name)(*rows, value=0.7).square().sum().backward()
        for leaf, row in zip(leaves, rows, strict=True):
            np.testing.assert_allclose(leaf.grad[i].numpy(), row.grad.numpy(), rtol=1e-13)
