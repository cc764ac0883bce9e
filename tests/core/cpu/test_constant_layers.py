"""A layer's weight kept in oneDNN's order is never stale, and what is kept is bounded."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.test_constant_weights import HOLDERS, WRITES, kept
from weft._backend.cpu import onednn_matmul, onednn_packed, switches
from weft._core.made import made_of
from weft.nn import functional as F

pytestmark = needs.onednn
FEATURES = (288, 320)  # of the input and of the result
#: Those of WRITES whose indices are of matrices too.
ANY_SHAPE = [
    "in place", "copy_", "a view", "a view of a view", "out=", "data", "data set", "a ufunc",
    "foreach", "shared parameter", "storage", "load_state_dict", "set_",
]  # fmt: skip


def layer_of(dtype, rows=40, bias=True):
    weft.manual_seed(0)
    layer = weft.nn.Linear(*FEATURES, bias=bias, dtype=dtype)
    layer.x = weft.randn(rows, FEATURES[0]).to(dtype)
    with weft.no_grad():
        layer(layer.x)
    return layer


@pytest.fixture(params=["float32", "bfloat16"])
def layer(request):
    return layer_of(getattr(weft, request.param))


def assert_fresh(layer):
    """The layer computes with its weight as it is."""
    with weft.no_grad():
        got = layer(layer.x)
        weight = weft.tensor(layer.weight.double().tolist(), dtype=weft.float64)
        wanted = layer.x.double() @ weight.mT
        if layer.bias is not None:
            wanted = wanted + layer.bias.double()
    tolerance = 1e-5 if got.dtype is weft.float32 else 1e-2
    scale = max(1.0, wanted.abs().max().item())
    weft.testing.assert_close(got.double(), wanted, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [weft.float32, weft.bfloat16], ids=str)
def test_a_weight_is_kept_where_nothing_is_recorded(dtype, bias):
    layer = layer_of(dtype, bias=bias)
    assert kept(layer.weight) == 1
    (_, before), *_ = made_of(layer.weight)
    with weft.inference_mode():
        layer(layer.x)
    (_, after), *_ = made_of(layer.weight)
    assert after is before
    assert_fresh(layer)


@pytest.mark.parametrize("rows", [(1,), (2,), (17,), (33,), (300,), (3, 20), (2, 3, 30), ()])
def test_other_numbers_of_rows_are_right_with_what_was_kept(layer, rows):
    layer.x = weft.randn(*rows, FEATURES[0]).to(layer.weight.dtype)
    assert_fresh(layer)
    assert kept(layer.weight) <= onednn_packed.MOST_LAYOUTS


@pytest.mark.parametrize("how", ANY_SHAPE)
def test_a_weight_written_somehow_is_read_anew(layer, how):
    assert kept(layer.weight) == 1
    if layer.weight.dtype is weft.bfloat16 and how in ("data set", "set_", "a ufunc", "copy_"):
        write = {"a ufunc": lambda w: w.numpy().__setitem__(5, 3)}.get(how, lambda w: w.add_(1))
    else:
        write = WRITES[how]
    with weft.no_grad():
        write(layer.weight)
    assert_fresh(layer)


@pytest.mark.parametrize("how", HOLDERS)
def test_nothing_is_kept_while_another_holds_the_memory_and_nothing_old_after_it(how):
    layer = layer_of(weft.float32)
    holder = HOLDERS[how](layer.weight)
    for value in (1.0, 2.0):
        np.asarray(holder).reshape(-1)[7] = value
        assert_fresh(layer)
        assert kept(layer.weight) == -1
    del holder
    assert_fresh(layer)
    assert kept(layer.weight) == 1


def test_steps_of_training_between_evaluations(layer):
    for _ in range(3):
        layer.zero_grad()
        layer(layer.x).float().square().mean().backward()
        assert layer.weight._extra is None or layer.weight._extra.made is None
        with weft.no_grad():
            layer.weight.sub_(layer.weight.grad, alpha=0.1)
        assert_fresh(layer)
        assert kept(layer.weight) == 1


def test_gradients_of_the_input_pass_a_weight_that_is_kept():
    layer = layer_of(weft.float32).requires_grad_(False)
    x = layer.x.detach().requires_grad_()
    layer(x).sum().backward()
    assert kept(layer.weight) == 1
    weft.testing.assert_close(x.grad, layer.weight.sum(0).expand(x.shape), rtol=1e-4, atol=1e-4)


def test_what_is_kept_is_counted_and_goes_with_the_weight():
    gc.collect()
    before = onednn_packed.kept_bytes()
    layer = layer_of(weft.float32)
    assert onednn_packed.kept_bytes() - before >= 4 * FEATURES[0] * FEATURES[1]
    del layer
    gc.collect()
    assert onednn_packed.kept_bytes() == before


def test_beyond_the_bound_weights_stay_plain(monkeypatch):
    full = onednn_packed.kept_bytes() + 4 * FEATURES[0] * FEATURES[1] // 2
    monkeypatch.setattr(onednn_packed, "most_bytes", lambda: full)
    layer = layer_of(weft.float32)
    assert kept(layer.weight) == 0
    assert_fresh(layer)


def test_nothing_is_kept_where_that_is_switched_off(monkeypatch):
    monkeypatch.setattr(switches, "packing", False)
    layer = layer_of(weft.float32)
    assert kept(layer.weight) == 0
    assert_fresh(layer)
    weight, x = weft.randn(32, 32, 3, 3), weft.randn(1, 32, 9, 9)
    F.conv2d(x, weight)
    assert kept(weight) == 0


def test_few_rows_of_float32_and_many_need_nothing_kept():
    for rows in (8, 100):
        assert kept(layer_of(weft.float32, rows=rows).weight) == 0
    assert kept(layer_of(weft.bfloat16, rows=8).weight) == 1


def test_a_weight_that_is_no_parameter_is_not_kept_as_it_may_be_used_once():
    weight, x = weft.randn(320, 288), weft.randn(40, 288)
    F.linear(x, weight)
    F.linear(x, weight)
    assert kept(weight) == 0


def test_nothing_stays_offered_after_a_call(layer):
    with weft.no_grad():
        layer(layer.x)
        with pytest.raises(weft.ShapeError):
            layer(layer.x[:, :3])
    assert onednn_matmul._offered.made is None


def test_a_weight_under_vmap_and_on_meta_is_plain():
    layer = layer_of(weft.float32)
    with weft.no_grad():
        got = weft.vmap(layer)(layer.x)
        weft.testing.assert_close(got, layer(layer.x), rtol=1e-4, atol=1e-4)
    meta = weft.nn.Linear(*FEATURES, device="meta")
    assert meta(weft.ones(3, FEATURES[0], device="meta")).shape == (3, FEATURES[1])
