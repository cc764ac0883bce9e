"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

import operator
from typing import Any

from weft._core.dtypes import promote_types
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.complex import view_as_real
from weft.ops.creation import ones
from weft.ops.families.batching import with_params
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.fourier import dtype_of_parts, floating, fourier, from_one_sided, to_one_sided
from weft.ops.joining import narrow
from weft.ops.padding import pad
from weft.ops.permuting import transpose
from weft.ops.strides import fold_windows, unfold

#: Below this a sum of squared windows counts as zero, as in PyTorch.
_NOTHING = 1e-11


def _lengths(name: str, n_fft: Any, hop: Any, win: Any) -> tuple[int, int, int]:
    """Return n_fft, the hop and the window's length, with PyTorch's defaults."""
    points = operator.index(n_fft)
    step = points // 4 if hop is None else operator.index(hop)
    length = points if win is None else operator.index(win)
    if points < 1:
        raise ValueError(f"{name}: n_fft must be at least 1, got {points}")
    if step < 1:
        raise ValueError(f"{name}: hop_length must be at least 1, got {step}")
    if not 1 <= length <= points:
        raise ValueError(
            f"{name}: win_length must be at least 1 and at most n_fft == {points}, got {length}"
        )
    return points, step, length


def _window(name: str, window: Any, length: int, points: int, like: Tensor) -> Tensor | None:
    """Return the window with zeros on both sides up to n_fft; None if it is all ones."""
    if window is None:
        if length == points:
            return None
        window = ones(length, dtype=dtype_of_parts(like), device=like.device)
    elif tuple(window.shape) != (length,):
        raise ShapeError(
            f"{name}: window must have one dim of win_length == {length} elements, got shape "
            f"{tuple(window.shape)}"
        )
    left = (points - length) // 2
    return pad(window, (left, points - length - left)) if length < points else window


_STFT_SAMPLES = (
    Sample(array(16), 8, return_complex=True),
    Sample(array(2, 20), 8, 3, return_complex=True, normalized=True),
    Sample(array(2, 20), 8, 3, 6, array(6, low=0.2), return_complex=True, pad_mode="constant"),
    Sample(array(2, 20), 7, 2, 5, array(5, low=0.2), False, onesided=False, return_complex=True),
    Sample(array(16), 6, window=array(6, low=0.2), return_complex=False),
    Sample(array(2, 12, kind="complex"), 6, 2),
    Sample(array(14), 6, 2, 4, center=False, align_to_window=True, return_complex=True),
)


@composite(
    samples=_STFT_SAMPLES,
    errors=(
        ErrorSample(array(16), 8, error=ValueError, match="pass return_complex=True"),
        ErrorSample(array(1, 1, 16), 8, return_complex=True, error=ShapeError, match="or two dims"),
        ErrorSample(array(16), 0, return_complex=True, error=ValueError, match="n_fft must be at"),
        ErrorSample(
            array(16), 8, 0, return_complex=True, error=ValueError, match="hop_length must be at"
        ),
        ErrorSample(
            array(16), 8, win_length=9, return_complex=True, error=ValueError, match="at most n_fft"
        ),
        ErrorSample(
            array(16), 8, window=array(7), return_complex=True, error=ShapeError,
            match="win_length == 8 elements",
        ),
        ErrorSample(
            array(5), 8, center=False, return_complex=True, error=ShapeError, match="8 points"
        ),
        ErrorSample(
            array(16, kind="complex"), 8, onesided=True, error=ValueError, match="onesided=False"
        ),
        ErrorSample(
            array(16), 8, align_to_window=True, return_complex=True, error=ValueError,
            match="center=False",
        ),
    ),
)  # fmt: skip
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    r"""Short-time Fourier transform: the spectrum of each of many short, windowed frames.

    .. math:: X[k, m] = \sum_{j = 0}^{n - 1} w[j] \, x[m h + j] \, e^{-2 \pi i j k / n},
        \quad n = \text{n\_fft}, \; h = \text{hop\_length}

    Args:
        input: (time,) or (batch, time), real or complex.
        n_fft: the length of a frame, and of its transform.
        hop_length: from one frame to the next; n_fft // 4 by default.
        win_length: the window's length; n_fft by default. A shorter one stands in the middle of
            the frame.
        window: (win_length,); ones by default, which smears frequencies.
        center: whether frame m is centred on time m hop_length: input is padded on both sides.
        pad_mode: how, as ``weft.nn.functional.pad`` has it.
        normalized: whether to divide by the square root of n_fft.
        onesided: whether to leave out the frequencies that are implied; by default where input
            and window are real.
        return_complex: whether the result is complex; if not, it has real and imaginary parts in
            a last dim. Required unless input or window is complex.
        align_to_window: without center, whether the first window, rather than the first frame,
            starts at time 0.

    Returns:
        Tensor: (batch?, frequency, frame), or with a last dim of 2: n_fft // 2 + 1 frequencies if
        onesided, else n_fft; 1 + time // hop_length frames with center, else
        1 + (time - n_fft) // hop_length.

    Raises:
        ShapeError: input has not one or two dims or is shorter than a frame, or the window is not
            of win_length.
        ValueError: a length is out of its range, return_complex is missing, a one-sided spectrum
            is asked of complex numbers, or align_to_window comes with center.
    """
    points, step, length = _lengths("stft", n_fft, hop_length, win_length)
    if input.ndim not in (1, 2):
        raise ShapeError(
            f"stft: input must have one or two dims, (time,) or (batch, time), got shape "
            f"{tuple(input.shape)}"
        )
    x = floating(input)
    is_complex = x.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None and not is_complex:
        raise ValueError(
            "stft: pass return_complex=True for a complex result, or False for real and imaginary "
            "parts in a last dim"
        )
    if onesided and is_complex:
        raise ValueError(
            "stft: the spectrum of complex numbers has no implied half; pass onesided=False, or a "
            "real input and window"
        )
    if center and align_to_window is not None:
        raise ValueError("stft: align_to_window is for center=False; leave it out, or center")
    weights = _window("stft", window, length, points, x)
    if center:
        x = pad(x, (points // 2, points // 2), mode=pad_mode)
    elif align_to_window:
        left = (points - length) // 2
        x = pad(x, (left, points - length - left))
    if x.shape[-1] < points:
        raise ShapeError(
            f"stft: a frame of n_fft == {points} points does not fit a signal of {x.shape[-1]}"
            f"{', its padding included' if center else ''}"
        )
    frames = unfold(x, -1, points, step)
    if weights is not None:
        frames = frames * weights
    norm = "ortho" if normalized else "backward"
    dims = (frames.ndim - 1,)
    if is_complex or onesided is False:
        spectra = fourier(frames, dims=dims, inverse=False, norm=norm)
    else:
        spectra = to_one_sided(frames, dims=dims, norm=norm, doubled=False)
    out = transpose(spectra, -2, -1)
    if return_complex is False:
        return view_as_real(out)
    return out


# no linear op: its slope must not be asked whether it is zero
@custom(
    shape=lambda x: x,
    vjp=lambda needs, g, out, x: (g,),
    jvp=lambda tangents, out, x: tangents[0],
    batch=with_params("overlapping"),
    widen=False,
    namespaces=(),
    methods=(),
    out=False,
    samples=(Sample(array(4, low=0.5, high=2.0)),),
    errors=(ErrorSample(array(4, low=0.0, high=0.0), error=ValueError, match="leave gaps"),),
)
def overlapping(xp: Any, x: Any) -> Any:
    """A sum of squared windows, as it is, if it is nowhere zero.

    Args:
        input: the sum.

    Returns:
        Tensor: of input's shape, a copy.

    Raises:
        ValueError: it is zero somewhere: what stood there cannot be restored.
    """
    least = float(xp.min(xp.abs(x))) if x.size else 1.0
    if least < _NOTHING:
        raise ValueError(
            f"istft: the windows leave gaps: the sum of their squares falls to {least:.3g}, and "
            f"must be above {_NOTHING}; use a smaller hop_length, center=True or another window"
        )
    return xp.array(x, copy=True)


@composite(
    samples=(
        Sample(array(5, 6, kind="complex"), 8),
        Sample(array(2, 5, 6, kind="complex"), 8, 3, normalized=True, length=17),
        Sample(array(2, 5, 6, kind="complex"), 8, 3, 6, array(6, low=0.4), length=10),
        Sample(array(7, 6, kind="complex"), 7, 2, window=array(7, low=0.4), onesided=False),
        Sample(array(6, 6, kind="complex"), 6, 2, center=False, return_complex=True),
        Sample(array(5, 4, kind="complex"), 8, 2, length=20),
    ),
    errors=(
        ErrorSample(array(5, 6), 8, error=DTypeError, match="expected a complex tensor"),
        ErrorSample(array(5, kind="complex"), 8, error=ShapeError, match="two or three dims"),
        ErrorSample(array(4, 6, kind="complex"), 8, error=ShapeError, match="5 frequencies"),
        ErrorSample(
            array(5, 6, kind="complex"), 8, onesided=False, error=ShapeError,
            match="8 frequencies",
        ),
        ErrorSample(
            array(5, 6, kind="complex"), 8, 9, error=ValueError, match="at most win_length == 8"
        ),
        ErrorSample(
            array(5, 6, kind="complex"), 8, 4, window=array(8, low=0.0, high=0.0),
            error=ValueError, match="leave gaps",
        ),
        ErrorSample(
            array(5, 6, kind="complex"), 8, return_complex=True, error=ValueError,
            match="onesided=False",
        ),
    ),
)  # fmt: skip
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    r"""Inverse of ``stft``: the signal whose frames' spectra are nearest to these.

    .. math:: x[t] = \frac{\sum_m w[t - m h] \, y_m[t - m h]}{\sum_m |w[t - m h]|^2}

    with :math:`y_m` the inverse transform of frame m. Take the settings that ``stft`` was given.

    Args:
        input: (batch?, frequency, frame), complex.
        n_fft: the length of a frame.
        hop_length: from one frame to the next; n_fft // 4 by default.
        win_length: the window's length; n_fft by default.
        window: (win_length,); ones by default.
        center: whether frame m is centred on time m hop_length.
        normalized: whether ``stft`` divided by the square root of n_fft.
        onesided: whether input leaves out the frequencies that are implied; read from input's
            shape by default.
        length: of the signal; it is cut, or filled up with zeros. By default what the frames
            cover, with center without half a frame on each side.
        return_complex: whether the signal is complex; for spectra that are not one-sided.

    Returns:
        Tensor: (batch?, time), real unless return_complex.

    Raises:
        DTypeError: input is not complex.
        ShapeError: input has not two or three dims or the wrong number of frequencies, there is no
            frame, or the window is not of win_length.
        ValueError: a length is out of its range, the windows leave gaps, or a complex signal is
            asked of a one-sided spectrum or window.
    """
    points, step, win = _lengths("istft", n_fft, hop_length, win_length)
    if not input.dtype.is_complex:
        raise DTypeError(
            f"istft: expected a complex tensor, as stft gives with return_complex=True, got "
            f"{input.dtype}"
        )
    if input.ndim not in (2, 3) or 0 in input.shape:
        raise ShapeError(
            f"istft: input must have two or three dims, (batch?, frequency, frame), and elements, "
            f"got shape {tuple(input.shape)}"
        )
    if step > win:
        raise ValueError(f"istft: hop_length must be at most win_length == {win}, got {step}")
    found = input.shape[-2]
    half = found != points if onesided is None else onesided
    wanted = points // 2 + 1 if half else points
    if found != wanted:
        raise ShapeError(
            f"istft: expected {wanted} frequencies for n_fft == {points} with onesided={half}, got "
            f"{found} (input.shape == {tuple(input.shape)})"
        )
    if return_complex and half:
        raise ValueError("istft: half a spectrum is of a real signal; pass onesided=False as well")
    if window is not None and window.dtype.is_complex and not return_complex:
        raise ValueError("istft: a complex window gives a complex signal; pass return_complex=True")
    weights = _window("istft", window, win, points, input)
    spectra = transpose(input, -2, -1)
    dims = (spectra.ndim - 1,)
    norm = "ortho" if normalized else "backward"
    if return_complex:
        frames = fourier(spectra, dims=dims, inverse=True, norm=norm)
    else:
        kept = narrow(spectra, -1, 0, points // 2 + 1)
        frames = from_one_sided(kept, dims=dims, length=points, norm=norm, halved=False)
    count = frames.shape[-2]
    own = dtype_of_parts(input)  # at least in which windows are squared and added up
    if weights is None:
        weights = ones(points, dtype=own, device=input.device)
    weights = weights.to(promote_types(weights.dtype, own))
    covered = points + step * (count - 1)
    start = points // 2 if center else 0
    end = covered - start if length is None else start + length
    cut = min(end, covered) - start
    settings = {"length": covered, "size": points, "step": step}
    signal = fold_windows(frames * weights, dimension=frames.ndim - 2, **settings)
    squares = (weights * weights).expand(count, points)
    envelope = fold_windows(squares, dimension=0, **settings)
    out = narrow(signal, -1, start, cut) / overlapping(narrow(envelope, 0, start, cut))
    return pad(out, (0, end - covered)) if end > covered else out
