"""Compiled softmax and its kin against their ops' own formulas, along any dim of any layout."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.fused import DTYPES, LAYOUTS, drawn, hold
from weft._backend.cpu import switches
from weft._backend.cpu.launch import softmax as launch
from weft.transforms import lowering

pytestmark = needs.codegen

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
SHAPES = [(1,), (17,), (3, 1), (1, 3), (6, 70), (5, 3, 7), (2, 6, 65), (2, 3, 4, 130), (3, 9000)]
INF = np.inf


def along(x):
    return range(x.ndim)


@dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_softmax_along_any_dim(shape, dtype):
    x, g = 3 * drawn(shape, dtype), drawn(shape, dtype, seed=1)
    x = x.astype(dtype)
    for dim in along(x):
        assert launch.softmax(x, dim=dim) is not None
        (out,) = hold("normalised_exp", x, dim=dim)
        assert out.dtype == dtype
        hold("exp_slopes", g, out, dim=dim)
        (out,) = hold("normalised_log", x, dim=dim)
        hold("log_slopes", g, out, dim=dim)


@dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_logsumexp_along_any_dims(shape, dtype):
    x = drawn(shape, dtype)
    every = [(d,) for d in along(x)] + [(d, d + 1) for d in range(x.ndim - 1)]
    for dim in [*every, tuple(along(x))]:
        for keepdim in (True, False):
            assert launch.logsumexp(x, dim=dim, keepdim=keepdim) is not None
            (out,) = hold("logsumexp", x, dim=dim, keepdim=keepdim)
            g = drawn(out.shape, dtype, seed=2)
            hold("logsum_slopes", g, out, x, dim=dim, keepdim=keepdim)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_lie_as_arguments_do(layout):
    dtype = np.dtype(np.float32)
    x = drawn((4, 5, 3, 6), dtype, layout)
    for dim in range(4):
        for name in ("normalised_exp", "normalised_log"):
            (out,) = hold(name, x, dim=dim)
            if layout == "turned":
                assert out.strides == x.strides
            for other in LAYOUTS:
                g = drawn((4, 5, 3, 6), dtype, other, seed=1)
                hold({"normalised_exp": "exp_slopes"}.get(name, "log_slopes"), g, out, dim=dim)
        hold("logsumexp", x, dim=(dim,), keepdim=False)


@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_masks_infinities_and_nan(dtype, turned):
    rows = np.array(
        [
            [0.0, -INF, 1.0, -INF, 2.0],  # as attention masks
            [-INF, -INF, -INF, -INF, -INF],  # a row that is masked out
            [0.0, INF, 1.0, 2.0, 3.0],
            [0.0, np.nan, 1.0, 2.0, 3.0],
            [-1e30, 1e30, 0.0, -200.0, -87.5],
            [5.0, 5.0, 5.0, 5.0, 5.0],
        ],
        dtype,
    )
    x, dim = (np.ascontiguousarray(rows.T), 0) if turned else (rows, 1)
    for name in ("normalised_exp", "normalised_log"):
        (out,) = hold(name, x, dim=dim)
        out = out.T if turned else out
        assert np.isnan(out[1:4]).any(1).all()
        assert not np.isnan(out[[0, 4, 5]]).any()
    (probabilities,) = hold("normalised_exp", x, dim=dim)
    probabilities = probabilities.T if turned else probabilities
    assert probabilities[0, [1, 3]].tolist() == [0.0, 0.0]
    (sums,) = hold("logsumexp", x, dim=(dim,), keepdim=False)
    assert sums[1] == -INF
    assert sums[2] == INF
    hold("logsum_slopes", np.ones_like(sums), sums, x, dim=(dim,), keepdim=False)


def test_probabilities_add_up_to_one_in_long_rows():
    x = drawn((2, 300_000), np.dtype(np.float32))
    out = launch.softmax(x, dim=1)
    np.testing.assert_allclose(out.astype(np.float64).sum(1), 1.0, rtol=2e-7)


def test_nothing_gives_nothing():
    assert tuple(weft.softmax(weft.zeros(0, 3), 1).shape) == (0, 3)
    assert tuple(weft.log_softmax(weft.zeros(3, 0), 1).shape) == (3, 0)
    assert weft.logsumexp(weft.zeros(2, 0), 1).tolist() == [-INF, -INF]
    x = weft.zeros(3, 0, requires_grad=True)
    weft.softmax(x, 1).sum().backward()
    assert tuple(x.grad.shape) == (3, 0)


def test_without_the_code_generator_the_same_calls_give_the_same(monkeypatch):
    def run():
        x = weft.from_numpy(drawn((3, 4, 5), np.dtype(np.float64))).requires_grad_()
        outs = [weft.softmax(x, 1), weft.log_softmax(x, 2), weft.logsumexp(x, (0, 1))]
        (g,) = weft.autograd.grad(sum((out * out).sum() for out in outs), [x])
        return [t.detach().numpy() for t in (*outs, g)]

    fast = run()
    monkeypatch.setattr(switches, "codegen", False)
    lowering.forget()
    for one, other in zip(fast, run(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
