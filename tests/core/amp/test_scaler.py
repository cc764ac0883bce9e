"""GradScaler: what is scaled, which steps are skipped, how the factor moves, what is refused."""

from __future__ import annotations

import pytest

import weft


def _stepped(scaler: weft.GradScaler, loss_factor: float = 1.0) -> tuple[weft.Tensor, bool]:
    """Return a parameter after one scaled step of SGD, and whether the step was made."""
    parameter = weft.nn.Parameter(weft.tensor([1.0, 2.0]))
    optimizer = weft.optim.SGD([parameter], lr=0.1)
    scaler.scale((parameter * loss_factor).sum()).backward()
    before = parameter.detach().clone()
    scaler.step(optimizer)
    scaler.update()
    return parameter.detach(), not weft.equal(parameter.detach(), before)


def test_a_step_is_that_without_scaling() -> None:
    parameter, stepped = _stepped(weft.GradScaler("cpu"))
    assert stepped
    assert weft.allclose(parameter, weft.tensor([0.9, 1.9]))


def test_an_overflow_skips_the_step_and_shrinks_the_factor() -> None:
    scaler = weft.GradScaler("cpu", init_scale=1e30)
    _, stepped = _stepped(scaler, loss_factor=1e30)
    assert not stepped
    assert scaler.get_scale() == 5e29


def test_the_factor_grows_after_steps_without_overflow() -> None:
    scaler = weft.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    _stepped(scaler)
    assert scaler.get_scale() == 4.0
    _stepped(scaler)
    assert scaler.get_scale() == 8.0


def test_gradients_may_be_clipped_between() -> None:
    scaler = weft.GradScaler("cpu")
    parameter = weft.nn.Parameter(weft.tensor([3.0, 4.0]))
    optimizer = weft.optim.SGD([parameter], lr=1.0)
    scaler.scale((parameter.square() / 2).sum()).backward()
    scaler.unscale_(optimizer)
    weft.nn.utils.clip_grad_norm_([parameter], 1.0)
    scaler.step(optimizer)
    scaler.update()
    assert weft.allclose(parameter.detach(), weft.tensor([2.4, 3.2]), atol=1e-5)


def test_small_gradients_in_float16_survive() -> None:
    weight = weft.nn.Parameter(weft.full((4, 4), 1e-4))
    x = weft.full((4, 4), 1e-4)
    scaler = weft.GradScaler("cpu")
    for factor in (None, scaler):
        weight.grad = None
        with weft.autocast("cpu", dtype=weft.float16):
            out = x @ weight
        loss = (out * 1e-5).sum()
        (loss if factor is None else factor.scale(loss)).backward()
        assert weight.grad is not None
        lost = bool((weight.grad == 0).all())
        assert lost is (factor is None)


def test_a_disabled_scaler_does_nothing() -> None:
    scaler = weft.GradScaler("cpu", enabled=False)
    parameter, stepped = _stepped(scaler)
    assert stepped
    assert scaler.get_scale() == 1.0
    assert scaler.state_dict() == {}
    assert weft.allclose(parameter, weft.tensor([0.9, 1.9]))


def test_its_state_goes_on_in_another() -> None:
    scaler = weft.GradScaler("cpu", init_scale=8.0, growth_interval=3)
    _stepped(scaler)
    other = weft.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    with pytest.raises(RuntimeError, match="state dict is empty"):
        other.load_state_dict({})


def test_lists_are_scaled_one_by_one() -> None:
    scaler = weft.GradScaler("cpu", init_scale=2.0)
    a, b = scaler.scale([weft.tensor(1.0), weft.tensor(3.0)])
    assert (a.item(), b.item()) == (2.0, 6.0)
    with pytest.raises(TypeError, match="got int"):
        scaler.scale(3)


def test_steps_out_of_order_are_refused() -> None:
    scaler = weft.GradScaler("cpu")
    parameter = weft.nn.Parameter(weft.tensor([1.0]))
    optimizer = weft.optim.SGD([parameter], lr=0.1)
    with pytest.raises(RuntimeError, match="No inf checks"):
        scaler.update()
    scaler.scale(parameter.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, lambda: 0.0)
    half = weft.nn.Parameter(weft.ones(1, dtype=weft.float16))
    half.grad = weft.ones(1, dtype=weft.float16)
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(weft.optim.SGD([half], lr=0.1))
    with pytest.raises(ValueError, match="growth_factor"):
        weft.GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(ValueError, match="backoff_factor"):
        weft.GradScaler("cpu", backoff_factor=1.0)


def test_a_step_whose_loss_was_never_scaled_is_refused():
    layer = weft.nn.Linear(2, 1)
    optimizer, scaler = weft.optim.SGD(layer.parameters(), lr=0.1), weft.amp.GradScaler("cpu")
    layer(weft.ones(1, 2)).sum().backward()
    with pytest.raises(RuntimeError, match=r"no loss was scaled yet.*65536.*scaler\.scale\(loss\)"):
        scaler.step(optimizer)
    assert layer.weight.grad.tolist() == [[1.0, 1.0]]
