"""Compiled losses against their ops' own formulas: classes in any dim, weights, what is ignored."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import weft
import weft.nn.functional as F
from tests.core import needs
from tests.core.cpu.fused import DTYPES, LAYOUTS, drawn, hold
from weft._backend.cpu import switches
from weft._backend.cpu.launch import class_losses, pair_losses, soft_losses
from weft._core import catalogue
from weft.transforms import lowering

pytestmark = needs.codegen

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
SHAPES = [(5,), (1, 1), (6, 70), (3, 5, 7), (2, 4, 3, 67), (2, 9000)]


def target_of(shape, dim, ignored, seed=0):
    lead = shape[:dim] + shape[dim + 1 :]
    y = np.random.default_rng(seed).integers(0, shape[dim], lead)
    if y.size > 1:
        y.flat[1] = ignored
    return y


@dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cross_entropy_of_class_numbers(shape, dtype):
    x = (3 * drawn(shape, dtype)).astype(dtype)
    dim = 1 if x.ndim > 1 else 0
    w = abs(drawn((shape[dim],), dtype, seed=3))
    y = target_of(shape, dim, -100)
    for weight, smoothing in itertools.product((None, w), (0.0, 0.3)):
        for reduction in ("mean", "sum", "none"):
            own = {"dim": dim, "ignored": -100, "smoothing": smoothing}
            assert class_losses.losses(x, y, weight, reduction=reduction, **own) is not None
            loss, sums, divisor = hold("class_losses", x, y, weight, reduction=reduction, **own)
            assert loss.dtype == dtype
            g = drawn(loss.shape, dtype, seed=4)
            assert class_losses.slopes(g, x, y, weight, sums, divisor, **own) is not None
            hold("class_slopes", g, x, y, weight, sums, divisor, **own)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_logits_and_cotangents_in_any_layout(layout):
    x = drawn((4, 5, 3, 6), np.dtype(np.float32), layout)
    for dim in range(4):
        y = target_of(x.shape, dim, 2)
        for target in (y, np.asfortranarray(y), y.astype(np.int32)):
            own = {"dim": dim, "ignored": 2, "smoothing": 0.0}
            loss, sums, divisor = hold("class_losses", x, target, None, reduction="none", **own)
            g = drawn(loss.shape, loss.dtype, "reversed")
            (dx,) = hold("class_slopes", g, x, target, None, sums, divisor, **own)
            if layout == "turned" and dim == 1:
                assert dx.strides == x.strides


def test_masked_logits_cost_nothing_unless_they_are_the_target():
    x = np.array([[0.0, -np.inf, 1.0], [0.0, -np.inf, 1.0], [np.nan, 0.0, 0.0]], np.float32)
    y = np.array([0, 1, 2])
    own = {"dim": 1, "ignored": -100, "smoothing": 0.0}
    loss, sums, divisor = hold("class_losses", x, y, None, reduction="none", **own)
    assert np.isfinite(loss[0])
    assert loss[1] == np.inf
    assert np.isnan(loss[2])
    hold("class_slopes", np.ones(3, np.float32), x, y, None, sums, divisor, **own)


def test_a_wrong_class_is_told_by_its_place():
    x = weft.randn(3, 4)
    for wrong in (4, -1, 1 << 40):
        with pytest.raises(IndexError, match=f"element 1 is {wrong}"):
            F.cross_entropy(x, weft.tensor([0, wrong, 9]))


def test_a_mean_of_nothing_is_nan_and_has_no_slope():
    x = weft.randn(2, 3, requires_grad=True)
    loss = F.cross_entropy(x, weft.tensor([-100, -100]))
    loss.backward()
    assert np.isnan(loss.item())
    assert x.grad.tolist() == [[0.0] * 3] * 2
    assert np.isnan(F.cross_entropy(weft.zeros(0, 3), weft.zeros(0, dtype=weft.int64)).item())


def test_the_tape_keeps_no_array_of_the_logits_size_but_the_logits():
    x = weft.randn(7, 11, requires_grad=True)
    loss = F.cross_entropy(x, weft.zeros(7, dtype=weft.int64))
    node = loss._node.node
    assert sum(a.size for a in node.out if isinstance(a, np.ndarray)) <= 9
    assert node.args[0] is x


KINDS = [("square", 1.0), ("abs", 1.0), ("smooth", 0.3), ("huber", 2.0), ("logits", 1.0)]


@dtypes
@pytest.mark.parametrize(("kind", "at"), KINDS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4, 5), (5000,), (9, 1000)], ids=str)
def test_losses_of_two_arrays(shape, dtype, kind, at):
    x, t = np.asarray(2 * drawn(shape, dtype)).astype(dtype), drawn(shape, dtype, seed=1)
    for reduction in ("mean", "sum", "none"):
        settings = {"kind": kind, "reduction": reduction, "at": at}
        assert pair_losses.losses(x, t, **settings) is not None
        (loss,) = hold("pair_losses", x, t, **settings)
        assert loss.dtype == dtype
        g = np.asarray(drawn(loss.shape, dtype, seed=2))
        assert pair_losses.slopes(g, x, t, **settings) is not None
        hold("pair_slopes", g, x, t, **settings)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pairs_in_any_layout(layout):
    x = drawn((4, 5, 3, 6), np.dtype(np.float32), layout)
    for other in LAYOUTS:
        t = drawn(x.shape, x.dtype, other, seed=1)
        hold("pair_losses", x, t, kind="smooth", reduction="mean", at=0.5)
        (loss,) = hold("pair_losses", x, t, kind="smooth", reduction="none", at=0.5)
        assert loss.strides == x.strides or layout != "turned"
        hold("pair_slopes", loss, x, t, kind="square", reduction="none", at=0.5)


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS])
def test_pairs_of_what_is_no_number(kind):
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 200.0, -200.0, 1e-30]
    x, t = (np.array(a, np.float32).ravel() for a in np.meshgrid(odd, [0.0, 1.0, 0.5]))
    settings = {"kind": kind, "reduction": "none", "at": 1.0}
    got = pair_losses.losses(x, t, **settings)
    slopes = pair_losses.slopes(np.ones_like(x), x, t, **settings)
    with np.errstate(all="ignore"):
        for op, found in (("pair_losses", got), ("pair_slopes", slopes)):
            given = (x, t) if op == "pair_losses" else (np.ones_like(x), x, t)
            wanted = catalogue.ops[op].kernel(np, *given, **settings)
            np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_small_losses_keep_their_digits():
    """Far on the right side a yes-or-no costs exp(-x), which 1 + exp(-x) would round away."""
    x = np.array([5.0, 12.0, 18.0, 30.0, 60.0], np.float32)
    got = pair_losses.losses(x, np.ones_like(x), kind="logits", reduction="none", at=1.0)
    np.testing.assert_allclose(got, np.log1p(np.exp(-x.astype(np.float64))), rtol=1e-6)


def test_without_the_code_generator_the_same_calls_give_the_same(monkeypatch):
    def run():
        found = []
        for x in ((4, 5), (2, 5, 3)):
            logits = weft.from_numpy(drawn(x, np.dtype(np.float64))).requires_grad_()
            w = weft.from_numpy(abs(drawn((5,), np.dtype(np.float64), seed=1))).requires_grad_()
            y = weft.from_numpy(target_of(x, 1, 3))
            loss = F.cross_entropy(logits, y, w, 3, label_smoothing=0.1)
            plain = F.cross_entropy(logits, y, ignore_index=3)
            found += [loss, plain, *weft.autograd.grad(loss + plain, [logits, w])]
        return [t.detach().numpy() for t in found]

    fast = run()
    monkeypatch.setattr(switches, "codegen", False)
    lowering.forget()
    for one, other in zip(fast, run(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@dtypes
@pytest.mark.parametrize("shape", [(5,), (1, 1), (6, 70), (2, 3, 67), (2, 9000)], ids=str)
def test_cross_entropy_of_probabilities(shape, dtype):
    x = (3 * drawn(shape, dtype)).astype(dtype)
    p = abs(drawn(shape, np.dtype(np.float64), seed=2))
    p = (p / p.sum(-1, keepdims=True)).astype(dtype)
    w = abs(drawn((shape[-1],), dtype, seed=3))
    for weight, smoothing in itertools.product((None, w), (0.0, 0.3)):
        own = {"smoothing": smoothing}
        assert soft_losses.losses(x, p, weight, **own) is not None
        loss, sums = hold("soft_class_losses", x, p, weight, **own)
        g = drawn(loss.shape, dtype, seed=4)
        assert soft_losses.slopes(g, x, p, weight, sums, **own) is not None
        hold("soft_class_slopes", g, x, p, weight, sums, **own)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_probabilities_in_any_layout(layout):
    x = drawn((4, 5, 3, 6), np.dtype(np.float32), layout)
    p = abs(drawn((4, 5, 3, 6), np.dtype(np.float32), layout, seed=5))
    loss, sums = hold("soft_class_losses", x, p, None, smoothing=0.1)
    g = drawn(loss.shape, loss.dtype, "reversed")
    hold("soft_class_slopes", g, x, p, None, sums, smoothing=0.1)


def test_what_is_not_finite_stays_so_beside_probabilities():
    x = np.array([[0.0, np.inf, 1.0], [0.0, np.nan, 1.0], [0.0, 1.0, 2.0]], np.float32)
    p = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [np.nan, 0.0, 1.0]], np.float32)
    loss, sums = hold("soft_class_losses", x, p, None, smoothing=0.0)
    assert np.isnan(loss).all()
    hold("soft_class_slopes", np.ones(3, np.float32), x, p, None, sums, smoothing=0.0)


def test_no_probabilities_are_numpys():
    nothing = np.zeros((0, 3), np.float32)
    assert soft_losses.losses(nothing, nothing, smoothing=0.0) is None
    (loss, _) = hold("soft_class_losses", nothing, nothing, None, smoothing=0.0)
    assert loss.shape == (0,)


def test_gradients_through_probabilities_and_weights():
    rng = np.random.default_rng(0)
    x, p, w = (
        weft.tensor(rng.uniform(0.1, 1.0, size), requires_grad=True)
        for size in ((3, 4), (3, 4), (4,))
    )
    for reduction in ("mean", "sum", "none"):

        def loss(x, p, w, reduction=reduction):
            return F.cross_entropy(x, p, w, reduction=reduction, label_smoothing=0.1)

        assert weft.autograd.gradcheck(loss, (x, p, w))
    assert weft.autograd.gradgradcheck(lambda x: F.cross_entropy(x, p, w).sum(), (x,))
