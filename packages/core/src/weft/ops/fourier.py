"""The three linear maps under every Fourier transform, and the settings all of them take."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError, did_you_mean
from weft._core.samples import Sample, array
from weft._core.shapes import canonical_dim, canonical_dims
from weft._core.tensor import Tensor
from weft.ops.complex import real
from weft.ops.families.batching import shift_dims, with_params
from weft.ops.families.linear import linear
from weft.ops.joining import narrow
from weft.ops.padding import constant_pad

#: The norm with which the transform in the other direction has the same factor.
OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
_WIDE = frozenset({dtypes.float64.numpy, dtypes.complex128.numpy})


def _complex_of(dtype: Any) -> Any:
    return (dtypes.complex128 if dtype in _WIDE else dtypes.complex64).numpy


def _real_of(dtype: Any) -> Any:
    return (dtypes.float64 if dtype in _WIDE else dtypes.float32).numpy


def _back(g: Any, x: Any, *, dims: tuple[int, ...], inverse: bool, norm: str) -> Any:
    """The conjugate transpose: the other direction with the same factor."""
    out = fourier(g, dims=dims, inverse=not inverse, norm=OPPOSITE[norm])
    return out if x.dtype.kind == "c" else real(out).to(dtypes.of(x.dtype))


@linear(
    shape=lambda x, *, dims, inverse, norm: x.like(dtype=_complex_of(x.dtype)),
    transpose=_back,
    batch=with_params("fourier", shift_dims("dims")),
    widen=True,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 5, kind="complex"), dims=(1,), inverse=False, norm="backward"),
        Sample(array(2, 4, 3, kind="complex"), dims=(0, 2), inverse=True, norm="backward"),
        Sample(array(3, 4), dims=(0, 1), inverse=True, norm="ortho"),
        Sample(array(4), dims=(0,), inverse=False, norm="forward"),
    ),
)
def fourier(xp: Any, x: Any, *, dims: tuple[int, ...], inverse: bool, norm: str) -> Any:
    """Discrete Fourier transform to complex numbers.

    Args:
        input: (...), real or complex.
        dims: canonical dims, at least one.
        inverse: whether the exponent's sign is positive.
        norm: ``"forward"``, ``"backward"`` (which direction is divided by the length) or
            ``"ortho"``.

    Returns:
        Tensor: (...), complex.
    """
    if len(dims) == 1:
        return (xp.fft.ifft if inverse else xp.fft.fft)(x, axis=dims[0], norm=norm)
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=dims, norm=norm)


def _half(length: int) -> int:
    return length // 2 + 1


def _weighted(xp: Any, x: Any, dim: int, length: int, factor: float) -> Any:
    """Multiply the frequencies that a one-sided spectrum holds for two."""
    weights = xp.full((x.shape[dim],), factor, dtype=_real_of(x.dtype))
    weights[0] = 1
    if length % 2 == 0:
        weights[-1] = 1
    return x * weights.reshape((-1,) + (1,) * (x.ndim - 1 - dim))


def _one_sided_shape(x: Any, *, dims: tuple[int, ...], norm: str, doubled: bool) -> Any:
    shape = list(x.shape)
    shape[dims[-1]] = _half(shape[dims[-1]])
    return x.like(shape=tuple(shape), dtype=_complex_of(x.dtype))


def _one_sided_back(g: Any, x: Any, *, dims: tuple[int, ...], norm: str, doubled: bool) -> Any:
    out = from_one_sided(
        g, dims=dims, length=x.shape[dims[-1]], norm=OPPOSITE[norm], halved=not doubled
    )
    return out.to(dtypes.of(x.dtype))


@linear(
    shape=_one_sided_shape,
    transpose=_one_sided_back,
    batch=with_params("to_one_sided", shift_dims("dims")),
    widen=True,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 5), dims=(1,), norm="backward", doubled=False),
        Sample(array(2, 4), dims=(1,), norm="ortho", doubled=True),
        Sample(array(4, 3, 2), dims=(1, 0), norm="forward", doubled=False),
        Sample(array(1), dims=(0,), norm="backward", doubled=False),
    ),
)
def to_one_sided(xp: Any, x: Any, *, dims: tuple[int, ...], norm: str, doubled: bool) -> Any:
    """Forward transform of real numbers, of the last dim only the frequencies that are not implied.

    Args:
        input: (...), real.
        dims: canonical dims, at least one.
        norm: as in ``fourier``.
        doubled: whether frequencies of the last dim that stand for two count twice.

    Returns:
        Tensor: complex; the last of ``dims`` has length n // 2 + 1.
    """
    if len(dims) == 1:
        out = xp.fft.rfft(x, axis=dims[0], norm=norm)
    else:
        out = xp.fft.rfftn(x, axes=dims, norm=norm)
    return _weighted(xp, out, dims[-1], x.shape[dims[-1]], 2) if doubled else out


def _from_shape(x: Any, *, dims: tuple[int, ...], length: int, norm: str, halved: bool) -> Any:
    shape = list(x.shape)
    shape[dims[-1]] = length
    return x.like(shape=tuple(shape), dtype=_real_of(x.dtype))


def _from_back(
    g: Any, x: Any, *, dims: tuple[int, ...], length: int, norm: str, halved: bool
) -> Any:
    return to_one_sided(g, dims=dims, norm=OPPOSITE[norm], doubled=not halved)


@linear(
    shape=_from_shape,
    transpose=_from_back,
    batch=with_params("from_one_sided", shift_dims("dims")),
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(2, 3, kind="complex"), dims=(1,), length=5, norm="backward", halved=False),
        Sample(array(2, 3, kind="complex"), dims=(1,), length=4, norm="ortho", halved=True),
        Sample(array(2, 3, kind="complex"), dims=(1, 0), length=3, norm="forward", halved=False),
        Sample(array(1, kind="complex"), dims=(0,), length=1, norm="backward", halved=False),
    ),
)
def from_one_sided(
    xp: Any, x: Any, *, dims: tuple[int, ...], length: int, norm: str, halved: bool
) -> Any:
    """Inverse transform of a one-sided spectrum to real numbers.

    Args:
        input: complex; the last of ``dims`` has length ``length // 2 + 1``.
        dims: canonical dims, at least one.
        length: of the last of them in the result.
        norm: as in ``fourier``.
        halved: whether frequencies of the last dim that stand for two count once.

    Returns:
        Tensor: real. Imaginary parts that a real signal's spectrum cannot have are left out.
    """
    if halved:
        x = _weighted(xp, x, dims[-1], length, 0.5)
    if len(dims) == 1:
        return xp.fft.irfft(x, length, axis=dims[0], norm=norm)
    sizes = [*(x.shape[d] for d in dims[:-1]), length]
    return xp.fft.irfftn(x, sizes, axes=dims, norm=norm)


# --- settings ----------------------------------------------------------------------------------


def norm_named(name: str, norm: Any, *, opposite: bool = False) -> str:
    """Return the norm asked for; None is ``"backward"``.

    Raises:
        ValueError: there is no such norm.
    """
    chosen = "backward" if norm is None else norm
    if chosen not in OPPOSITE:
        raise ValueError(
            f"{name}: norm must be 'forward', 'backward' or 'ortho', got {norm!r}"
            f"{did_you_mean(str(norm), OPPOSITE)}"
        )
    return OPPOSITE[chosen] if opposite else str(chosen)


#: The dims to transform, canonical, and the length wanted for each, None for its own.
Where = tuple[tuple[int, ...], tuple[int | None, ...]]


def along_one(name: str, input: Tensor, n: Any, dim: Any) -> Where:
    """Return where to transform one dim.

    Raises:
        IndexError: the dim is out of range.
        ShapeError: the length is below 1.
    """
    place = canonical_dim(name, dim, input.ndim)
    _not_without_dims(name, input)
    return (place,), (None if n is None else positive(name, _whole(name, n)),)


def along(name: str, input: Tensor, sizes: Any, dims: Any) -> Where:
    """Return where to transform several dims.

    Raises:
        IndexError: a dim is out of range.
        ValueError: a dim is named twice, or sizes and dims are not as many.
        ShapeError: a length is below 1.
    """
    wanted: tuple[Any, ...] | None = None
    if sizes is not None:
        wanted = tuple(sizes) if isinstance(sizes, (tuple, list)) else (sizes,)
    if dims is None:
        count = input.ndim if wanted is None else len(wanted)
        if count > input.ndim:
            raise ValueError(
                f"{name}: s {wanted} has {count} lengths, but input has {input.ndim} dims "
                f"(input.shape == {tuple(input.shape)})"
            )
        dims = tuple(range(input.ndim - count, input.ndim))
    places = canonical_dims(name, dims, input.ndim)
    if places:
        _not_without_dims(name, input)
    if wanted is None:
        return places, (None,) * len(places)
    if len(wanted) != len(places):
        raise ValueError(
            f"{name}: s {wanted} and dim {places} must be as many, got {len(wanted)} and "
            f"{len(places)}"
        )
    lengths = (_whole(name, n) for n in wanted)
    return places, tuple(None if n == -1 else positive(name, n) for n in lengths)


def _not_without_dims(name: str, input: Tensor) -> None:
    if not input.ndim:
        raise IndexError(f"{name}: input is 0-d and has no dim to transform; give it one")


def _whole(name: str, n: Any) -> int:
    try:
        return operator.index(n)
    except TypeError:
        raise TypeError(f"{name}: a length must be an int, got {type(n).__name__} {n!r}") from None


def positive(name: str, length: int) -> int:
    """Return a length of a signal that is at least 1.

    Raises:
        ShapeError: it is not.
    """
    if length < 1:
        raise ShapeError(f"{name}: a transform needs at least 1 point per dim, got {length}")
    return length


def fitted(name: str, x: Tensor, dims: Sequence[int], sizes: Sequence[int | None]) -> Tensor:
    """Return ``x`` with each dim cut, or filled up with zeros at the end, to the length wanted."""
    for dim, size in zip(dims, sizes, strict=True):
        own = x.shape[dim]
        wanted = positive(name, own if size is None else size)
        if wanted < own:
            x = narrow(x, dim, 0, wanted)
        elif wanted > own:
            widths = tuple((0, wanted - own if d == dim else 0) for d in range(x.ndim))
            x = constant_pad(x, widths=widths, value=0.0)
    return x


def floating(x: Tensor) -> Tensor:
    """Return ``x`` in a dtype that transforms are computed in: float32, float64 or complex."""
    if x.dtype.category < 2:
        return x.to(dtypes.get_default_dtype())
    return x.to(dtypes.float32) if x.dtype.itemsize == 2 else x


def real_only(name: str, x: Tensor) -> Tensor:
    """Return a real tensor in a dtype that transforms are computed in.

    Raises:
        DTypeError: it is complex.
    """
    if x.dtype.is_complex:
        raise DTypeError(
            f"{name}: expected a real tensor, got {x.dtype}; use the transform of complex "
            f"numbers, or take .real"
        )
    return floating(x)


def complex_form(x: Tensor) -> Tensor:
    """Return ``x`` as complex numbers of its precision."""
    x = floating(x)
    if x.dtype.is_complex:
        return x
    return x.to(dtypes.complex128 if x.dtype is dtypes.float64 else dtypes.complex64)


def dtype_of_parts(x: Tensor) -> dtypes.dtype:
    """Return the dtype of a complex tensor's parts; of a real one, its own precision."""
    return dtypes.of(_real_of(x.dtype.numpy))
