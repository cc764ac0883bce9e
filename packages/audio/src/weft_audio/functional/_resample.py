"""Changing the sample rate, by a windowed sinc kernel for each output phase and one convolution.

With the rates reduced to o and n samples (divided by their common divisor), output sample k·n + p
lies p/n of the way through block k of o input samples, whatever k is. So n kernels serve all: the
sinc low-pass with its cut-off at min(o, n) · rolloff / 2, shifted by each of the n phases and cut
off by a window. One convolution with stride o and n output channels makes them all.

Source: torchaudio's `resample`; Julius Smith, "Digital Audio Resampling", for the method.
The kernels are computed in float64 whatever the waveform's dtype, where torchaudio rounds some
steps to float32: results agree to 1e-7 in float64 and differ in the fourth to fifth decimal in
float32.
"""

from __future__ import annotations

import difflib
import functools
import math

import weft
from weft import nn

_METHODS = ("sinc_interp_hann", "sinc_interp_kaiser")

# The default of torchaudio, which is that of Kaiser windows in resampy's "kaiser_best".
_KAISER_BETA = 14.769656459379492


def resample(
    waveform: weft.Tensor,
    orig_freq: int,
    new_freq: int,
    lowpass_filter_width: int = 6,
    rolloff: float = 0.99,
    resampling_method: str = "sinc_interp_hann",
    beta: float | None = None,
) -> weft.Tensor:
    """The waveform at another sample rate; differentiable.

    Args:
        waveform: (..., time), floating.
        orig_freq: its rate in Hz.
        new_freq: the wanted rate in Hz.
        lowpass_filter_width: zero crossings of the sinc on each side; more are sharper and slower.
        rolloff: the cut-off as a part of the lower Nyquist frequency; less means less aliasing
            and fewer high frequencies.
        resampling_method: the window, "sinc_interp_hann" or "sinc_interp_kaiser".
        beta: the Kaiser window's shape, 14.77 if not given.

    Returns:
        (..., ceil(time · new_freq / orig_freq)) in the dtype of `waveform`; the waveform itself
        if the rates are equal.

    Raises:
        ValueError: a rate or width below 1, a rolloff outside (0, 1], an unknown method, `beta`
            for the Hann window, or no time axis.
        TypeError: rates that are no integers, or a waveform that is not floating.

    Example:
        >>> import weft, weft_audio
        >>> tuple(weft_audio.functional.resample(weft.zeros(2, 44_100), 44_100, 16_000).shape)
        (2, 16000)
    """
    _require(waveform, orig_freq, new_freq, lowpass_filter_width, rolloff, resampling_method, beta)
    if orig_freq == new_freq:
        return waveform
    common = math.gcd(orig_freq, new_freq)
    old, new = orig_freq // common, new_freq // common
    kernels, width = _kernels(old, new, lowpass_filter_width, rolloff, resampling_method, beta)
    time = waveform.shape[-1]
    flat = waveform.reshape(-1, 1, time)
    padded = nn.functional.pad(flat, (width, width + old))
    phases = nn.functional.conv1d(padded, kernels.to(waveform), stride=old)
    interleaved = phases.transpose(1, 2).reshape(flat.shape[0], -1)
    length = -(-new * time // old)
    return interleaved[:, :length].reshape(*waveform.shape[:-1], length)


@functools.lru_cache(maxsize=16)
def _kernels(
    old: int, new: int, zeros: int, rolloff: float, method: str, beta: float | None
) -> tuple[weft.Tensor, int]:
    """The kernels (new, 1, 2 · width + old), float64, and the width in input samples."""
    cutoff = min(old, new) * rolloff
    width = math.ceil(zeros * old / cutoff)
    with weft.no_grad():
        place = weft.arange(-width, width + old, dtype=weft.float64) / old  # of each tap, blocks
        phase = weft.arange(new, dtype=weft.float64) / new  # of each output, blocks
        t = (place.unsqueeze(0) - phase.unsqueeze(1)) * cutoff  # in zero crossings
        t = t.clamp(-zeros, zeros)
        if method == "sinc_interp_hann":
            window = (t * (math.pi / zeros / 2)).cos() ** 2
        else:
            b = _KAISER_BETA if beta is None else beta
            inside = (1 - (t / zeros) ** 2).clamp(min=0).sqrt()
            window = _bessel_i0(inside * b) / _bessel_i0(weft.tensor(b, dtype=weft.float64))
        angle = t * math.pi
        is_centre = angle == 0
        divisor = weft.where(is_centre, weft.ones_like(angle), angle)
        sinc = weft.where(is_centre, weft.ones_like(angle), angle.sin() / divisor)
        kernels = sinc * window * (cutoff / old)
    return kernels.unsqueeze(1), width


def _bessel_i0(x: weft.Tensor) -> weft.Tensor:
    """The modified Bessel function I0 by its power series, sum of ((x/2)^k / k!)^2.

    All terms are positive, so nothing cancels; the arguments here are some tens at most.
    """
    quarter = x * x / 4
    term = weft.ones_like(x)
    total = weft.ones_like(x)
    k = 1
    while True:
        term = term * quarter / (k * k)
        total = total + term
        if (term <= total * 1e-17).all().item():
            return total
        k += 1


def _require(
    waveform: weft.Tensor,
    orig_freq: int,
    new_freq: int,
    zeros: int,
    rolloff: float,
    method: str,
    beta: float | None,
) -> None:
    for name, value in (
        ("orig_freq", orig_freq),
        ("new_freq", new_freq),
        ("lowpass_filter_width", zeros),
    ):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(
                f"resample: {name} must be an integer, got {value!r}; for other ratios multiply "
                "both rates until they are"
            )
        if value < 1:
            raise ValueError(f"resample: {name} must be at least 1, got {value}")
    if not 0 < rolloff <= 1:
        raise ValueError(f"resample: rolloff must be in (0, 1], got {rolloff}")
    if method not in _METHODS:
        near = difflib.get_close_matches(method, _METHODS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"resample: resampling_method must be one of {list(_METHODS)}, got {method!r}{hint}"
        )
    if beta is not None and method != "sinc_interp_kaiser":
        raise ValueError(f"resample: beta ({beta}) shapes the Kaiser window, not {method!r}")
    if beta is not None and not 0 <= beta <= 100:
        raise ValueError(f"resample: beta must be in [0, 100], got {beta}")
    if waveform.ndim == 0:
        raise ValueError("resample: waveform needs a time axis, got a scalar")
    if not waveform.dtype.is_floating_point:
        raise TypeError(f"resample: waveform must be floating, got {waveform.dtype}")
