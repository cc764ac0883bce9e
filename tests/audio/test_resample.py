"""Resampling: tones stay tones, what cannot be held is removed, lengths and gradients fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft
from weft_audio.functional import resample
from weft_audio.functional._resample import _bessel_i0
from weft_audio.transforms import Resample

RATES = [(44_100, 16_000), (48_000, 16_000), (8_000, 16_000), (22_050, 44_100), (16_000, 11_025)]


def sine(frequency_hz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    """A sine of amplitude one."""
    return np.sin(2 * np.pi * frequency_hz * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("method", ["sinc_interp_hann", "sinc_interp_kaiser"])
@pytest.mark.parametrize(("old", "new"), RATES)
def test_a_tone_keeps_its_pitch_phase_and_strength(old, new, method):
    low = weft.from_numpy(sine(440, old))
    out = resample(low, old, new, resampling_method=method, lowpass_filter_width=32).numpy()
    expected = sine(440, new)
    assert len(out) == len(expected)
    inside = slice(200, -200)  # the ends see silence beyond the recording
    np.testing.assert_allclose(out[inside], expected[inside], atol=2e-3)


def test_what_the_lower_rate_cannot_hold_is_removed():
    high = weft.from_numpy(sine(7_000, 16_000))
    out = resample(high, 16_000, 8_000, lowpass_filter_width=32).numpy()
    assert np.abs(out[100:-100]).max() < 0.01


@pytest.mark.parametrize(("old", "new"), RATES)
@pytest.mark.parametrize("time", [1, 7, 441, 1000])
def test_the_length_is_rounded_up(old, new, time):
    assert resample(weft.zeros(time), old, new).shape[0] == math.ceil(time * new / old)


def test_each_sample_is_a_windowed_sinc_of_its_neighbours():
    # The definition, sample by sample: sum of x[n] · h(k/new - n/old), h the windowed low-pass.
    old, new, zeros, rolloff = 3, 2, 4, 0.9
    x = np.random.default_rng(0).standard_normal(20)
    cutoff = min(old, new) * rolloff

    def low_pass(t: np.ndarray) -> np.ndarray:
        u = np.clip(t * cutoff, -zeros, zeros)
        return np.sinc(u) * np.cos(u * np.pi / zeros / 2) ** 2 * cutoff / old

    places = np.arange(20) / old
    expected = [(x * low_pass(k / new - places)).sum() for k in range(14)]
    out = resample(weft.from_numpy(x), old, new, lowpass_filter_width=zeros, rolloff=rolloff)
    np.testing.assert_allclose(out.numpy(), expected, atol=1e-12)


def test_axes_before_time_are_kept():
    x = weft.randn(2, 3, 100, dtype=weft.float64)
    out = resample(x, 3, 4)
    assert tuple(out.shape) == (2, 3, 134)
    np.testing.assert_allclose(out[1, 2].numpy(), resample(x[1, 2], 3, 4).numpy(), atol=1e-14)


def test_equal_rates_change_nothing():
    x = weft.zeros(10)
    assert resample(x, 16_000, 16_000) is x


def test_only_the_ratio_counts():
    x = weft.randn(50, dtype=weft.float64)
    np.testing.assert_array_equal(resample(x, 3, 2).numpy(), resample(x, 3000, 2000).numpy())


def test_the_dtype_is_kept():
    assert resample(weft.zeros(9, dtype=weft.float64), 3, 2).dtype == weft.float64
    assert resample(weft.zeros(9), 3, 2).dtype == weft.float32


def test_the_gradient_is_the_transpose():
    x = weft.randn(2, 30, dtype=weft.float64, requires_grad=True)
    weights = weft.randn(2, 20, dtype=weft.float64)
    (resample(x, 3, 2) * weights).sum().backward()
    other = weft.randn(2, 30, dtype=weft.float64)
    left = (resample(other, 3, 2) * weights).sum().item()
    assert left == pytest.approx((other * x.grad).sum().item(), rel=1e-12)


def test_the_module_calls_the_function_with_its_settings():
    x = weft.randn(40, dtype=weft.float64)
    module = Resample(3, 2, "sinc_interp_kaiser", lowpass_filter_width=8, rolloff=0.9, beta=10.0)
    expected = resample(x, 3, 2, 8, 0.9, "sinc_interp_kaiser", 10.0)
    np.testing.assert_array_equal(module(x).numpy(), expected.numpy())
    assert "3 Hz to 2 Hz" in repr(module)


def test_the_bessel_function_agrees_with_its_integral():
    # I0(x) is the mean of exp(x cos t) over a half turn; the midpoint rule converges fast.
    angles = (np.arange(400) + 0.5) / 400 * np.pi
    for x in (0.0, 0.5, 3.0, 14.77, 40.0):
        exact = np.exp(x * np.cos(angles)).mean()
        ours = _bessel_i0(weft.tensor(x, dtype=weft.float64)).item()
        assert ours == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"orig_freq": 0, "new_freq": 1}, ValueError, "orig_freq must be at least 1, got 0"),
        ({"orig_freq": 44_100.0, "new_freq": 1}, TypeError, "orig_freq must be an integer"),
        ({"orig_freq": 2, "new_freq": 1, "rolloff": 1.5}, ValueError, "rolloff"),
        ({"orig_freq": 2, "new_freq": 1, "lowpass_filter_width": 0}, ValueError, "at least 1"),
        ({"orig_freq": 2, "new_freq": 1, "beta": 3.0}, ValueError, "Kaiser"),
        (
            {"orig_freq": 2, "new_freq": 1, "resampling_method": "sinc_interp_han"},
            ValueError,
            "did you mean 'sinc_interp_hann'",
        ),
    ],
)
def test_wrong_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        resample(weft.zeros(10), **settings)


def test_a_waveform_of_integers_is_refused():
    with pytest.raises(TypeError, match="int64"):
        resample(weft.zeros(10, dtype=weft.int64), 2, 1)
    with pytest.raises(ValueError, match="time axis"):
        resample(weft.tensor(1.0), 2, 1)
