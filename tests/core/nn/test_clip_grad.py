"""Clipping gradients, and parameters as one vector: kernels against formulas, layouts, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft
from weft._backend.cpu import language
from weft.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
    parameters_to_vector,
    vector_to_parameters,
)

SHAPES = [(3, 4), (), (0,), (5000,), (7, 1200)]
TOLERANCE = {"float64": 1e-12, "float32": 1e-6, "bfloat16": 2e-2, "float16": 2e-3}


def parameters(dtype="float64", shapes=SHAPES, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for shape in shapes:
        p = weft.zeros(shape, dtype=getattr(weft, dtype)).requires_grad_()
        p.grad = weft.tensor(rng.standard_normal(shape)).to(p.dtype)
        made.append(p)
    return made


def grads(params):
    return [np.array(p.grad.to(weft.float64).numpy()) for p in params]


@pytest.mark.parametrize("way", [None, False], ids=["fused", "by formula"])
@pytest.mark.parametrize("order", [2.0, 1.0, math.inf, 3.0])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_norm_is_that_of_one_vector(dtype, order, way):
    params = parameters(dtype)
    whole = np.concatenate([g.ravel() for g in grads(params)])
    before = grads(params)
    total = clip_grad_norm_(params, 0.5, order, foreach=way)
    assert total.dtype is params[0].dtype
    assert total.item() == pytest.approx(np.linalg.norm(whole, order), rel=TOLERANCE[dtype] * 10)
    factor = 0.5 / (total.item() + 1e-6)
    for after, g in zip(grads(params), before, strict=True):
        np.testing.assert_allclose(after, g * factor, rtol=TOLERANCE[dtype] * 4, atol=1e-6)


@pytest.mark.parametrize("way", [None, False], ids=["fused", "by formula"])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_values_are_bounded_and_nan_stays(dtype, way):
    params = parameters(dtype)
    before = grads(params)
    params[0].grad[0, 0] = math.nan
    before[0][0, 0] = math.nan
    clip_grad_value_(params, 0.5, foreach=way)
    for after, g in zip(grads(params), before, strict=True):
        np.testing.assert_array_equal(after, np.clip(g, -0.5, 0.5))


def test_small_gradients_are_left_as_they_are():
    params = parameters()
    before = grads(params)
    count = params[0].grad._version
    clip_grad_norm_(params, 1e6)
    for after, g in zip(grads(params), before, strict=True):
        np.testing.assert_array_equal(after, g)
    assert params[0].grad._version is count


def test_the_sum_does_not_depend_on_the_number_of_threads():
    x = [weft.randn(100_000), weft.randn(33)]
    threads = weft.get_num_threads()
    try:
        totals = set()
        for count in (1, 2, 3):
            weft.set_num_threads(count)
            totals.add(get_total_norm(x).item())
    finally:
        weft.set_num_threads(threads)
    assert len(totals) == 1


def test_squares_too_large_for_float32_do_not_overflow():
    x = weft.full((10,), 1e30)
    if language.usable():
        assert get_total_norm([x]).item() == pytest.approx(math.sqrt(10) * 1e30)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.transpose(0, 1),
        lambda g: g[::2],
        lambda g: g.expand(3, *g.shape),
        lambda g: weft.complex(g, g),
        lambda g: g.to(weft.float32),
    ],
    ids=["transposed", "strided", "expanded", "complex", "of another dtype"],
)
def test_any_layout_and_kind_is_taken(change):
    x = weft.randn(4, 6, dtype=weft.float64)
    given = [x, change(x)]
    whole = np.concatenate([np.abs(g.numpy()).ravel() for g in given])
    for order in (2.0, 1.0, math.inf):
        total = get_total_norm(given, order)
        assert total.item() == pytest.approx(np.linalg.norm(whole, order), rel=1e-6)


def test_gradients_with_gaps_are_clipped_too():
    p = weft.zeros(4, 3, requires_grad=True)
    p.grad = weft.ones(4, 6)[:, ::2]
    q = weft.zeros(3, requires_grad=True)
    q.grad = weft.ones(3)
    total = clip_grad_norm_([p, q], 1.0)
    assert total.item() == pytest.approx(math.sqrt(15))
    np.testing.assert_allclose(p.grad.numpy(), 1 / math.sqrt(15), rtol=1e-5)


def test_one_gradient_of_two_parameters_is_scaled_as_by_the_formula():
    def run(way):
        p, q = weft.zeros(3, requires_grad=True), weft.zeros(3, requires_grad=True)
        p.grad = weft.ones(3)
        q.grad = p.grad.detach()
        clip_grads_with_norm_([p, q], 1.0, weft.tensor(2.0), foreach=way)
        return p.grad.numpy()

    np.testing.assert_allclose(run(None), run(False))


def test_clipping_is_a_write_that_backward_notices():
    for clip in (lambda p: clip_grad_norm_(p, 0.1), lambda p: clip_grad_value_(p, 0.1)):
        p = weft.zeros(3, requires_grad=True)
        p.grad = weft.ones(3)
        y = (p * p.grad).sum()
        clip(p)
        with pytest.raises(RuntimeError, match="overwritten in place by"):
            y.backward()


def test_a_norm_that_is_not_finite_raises_if_told_to_and_else_spreads():
    p = weft.zeros(3, requires_grad=True)
    p.grad = weft.tensor([1.0, math.nan, 2.0])
    with pytest.raises(RuntimeError, match=r"norm of order 2\.0 is nan"):
        clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    clip_grad_norm_([p], 1.0)
    assert p.grad.isnan().all()
    p.grad = weft.tensor([1.0, math.inf, 2.0])
    clip_grad_norm_([p], 1.0)
    np.testing.assert_array_equal(p.grad.numpy(), [0.0, math.nan, 0.0])


def test_no_gradients_no_norm():
    p = weft.zeros(3, requires_grad=True)
    assert clip_grad_norm_([p], 1.0).item() == 0.0
    assert clip_grad_norm_([], 1.0).item() == 0.0
    clip_grad_value_([p], 1.0)
    with pytest.warns(UserWarning, match="generator of parameters is empty"):
        clip_grad_norm_((x for x in ()), 1.0)


def test_parameters_become_a_vector_and_back():
    model = weft.nn.Sequential(weft.nn.Linear(2, 3), weft.nn.Linear(3, 1))
    vector = parameters_to_vector(model.parameters())
    assert tuple(vector.shape) == (13,)
    vector.sum().backward()
    assert all((p.grad == 1).all() for p in model.parameters())
    fresh = weft.arange(13.0)
    vector_to_parameters(fresh, model.parameters())
    assert model[0].bias.tolist() == [6.0, 7.0, 8.0]
    assert model[0].bias.requires_grad
    fresh[6] = -1.0
    assert model[0].bias[0].item() == -1.0
    with pytest.raises(ValueError, match="have 13 elements, vec has 12"):
        vector_to_parameters(weft.ones(12), model.parameters())
    with pytest.raises(TypeError, match="must be a tensor, got list"):
        vector_to_parameters([1.0], model.parameters())
    with pytest.raises(weft.DeviceError, match="cpu, meta"):
        parameters_to_vector([weft.ones(1), weft.ones(1, device="meta")])
