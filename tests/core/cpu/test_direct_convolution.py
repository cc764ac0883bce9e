"""Convolutions whose sums stay in registers give what the reference gives, and both gradients."""

from __future__ import annotations

import itertools

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
from weft._backend.cpu import features, onednn_convolution
from weft._backend.cpu.launch import direct
from weft.ops import load_all

load_all()
pytestmark = needs.codegen


def geometry(stride, padding, dilation=(1, 1)):
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}


def shape_of(x, w, settings):
    return onednn_convolution._out_shape(x.shape, w.shape, tuple(settings.values()))


# (N, C, height, width), (O, window), stride, (low, high) padding, dilation
CASES = {
    "a stem": ((2, 3, 33, 35), (64, 7, 7), (2, 2), ((3, 3), (3, 3)), (1, 1)),
    "one vector of channels": ((1, 5, 9, 20), (48, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "askew": ((3, 2, 12, 31), (16, 2, 5), (3, 1), ((0, 2), (1, 0)), (1, 1)),
    "few columns": ((2, 4, 30, 7), (32, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "many columns": ((1, 1, 3, 301), (16, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "no padding": ((2, 3, 10, 18), (32, 4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    "far strides": ((1, 3, 50, 60), (32, 5, 5), (4, 4), ((2, 2), (2, 2)), (1, 1)),
    "dilation": ((1, 4, 15, 24), (16, 3, 3), (1, 1), ((2, 2), (3, 3)), (2, 3)),
    "a long window": ((1, 2, 6, 40), (16, 1, 14), (1, 1), ((0, 0), (6, 7)), (1, 1)),
}
LAYOUTS = {
    "in order": lambda x: x,
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[:, :, ::-1].copy()[:, :, ::-1],
    "one for all": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_and_weights_cotangents_agree_with_the_reference(case, layout):
    size, (outs, *window), *settings = CASES[case]
    settings = geometry(*settings)
    x, w, bias = LAYOUTS[layout](drawn(size)), drawn((outs, size[1], *window), 1), drawn(outs, 2)
    out = shape_of(x, w, settings)
    given = tuple(settings.values())
    plain = reference("convolve", x, w, **settings)
    added = reference("convolve_bias", x, w, bias, **settings)
    assert plain.shape == out
    for with_bias, relu in itertools.product((False, True), repeat=2):
        run = direct.Forward(x, w, out, with_bias, relu, given)
        got = run(x, w, bias if with_bias else None)
        wanted = added if with_bias else plain
        assert_near(got, np.maximum(wanted, 0) if relu else wanted)
        assert got.transpose(0, 2, 3, 1).flags.c_contiguous
    if max(settings["dilation"]) > 1:
        return
    for g in (drawn(out, 3), LAYOUTS["channels last"](drawn(out, 3)), drawn(out, 3)[:, ::-1]):
        got = direct.ToWeight(x, g, w.shape, given)(x, g)
        assert_near(got, reference("convolution_weight", x, g, shape=w.shape, **settings))
        assert got.flags.c_contiguous


def test_places_are_shared_out_so_that_few_are_computed_twice():
    assert [direct.places(n) for n in (7, 8, 14, 20, 24, 28, 32, 56, 112)] == [
        7, 8, 14, 10, 12, 14, 8, 14, 14,
    ]  # fmt: skip


@pytest.mark.parametrize(("window", "rows"), [((7, 7), 1), ((3, 3), 3), ((5, 5), 1), ((1, 15), 0)])
def test_rows_whose_sums_are_kept_at_once(window, rows):
    assert direct.rows_at_once(*window) == rows


def test_not_a_number_cut_at_zero_stays_one():
    x, w = drawn((1, 3, 20, 20)), drawn((16, 3, 3, 3), 1)
    x[0, 1, 5, 5] = np.nan
    settings = tuple(geometry((1, 1), ((1, 1), (1, 1))).values())
    got = direct.Forward(x, w, (1, 16, 20, 20), False, True, settings)(x, w, None)
    assert np.isnan(got[0, :, 4:7, 4:7]).all()
    assert np.isnan(got).sum() == 16 * 9


@pytest.fixture
def wide(monkeypatch):
    """A processor with the vectors that the kernels are made for, or one that says so."""
    monkeypatch.setattr(features, "has_many_registers", lambda: True)


TAKEN = {
    "x": ((4, 3, 64, 64), "in order"),
    "w": (32, 3, 7, 7),
    "settings": geometry((2, 2), ((3, 3), (3, 3))),
}


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, True),
        ({"x": ((4, 3, 64, 64), "channels last")}, False),  # too little meets what is copied
        ({"w": (64, 3, 7, 7), "x": ((4, 3, 64, 64), "channels last")}, True),
        ({"w": (24, 3, 7, 7)}, False),
        ({"w": (32, 3, 1, 1)}, False),
        ({"x": ((4, 33, 64, 64), "in order"), "w": (32, 33, 7, 7)}, False),
        ({"w": (512, 3, 7, 7)}, False),
        ({"x": ((1, 3, 8, 8), "in order")}, False),
        (
            {"settings": {**geometry((2, 2), ((3, 3), (3, 3))), "groups": 3}, "w": (48, 1, 7, 7)},
            False,
        ),
    ],
)
def test_which_calls_are_taken(change, taken, wide):
    asked = {**TAKEN, **change}
    size, layout = asked["x"]
    x = LAYOUTS[layout](drawn(size))
    settings = asked["settings"]
    out = onednn_convolution._out_shape(x.shape, asked["w"], tuple(settings.values()))
    assert direct.is_taken(x, asked["w"], out, tuple(settings.values())) is taken


def test_fewer_registers_leave_it_to_others(monkeypatch):
    x, settings = drawn((4, 3, 64, 64)), tuple(TAKEN["settings"].values())
    monkeypatch.setattr(features, "has_many_registers", lambda: False)
    assert not direct.is_taken(x, TAKEN["w"], (4, 32, 32, 32), settings)


@needs.onednn
def test_a_layers_gradients_are_those_without_kernels(monkeypatch, wide):
    onednn_convolution.here().kept.clear()
    layer = ((2, 3, 40, 40), (32, 3, 5, 5))
    quick = slopes(*layer, padding=2)
    used = {type(way) for way in onednn_convolution.here().kept.values()}
    assert direct.Forward in used
    x, w, g = drawn(layer[0]), drawn(layer[1], 1), drawn((2, 32, 40, 40), 2)
    settings = geometry((1, 1), ((2, 2), (2, 2)))
    assert direct.is_weight_taken(x, w.shape, g, tuple(settings.values()))
    assert_as_without_kernels(monkeypatch, quick, *layer, padding=2)
