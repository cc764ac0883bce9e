"""Fourier transforms beside torch's: every mixture of settings, and the errors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, quietly

RNG = np.random.default_rng(11)
REAL = RNG.standard_normal((3, 4, 5))
NUMBERS = REAL + 1j * RNG.standard_normal((3, 4, 5))
TO_COMPLEX = ("fft", "ifft")
FROM_REAL = ("rfft", "ihfft")
FROM_HALF = ("irfft", "hfft")
NORMS = (None, "backward", "forward", "ortho")
WITHIN = {np.float32: (1e-5, 1e-4), np.float64: (1e-11, 1e-12)}


def inputs(name: str) -> list[np.ndarray]:
    return [REAL] if name.startswith(FROM_REAL) else [REAL, NUMBERS]


def compare(name: str, data: np.ndarray, *args: object) -> None:
    for precision, within in WITHIN.items():
        kind = np.result_type(precision, np.complex64) if data.dtype.kind == "c" else precision
        narrow = np.asarray(data.astype(kind))
        mine = getattr(weft.fft, name)(weft.from_numpy(narrow), *args)
        theirs = getattr(torch.fft, name)(torch.from_numpy(narrow), *args)
        assert_same(mine, theirs, f"{name} {args}", within)


@pytest.mark.parametrize("name", [*TO_COMPLEX, *FROM_REAL, *FROM_HALF])
def test_one_dim(name):
    for data in inputs(name):
        for n, dim, norm in itertools.product((None, 1, 2, 6, 7), (0, 1, -1), NORMS):
            compare(name, data, n, dim, norm)


@pytest.mark.parametrize("name", [f"{k}n" for k in (*TO_COMPLEX, *FROM_REAL, *FROM_HALF)])
def test_several_dims(name):
    for data in inputs(name):
        for (s, dim), norm in itertools.product(
            (
                (None, None), ((2, 6), None), ((4, -1), (0, 2)), (None, (2, 0)), ((7,), (1,)),
                (None, (0, 1, 2)), ((5, 3, 4), (2, 1, 0)), ((3,), None),
            ),
            NORMS,
        ):  # fmt: skip
            compare(name, data, s, dim, norm)


@pytest.mark.parametrize("name", [f"{k}2" for k in (*TO_COMPLEX, *FROM_REAL, *FROM_HALF)])
def test_two_dims(name):
    for data in inputs(name):
        for s, dim in ((None, (-2, -1)), ((2, 6), (0, 1)), ((-1, 3), (2, 0))):
            compare(name, data, s, dim, "ortho")


@pytest.mark.parametrize(
    ("name", "shape", "args"),
    [
        ("fft", (), ()), ("fft", (0,), ()), ("fft", (3,), (0,)), ("fft", (3,), (-1,)),
        ("fft", (3,), (None, 3)), ("fft", (3,), (None, -1, "none")), ("irfft", (1,), ()),
        ("fftn", (3, 4), ((2, 5, 3),)), ("fftn", (3, 4), ((2, 5), (0,))),
        ("fftn", (3, 4), (None, (0, 0))), ("rfftn", (), ()), ("fft2", (3,), ()),
        ("fft2", (3, 4), ((2,),)), ("irfftn", (3, 4), (None, ())),
    ],
)  # fmt: skip
def test_what_torch_refuses_weft_refuses(name, shape, args):
    with pytest.raises((RuntimeError, IndexError, TypeError)):
        getattr(torch.fft, name)(torch.ones(shape), *args)
    with pytest.raises((ValueError, IndexError, TypeError), match=name):
        getattr(weft.fft, name)(weft.ones(shape), *args)


@pytest.mark.parametrize("name", ["fftfreq", "rfftfreq"])
def test_frequencies(name):
    for n, d in itertools.product((0, 1, 2, 5, 8), (1.0, 0.25, 3.0)):
        if (name, n) == ("rfftfreq", 0):
            continue  # no points: one frequency that is no number, of 0 times infinity
        assert_same(getattr(weft.fft, name)(n, d), getattr(torch.fft, name)(n, d), f"{n}, {d}")


def test_shifts():
    for name, dim in itertools.product(("fftshift", "ifftshift"), (None, 0, -1, (0, 2))):
        mine = getattr(weft.fft, name)(weft.from_numpy(REAL), dim)
        assert_same(mine, getattr(torch.fft, name)(torch.from_numpy(REAL), dim), name)


SIGNAL = RNG.standard_normal((2, 50))


@pytest.mark.parametrize("pad_mode", ["reflect", "constant", "replicate", "circular"])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("onesided", [None, True, False])
def test_stft_and_istft(onesided, center, pad_mode):
    for (n_fft, hop, win), normalized in itertools.product(
        ((8, None, None), (9, 3, 7), (16, 5, 16), (12, 12, 12)), (False, True)
    ):
        window = RNG.uniform(0.3, 1.0, win or n_fft)
        settings = {"center": center, "normalized": normalized, "onesided": onesided}
        mine = weft.stft(
            weft.from_numpy(SIGNAL), n_fft, hop, win, weft.from_numpy(window), **settings,
            pad_mode=pad_mode, return_complex=True,
        )  # fmt: skip
        theirs = torch.stft(
            torch.from_numpy(SIGNAL), n_fft, hop, win, torch.from_numpy(window), **settings,
            pad_mode=pad_mode, return_complex=True,
        )  # fmt: skip
        assert_same(mine, theirs, f"{n_fft}", (1e-11, 1e-11))
        for length in (None, 30, 60):
            rest = {**settings, "length": length}

            def ours(out=mine, weights=window, rest=rest, sizes=(n_fft, hop, win)):
                return weft.istft(out, *sizes, weft.from_numpy(weights), **rest)

            try:
                expected = quietly(
                    torch.istft, theirs, n_fft, hop, win, torch.from_numpy(window), **rest
                )
            except RuntimeError as error:
                assert "window overlap add min" in str(error)
                with pytest.raises(ValueError, match="leave gaps"):
                    ours()
                continue
            assert_same(ours(), expected, f"{n_fft} {length}", (1e-10, 1e-10))


def test_gradients_through_stft_and_istft_are_torchs():
    window = RNG.uniform(0.3, 1.0, 9)
    weights = RNG.standard_normal((2, 40))
    gradients = []
    for module, make in ((weft, weft.from_numpy), (torch, torch.from_numpy)):
        x, w = make(SIGNAL.copy()).requires_grad_(), make(window.copy()).requires_grad_()
        spectra = module.stft(x, 9, 3, window=w, return_complex=True)
        back = module.istft(spectra * spectra.abs(), 9, 3, window=w, length=40)
        (back * make(weights)).sum().backward()
        gradients.append((x.grad, w.grad))
    for mine, theirs in zip(*gradients, strict=True):
        assert_same(mine, theirs, "gradient", (1e-9, 1e-10))
