"""Window functions: their symmetry, their ends, and the sums that overlapping frames need."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal.windows

import weft

windows = weft.signal.windows

#: SciPy's window for weft's, with its settings.
SCIPY = {
    "bartlett": ({}, "bartlett", ()),
    "blackman": ({}, "blackman", ()),
    "cosine": ({}, "cosine", ()),
    "exponential": ({"tau": 3.0}, "exponential", (None, 3.0)),
    "gaussian": ({"std": 2.5}, "gaussian", (2.5,)),
    "general_cosine": ({"a": [0.4, 0.5, 0.1]}, "general_cosine", ([0.4, 0.5, 0.1],)),
    "general_hamming": ({"alpha": 0.7}, "general_hamming", (0.7,)),
    "hamming": ({}, "hamming", ()),
    "hann": ({}, "hann", ()),
    "kaiser": ({"beta": 8.0}, "kaiser", (8.0,)),
    "nuttall": ({}, "nuttall", ()),
}
TOP_LEVEL = ("bartlett", "blackman", "hamming", "hann", "kaiser")


@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("name", SCIPY)
def test_windows_are_scipys(name, sym):
    settings, theirs, args = SCIPY[name]
    for length in (2, 3, 8, 17):
        got = getattr(windows, name)(length, **settings, sym=sym, dtype=weft.float64)
        expected = getattr(scipy.signal.windows, theirs)(length, *args, sym=sym)
        np.testing.assert_allclose(got.numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("name", SCIPY)
def test_a_symmetric_window_reads_the_same_backwards(name):
    window = getattr(windows, name)(9, **SCIPY[name][0], dtype=weft.float64)
    np.testing.assert_allclose(window.numpy(), window.numpy()[::-1], atol=1e-15)


@pytest.mark.parametrize("name", SCIPY)
def test_a_periodic_window_is_a_symmetric_one_without_its_last_element(name):
    settings = {**SCIPY[name][0], "dtype": weft.float64}
    longer = getattr(windows, name)(9, **settings)
    np.testing.assert_allclose(
        getattr(windows, name)(8, **settings, sym=False).numpy(), longer[:-1].numpy(), atol=1e-15
    )


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_the_top_levels_windows_are_periodic_unless_asked(name):
    plain, own = getattr(windows, name), getattr(weft, f"{name}_window")
    np.testing.assert_array_equal(own(8).numpy(), plain(8, sym=False).numpy())
    np.testing.assert_array_equal(own(8, False).numpy(), plain(8).numpy())


@pytest.mark.parametrize("name", SCIPY)
def test_windows_take_a_dtype_a_device_and_a_gradient(name):
    make, settings = getattr(windows, name), SCIPY[name][0]
    assert make(4, **settings).dtype is weft.float32
    assert make(4, **settings, dtype=weft.bfloat16).dtype is weft.bfloat16
    assert make(4, **settings, device="meta").device.type == "meta"
    assert make(4, **settings, requires_grad=True).requires_grad
    assert make(0, **settings).shape == (0,)
    assert make(1, **settings, sym=False).tolist() == [1.0]


def test_the_default_dtype_is_followed():
    weft.set_default_dtype(weft.float64)
    try:
        assert weft.hann_window(3).dtype is weft.float64
        assert windows.hann(3).dtype is weft.float64
    finally:
        weft.set_default_dtype(weft.float32)


def test_hann_windows_at_half_and_quarter_hops_add_up_to_a_constant():
    window = weft.hann_window(16, dtype=weft.float64).numpy()
    for hop in (8, 4):
        total = sum(np.roll(window, shift) for shift in range(0, 16, hop))
        np.testing.assert_allclose(total, 8 / hop, atol=1e-14)


def test_the_kaiser_window_widens_to_ones():
    np.testing.assert_array_equal(windows.kaiser(5, beta=0.0).numpy(), np.ones(5))
    narrow = windows.kaiser(9, beta=30.0)
    assert narrow[4].item() == 1.0
    assert narrow[0].item() < 1e-10


def test_an_exponential_window_falls_to_one_over_e_after_tau_elements():
    window = windows.exponential(8, center=2.0, tau=3.0, sym=False, dtype=weft.float64)
    assert window[5].item() == pytest.approx(1 / math.e)
    assert window[2].item() == 1.0
