"""Autocast: what is cast, where it begins and ends, what backward passes and second runs see."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import weft
from weft import Tensor
from weft.nn import functional as F


@pytest.fixture
def x() -> Tensor:
    return weft.arange(6.0).reshape(2, 3) / 7


def test_products_are_of_half_precision_and_losses_of_float32(x: Tensor) -> None:
    with weft.autocast("cpu"):
        product = x @ x.t()
        loss = F.mse_loss(product, weft.zeros(2, 2))
    assert product.dtype is weft.bfloat16
    assert loss.dtype is weft.float32
    exact = (x @ x.t()).bfloat16()
    assert weft.allclose(product.float(), exact.float(), rtol=1e-2)


def test_other_functions_keep_the_dtypes_that_reach_them(x: Tensor) -> None:
    with weft.autocast("cpu"):
        assert (x + 1).dtype is weft.float32
        assert (x.bfloat16() + 1).dtype is weft.bfloat16
        assert F.relu(x).dtype is weft.float32
        assert (x.double() @ x.double().t()).dtype is weft.float64
        assert weft.cat([x, x.bfloat16()]).dtype is weft.float32
        assert weft.cat([x.bfloat16(), x.bfloat16()]).dtype is weft.bfloat16


def test_the_dtype_is_chosen(x: Tensor) -> None:
    with weft.autocast("cpu", dtype=weft.float16):
        assert (x @ x.t()).dtype is weft.float16
    with weft.autocast("cpu", dtype=weft.float32):
        assert (x @ x.t()).dtype is weft.float32


def test_blocks_nest_and_end(x: Tensor) -> None:
    assert not weft.is_autocast_enabled("cpu")
    with weft.autocast("cpu"):
        assert weft.is_autocast_enabled("cpu")
        with weft.autocast("cpu", enabled=False):
            assert (x @ x.t()).dtype is weft.float32
        assert (x @ x.t()).dtype is weft.bfloat16
        with weft.autocast("cpu", dtype=weft.float16):
            assert (x @ x.t()).dtype is weft.float16
        assert weft.get_autocast_dtype("cpu") is weft.bfloat16
    assert (x @ x.t()).dtype is weft.float32
    with pytest.raises(ZeroDivisionError), weft.autocast("cpu"):
        raise ZeroDivisionError
    assert (x @ x.t()).dtype is weft.float32


def test_a_device_that_is_not_the_tensors_casts_nothing(x: Tensor) -> None:
    with weft.autocast("cuda"):
        assert (x @ x.t()).dtype is weft.float32


def test_other_threads_are_not_in_the_block(x: Tensor) -> None:
    found: list[Any] = []
    with weft.autocast("cpu"):
        thread = threading.Thread(target=lambda: found.append((x @ x.t()).dtype))
        thread.start()
        thread.join()
        assert (x @ x.t()).dtype is weft.bfloat16
    assert found == [weft.float32]


def test_a_decorated_function_runs_within(x: Tensor) -> None:
    @weft.autocast("cpu")
    def product(a: Tensor) -> Tensor:
        return a @ a.t()

    assert product(x).dtype is weft.bfloat16
    assert (x @ x.t()).dtype is weft.float32


def test_gradients_of_parameters_are_of_their_own_dtype(x: Tensor) -> None:
    layer = weft.nn.Linear(3, 2)
    with weft.autocast("cpu"):
        loss = layer(x).float().square().sum()
    loss.backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype is weft.float32
    plain = weft.func.functional_call(layer, dict(layer.named_parameters()), (x,)).square().sum()
    (wanted,) = weft.autograd.grad(plain, (layer.weight,))
    assert weft.allclose(layer.weight.grad, wanted, rtol=3e-2, atol=1e-2)


def test_a_backward_pass_within_the_block_goes_in_the_forward_passes_dtypes(x: Tensor) -> None:
    layer = weft.nn.Linear(3, 2)
    gradients = []
    for inside in (False, True):
        layer.zero_grad()
        with weft.autocast("cpu"):
            loss = layer(x).square().sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        gradients.append(layer.weight.grad)
    assert gradients[0] is not None
    assert gradients[1] is not None
    assert weft.equal(gradients[0], gradients[1])


def test_a_parameter_is_rounded_once_in_a_block_and_anew_when_written_to(x: Tensor) -> None:
    layer = weft.nn.Linear(3, 2, bias=False)
    with weft.autocast("cpu"):
        first = layer(x)
        second = layer(x)
        nodes = [out.grad_fn.next_functions for out in (first, second)]
        assert nodes[0][1][0] is nodes[1][1][0]  # the same cast
        with weft.no_grad():
            layer.weight.mul_(2)
        assert weft.allclose(layer(x).float(), 2 * first.float())
    with weft.autocast("cpu", cache_enabled=False):
        nodes = [layer(x).grad_fn.next_functions for _ in range(2)]
        assert nodes[0][1][0] is not nodes[1][1][0]


def test_what_is_rounded_without_gradients_is_not_taken_with_them(x: Tensor) -> None:
    layer = weft.nn.Linear(3, 2)
    with weft.autocast("cpu"):
        with weft.no_grad():
            layer(x)
        layer(x).float().sum().backward()
    assert layer.weight.grad is not None


def test_a_second_run_of_a_checkpoint_is_in_the_block_that_the_first_was_in(x: Tensor) -> None:
    layer = weft.nn.Linear(3, 3)
    seen = []

    def run(a: Tensor) -> Tensor:
        out = layer(a)
        seen.append(out.dtype)
        return out.sigmoid()

    with weft.autocast("cpu"):
        out = weft.utils.checkpoint.checkpoint(run, x.requires_grad_())
    out.float().sum().backward()
    assert seen == [weft.bfloat16, weft.bfloat16]
    assert x.grad is not None
    assert x.grad.dtype is weft.float32


def test_the_lists_hold_for_methods_operators_and_modules(x: Tensor) -> None:
    with weft.autocast("cpu"):
        assert x.matmul(x.t()).dtype is weft.bfloat16
        assert weft.einsum("ij,kj->ik", x, x).dtype is weft.bfloat16
        assert weft.nn.Conv1d(2, 3, 2)(x).dtype is weft.bfloat16
        assert weft.nn.LSTM(3, 4)(x[None])[0].dtype is weft.bfloat16
        assert x.bfloat16().prod().dtype is weft.float32
        image = x.expand(1, 2, 2, 3).bfloat16()
        grid = weft.zeros(1, 2, 2, 2)
        assert F.grid_sample(image, grid, align_corners=False).dtype is weft.float32


def test_results_that_are_given_are_written_as_they_are(x: Tensor) -> None:
    out = weft.empty(2, 2)
    with weft.autocast("cpu"):
        weft.mm(x, x.t(), out=out)
    assert weft.allclose(out, x @ x.t())


def test_transforms_see_the_casts(x: Tensor) -> None:
    weight = weft.ones(3)

    def score(row: Tensor) -> Tensor:
        return (row[None] @ weight[:, None]).float().sum()

    with weft.autocast("cpu"):
        slopes = weft.func.vmap(weft.func.grad(score))(x)
    assert weft.allclose(slopes, weft.ones(2, 3))


@pytest.mark.parametrize("cast", [None, weft.float32])
def test_own_functions_say_how_they_run(x: Tensor, cast: Any) -> None:
    seen: list[Any] = []

    class Square(weft.autograd.Function):
        @staticmethod
        @weft.amp.custom_fwd(device_type="cpu", cast_inputs=cast)
        def forward(ctx: Any, a: Tensor) -> Tensor:
            seen.append((a.dtype, (a @ a.t()).dtype))
            ctx.save_for_backward(a)
            return a @ a.t()

        @staticmethod
        @weft.amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (a,) = ctx.saved_tensors
            seen.append((a.dtype, (a @ a.t()).dtype))
            return ((g + g.t()) @ a).to(a.dtype)

    a = x.bfloat16().requires_grad_() if cast is not None else x.clone().requires_grad_()
    with weft.autocast("cpu"):
        out = Square.apply(a)
    out.float().sum().backward()
    inner = weft.bfloat16 if cast is None else weft.float32
    assert [pair[1] for pair in seen] == [inner, inner]


def test_switches_without_a_block(x: Tensor) -> None:
    weft.set_autocast_enabled("cpu", True)
    try:
        assert (x @ x.t()).dtype is weft.bfloat16
        weft.set_autocast_dtype("cpu", weft.float16)
        assert (x @ x.t()).dtype is weft.float16
    finally:
        weft.set_autocast_enabled("cpu", False)
        weft.set_autocast_dtype("cpu", weft.bfloat16)
    assert (x @ x.t()).dtype is weft.float32


def test_wrong_arguments_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"one of 'cpu', 'cuda', got 'cpo'"):
        weft.autocast("cpo")
    with pytest.raises(ValueError, match=r"bfloat16 or weft\.float16.*got weft\.int32"):
        weft.autocast("cpu", dtype=weft.int32)
    assert weft.amp.is_autocast_available("cpu")
    assert not weft.amp.is_autocast_available("mps")
