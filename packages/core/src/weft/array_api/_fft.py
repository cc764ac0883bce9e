"""Fourier transforms of the standard's fft extension, over ``weft.fft``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import (
    ANY,
    COMPLEX,
    FLOATING,
    REAL_FLOATING,
    array,
    axes_of,
    dtype_of,
)

_KINDS = {
    FLOATING: "of a floating dtype",
    REAL_FLOATING: "of a real-valued floating dtype",
    COMPLEX: "of a complex dtype",
}
_NORMS = ("backward", "ortho", "forward")


def _checked(name: str, x: Tensor, kinds: frozenset[int], norm: str) -> Tensor:
    if norm not in _NORMS:
        raise ValueError(f"{name}: norm must be one of {', '.join(_NORMS)}, got {norm!r}")
    return array(name, x, kinds)


def _along_one(name: str, kinds: frozenset[int], what: str) -> Callable[..., Tensor]:
    def call(
        x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
    ) -> Tensor:
        _checked(name, x, kinds, norm)
        (at,) = axes_of(name, x, axis)
        out: Tensor = getattr(weft.fft, name)(x, n, at, norm)
        return out

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"Return {what} along an axis.\n\n"
        f"Args:\n    x: (...), {_KINDS[kinds]}.\n"
        f"    n: how long to make the axis first, cut off or filled with zeros; of an inverse of\n"
        f"        a real transform, the length of the result.\n"
        f"    axis: the axis.\n"
        f"    norm: which way is divided by n: backward, forward, or both by its root (ortho).\n\n"
        f"Returns:\n    Tensor: of x's precision.\n\n"
        f"Raises:\n    TypeError: x is of another kind.\n    ValueError: norm is none of these.\n"
    )
    return call


def _along_many(name: str, kinds: frozenset[int], what: str) -> Callable[..., Tensor]:
    def call(
        x: Tensor,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: str = "backward",
    ) -> Tensor:
        _checked(name, x, kinds, norm)
        if s is not None and axes is None:
            raise ValueError(f"{name}: s= needs axes=, one for each length")
        dims = None if axes is None else axes_of(name, x, tuple(axes))
        out: Tensor = getattr(weft.fft, name)(x, None if s is None else tuple(s), dims, norm)
        return out

    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"Return {what} along several axes.\n\n"
        f"Args:\n    x: (...), {_KINDS[kinds]}.\n"
        f"    s: how long to make each axis first, cut off or filled with zeros.\n"
        f"    axes: the axes; all if None.\n"
        f"    norm: which way is divided by n: backward, forward, or both by its root (ortho).\n\n"
        f"Returns:\n    Tensor: of x's precision.\n\n"
        f"Raises:\n    TypeError: x is of another kind.\n"
        f"    ValueError: norm is none of these, or s comes without axes.\n"
    )
    return call


fft = _along_one("fft", FLOATING, "the discrete Fourier transform")
ifft = _along_one("ifft", FLOATING, "the inverse discrete Fourier transform")
fftn = _along_many("fftn", FLOATING, "the discrete Fourier transform")
ifftn = _along_many("ifftn", FLOATING, "the inverse discrete Fourier transform")
rfft = _along_one("rfft", REAL_FLOATING, "half the discrete Fourier transform of real numbers")
irfft = _along_one("irfft", FLOATING, "the real numbers of which rfft gives x")
rfftn = _along_many("rfftn", REAL_FLOATING, "half the discrete Fourier transform of real numbers")
irfftn = _along_many("irfftn", FLOATING, "the real numbers of which rfftn gives x")
hfft = _along_one("hfft", FLOATING, "the real transform of numbers of which half is given")
ihfft = _along_one("ihfft", REAL_FLOATING, "the numbers of which hfft gives x")


def _frequencies(name: str, n: int, d: float, dtype: Any, device: Any) -> Tensor:
    own = dtype_of(name, dtype, weft.get_default_dtype())
    if not own.is_floating_point:
        raise weft.DTypeError(f"{name}: expected a real-valued floating dtype, got {own}")
    out: Tensor = getattr(weft.fft, name)(n, d, dtype=own, device=device)
    return out


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the frequencies of a transform's elements, in cycles per unit of the spacing.

    Args:
        n: how long the transform is.
        d: the spacing of the samples.
        dtype: a real-valued floating dtype; the default one if None.
        device: where to make it.

    Returns:
        Tensor: (n,): from 0 up, then from the most negative up.
    """
    return _frequencies("fftfreq", n, d, dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the frequencies of a real transform's elements.

    Args:
        n: how many samples are transformed.
        d: their spacing.
        dtype: a real-valued floating dtype; the default one if None.
        device: where to make it.

    Returns:
        Tensor: (n // 2 + 1,), from 0 up.
    """
    return _frequencies("rfftfreq", n, d, dtype, device)


def fftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """Move the frequency 0 to the middle.

    Args:
        x: (...).
        axes: the axes; all if None.

    Returns:
        Tensor: of x's shape.
    """
    return weft.fft.fftshift(x, axes_of("fftshift", array("fftshift", x, ANY), axes))


def ifftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """Move the frequency 0 from the middle back to the front.

    Args:
        x: (...).
        axes: the axes; all if None.

    Returns:
        Tensor: of x's shape.
    """
    return weft.fft.ifftshift(x, axes_of("ifftshift", array("ifftshift", x, ANY), axes))
