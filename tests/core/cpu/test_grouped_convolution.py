"""Convolutions in groups of few channels give what the reference gives, forth and back."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core import needs
from tests.core.cpu.convolving import (
    assert_as_without_kernels,
    assert_near,
    drawn,
    reference,
    slopes,
)
from weft._backend.cpu import features, switches
from weft._backend.cpu.kernels import grouped as kernels
from weft._backend.cpu.launch import grouped
from weft.ops import load_all
from weft.ops.convolution import by_planes

load_all()
pytestmark = needs.codegen


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    """A processor with the registers that the kernel is made for, or one that says so."""
    monkeypatch.setattr(features, "has_many_registers", lambda: True)


def geometry(groups, padding=((1, 1), (1, 1))):
    return {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": groups}


def near(got, wanted):
    assert_near(got, wanted)
    assert got.flags.c_contiguous


# (N, C, height, width), (O, C / groups, window), groups, padding
CASES = {
    "four to four": ((2, 16, 20, 56), (16, 4, 3, 3), 4, ((1, 1), (1, 1))),
    "more come out": ((1, 12, 9, 17), (24, 3, 3, 3), 4, ((1, 1), (1, 1))),
    "fewer come out": ((1, 40, 9, 33), (10, 8, 3, 3), 5, ((1, 1), (1, 1))),
    "askew": ((3, 4, 12, 31), (6, 2, 2, 5), 2, ((0, 1), (2, 1))),
    "no padding": ((2, 6, 10, 20), (6, 2, 3, 5), 3, ((0, 0), (0, 0))),
    "one channel, five by five": ((1, 9, 11, 40), (18, 1, 5, 5), 9, ((2, 2), (2, 2))),
    "one by one": ((1, 8, 5, 64), (8, 4, 1, 1), 2, ((0, 0), (0, 0))),
    "several bands": ((1, 16, 90, 150), (16, 8, 3, 3), 2, ((1, 1), (1, 1))),
}


@pytest.mark.parametrize("case", CASES)
def test_groups_agree_with_the_reference_forth_and_back(case):
    size, weight, groups, padding = CASES[case]
    settings = geometry(groups, padding)
    x, w, bias = drawn(size), drawn(weight, 1), drawn(weight[:1], 2)
    wanted = reference("convolve", x, w, **settings)
    near(grouped.forward(x, w, None, settings), wanted)
    added = reference("convolve_bias", x, w, bias, **settings)
    near(grouped.forward(x, w, bias, settings), added)
    g = drawn(wanted.shape, 3)
    back = grouped.forward(g, w, None, settings, turned=True)
    near(back, reference("convolution_input", g, w, shape=size, **settings))


def test_several_bands_are_more_than_one():
    (_, channels, height, width), (_, own, rows, _), *_ = CASES["several bands"]
    assert own * (height + rows - 1) * (width + 2) > kernels.ROOM
    assert channels > own


def test_what_is_not_finite_reaches_just_the_results_that_meet_it():
    x = np.ones((1, 8, 30, 40), np.float32)
    x[0, 3, 0, 0], x[0, 5, 29, 39] = np.inf, np.nan
    out = grouped.forward(x, np.ones((8, 2, 3, 3), np.float32), None, geometry(4))
    assert np.isinf(out).sum() == np.isnan(out).sum() == 8
    assert np.isinf(out[0, 2:4, :2, :2]).all()
    assert np.isnan(out[0, 4:6, 28:, 38:]).all()


@pytest.mark.parametrize(
    "case",
    ["narrow", "strides", "dilation", "float64", "many a group", "channels last", "off", "few"],
)
def test_what_it_does_not_take_gives_none(case, monkeypatch):
    x, w, settings = drawn((2, 16, 30, 40)), drawn((16, 4, 3, 3)), geometry(4)
    assert by_planes(x, w, None, settings) is not None
    if case == "narrow":
        x = drawn((8, 16, 100, 15))
    elif case == "strides":
        settings["stride"] = (1, 2)
    elif case == "dilation":
        settings["dilation"] = (2, 1)
    elif case == "float64":
        x, w = x.astype(np.float64), w.astype(np.float64)
    elif case == "many a group":
        x, w, settings = drawn((2, 18, 30, 40)), drawn((18, 9, 3, 3)), geometry(2)
    elif case == "channels last":
        x = drawn((2, 30, 40, 16)).transpose(0, 3, 1, 2)
    elif case == "off":
        monkeypatch.setattr(switches, "codegen", False)
    else:
        monkeypatch.setattr(features, "has_many_registers", lambda: False)
    assert by_planes(x, w, None, settings) is None


def test_a_layers_gradients_are_those_without_kernels(monkeypatch):
    layer = ((2, 16, 24, 32), (32, 4, 3, 3))
    quick = slopes(*layer, padding=1, groups=4)
    assert quick[0].is_contiguous()
    assert_as_without_kernels(monkeypatch, quick, *layer, padding=1, groups=4)
