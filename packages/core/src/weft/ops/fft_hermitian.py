"""Fourier transforms of signals given by half: ``hfft`` to a real spectrum, ``ihfft`` back."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.complex import conj
from weft.ops.families.composite import composite
from weft.ops.fft_real import from_half, one_sided
from weft.ops.fourier import Where, along, along_one, complex_form, norm_named

_REAL = (
    Sample(array(2, 5)),
    Sample(array(2, 4), 3, 0, "ortho"),
    Sample(array(4, 2), n=6, dim=0, norm="forward"),
    Sample(array(3)),
)
_REAL_2 = (
    Sample(array(2, 3, 4)),
    Sample(array(3, 2, 3), (2, 4), (0, -1), "ortho"),
)
_REAL_N = (
    Sample(array(2, 3, 4)),
    Sample(array(3, 4), (2, 5), norm="ortho"),
    Sample(array(3, 2, 3), dim=(2, 0), norm="forward"),
    Sample(array(2, 3), (4,)),
)
_HALF = (
    Sample(array(2, 4, kind="complex")),
    Sample(array(2, 3, kind="complex"), 5, 0, "ortho"),
    Sample(array(4, 2, kind="complex"), n=3, dim=0, norm="forward"),
    Sample(array(3)),
)
_HALF_2 = (
    Sample(array(2, 3, 4, kind="complex")),
    Sample(array(3, 2, 3, kind="complex"), (2, 5), (0, -1), "ortho"),
)
_HALF_N = (
    Sample(array(2, 3, 4, kind="complex")),
    Sample(array(3, 4, kind="complex"), (2, 5), norm="ortho"),
    Sample(array(3, 2, 3, kind="complex"), dim=(2, 0), norm="forward"),
    Sample(array(2, 3, kind="complex"), (-1, 4)),
)
_ERRORS = (
    ErrorSample(array(2, 3), 0, error=ShapeError, match="at least 1 point per dim, got 0"),
    ErrorSample(array(2, 3), None, 2, error=IndexError, match="dim 2 is out of range"),
    ErrorSample(array(2, 3), norm="orto", error=ValueError, match="did you mean 'ortho'"),
)
_ERRORS_N = (
    ErrorSample(array(2, 3), (2, 0), error=ShapeError, match="at least 1 point per dim, got 0"),
    ErrorSample(array(2, 3), None, (0, 0), error=ValueError, match="names a dimension twice"),
    ErrorSample(array(2, 3), (2,), (0, 1), error=ValueError, match="must be as many"),
)
_COMPLEX = ErrorSample(
    array(3, kind="complex"), error=DTypeError, match="expected a real tensor, got weft.complex"
)


def _spectrum(name: str, input: Tensor, where: Where, norm: str | None) -> Tensor:
    """Return the real spectrum: the transform back of the conjugate, with this way's factor."""
    factor = norm_named(name, norm, opposite=True)
    return from_half(name, conj(complex_form(input)), where, factor)


def _signal(name: str, input: Tensor, where: Where, norm: str | None) -> Tensor:
    return conj(one_sided(name, input, where, norm_named(name, norm, opposite=True)))


@composite(samples=_HALF, errors=_ERRORS, namespaces=catalogue.FFT, out=True)
def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    r"""Discrete Fourier transform of a signal of which half is given; the spectrum is real.

    .. math:: X_k = \sum_{j = 0}^{n - 1} x_j \, e^{-2 \pi i j k / n},
        \quad x_{n - j} = \overline{x_j}

    Args:
        input: (..., m, ...), the first half of a signal whose other half is its mirror image,
            conjugated.
        n: the length of the result; 2 (m - 1) by default. An odd length must be given.
        dim: the dim to transform.
        norm: ``"backward"`` (as does None) divides by nothing, ``"forward"`` by
            the number of points, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: (..., n, ...), real: float64 for complex128, else float32.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: dim is out of range.
        ValueError: norm is none of the three.
    """
    return _spectrum("hfft", input, along_one("hfft", input, n, dim), norm)


@composite(samples=_REAL, errors=(*_ERRORS, _COMPLEX), namespaces=catalogue.FFT, out=True)
def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    r"""Inverse of ``hfft``: half the signal of which input is the real spectrum.

    .. math:: x_j = \frac{1}{n} \sum_{k = 0}^{n - 1} X_k \, e^{2 \pi i j k / n},
        \quad 0 \le j \le n / 2

    Args:
        input: (...), a real spectrum; integers become the default floating dtype.
        n: the length to which the dim is cut, or filled up with zeros at its end; None keeps
            its own.
        dim: the dim to transform.
        norm: ``"backward"`` (as does None) divides by the number of points, ``"forward"`` by
            nothing, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: (..., n // 2 + 1, ...), complex.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: dim is out of range.
        ValueError: norm is none of the three.
        DTypeError: input is complex.
    """
    return _signal("ihfft", input, along_one("ihfft", input, n, dim), norm)


@composite(samples=_HALF_2, errors=_ERRORS_N, namespaces=catalogue.FFT, out=True)
def hfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """Discrete Fourier transform of two dims, of the last one half the signal is given.

    Args:
        input: (..., m, ...), the first half of a signal whose other half is its mirror image,
            conjugated.
        s: the length of each dim of the result; -1 stands for 2 (m - 1) in the last dim, and for
            their own in the others.
        dim: the dims to transform.
        norm: ``"backward"`` (as does None) divides by nothing, ``"forward"`` by
            the number of points, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: real; the last of the dims has the length asked for.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
    """
    return _spectrum("hfft2", input, along("hfft2", input, s, dim), norm)


@composite(samples=_REAL_2, errors=_ERRORS_N, namespaces=catalogue.FFT, out=True)
def ihfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """Inverse of ``hfft2``: the signal of which input is the real spectrum, of the last dim half.

    Args:
        input: (...), a real spectrum; integers become the default floating dtype.
        s: the length to which each dim is cut, or filled up with zeros; -1 keeps a dim's own.
        dim: the dims to transform.
        norm: ``"backward"`` (as does None) divides by the number of points, ``"forward"`` by
            nothing, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: complex; the last of the dims has length n // 2 + 1.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
        DTypeError: input is complex.
    """
    return _signal("ihfft2", input, along("ihfft2", input, s, dim), norm)


@composite(samples=_HALF_N, errors=_ERRORS_N, namespaces=catalogue.FFT, out=True)
def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """Discrete Fourier transform of several dims, of the last one half the signal is given.

    Args:
        input: (..., m, ...), the first half of a signal whose other half is its mirror image,
            conjugated.
        s: the length of each dim of the result; -1 stands for 2 (m - 1) in the last dim, and for
            their own in the others.
        dim: the dims to transform; all by default, or with s as many of the last ones.
        norm: ``"backward"`` (as does None) divides by nothing, ``"forward"`` by
            the number of points, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: real; the last of the dims has the length asked for.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
    """
    return _spectrum("hfftn", input, along("hfftn", input, s, dim), norm)


@composite(samples=_REAL_N, errors=(*_ERRORS_N, _COMPLEX), namespaces=catalogue.FFT, out=True)
def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """Inverse of ``hfftn``: the signal of which input is the real spectrum, of the last dim half.

    Args:
        input: (...), a real spectrum; integers become the default floating dtype.
        s: the length to which each dim is cut, or filled up with zeros; -1 keeps a dim's own.
        dim: the dims to transform; all by default, or with s as many of the last ones.
        norm: ``"backward"`` (as does None) divides by the number of points, ``"forward"`` by
            nothing, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: complex; the last of the dims has length n // 2 + 1.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
        DTypeError: input is complex.
    """
    return _signal("ihfftn", input, along("ihfftn", input, s, dim), norm)
