"""The short-time Fourier transform: its frames, its inverse, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weft

RNG = np.random.default_rng(8)


def signal(*shape: int) -> weft.Tensor:
    return weft.from_numpy(np.asarray(RNG.standard_normal(shape)))


def near(got: weft.Tensor, expected: weft.Tensor, atol: float = 1e-12) -> None:
    assert got.dtype is expected.dtype
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), atol=atol)


def hann(length: int) -> weft.Tensor:
    return weft.hann_window(length, dtype=weft.float64)


def test_each_frame_is_the_spectrum_of_a_windowed_piece():
    x, window = signal(40), hann(8)
    out = weft.stft(x, 8, 3, window=window, center=False, return_complex=True)
    assert out.shape == (5, 11)
    for m in range(11):
        near(out[:, m], weft.fft.rfft(x[3 * m : 3 * m + 8] * window))


def test_a_tone_stands_in_its_own_row():
    rate_hz, tone_hz = 1000, 125
    time_s = weft.arange(1000, dtype=weft.float64) / rate_hz
    out = weft.stft(
        weft.sin(2 * math.pi * tone_hz * time_s), 64, window=hann(64), return_complex=True
    )
    assert set(out.abs()[:, 2:-2].argmax(dim=0).tolist()) == {tone_hz * 64 // rate_hz}


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("onesided", [None, True, False])
@pytest.mark.parametrize(("n_fft", "hop", "win"), [(16, 4, 16), (15, 5, 12), (16, 1, 9), (8, 3, 8)])
def test_the_inverse_gives_the_signal_back(n_fft, hop, win, onesided, normalized):
    x = signal(2, 61)
    window = weft.signal.windows.hamming(win, dtype=weft.float64)  # nowhere 0
    settings = {"window": window, "normalized": normalized, "onesided": onesided}
    spectra = weft.stft(x, n_fft, hop, win, **settings, return_complex=True)
    near(weft.istft(spectra, n_fft, hop, win, **settings, length=61), x)


def test_the_inverse_of_a_complex_signal():
    x = signal(50) + 1j * signal(50)
    spectra = weft.stft(x, 8, 2, window=hann(8))
    assert spectra.shape[0] == 8
    back = weft.istft(spectra, 8, 2, window=hann(8), length=50, return_complex=True)
    near(back, x)


def test_without_center_the_ends_are_kept_where_the_window_reaches():
    x = signal(32)
    window = weft.signal.windows.hamming(8, dtype=weft.float64)
    spectra = weft.stft(x, 8, 4, window=window, center=False, return_complex=True)
    near(weft.istft(spectra, 8, 4, window=window, center=False), x)


def test_a_length_cuts_or_fills_up_with_zeros():
    x = signal(40)
    spectra = weft.stft(x, 8, return_complex=True)
    near(weft.istft(spectra, 8, length=25), x[:25])
    longer = weft.istft(spectra, 8, length=60)
    near(longer[:40], x)
    assert longer.shape == (60,)
    assert (longer[44:] == 0).all().item()


def test_windows_that_leave_gaps_are_refused_with_the_numbers():
    spectra = weft.stft(signal(64), 16, 16, window=hann(16), return_complex=True)
    with pytest.raises(ValueError, match=r"falls to 0, and must be above 1e-11.*smaller hop"):
        weft.istft(spectra, 16, 16, window=hann(16))
    with pytest.raises(ValueError, match="leave gaps"):
        weft.istft(spectra, 16, 16, window=hann(16), center=False)


def test_parts_come_in_a_last_dim_if_asked():
    x = signal(2, 40)
    out = weft.stft(x, 8, return_complex=True)
    parts = weft.stft(x, 8, return_complex=False)
    assert parts.shape == (*out.shape, 2)
    near(parts[..., 0], out.real)
    near(parts[..., 1], out.imag)


def test_a_short_window_stands_in_the_middle_of_the_frame():
    x, window = signal(40), hann(5)
    padded = weft.nn.functional.pad(window, (1, 2))
    near(
        weft.stft(x, 8, 2, 5, window, return_complex=True),
        weft.stft(x, 8, 2, window=padded, return_complex=True),
    )
    near(
        weft.stft(x, 8, 2, 5, return_complex=True),
        weft.stft(x, 8, 2, 5, weft.ones(5), return_complex=True),
    )


@pytest.mark.parametrize(("n_fft", "win"), [(8, 4), (9, 4), (8, 5)])
def test_aligned_windows_start_at_time_zero(n_fft, win):
    x, window = signal(30), hann(win)
    out = weft.stft(
        x, n_fft, 3, win, window, center=False, align_to_window=True, return_complex=True
    )
    assert out.shape[-1] == 1 + (30 - win) // 3
    first = weft.nn.functional.pad(x[:win] * window, ((n_fft - win) // 2, (n_fft - win + 1) // 2))
    near(out[:, 0], weft.fft.rfft(first))


def test_the_method_is_the_function():
    x = signal(40)
    spectra = x.stft(8, return_complex=True)
    near(spectra, weft.stft(x, 8, return_complex=True))
    near(spectra.istft(8), weft.istft(spectra, 8))


def test_integers_and_half_precision_are_transformed_in_single():
    for dtype in (weft.int64, weft.float16, weft.bfloat16, weft.float32):
        out = weft.stft(weft.ones(20).to(dtype), 8, return_complex=True)
        assert out.dtype is weft.complex64
        assert weft.istft(out, 8).dtype is weft.float32


def test_the_gradient_reaches_signal_and_window():
    x, window = signal(20).requires_grad_(), hann(8).requires_grad_()
    spectra = weft.stft(x, 8, 2, window=window, return_complex=True)
    back = weft.istft(spectra, 8, 2, window=window, length=20)
    (back * signal(20)).sum().backward()
    assert x.grad.abs().sum().item() > 0
    # the signal is restored whatever the window is, but for where the edges are cut
    np.testing.assert_allclose(window.grad.numpy(), 0, atol=1e-12)


def test_vmap_over_signals_is_a_batch():
    x = signal(3, 24)
    out = weft.func.vmap(lambda one: weft.stft(one, 8, window=hann(8), return_complex=True))(x)
    near(out, weft.stft(x, 8, window=hann(8), return_complex=True))
    back = weft.func.vmap(lambda one: weft.istft(one, 8, window=hann(8)))(out)
    near(back, weft.istft(out, 8, window=hann(8)))


def test_a_signal_too_short_for_its_padding_is_refused():
    with pytest.raises(weft.ShapeError, match="reflection needs padding below the length"):
        weft.stft(signal(4), 8, return_complex=True)
    near(
        weft.stft(signal(4) * 0, 8, return_complex=True, pad_mode="constant"),
        weft.zeros(5, 3, dtype=weft.complex128),
    )
