"""Fourier transforms between complex numbers: ``fft``, ``ifft``, and over several dims."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.fourier import (
    Where,
    along,
    along_one,
    complex_form,
    fitted,
    floating,
    fourier,
    norm_named,
)

_SAMPLES = (
    Sample(array(2, 5, kind="complex")),
    Sample(array(2, 4, kind="complex"), 3, 0, "ortho"),
    Sample(array(4, 2, kind="complex"), n=6, dim=0, norm="forward"),
    Sample(array(3, kind="complex")),
)
_SAMPLES_2 = (
    Sample(array(2, 3, 4, kind="complex")),
    Sample(array(3, 2, 3, kind="complex"), (2, 4), (0, -1), "ortho"),
)
_SAMPLES_N = (
    Sample(array(2, 3, 4, kind="complex")),
    Sample(array(3, 4, kind="complex"), (2, 5), norm="ortho"),
    Sample(array(3, 2, 3, kind="complex"), dim=(2, 0), norm="forward"),
    Sample(array(2, 3, kind="complex"), (4,)),
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


def _transformed(
    name: str, input: Tensor, where: Where, norm: str | None, *, inverse: bool
) -> Tensor:
    factor = norm_named(name, norm)
    places, lengths = where
    x = fitted(name, floating(input), places, lengths)
    if not places:
        return complex_form(x)
    out: Tensor = fourier(x, dims=places, inverse=inverse, norm=factor)
    return out


@composite(samples=_SAMPLES, errors=_ERRORS, namespaces=catalogue.FFT, out=True)
def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    r"""Discrete Fourier transform of one dim.

    .. math:: X_k = \sum_{j = 0}^{n - 1} x_j \, e^{-2 \pi i j k / n}

    Args:
        input: (...), real or complex; integers become the default floating dtype.
        n: the length to which the dim is cut, or filled up with zeros at its end; None keeps
            its own.
        dim: the dim to transform.
        norm: ``"backward"`` (as does None) divides by nothing, ``"forward"`` by
            the number of points, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: of input's shape but for n, complex: complex128 for float64, else complex64.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: dim is out of range.
        ValueError: norm is none of the three.
    """
    return _transformed("fft", input, along_one("fft", input, n, dim), norm, inverse=False)


@composite(samples=_SAMPLES, errors=_ERRORS, namespaces=catalogue.FFT, out=True)
def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    r"""Inverse discrete Fourier transform of one dim.

    .. math:: x_j = \frac{1}{n} \sum_{k = 0}^{n - 1} X_k \, e^{2 \pi i j k / n}

    Args:
        input: (...), real or complex; integers become the default floating dtype.
        n: the length to which the dim is cut, or filled up with zeros at its end; None keeps
            its own.
        dim: the dim to transform.
        norm: ``"backward"`` (as does None) divides by the number of points, ``"forward"`` by
            nothing, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: of input's shape but for n, complex: complex128 for float64, else complex64.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: dim is out of range.
        ValueError: norm is none of the three.
    """
    return _transformed("ifft", input, along_one("ifft", input, n, dim), norm, inverse=True)


@composite(samples=_SAMPLES_2, errors=_ERRORS_N, namespaces=catalogue.FFT, out=True)
def fft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """Discrete Fourier transform of two dims.

    Args:
        input: (...), real or complex; integers become the default floating dtype.
        s: the length to which each dim is cut, or filled up with zeros; -1 keeps a dim's own.
        dim: the dims to transform.
        norm: ``"backward"`` (as does None) divides by nothing, ``"forward"`` by
            the number of points, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: of input's shape but for s, complex: complex128 for float64, else complex64.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
    """
    return _transformed("fft2", input, along("fft2", input, s, dim), norm, inverse=False)


@composite(samples=_SAMPLES_2, errors=_ERRORS_N, namespaces=catalogue.FFT, out=True)
def ifft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """Inverse discrete Fourier transform of two dims.

    Args:
        input: (...), real or complex; integers become the default floating dtype.
        s: the length to which each dim is cut, or filled up with zeros; -1 keeps a dim's own.
        dim: the dims to transform.
        norm: ``"backward"`` (as does None) divides by the number of points, ``"forward"`` by
            nothing, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: of input's shape but for s, complex: complex128 for float64, else complex64.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
    """
    return _transformed("ifft2", input, along("ifft2", input, s, dim), norm, inverse=True)


@composite(samples=_SAMPLES_N, errors=_ERRORS_N, namespaces=catalogue.FFT, out=True)
def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """Discrete Fourier transform of several dims.

    Args:
        input: (...), real or complex; integers become the default floating dtype.
        s: the length to which each dim is cut, or filled up with zeros; -1 keeps a dim's own.
        dim: the dims to transform; all by default, or with s as many of the last ones.
        norm: ``"backward"`` (as does None) divides by nothing, ``"forward"`` by
            the number of points, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: of input's shape but for s, complex: complex128 for float64, else complex64.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
    """
    return _transformed("fftn", input, along("fftn", input, s, dim), norm, inverse=False)


@composite(samples=_SAMPLES_N, errors=_ERRORS_N, namespaces=catalogue.FFT, out=True)
def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """Inverse discrete Fourier transform of several dims.

    Args:
        input: (...), real or complex; integers become the default floating dtype.
        s: the length to which each dim is cut, or filled up with zeros; -1 keeps a dim's own.
        dim: the dims to transform; all by default, or with s as many of the last ones.
        norm: ``"backward"`` (as does None) divides by the number of points, ``"forward"`` by
            nothing, ``"ortho"`` by the square root of the number of points.

    Returns:
        Tensor: of input's shape but for s, complex: complex128 for float64, else complex64.

    Raises:
        ShapeError: there is no point to transform.
        IndexError: a dim is out of range.
        ValueError: s and dim are not as many, a dim is named twice, or norm is none of the
            three.
    """
    return _transformed("ifftn", input, along("ifftn", input, s, dim), norm, inverse=True)
