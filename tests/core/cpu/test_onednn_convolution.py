"""Convolutions by oneDNN give what the reference gives, in every layout and dtype they take."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

import weft
from tests.core import needs
from weft._backend import xp
from weft._backend.cpu import (
    onednn,
    onednn_convolution,
    onednn_layouts,
    onednn_pointwise,
    switches,
)
from weft._backend.cpu.launch import copying, overlapping
from weft._backend.numpy_ import BFLOAT16
from weft._core import catalogue
from weft.nn import functional as F
from weft.ops import load_all

load_all()
pytestmark = needs.onednn
F32 = np.dtype(np.float32)
TOLERANCE = {F32: 2e-6, BFLOAT16: 1e-2}
# kernel, stride, dilation, (low, high) padding
GEOMETRIES = [(3, 1, 1, (1, 1)), (3, 2, 1, (0, 1)), (1, 1, 1, (0, 0)), (2, 3, 2, (2, 1))]
LAYOUTS = ["in order", "channels last", "every other", "reversed", "transposed", "unaligned"]


def laid(a, layout):
    """Return an equal array that lies otherwise in memory."""
    if layout == "channels last":
        out = onednn_layouts.empty_last(a.shape, a.dtype)
        out[...] = a
        return out
    if layout == "every other":
        return np.repeat(a, 2, axis=-1)[..., ::2]
    if layout == "reversed":
        return a[:, ::-1].copy()[:, ::-1]
    if layout == "transposed":
        return np.ascontiguousarray(a.T).T
    if layout == "unaligned":
        memory = np.frombuffer(b"0" + a.tobytes(), np.uint8)[1:]
        return memory.view(a.dtype).reshape(a.shape)
    return a


def reference(name, *arrays, **settings):
    dtype = arrays[0].dtype
    wide = [a.astype(np.float64) for a in arrays]
    return catalogue.ops[name].kernel(xp, *wide, **settings).astype(dtype)


def assert_near(got, wanted):
    assert got is not None, "oneDNN did not take the call"
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    scale = np.abs(wanted.astype(np.float64)).max()
    tolerance = TOLERANCE[wanted.dtype] * scale
    np.testing.assert_allclose(
        got.astype(np.float64), wanted.astype(np.float64), rtol=0, atol=tolerance
    )


@pytest.fixture
def everything(monkeypatch):
    monkeypatch.setattr(onednn_convolution, "LEAST_PRODUCTS", 0)
    monkeypatch.setattr(onednn_pointwise, "_LEAST", 0)
    monkeypatch.setattr(onednn_pointwise, "_LEAST_PLACES", 0)
    onednn_convolution.here().kept.clear()
    yield
    onednn_convolution.here().kept.clear()


@pytest.mark.parametrize("dtype", [F32, BFLOAT16], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_three_agree_with_the_reference(everything, count, groups, layout, dtype):
    rng = np.random.default_rng(count * 10 + groups)
    for (k, s, d, pads), out_channels in itertools.product(GEOMETRIES, (4, 8)):
        settings = {
            "stride": (s,) * count,
            "padding": (pads,) * count,
            "dilation": (d,) * count,
            "groups": groups,
        }
        x = laid(rng.standard_normal((2, 4, 7, 6, 5)[: count + 2]).astype(dtype), layout)
        w = rng.standard_normal((out_channels, 4 // groups, *(k,) * count)).astype(dtype)
        w = laid(w, layout)
        bias = rng.standard_normal(out_channels).astype(dtype)
        wanted = reference("convolve", x, w, **settings)
        assert_near(onednn_convolution.forward(x, w, None, **settings), wanted)
        added = reference("convolve_bias", x, w, bias, **settings)
        assert_near(onednn_convolution.forward(x, w, bias, **settings), added)
        g = laid(rng.standard_normal(wanted.shape).astype(dtype), layout)
        to_x = onednn_convolution.to_input(g, w, x.shape, **settings)
        assert_near(to_x, reference("convolution_input", g, w, shape=x.shape, **settings))
        to_w = onednn_convolution.to_weight(x, g, w.shape, **settings)
        assert_near(to_w, reference("convolution_weight", x, g, shape=w.shape, **settings))
        assert to_w.flags.c_contiguous


@needs.codegen
@pytest.mark.parametrize("dtype", [F32, BFLOAT16], ids=str)
@pytest.mark.parametrize("shape", [(2, 16, 23, 31), (1, 37, 700), (3, 20, 5, 6, 18)])
def test_channels_are_brought_next_to_each_other(shape, dtype):
    x = np.random.default_rng(4).standard_normal(shape).astype(dtype)
    out = onednn_layouts.empty_last(shape, dtype)
    assert copying.into(out, x)
    np.testing.assert_array_equal(out.view(f"u{dtype.itemsize}"), x.view(f"u{dtype.itemsize}"))


@pytest.mark.parametrize("codegen", [True, False])
def test_large_inputs_in_the_order_of_their_indices(codegen, monkeypatch):
    monkeypatch.setattr(switches, "codegen", codegen)
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((2, 33, 80, 61)).astype(F32), np.ones((8, 33, 1, 1), F32)
    settings = {"stride": (2, 2), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
    wanted = reference("convolve", x, w, **settings)
    assert_near(onednn_convolution.forward(x, w, None, **settings), wanted)
    to_w = onednn_convolution.to_weight(x, wanted, w.shape, **settings)
    assert_near(to_w, reference("convolution_weight", x, wanted, shape=w.shape, **settings))


@pytest.mark.parametrize("shape", [(3, 24, 13, 11), (1, 40, 9, 7), (2, 17, 200), (1, 12, 3, 5, 12)])
def test_convolutions_of_one_place_are_products_of_images_as_they_lie(shape):
    rng = np.random.default_rng(6)
    count = len(shape) - 2
    x, bias = rng.standard_normal(shape).astype(F32), rng.standard_normal(150).astype(F32)
    for layout in ("in order", "channels last"):
        w = laid(rng.standard_normal((150, shape[1], *(1,) * count)).astype(F32), layout)
        settings = {
            "stride": (1,) * count, "padding": ((0, 0),) * count, "dilation": (2,) * count,
            "groups": 1,
        }  # fmt: skip
        assert onednn_pointwise.is_product(tuple(settings.values()), w.shape, x)
        wanted = reference("convolve_bias", x, w, bias, **settings)
        got = onednn_convolution.forward(x, w, bias, **settings)
        assert_near(got, wanted)
        assert got.flags.owndata  # so that a view may bring it in order
        assert onednn_layouts.lies(got, onednn_layouts.last_strides(got.shape, 4))
        clipped = onednn_convolution.forward(x, w, bias, after=((onednn.RELU, 0, 0),), **settings)
        assert_near(clipped, np.maximum(wanted, 0))
        to_x = onednn_convolution.to_input(wanted, w, x.shape, **settings)
        assert_near(to_x, reference("convolution_input", wanted, w, shape=x.shape, **settings))
        to_w = onednn_convolution.to_weight(x, wanted, w.shape, **settings)
        assert_near(to_w, reference("convolution_weight", x, wanted, shape=w.shape, **settings))


@needs.codegen
@pytest.mark.parametrize("codegen", [True, False])
@pytest.mark.parametrize(
    ("shape", "wide", "kernel", "stride", "padding"),
    [
        ((2, 3, 61, 50), 32, (7, 7), (2, 2), ((3, 3), (3, 3))),
        ((1, 1, 70, 33), 64, (4, 5), (2, 3), ((1, 2), (0, 4))),
        ((3, 8, 40, 41), 17, (3, 3), (1, 1), ((1, 1), (1, 1))),
        ((1, 4, 90, 95), 24, (2, 3), (3, 4), ((0, 0), (0, 0))),
        ((1, 3, 30, 1000), 16, (3, 2), (1, 2), ((5, 5), (7, 9))),
    ],
)
def test_the_way_back_to_images_of_few_channels(
    shape, wide, kernel, stride, padding, codegen, monkeypatch
):
    monkeypatch.setattr(overlapping, "_LEAST", 1 << 18)
    rng = np.random.default_rng(11)
    settings = {"stride": stride, "padding": padding, "dilation": (1, 1), "groups": 1}
    w = rng.standard_normal((wide, shape[1], *kernel)).astype(F32)
    out = onednn_convolution._out_shape(shape, w.shape, tuple(settings.values()))
    g = rng.standard_normal(out).astype(F32)
    assert overlapping.is_taken(g, w, shape, tuple(settings.values()))
    wanted = reference("convolution_input", g, w, shape=shape, **settings)
    room = onednn_layouts.empty_last(shape, F32)
    assert overlapping.to_input(g, w, room, stride, padding)
    for layout in ("in order", "channels last"):
        with monkeypatch.context() as patch:
            onednn_convolution.to_input(laid(g, layout), w, shape, **settings)
            patch.setattr(switches, "codegen", codegen)
            got = onednn_convolution.to_input(laid(g, layout), w, shape, **settings)
        assert_near(got, wanted)
        assert got.flags.owndata


@pytest.mark.parametrize("stride", [1, 2])
def test_the_cotangent_of_a_wide_weight(stride):
    rng = np.random.default_rng(9)
    channels = onednn_convolution.WIDE
    settings = {
        "stride": (stride,) * 2, "padding": ((1, 1),) * 2, "dilation": (1, 1), "groups": 1,
    }  # fmt: skip
    x = rng.standard_normal((2, channels, 7, 6)).astype(F32)
    w = rng.standard_normal((channels + 8, channels, 3, 3)).astype(F32)
    g = reference("convolve", x, w, **settings)
    wanted = reference("convolution_weight", x, g, shape=w.shape, **settings)
    for layout in ("in order", "channels last"):
        got = onednn_convolution.to_weight(laid(x, layout), laid(g, layout), w.shape, **settings)
        assert_near(got, wanted)


def test_a_sum_is_written_over_what_is_added_where_that_lies_as_results_do(everything):
    rng = np.random.default_rng(8)
    x, w = rng.standard_normal((2, 8, 6, 5)).astype(F32), rng.standard_normal((8, 8, 3, 3))
    w = w.astype(F32)
    settings = {"stride": (1, 1), "padding": ((1, 1),) * 2, "dilation": (1, 1), "groups": 1}
    plain = rng.standard_normal((2, 8, 6, 5)).astype(F32)
    wanted = np.maximum(reference("convolve", x, w, **settings) + plain, 0)
    after = ((onednn.SUM, 0.0, 0.0), (onednn.RELU, 0.0, 0.0))
    held = laid(plain, "channels last")
    got = onednn_convolution.forward(x, w, None, after=after, held=held, **settings)
    assert got is held
    assert_near(got, wanted)
    for other in (plain, laid(plain, "channels last")[:1], held.astype(np.float64)):
        assert onednn_convolution.forward(x, w, None, after=after, held=other, **settings) is None


def test_a_cotangent_that_repeats_one_number_is_taken(everything):
    g = np.broadcast_to(np.float32(2), (2, 8, 6, 6))
    w = np.ones((8, 3, 3, 3), np.float32)
    settings = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    got = onednn_convolution.to_input(g, w, (2, 3, 6, 6), **settings)
    assert_near(got, reference("convolution_input", g, w, shape=(2, 3, 6, 6), **settings))


def test_infinity_and_nan_reach_just_the_results_that_meet_them(everything):
    x = np.ones((1, 16, 9, 9), np.float32)
    x[0, 3, 0, 0], x[0, 5, 8, 8] = np.inf, np.nan
    out = F.conv2d(weft.from_numpy(x), weft.ones(16, 16, 3, 3)).numpy()
    assert np.isinf(out[0, :, 0, 0]).all()
    assert np.isnan(out[0, :, 6, 6]).all()
    assert np.isfinite(out).sum() == out.size - 2 * 16


@pytest.mark.parametrize(
    "case",
    ["float64", "float16", "empty batch", "small", "two dtypes", "switched off", "int64"],
)
def test_what_onednn_does_not_take_gives_none(case, monkeypatch):
    x, w = np.ones((2, 16, 9, 9), np.float32), np.ones((16, 16, 3, 3), np.float32)
    settings = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
    if case in ("float64", "float16", "int64"):
        x, w = x.astype(case), w.astype(case)
    elif case == "empty batch":
        x = x[:0]
    elif case == "small":
        x, w = x[:1, :1, :3, :3], w[:1, :1]
    elif case == "two dtypes":
        w = w.astype(BFLOAT16)
    else:
        monkeypatch.setattr(switches, "onednn", False)
    assert onednn_convolution.forward(x, w, None, **settings) is None


def test_without_onednn_the_result_is_the_same(monkeypatch):
    weft.manual_seed(0)
    x, layer = weft.randn(2, 16, 12, 12), weft.nn.Conv2d(16, 24, 3, padding=1)
    quick = layer(x)
    assert not quick.is_contiguous()  # by oneDNN
    monkeypatch.setattr(switches, "onednn", False)
    plain = layer(x)
    assert plain.is_contiguous()
    weft.testing.assert_close(quick, plain, rtol=1e-4, atol=1e-5, check_stride=False)


def test_a_result_lies_channels_last_and_elementwise_ops_leave_it_so():
    x = weft.randn(2, 16, 12, 12)
    y = F.conv2d(x, weft.randn(24, 16, 3, 3))
    for z in (y, F.relu(y), y + 1, y * y, -y):
        assert z.is_contiguous(memory_format=weft.channels_last)


def test_view_brings_a_convolutions_result_in_order():
    """As model code from PyTorch has it: ``x.view(x.size(0), -1)`` after the last convolution."""
    x = weft.randn(2, 16, 12, 12, requires_grad=True)
    w = weft.randn(24, 16, 3, 3)
    y = F.relu(F.conv2d(x, w))
    before = y.clone().detach()
    flat = y.view(y.size(0), -1)
    assert flat.shape == (2, 2400)
    assert y.is_contiguous()
    weft.testing.assert_close(y.detach(), before, check_stride=False)
    weft.testing.assert_close(flat.detach(), before.reshape(2, -1))
    with weft.no_grad():
        flat[0, 0] = 7.0
    assert y[0, 0, 0, 0].item() == 7  # the view shares y's memory


def test_a_gradient_flows_through_such_a_view():
    w = weft.randn(24, 16, 3, 3)
    x = weft.randn(2, 16, 12, 12, requires_grad=True)
    weights = weft.randn(2, 2400)
    (F.relu(F.conv2d(x, w)).view(2, -1) * weights).sum().backward()
    got = x.grad
    x.grad = None
    (F.relu(F.conv2d(x, w)).reshape(2, -1) * weights).sum().backward()
    weft.testing.assert_close(got, x.grad, rtol=0, atol=0, check_stride=False)


KNOWN = {
    "numpy": lambda y: y.numpy(),
    "detach": lambda y: y.detach(),
    "slice": lambda y: y[0],
    "storage": lambda y: y.untyped_storage(),
    "dlpack": lambda y: y.__dlpack__(),
    "data": lambda y: y.data,
    "numpy and slice": lambda y: (y.numpy(), y[0])[1],
    "two detached": lambda y: (y.detach(), y.detach())[0],
}


@pytest.mark.parametrize("known", KNOWN)
def test_memory_that_others_know_is_not_moved_by_view(known):
    y = F.conv2d(weft.randn(2, 16, 12, 12), weft.randn(24, 16, 3, 3))
    other = KNOWN[known](y)
    with pytest.raises(weft.ShapeError, match="use reshape"):
        y.view(2, -1)
    del other
    assert y.view(2, -1).shape == (2, 2400)  # they are gone


def test_memory_that_the_user_laid_out_is_not_moved_by_view():
    array = np.zeros((2, 5, 5, 3), np.float32).transpose(0, 3, 1, 2)
    own = np.copy(array, order="K")
    leaf = F.conv2d(weft.randn(2, 16, 12, 12), weft.randn(24, 16, 3, 3)).requires_grad_()
    for x in (
        weft.from_numpy(array),
        weft.from_numpy(own),
        weft.from_numpy(own).detach(),
        weft.randn(2, 3, 5, 5).to(memory_format=weft.channels_last),
        leaf,
    ):
        with pytest.raises(weft.ShapeError, match="use reshape"):
            x.view(2, -1)


def test_two_threads_convolve_at_once():
    x, w = weft.randn(4, 16, 20, 20), weft.randn(32, 16, 3, 3)
    wanted = F.conv2d(x, w).numpy()
    wrong = []

    def work():
        for _ in range(30):
            got = F.conv2d(x, w).numpy()
            if not np.array_equal(got, wanted):
                wrong.append(got)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_weight_written_in_any_way_is_read_anew():
    x, w = weft.randn(2, 16, 12, 12), weft.randn(24, 16, 3, 3)

    def check():
        settings = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
        assert_near(F.conv2d(x, w).numpy(), reference("convolve", x.numpy(), w.numpy(), **settings))

    with weft.no_grad():
        check()
        w.mul_(2)
        check()
        w.numpy()[3] = 1
        check()
        w.copy_(weft.randn(24, 16, 3, 3))
        check()
        w[0, 0] = 5
        check()
        w.data = weft.randn(24, 16, 3, 3)
        check()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_layers_of_each_number_of_dims_train_as_without_onednn(count, monkeypatch):
    weft.manual_seed(0)
    conv, back = getattr(F, f"conv{count}d"), getattr(F, f"conv_transpose{count}d")
    shapes = [(3, 4, *(9,) * count), (12, 2, *(3,) * count), (12,), (12, 6, *(3,) * count), (6,)]
    leaves = [weft.randn(shape, requires_grad=True) for shape in shapes]

    def slopes():
        for leaf in leaves:
            leaf.grad = None
        x, w, b, w_back, b_back = leaves
        hidden = F.relu(conv(x, w, b, padding=1, groups=2))
        back(hidden, w_back, b_back, stride=2).square().sum().backward()
        return [leaf.grad for leaf in leaves]

    quick = slopes()
    monkeypatch.setattr(switches, "onednn", False)
    for got, wanted in zip(quick, slopes(), strict=True):
        scale = wanted.abs().max().item()
        weft.testing.assert_close(got, wanted, rtol=0, atol=1e-5 * scale, check_stride=False)
