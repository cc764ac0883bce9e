"""What functions of creation share: their settings, and the tensor over what they made."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from weft._backend import np, xp
from weft._backend.cpu.launching import Launcher
from weft._backend.libraries import library_for
from weft._backend.numpy_ import restore, silence
from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.device import CPU, device, placed, require
from weft._core.errors import DTypeError, ShapeError
from weft._core.float8 import cast
from weft._core.layouts import check_layout
from weft._core.shapes import shape_tuple
from weft._core.tensor import Tensor, wrap

_copying = Launcher("copying")
#: Elements from which on they are written by several threads.
_LEAST = 1 << 16

#: Why a function of creation has no derivative.
MADE = "made from settings: no argument to differentiate by"


def dtype_of(wanted: Any, otherwise: dtypes.dtype | None = None) -> Any:
    """Return the array library's dtype object of a setting; by default the floating default."""
    if wanted is not None:
        return dtypes.canonical(wanted)
    return (otherwise or dtypes.get_default_dtype()).numpy


def settings_of(
    name: str, settings: dict[str, Any], otherwise: dtypes.dtype | None = None
) -> tuple[Any, device]:
    """Return the dtype object and the device of a call; check its layout.

    Raises:
        ValueError: the layout is not ``weft.strided``.
        RuntimeError: the device cannot be used, with the reason.
    """
    check_layout(name, settings["layout"])
    return dtype_of(settings["dtype"], otherwise), require(settings["device"])


def lengths_of(name: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    """Return a shape given as ``f(2, 3)`` or ``f((2, 3))``.

    Raises:
        ShapeError: a length is negative.
    """
    shape = shape_tuple(name, size[0] if len(size) == 1 else size)
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: a length cannot be negative, got {shape}")
    return shape


def number_of(name: str, what: str, value: Any) -> Any:
    """Return a Python number, also of a tensor of one element.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise TypeError(
                f"{name}: {what} must be a number or a 0-d tensor, got a tensor of shape "
                f"{tuple(value.shape)}"
            )
        return value.item()
    if isinstance(value, (int, float, complex)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name}: {what} must be a number, got {type(value).__name__} {value!r}"
        ) from None


def finished(data: Any, place: device, requires_grad: bool) -> Tensor:
    """Return a tensor over fresh data, on the device asked for."""
    out = wrap(placed(data, place))
    return out.requires_grad_() if requires_grad else out


def made(
    make: Callable[..., Any],
    shape: tuple[int, ...],
    dtype: Any,
    place: device,
    requires_grad: bool,
) -> Tensor:
    """Return a tensor of ``make(shape, dtype)``; on the meta device no memory is taken."""
    if place is CPU:
        ones = make is np.ones
        out = wrap(_filled(shape, np.ones((), dtype)) if ones else make(shape, dtype))
    elif place.type == "meta":
        out = wrap(Aval(shape, dtype))
    elif make in (np.zeros, np.ones, np.empty):
        library = library_for(place.type)
        with library.on(place.index or 0):  # in place: nothing crosses from the host
            out = wrap(getattr(library.xp, make.__name__)(shape, dtype))
    else:
        out = wrap(placed(make(shape, dtype), place))
    return out.requires_grad_() if requires_grad else out


def converted(values: Any, dtype: Any) -> Any:
    """Return an array in a dtype, 8-bit floats rounded as ``.to`` rounds."""
    if values.dtype == dtype:
        return values
    before = silence()  # what overflows is inf here, not a warning
    try:
        return cast(xp, values, dtype)
    finally:
        restore(before)


def filler(name: str, value: Any) -> Callable[..., Any]:
    """Return ``make(shape, dtype)`` of arrays that hold one number everywhere.

    Raises:
        DTypeError: a complex number is to go into a real dtype.
    """

    def make(shape: tuple[int, ...], dtype: Any) -> Any:
        if isinstance(value, complex) and dtype.kind != "c":
            raise DTypeError(f"{name}: a complex number {value} does not fit {dtypes.of(dtype)}")
        return _filled(shape, converted(_boxed(name, value, dtype), dtype))

    return make


def _filled(shape: tuple[int, ...], number: Any) -> Any:
    """Return an array that holds a number, a 0-d array, everywhere."""
    out = np.empty(shape, number.dtype)
    if out.size < _LEAST or not _copying.fill(out, number):
        out[...] = number
    return out


def _boxed(name: str, value: Any, dtype: Any) -> Any:
    """Return a number as an array; a negative one wraps round in an unsigned dtype, as in PyTorch.

    Raises:
        OverflowError: an integer dtype does not hold it.
    """
    if dtype.kind not in "iu" or value != value:
        return np.asarray(value)
    limits = np.iinfo(dtype)
    least = limits.min if dtype.kind == "i" else -int(limits.max)
    if not least <= value <= limits.max:
        raise OverflowError(
            f"{name}: {value} does not fit {dtypes.of(dtype)}, which holds {limits.min} to "
            f"{limits.max}; pass a wider dtype="
        )
    return np.asarray(int(value) & int(np.iinfo(f"u{dtype.itemsize}").max), np.uint64)
