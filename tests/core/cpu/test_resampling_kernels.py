"""Interpolation: the kernels give what the references give, both ways."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.beside import calls_of, compare
from weft._backend.cpu.launch import resampling
from weft._core import catalogue
from weft.ops import resampling_taps, resampling_weights
from weft.ops.resampling_taps import _each, _taps

pytestmark = needs.codegen

F = weft.nn.functional
random = np.random.default_rng(0)
FAST = {
    "resampled": lambda x, *, kind, lengths, corners, factors: resampling.resample(
        x,
        [
            _taps(*s)
            for s in _each(x, kind, x.shape[x.ndim - len(lengths) :], lengths, corners, factors)
        ],
    ),
    "resampled_back": lambda g, *, kind, corners, factors, spatial: resampling.resample(
        g,
        [
            resampling_taps._back_taps(*s)
            for s in _each(g, kind, spatial, g.shape[g.ndim - len(spatial) :], corners, factors)
        ],
        filled=True,
    ),
}


@pytest.mark.parametrize("name", FAST)
def test_kernels_agree_with_the_reference_on_what_ops_are_given(name):
    taken = [
        compare(name, FAST[name], arrays, params, 1e-5)
        for arrays, params in calls_of(tuple(FAST))[name]
    ]
    assert sum(taken) >= 10


def last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


@pytest.mark.parametrize("kind", ["nearest", "nearest-exact", "linear", "cubic"])
@pytest.mark.parametrize("lengths", [(14, 26), (5, 4), (70, 13), (7, 39), (1, 1), (28, 52)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", ml_dtypes.bfloat16], ids=str)
def test_both_ways_for_sizes_and_layouts(kind, lengths, dtype):
    x = random.standard_normal((2, 12, 7, 13)).astype(dtype)
    g = random.standard_normal((2, 12, *lengths)).astype(dtype)
    tolerance = {2: 3e-2, 4: 2e-5, 8: 1e-12}[x.dtype.itemsize]
    for corners in {False, kind in ("linear", "cubic")}:
        for factor in (None, lengths[1] / 13 + 1e-3):
            params = {"kind": kind, "corners": corners, "factors": (None, factor)}
            for own in (x, last(x), x[:, ::-1]):
                forward = {**params, "lengths": lengths}
                exact = tolerance if kind in ("linear", "cubic") else 0
                assert compare("resampled", FAST["resampled"], (own,), forward, exact)
            for own in (g, last(g)):
                back = {**params, "spatial": (7, 13)}
                scale = tolerance * max(1, lengths[0] * lengths[1] // 91)
                assert compare("resampled_back", FAST["resampled_back"], (own,), back, scale)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "complex64"])
def test_the_nearest_of_any_kind(dtype):
    x = (random.standard_normal((3, 9, 8)) * 50).astype(dtype)
    for lengths in ((18, 16), (4, 11)):
        params = {"kind": "nearest", "lengths": lengths, "corners": False, "factors": (None, None)}
        assert compare("resampled", FAST["resampled"], (x,), params)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["nearest", "linear"])
def test_one_and_three_dims(count, kind):
    x = random.standard_normal((2, 3, *(6, 7, 8)[:count])).astype(np.float32)
    lengths, nones = (9, 4, 16)[:count], (None,) * count
    params = {"kind": kind, "corners": False, "factors": nones}
    assert compare("resampled", FAST["resampled"], (x,), {**params, "lengths": lengths}, 1e-6)
    g = random.standard_normal((2, 3, *lengths)).astype(np.float32)
    back = {**params, "spatial": x.shape[2:]}
    assert compare("resampled_back", FAST["resampled_back"], (g,), back, 1e-5)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_gradients_through_interpolate(mode, channels_last):
    data = random.standard_normal((2, 16, 9, 11))
    x = weft.from_numpy(last(data) if channels_last else data).requires_grad_()
    out = F.interpolate(x, scale_factor=2, mode=mode)
    if channels_last:
        assert np.moveaxis(out.detach().numpy(), 1, -1).flags.c_contiguous
    g = weft.from_numpy(random.standard_normal(tuple(out.shape)))
    t = weft.from_numpy(random.standard_normal(data.shape))
    out.backward(g)
    moved = F.interpolate(t, scale_factor=2, mode=mode)  # it is linear
    assert weft.allclose((moved * g).sum(), (x.grad * t).sum())


def test_infinities_stay_where_they_are():
    x = np.zeros((1, 1, 6, 40), np.float32)
    x[0, 0, 2, 5] = np.inf
    x[0, 0, 4, 9] = np.nan
    params = {"kind": "linear", "corners": False, "factors": (None, None)}
    op = catalogue.ops["resampled"]
    got = FAST["resampled"](x, **params, lengths=(12, 80))
    with np.errstate(all="ignore"):
        wanted = op.kernel(np, x, **params, lengths=(12, 80))
    assert (np.isfinite(got) == np.isfinite(wanted)).all()
    back = FAST["resampled_back"](x, **params, spatial=(3, 20))
    assert np.isfinite(back).sum() >= 60 - 2 * 9
    assert not np.isfinite(back).all()


def test_sums_of_blocks():
    g = random.standard_normal((3, 8, 12, 18)).astype(np.float32)
    wanted = g.reshape(3, 8, 6, 2, 6, 3).sum((3, 5))
    np.testing.assert_allclose(resampling.block_sums(g, (6, 6)), wanted, rtol=1e-5, atol=1e-5)
    assert resampling.block_sums(g, (5, 6)) is None
    assert resampling.block_sums(g, (6, 2)) is None


@pytest.mark.parametrize("kind", ["smooth linear", "smooth cubic", "smooth lanczos"])
@pytest.mark.parametrize("lengths", [(3, 4), (7, 5), (20, 30), (1, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_filters_widened_as_dims_shrink(kind, lengths, dtype):
    x = random.standard_normal((2, 3, 19, 33)).astype(dtype)
    g = random.standard_normal((2, 3, *lengths)).astype(dtype)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    settings = {"kind": kind, "corners": False, "factors": (None, None)}
    forward, back = resampling_taps._resampled_fast, resampling_taps._back_fast
    assert compare("resampled", forward, (x,), {**settings, "lengths": lengths}, tolerance)
    if g.size >= 256:
        spatial = {**settings, "spatial": (19, 33)}
        assert compare("resampled_back", back, (g,), spatial, tolerance)


@pytest.mark.parametrize("kind", ["linear", "cubic", "lanczos"])
def test_elements_and_weights_are_those_of_the_matrix(kind):
    for length, parts in ((33, 5), (5, 33), (7, 7), (9, 1)):
        settings = (kind, length, parts, False, None, np.float64)
        matrix = resampling_weights.smoothed(*settings)
        places, shares = resampling_weights.smoothed_taps(*settings)
        again = np.zeros_like(matrix)
        for at, share in zip(places, shares, strict=True):
            again[at, np.arange(parts)] += share
        np.testing.assert_array_equal(again, matrix)
