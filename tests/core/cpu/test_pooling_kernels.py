"""Pooling: the kernels give what the references give, forward and backward."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu.launch import pooling

pytestmark = needs.codegen

F = weft.nn.functional
OPS = {
    "largest": 0,
    "window_max": 0,
    "at_places": 0,
    "into_places": 1e-6,
    "window_mean": 1e-6,
    "window_spread": 1e-6,
}
random = np.random.default_rng(0)
DTYPES = [
    *("float32", "float16", ml_dtypes.bfloat16, "uint8"),
    *(pytest.param(dtype, marks=pytest.mark.slow) for dtype in ("float64", "int32", "int64")),
]


@pytest.mark.parametrize("name", OPS)
def test_kernels_agree_with_the_reference_on_what_ops_are_given(name):
    taken = [
        compare(name, getattr(pooling, name), arrays, params, OPS[name])
        for arrays, params in calls_of(tuple(OPS))[name]
    ]
    assert sum(taken) >= 1


def values(dtype, *shape):
    return (random.standard_normal(shape) * 20).round().astype(dtype)  # with equal ones


def last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


WINDOWS = [
    ((3, 3), (2, 2), ((1, 1), (1, 1))),
    ((2, 2), (2, 2), ((0, 0), (0, 0))),
    ((3, 2), (1, 3), ((1, 2), (0, 1))),
    ((1, 5), (2, 1), ((0, 0), (2, 2))),
    ((5, 4), (3, 4), ((2, 4), (1, 3))),
    ((7, 9), (1, 1), ((0, 0), (0, 0))),
    ((7, 23), (7, 23), ((0, 0), (0, 0))),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_the_largest_and_its_place(dtype, window):
    geometry = dict(zip(("kernel", "stride", "padding"), window, strict=True), dilation=(1, 1))
    x = values(dtype, 3, 10, 7, 23 if window[0] != (7, 9) else 9)
    for x_own in (x, last(x), x[:, ::2], x[0]):
        assert compare("window_max", pooling.window_max, (x_own,), geometry)
        for narrow in (True, False):
            settings = {**geometry, "narrow": narrow}
            assert compare("largest", pooling.largest, (x_own,), settings)
        _, places = pooling.largest(x_own, **geometry, narrow=True)
        assert compare("at_places", pooling.at_places, (x_own, places), {"count": 2})
        if x.dtype.itemsize != 2:
            g = values(dtype, *places.shape)
            params = {"spatial": x.shape[2:]}
            assert compare("into_places", pooling.into_places, (g, places), params)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ml_dtypes.bfloat16], ids=str)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("divisor", [0.0, 5.0])
def test_the_mean_and_its_transpose(dtype, window, include, divisor):
    params = dict(zip(("kernel", "stride", "padding"), window, strict=True))
    params |= {"include": include, "divisor": divisor}
    x = values(dtype, 3, 10, 7, 23 if window[0] != (7, 9) else 9)
    tolerance = {2: 2e-2, 4: 1e-5, 8: 1e-12}[x.dtype.itemsize]
    for x_own in (x, last(x), x[0]):
        if x.dtype.itemsize != 2:
            assert compare("window_mean", pooling.window_mean, (x_own,), params, tolerance)
        wide = pooling.window_mean(x_own.astype(np.float64), **params)
        got = pooling.window_mean(x_own, **params)
        np.testing.assert_allclose(got.astype(float), wide, rtol=tolerance, atol=tolerance)
        g = values(dtype, *wide.shape)
        spatial = {**params, "spatial": x.shape[2:]}
        wide = pooling.window_spread(g.astype(np.float64), **spatial)
        got = pooling.window_spread(g, **spatial)
        np.testing.assert_allclose(got.astype(float), wide, rtol=tolerance, atol=tolerance * 10)
        if x.dtype.itemsize != 2:
            assert compare("window_spread", pooling.window_spread, (g,), spatial, tolerance)
            if g.ndim == 4:
                assert compare(
                    "window_spread", pooling.window_spread, (last(g),), spatial, tolerance
                )


@pytest.mark.parametrize("count", [1, 3])
def test_one_and_three_dims(count):
    x = values("float32", 2, 9, *(6, 7, 8)[:count])
    geometry = {
        "kernel": (3, 2, 2)[:count],
        "stride": (2, 1, 3)[:count],
        "padding": ((1, 1), (0, 1), (1, 0))[:count],
    }
    for x_own in (x, last(x)):
        settings = {**geometry, "dilation": (1,) * count, "narrow": False}
        assert compare("largest", pooling.largest, (x_own,), settings)
        settings = {**geometry, "dilation": (1,) * count}
        assert compare("window_max", pooling.window_max, (x_own,), settings)
        means = {**geometry, "include": False, "divisor": 0.0}
        assert compare("window_mean", pooling.window_mean, (x_own,), means, 1e-6)


def test_nan_is_the_largest_and_the_first_of_equal_ones_counts():
    x = np.full((1, 8, 6, 40), -np.inf, np.float32)
    x[0, 1] = np.inf
    x[0, 2, ::2, ::3] = np.nan
    x[0, 3] = -0.0
    x[0, 3, :, ::2] = 0.0
    for x_own in (x, last(x)):
        for window in WINDOWS[:5]:
            geometry = dict(zip(("kernel", "stride", "padding"), window, strict=True))
            geometry["dilation"] = (1, 1)
            settings = {**geometry, "narrow": True}
            assert compare("largest", pooling.largest, (x_own,), settings)
            assert compare("window_max", pooling.window_max, (x_own,), geometry)


def test_what_the_kernels_do_not_take():
    x = values("float32", 1, 1, 2, 6000)
    plain = {"kernel": (2, 2), "stride": (1, 1), "padding": ((0, 0),) * 2}
    assert pooling.window_max(x, **plain, dilation=(1, 1)) is None
    assert pooling.window_max(x[:0], **plain, dilation=(1, 1)) is None
    assert pooling.window_max(x[..., :9] > 0, **plain, dilation=(1, 1)) is None
    assert F.max_pool2d(weft.from_numpy(x), 2, 1).shape == (1, 1, 1, 5999)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("pool", ["max_pool2d", "avg_pool2d"])
def test_gradients_are_those_of_the_reference(pool, channels_last):
    data = random.permutation(2 * 16 * 11 * 13).reshape(2, 16, 11, 13).astype("float32")
    x = weft.from_numpy(last(data) if channels_last else data).requires_grad_()
    out = getattr(F, pool)(x, 3, 2, 1)
    g = weft.from_numpy(values("float32", *out.shape))
    out.backward(g)
    with weft.no_grad():  # without a gradient to come another kernel runs
        assert (getattr(F, pool)(x, 3, 2, 1) == out).all()
    wide = x.detach().double().requires_grad_()
    getattr(F, pool)(wide, 3, 2, 1).backward(g.double())
    assert weft.allclose(x.grad.double(), wide.grad, rtol=1e-6, atol=1e-5)
    tangent = weft.from_numpy(values("float32", *x.shape))
    _, moved = weft.func.jvp(lambda t: getattr(F, pool)(t, 3, 2, 1), (x.detach(),), (tangent,))
    assert weft.allclose((moved * g).sum(), (x.grad * tangent).sum(), rtol=1e-4)
    if channels_last:
        assert np.moveaxis(out.detach().numpy(), 1, -1).flags.c_contiguous


@pytest.mark.parametrize("size", [1, (2, 3), (4, 6), (3, 4)])
def test_windows_that_divide_the_input(size):
    data = random.permutation(2 * 9 * 8 * 12).reshape(2, 9, 8, 12).astype("float64")
    x = weft.from_numpy(data).requires_grad_()
    rows, columns = (size, size) if size == 1 else size
    cells = [
        data[..., i * 8 // rows : -(-(i + 1) * 8 // rows), :][
            ..., j * 12 // columns : -(-(j + 1) * 12 // columns)
        ]
        for i in range(rows)
        for j in range(columns)
    ]
    for pool, join in ((F.adaptive_avg_pool2d, np.mean), (F.adaptive_max_pool2d, np.max)):
        out = pool(x, size)
        wanted = np.stack([join(cell, (2, 3)) for cell in cells], -1).reshape(out.shape)
        np.testing.assert_allclose(out.detach().numpy(), wanted, rtol=1e-12)
        (gradient,) = weft.autograd.grad(out.sum(), x)
        np.testing.assert_allclose(gradient.sum(), out.numel())
    values, places = F.adaptive_max_pool2d(x, size, return_indices=True)
    flat = data.reshape(2, 9, -1)
    found = np.take_along_axis(flat, places.numpy().reshape(2, 9, -1), 2)
    assert (found.reshape(values.shape) == values.detach().numpy()).all()


def test_the_pooled_may_be_overwritten_before_the_gradient():
    x = weft.from_numpy(values("float32", 2, 4, 16, 16)).requires_grad_()
    out = F.max_pool2d(x, 2)
    out.relu_()
    out.sum().backward()
    assert x.grad.sum() == (out > 0).sum()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        ((3, 3), (2, 2), ((1, 1), (1, 1)), (2, 2)),
        ((2, 3), (1, 1), ((0, 0), (1, 2)), (3, 4)),
        ((3, 2), (3, 5), ((1, 0), (0, 0)), (1, 7)),
        ((1, 4), (2, 3), ((0, 0), (2, 2)), (1, 2)),
    ],
)
def test_windows_whose_elements_lie_apart(kernel, stride, padding, dilation, dtype):
    values = np.random.default_rng(5).integers(-4, 5, (2, 3, 17, 19)).astype(dtype)
    if dtype != "int32":
        values[0, 0, 4, 4] = values[1, 2, 6:9, 2] = np.nan
    settings = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    assert compare("largest", pooling.largest, (values,), {**settings, "narrow": False})
    assert compare("window_max", pooling.window_max, (values,), settings)


def test_windows_that_pass_over_all_elements_are_left_to_the_reference():
    settings = {"kernel": (2,), "stride": (1,), "padding": ((1, 1),), "dilation": (5,)}
    assert pooling.largest(np.ones((1, 1, 4), "f4"), **settings, narrow=False) is None


def test_one_and_three_dims_with_elements_apart():
    x = np.random.default_rng(6).standard_normal((2, 3, 9, 10, 11)).astype("f4")
    settings = {
        "kernel": (2, 3, 2), "stride": (2, 1, 3), "padding": ((1, 1), (0, 0), (1, 0)),
        "dilation": (3, 2, 4),
    }  # fmt: skip
    assert compare("largest", pooling.largest, (x,), {**settings, "narrow": True})
    one = {"kernel": (3,), "stride": (1,), "padding": ((1, 1),), "dilation": (4,)}
    assert compare("largest", pooling.largest, (x[0, 0],), {**one, "narrow": True})
