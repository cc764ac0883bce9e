"""SparseAdam: rows whose gradient is zero stay as they are, with all their state."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft


def stepped(grads, **settings):
    p = weft.ones(*grads[0].shape, dtype=weft.float64).requires_grad_()
    optimizer = weft.optim.SparseAdam([p], **settings)
    for g in grads:
        p.grad = weft.tensor(np.array(g))
        optimizer.step()
    return p.detach().numpy(), optimizer.state[p]


def by_hand(grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, sign=1):
    """Run the rule row by row in plain numbers."""
    p, m, v = np.ones(grads[0].shape), np.zeros(grads[0].shape), np.zeros(grads[0].shape)
    for t, g in enumerate(grads, 1):
        for i, row in enumerate(sign * g):
            if not row.any():
                continue
            m[i] = betas[0] * m[i] + (1 - betas[0]) * row
            v[i] = betas[1] * v[i] + (1 - betas[1]) * row**2
            size = lr * math.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)
            p[i] -= size * m[i] / (np.sqrt(v[i]) + eps)
    return p, m, v


@pytest.mark.parametrize("settings", [{}, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3}])
@pytest.mark.parametrize("shape", [(6, 3), (5,), (4, 2, 3), (3, 0)])
def test_rows_are_updated_by_the_rule_and_others_stay(shape, settings):
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal(shape) for _ in range(7)]
    for i, g in enumerate(grads):
        g[i % shape[0]] = 0
        g[0] = 0
    p, state = stepped(grads, **settings)
    expected, m, v = by_hand(grads, **settings)
    np.testing.assert_allclose(p, expected, rtol=1e-12)
    np.testing.assert_allclose(state["exp_avg"].numpy(), m, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(state["exp_avg_sq"].numpy(), v, rtol=1e-12, atol=1e-15)
    assert state["step"] == 7
    assert (p[0] == 1).all()


def test_going_up_is_going_down_the_negative():
    grads = [np.array([[1.0, -2.0], [0.0, 0.0]])] * 3
    p, _ = stepped(grads, lr=0.1, maximize=True)
    np.testing.assert_allclose(p, by_hand(grads, lr=0.1, sign=-1)[0], rtol=1e-12)
    assert p[0, 0] > 1 > p[0, 1]


def test_a_number_is_a_row_and_nan_is_not_zero():
    p = weft.tensor(1.0).requires_grad_()
    optimizer = weft.optim.SparseAdam([p], lr=0.5)
    p.grad = weft.tensor(3.0)
    optimizer.step()
    assert p.item() == pytest.approx(0.5)
    table = weft.ones(2, 2).requires_grad_()
    optimizer = weft.optim.SparseAdam([table], lr=0.5)
    table.grad = weft.tensor([[0.0, math.nan], [0.0, 0.0]])
    optimizer.step()
    assert table.isnan().tolist() == [[False, True], [False, False]]


def test_a_gradient_of_zeros_counts_as_a_step_alone():
    p, state = stepped([np.zeros((3, 2))] * 2)
    assert (p == 1).all()
    assert state["step"] == 2


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"lr": 0}, "SparseAdam: lr must be above 0, got 0"),
        ({"eps": 0.0}, "eps must be above 0, got 0.0"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be in .* got 1.0"),
        ({"lr": weft.ones(2)}, "must have one element"),
    ],
)
def test_settings_out_of_range_are_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        weft.optim.SparseAdam([weft.ones(2)], **settings)


def test_complex_parameters_are_refused():
    with pytest.raises(ValueError, match=r"parameter 1 of group 0 is .*complex64"):
        weft.optim.SparseAdam([weft.ones(2), weft.ones(2, dtype=weft.complex64)])
