"""The kernel of depthwise convolutions gives what the reference gives, as its input lies."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.convolving import assert_as_without_kernels, drawn, reference, slopes
from weft._backend.cpu import features, switches
from weft.ops import load_all
from weft.ops.convolution import by_planes

load_all()
pytestmark = needs.codegen
SETTINGS = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(2, 24, 40, 18), (1, 32, 10, 56), (3, 9, 7, 100), (1, 16, 1, 1024), (5, 8, 2, 399)]
)
def test_planes_agree_with_the_reference_forth_and_back(shape, dtype):
    channels = shape[1]
    settings = {**SETTINGS, "groups": channels}
    x, w, bias = (
        drawn(shape, 0, dtype),
        drawn((channels, 1, 3, 3), 1, dtype),
        drawn(channels, 2, dtype),
    )
    tolerance = {"rtol": 0, "atol": 1e-5 if dtype == "float32" else 1e-13}
    got = by_planes(x, w, None, settings)
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, reference("convolve", x, w, **settings), **tolerance)
    got = by_planes(x, w, bias, settings)
    np.testing.assert_allclose(got, reference("convolve_bias", x, w, bias, **settings), **tolerance)
    got = by_planes(x, w, None, settings, turned=True)
    wanted = reference("convolution_input", x, w, shape=shape, **settings)
    np.testing.assert_allclose(got, wanted, **tolerance)


def test_infinity_and_nan_reach_just_the_results_that_meet_them():
    x = np.ones((1, 8, 60, 40), np.float32)
    x[0, 3, 0, 0], x[0, 5, 59, 39] = np.inf, np.nan
    out = by_planes(x, np.ones((8, 1, 3, 3), np.float32), None, {**SETTINGS, "groups": 8})
    assert np.isinf(out).sum() == np.isnan(out).sum() == 4
    assert np.isinf(out[0, 3, :2, :2]).all()
    assert np.isnan(out[0, 5, 58:, 38:]).all()


@pytest.mark.parametrize(
    "case", ["narrow", "strides", "padding", "bfloat16", "two a group", "channels last", "off"]
)
def test_what_it_does_not_take_gives_none(case, monkeypatch):
    monkeypatch.setattr(features, "has_many_registers", lambda: False)  # that others ask for
    x, w = np.ones((2, 16, 30, 40), np.float32), np.ones((16, 1, 3, 3), np.float32)
    settings = {**SETTINGS, "groups": 16}
    assert by_planes(x, w, None, settings) is not None
    if case == "narrow":
        x = np.ones((8, 16, 100, 17), np.float32)
    elif case == "strides":
        settings["stride"] = (2, 1)
    elif case == "padding":
        settings["padding"] = ((1, 1), (0, 1))
    elif case == "bfloat16":
        x = weft.ones(2, 16, 30, 40, dtype=weft.bfloat16).numpy()
    elif case == "two a group":
        w = np.ones((32, 1, 3, 3), np.float32)
    elif case == "channels last":
        x = np.ones((2, 30, 40, 16), np.float32).transpose(0, 3, 1, 2)
    else:
        monkeypatch.setattr(switches, "codegen", False)
    assert by_planes(x, w, None, settings) is None


def test_a_layers_gradients_are_those_without_kernels(monkeypatch):
    layer = ((2, 16, 24, 32), (16, 1, 3, 3))
    quick = slopes(*layer, padding=1, groups=16)
    assert quick[0].is_contiguous()
    assert_as_without_kernels(monkeypatch, quick, *layer, padding=1, groups=16)
