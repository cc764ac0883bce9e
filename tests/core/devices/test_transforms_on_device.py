"""Transforms of functions of tensors on a GPU, on the stand-in's: the same values, still there."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from weft.autograd import forward_ad, functional
from weft.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

pytestmark = pytest.mark.usefixtures("fake_gpus")

DATA = np.random.default_rng(0).uniform(0.2, 1.0, (4, 4, 4))
F = weft.nn.functional


def written(x):
    y = weft.zeros_like(x)
    y[0] = x[1] * 2
    y[1:].add_(x[1:])
    y[:, [0, 2]] *= 3
    return y


def by_level(x):
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, weft.ones_like(x))
        return forward_ad.unpack_dual(written(dual) * dual).tangent


FUNCTIONS = {
    "grad": lambda x: grad(lambda v: (written(v) ** 2).sum())(x),
    "vjp": lambda x: vjp(weft.sin, x)[1](x)[0],
    "jvp": lambda x: jvp(written, (x,), (x,))[1],
    "linearize": lambda x: linearize(written, x)[1](x),
    "jacrev": lambda x: jacrev(lambda v: written(v).sum(0))(x),
    "jacfwd": lambda x: jacfwd(lambda v: written(v).sum(0))(x),
    "hessian": lambda x: hessian(lambda v: (written(v) ** 3).sum())(x[:2]),
    "functional": lambda x: functional.jacobian(weft.exp, x[0], vectorize=True),
    "by_level": by_level,
    "indexed": lambda x: x[weft.argsort(x[0]), :, None],
    "gathered": lambda x: x.gather(1, weft.argsort(x, dim=1)),
    "convolved": lambda x: F.conv1d(x[None], weft.stack([x, x])[:, :, :2]),
    "strided": lambda x: x.as_strided((2, 2), (4, 1), 1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_transforms_stay_on_the_device_and_agree_with_the_cpu(name):
    function = FUNCTIONS[name]
    there = weft.from_numpy(DATA.copy()).to("cuda:1")
    for run, x in ((function, there[0]), (vmap(function), there), (vmap(function, 1), there)):
        got = run(x)
        assert str(got.device) == "cuda:1"
        expected = run(weft.from_numpy(x.cpu().numpy().copy()))
        np.testing.assert_allclose(got.cpu().numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_draws_inside_vmap_are_made_on_the_device(randomness):
    x = weft.ones(3, 50, device="cuda:1")

    def noisy(row):
        kept = F.dropout(row, 0.5) + weft.rand_like(row) + row.clone().normal_()
        return kept + weft.rand(50, device=row.device)

    out = vmap(noisy, randomness=randomness)(x)
    assert str(out.device) == "cuda:1"
    rows = out.cpu()
    assert bool((rows[0] == rows[1]).all()) is (randomness == "same")
