"""The compiled norms against their ops' own formulas: layouts, dtypes, lengths, odd numbers."""

from __future__ import annotations

import numpy as np
import pytest

import weft
import weft.nn.functional as F
from tests.core import needs
from tests.core.cpu.fused import DTYPES, LAYOUTS, drawn, hold
from weft._backend.cpu import switches
from weft._backend.cpu.launch import batch_norms, norms
from weft.transforms import lowering

pytestmark = needs.codegen

dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
ROWS = [(1, 1), (3, 1), (2, 7), (5, 64), (40, 130), (3, 5000), (2, 3, 33)]
IMAGES = [
    (2, 4),
    (3, 4, 50, 60),
    (200, 600),
    (33, 6),
    (2, 4, 5),
    (1, 6, 3, 3),
    (3, 64, 7, 7),
    (2, 4, 65, 65),
    (2, 300, 2, 3),
]


def parameters(n, dtype):
    return drawn((n,), dtype, seed=5), drawn((n,), dtype, seed=6)


@dtypes
@pytest.mark.parametrize("shape", ROWS, ids=str)
@pytest.mark.parametrize("centred", [True, False])
def test_rows_of_any_length(shape, dtype, centred):
    x, g = drawn(shape, dtype), drawn(shape, dtype, seed=1)
    w, b = parameters(shape[-1], dtype)
    settings = {"dims": 1, "eps": 1e-3, "centred": centred}
    for params in ((w, b), (w, None), (None, None)):
        assert norms.layer_forward(x, *params, **settings) is not None
        (out,) = hold("layer_normalised", x, *params, **settings)
        assert out.dtype == dtype
    for weight in (w, None):
        for both in (True, False):
            assert norms.layer_backward(g, x, weight, params=both, **settings) is not None
            hold("layer_slopes", g, x, weight, params=both, **settings)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_in_any_layout(layout):
    dtype = np.dtype(np.float32)
    x, g = drawn((6, 4, 10), dtype, layout), drawn((6, 4, 10), dtype, layout, seed=1)
    for dims, shape in ((1, (10,)), (2, (4, 10))):
        w = drawn((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
        hold("layer_normalised", x, w, w, dims=dims, eps=1e-3, centred=True)
        hold("layer_slopes", g, x, w, dims=dims, eps=1e-3, centred=True, params=True)


@dtypes
@pytest.mark.parametrize("shape", IMAGES, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "turned"])
def test_groups_of_channels(shape, dtype, layout):
    x, g = drawn(shape, dtype, layout), drawn(shape, dtype, layout, seed=1)
    w, b = parameters(shape[1], dtype)
    for groups in (1, 2, shape[1]):
        if shape[1] == groups and x.size == shape[0] * groups:
            continue  # one element each: its variance is 0, and its slope noise over a root of eps
        settings = {"groups": groups, "eps": 1e-3}
        assert norms.group_forward(x, w, b, **settings) is not None
        (out,) = hold("group_normalised", x, w, b, **settings)
        assert out.strides == x.strides or layout == "contiguous"
        hold("group_normalised", x, **settings)
        assert norms.group_backward(g, x, w, params=True, **settings) is not None
        hold("group_slopes", g, x, w, params=True, **settings)
        hold("group_slopes", g, x, params=False, **settings)


@dtypes
@pytest.mark.parametrize("shape", IMAGES, ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "turned"])
def test_channels_of_a_batch(shape, dtype, layout):
    x, g = drawn(shape, dtype, layout), drawn(shape, dtype, layout, seed=1)
    w, b = parameters(shape[1], dtype)
    if shape[0] == 1 and len(shape) == 2:
        return
    assert batch_norms.batch_forward(x, w, b, eps=1e-3) is not None
    out, mean, var = hold("batch_normalised", x, w, b, eps=1e-3)
    assert out.dtype == dtype
    assert out.strides == x.strides or layout == "contiguous"
    hold("batch_normalised", x, eps=1e-3)
    assert batch_norms.batch_backward(g, x, w, mean, var, eps=1e-3) is not None
    for weight in (w, None):
        hold("batch_slopes", g, x, weight, mean, var, eps=1e-3)
    centre, spread = parameters(shape[1], dtype)
    spread = abs(spread)
    assert batch_norms.fixed_forward(x, centre, spread, w, b, eps=1e-3) is not None
    hold("fixed_normalised", x, centre, spread, w, b, eps=1e-3)
    hold("fixed_normalised", x, centre, spread, None, None, eps=1e-3)
    assert batch_norms.fixed_backward(g, x, centre, spread, w, eps=1e-3) is not None
    hold("fixed_slopes", g, x, centre, spread, w, eps=1e-3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_batch_in_any_layout_and_cotangents_in_another(layout):
    dtype = np.dtype(np.float32)
    x, w = drawn((5, 6, 4, 8), dtype, layout), drawn((12,), dtype)[::2]
    _, mean, var = hold("batch_normalised", x, w, w, eps=1e-3)
    hold("group_normalised", x, w, w, groups=3, eps=1e-3)
    for other in LAYOUTS:
        g = drawn((5, 6, 4, 8), dtype, other, seed=2)
        hold("batch_slopes", g, x, w, mean, var, eps=1e-3)
        hold("group_slopes", g, x, w, groups=3, eps=1e-3, params=True)
        hold("fixed_slopes", g, x, w, abs(w), w, eps=1e-3)


def test_far_from_zero_little_is_lost():
    """Squares of numbers around 1000 would leave nothing of a variance of 1."""
    x = (1000 + np.random.default_rng(0).standard_normal((4, 6, 50, 50))).astype(np.float32)
    for layout in (x, np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)):
        _, mean, var = batch_norms.batch_forward(layout, eps=1e-5)
        np.testing.assert_allclose(var, x.astype(np.float64).var((0, 2, 3)), rtol=1e-4)
        np.testing.assert_allclose(mean, x.astype(np.float64).mean((0, 2, 3)), rtol=1e-6)
    rows = x.reshape(24, 2500)
    out = norms.layer_forward(rows, dims=1, eps=1e-5, centred=True)
    wide = rows.astype(np.float64)
    wanted = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, wanted, atol=2e-4)


def test_long_sums_of_equal_numbers_lose_nothing():
    x = np.full((1, 2_000_000), 0.1, np.float32)
    out = norms.layer_forward(x, dims=1, eps=0.0, centred=False)
    np.testing.assert_allclose(out, 1.0, rtol=1e-5)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_stays_in_its_row(odd):
    x = drawn((4, 9), np.dtype(np.float32))
    x[1, 3] = odd
    with np.errstate(all="ignore"):
        (out,) = hold("layer_normalised", x, dims=1, eps=1e-3, centred=True)
    assert np.isnan(out[1]).any()
    assert np.isfinite(np.delete(out, 1, 0)).all()
    image = drawn((2, 3, 4), np.dtype(np.float32))
    image[0, 1, 2] = odd
    out, _, _ = batch_norms.batch_forward(image, eps=1e-3)
    assert np.isnan(out[:, 1]).any()
    assert np.isfinite(out[:, [0, 2]]).all()


def test_nothing_gives_nothing():
    empty = weft.zeros(0, 4, requires_grad=True)
    w = weft.ones(4, requires_grad=True)
    out = F.layer_norm(empty, (4,), w, w)
    out.sum().backward()
    assert tuple(out.shape) == (0, 4)
    assert w.grad.tolist() == [0.0] * 4
    assert tuple(F.group_norm(weft.zeros(2, 4, 0), 2).shape) == (2, 4, 0)
    assert tuple(F.batch_norm(weft.zeros(0, 3, 2), weft.zeros(3), weft.ones(3)).shape) == (0, 3, 2)


@pytest.mark.parametrize("dtype", [weft.float32, weft.float64, weft.bfloat16])
def test_running_values_follow_the_batch(dtype):
    x = (weft.randn(6, 3, 5) * 2 + 1).to(dtype)
    mean, var = weft.zeros(3, dtype=dtype), weft.ones(3, dtype=dtype)
    before = mean._version.writes.count if mean._version else 0
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    wide = x.double().numpy()
    near = {"rtol": 2e-2 if dtype is weft.bfloat16 else 1e-6, "atol": 1e-3}
    np.testing.assert_allclose(mean.double().numpy(), wide.mean((0, 2)) * 0.25, **near)
    unbiased = wide.var((0, 2), ddof=1)
    np.testing.assert_allclose(var.double().numpy(), 0.75 + 0.25 * unbiased, **near)
    assert mean._version.writes.count == before + 1
    column = weft.zeros(3, 2, dtype=dtype)
    F.batch_norm(x, column[:, 0], var, training=True, momentum=0.25)
    np.testing.assert_allclose(column[:, 0].double().numpy(), mean.double().numpy(), **near)


def run(x, w, b):
    """Return the results and gradients of all norms."""
    for t in (x, w, b):
        t.requires_grad_()
    mean, var = weft.zeros(4), weft.ones(4)
    outs = [
        F.layer_norm(x, (4, 5), None, None),
        F.group_norm(x, 2, w, b),
        F.instance_norm(x, weight=w, bias=b),
        F.batch_norm(x, mean, var, w, b, True),
        F.batch_norm(x, weft.ones(4), weft.ones(4) * 2, w, b, False),
        F.rms_norm(x, (5,)),
    ]
    total = sum((out * out * out).sum() for out in outs)
    grads = weft.autograd.grad(total, [x, w, b])
    return [t.detach().numpy() for t in (*outs, mean, var, *grads)]


def test_without_the_code_generator_the_same_calls_give_the_same(monkeypatch):
    x, w, b = (weft.from_numpy(drawn(s, np.dtype(np.float64))) for s in ((3, 4, 5), (4,), (4,)))
    fast = run(x, w, b)
    monkeypatch.setattr(switches, "codegen", False)
    lowering.forget()
    for one, other in zip(fast, run(x, w, b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_the_number_of_threads_changes_no_bit():
    x = weft.from_numpy(drawn((300, 64, 9), np.dtype(np.float32)))
    w = weft.ones(64, requires_grad=True)
    found = []
    before = weft.get_num_threads()
    try:
        for threads in (1, 2, 3):
            weft.set_num_threads(threads)
            x.requires_grad_()
            out = F.batch_norm(x.reshape(300 * 9, 64), None, None, w, w, True)
            rows = F.layer_norm(x.reshape(300 * 9, 64), (64,), w, w)
            total = (out * out * rows).sum()
            found.append([g.numpy() for g in weft.autograd.grad(total, [x, w])])
    finally:
        weft.set_num_threads(before)
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            assert np.array_equal(one, same)


def test_the_tape_keeps_no_more_than_torch_does():
    """Of a batch norm the input and two numbers for each channel, not the result."""
    x = weft.ones(4, 3, 5, requires_grad=True)
    out = F.batch_norm(x * 2, None, None, weft.ones(3), None, True)
    kept = out._node.node.out
    assert [type(one).__name__ for one in kept] == ["Aval", "ndarray", "ndarray"]
    assert F.layer_norm(x, (5,))._node.out is None
