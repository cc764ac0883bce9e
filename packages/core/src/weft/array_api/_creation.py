"""Creation functions of the standard."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft._tensor.dlpack import from_dlpack as _shared
from weft._tensor.numpy_protocols import from_buffer
from weft.array_api._operands import array, category, dtype_of, scalar_fits


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in given):
        raise TypeError(f"{name}: expected a shape of ints, got {shape!r}")
    return tuple(given)


def _default() -> Any:
    return weft.get_default_dtype()


def _default_of(name: str, *values: Any) -> Any:
    """Return the default dtype of the highest kind among Python scalars."""
    for value in values:
        if not isinstance(value, (bool, int, float, complex)):
            raise TypeError(f"{name}: expected a Python number, got {type(value).__name__}")
    return weft.result_type(*values) if values else _default()


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Return numbers ``step`` apart, from ``start`` up to but not including ``stop``.

    Args:
        start: the first; where it is the only one, the end, and 0 the first.
        stop: where to stop.
        step: the distance; not 0.
        dtype: a numeric dtype; by default int64 if all three are ints, else the default one.
        device: where to make it.

    Returns:
        Tensor: (ceil((stop - start) / step),); empty where step leads away from stop.

    Raises:
        ValueError: step is 0.
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError(f"arange: step must not be 0, from {start} to {stop}")
    own = dtype_of("arange", dtype, _default_of("arange", start, stop, step))
    if (stop - start) * step < 0:
        return weft.empty((0,), dtype=own, device=device)
    return weft.arange(start, stop, step, dtype=own, device=device)


def _holds_array(obj: Any) -> bool:
    """Whether there is an array among the elements of nested sequences."""
    if isinstance(obj, (list, tuple)):
        return any(_holds_array(item) for item in obj)
    return isinstance(obj, Tensor)


def asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """Return an array, a number, a nested sequence of numbers or a buffer as an array.

    Args:
        obj: what to convert. Of an array or a buffer the memory is shared where that is possible.
        dtype: its dtype; by default the one of obj, and of Python numbers the default one of the
            highest kind among them.
        device: where it is to be.
        copy: ``True`` always copies, ``False`` never, ``None`` only where needed.

    Returns:
        Tensor: of the data's shape.

    Raises:
        ValueError: ``copy=False`` and a copy is needed.
        OverflowError: an int that the dtype cannot hold.
        TypeError: obj cannot be read as numbers.
    """
    own = dtype_of("asarray", dtype, None)
    if isinstance(obj, (bool, int, float, complex, list, tuple)):
        if _holds_array(obj):
            raise TypeError("asarray: a sequence of arrays is joined by stack, not by asarray")
        if copy is False:
            raise ValueError(
                f"asarray: copy=False, but a {type(obj).__name__} has no memory to share; drop it"
            )
        return weft.tensor(obj, dtype=own, device=device)
    if not isinstance(obj, Tensor) and not hasattr(obj, "__array__"):
        obj = from_buffer(obj)
    out: Tensor = weft.asarray(obj, dtype=own, device=device, copy=copy)
    return out


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return an array whose elements are whatever its memory held.

    Args:
        shape: an int or a tuple of ints.
        dtype: its dtype; the default floating one if None.
        device: where to make it.

    Returns:
        Tensor: (*shape).
    """
    own = dtype_of("empty", dtype, _default())
    return weft.empty(_shape("empty", shape), dtype=own, device=device)


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return an uninitialised array of another's shape.

    Args:
        x: the array to be like.
        dtype: its dtype; x's if None.
        device: where to make it; x's if None.

    Returns:
        Tensor: of x's shape.
    """
    return weft.empty_like(array("empty_like", x), dtype=dtype, device=device)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Return a matrix of ones on one diagonal and zeros elsewhere.

    Args:
        n_rows: how many rows.
        n_cols: how many columns; as many as rows if None.
        k: the diagonal: 0 the main one, above it positive, below it negative.
        dtype: its dtype; the default floating one if None.
        device: where to make it.

    Returns:
        Tensor: (n_rows, n_cols).
    """
    own = dtype_of("eye", dtype, _default())
    rows = weft.arange(n_rows, device=device).unsqueeze(-1)
    columns = weft.arange(n_rows if n_cols is None else n_cols, device=device)
    return weft.eq(rows + k, columns).to(own)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Return an array over the memory of another library's, exchanged by DLPack.

    Args:
        x: an object with ``__dlpack__`` and ``__dlpack_device__``.
        device: where it is to be; where x is if None.
        copy: ``True`` always copies, ``False`` never, ``None`` only where needed.

    Returns:
        Tensor: of x's shape and dtype.

    Raises:
        TypeError: x offers no DLPack.
        BufferError: it cannot be shared so, or not without a copy.
    """
    return _shared(x, device=device, copy=copy)


def full(shape: Any, fill_value: complex, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return an array filled with one value.

    Args:
        shape: an int or a tuple of ints.
        fill_value: a Python number.
        dtype: its dtype; by default the default one of fill_value's kind.
        device: where to make it.

    Returns:
        Tensor: (*shape).

    Raises:
        TypeError: fill_value is no Python number.
    """
    own = dtype_of("full", dtype, None)
    default = _default_of("full", fill_value)
    return weft.full(_shape("full", shape), fill_value, dtype=own or default, device=device)


def full_like(
    x: Tensor, /, fill_value: complex, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Return one value in the shape of another array.

    Args:
        x: the array to be like.
        fill_value: a Python number, of a kind that goes with the dtype.
        dtype: its dtype; x's if None.
        device: where to make it; x's if None.

    Returns:
        Tensor: of x's shape.

    Raises:
        TypeError: fill_value is no Python number, or of a higher kind than x.
    """
    own = dtype_of("full_like", dtype, array("full_like", x).dtype)
    if dtype is None:
        scalar_fits("full_like", fill_value, own)
    return weft.full_like(x, fill_value, dtype=own, device=device)


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """Return numbers evenly apart between two.

    Args:
        start: the first.
        stop: the last; left out where ``endpoint`` is false.
        num: how many.
        dtype: its dtype; by default the default floating one, complex if an end is.
        device: where to make it.
        endpoint: whether ``stop`` is among them.

    Returns:
        Tensor: (num,).

    Raises:
        ValueError: num is negative.
    """
    if num < 0:
        raise ValueError(f"linspace: num cannot be negative, got {num}")
    own = dtype_of("linspace", dtype, _default_of("linspace", 1.0, start, stop))
    points = num if endpoint else num + 1
    if category(own) == 3:
        part = weft.float64 if own is weft.complex128 else weft.float32
        first, last = complex(start), complex(stop)
        out = weft.complex(
            weft.linspace(first.real, last.real, points, dtype=part, device=device),
            weft.linspace(first.imag, last.imag, points, dtype=part, device=device),
        )
    else:
        out = weft.linspace(start, stop, points, dtype=own, device=device)
    return out if endpoint else out[:num].clone()


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Return the coordinates of a grid, one array for each axis.

    Args:
        arrays: one-dimensional arrays of one dtype.
        indexing: ``"xy"`` swaps the first two axes, ``"ij"`` keeps their order.

    Returns:
        tuple of Tensor: as many as arrays, each of the grid's shape.

    Raises:
        ValueError: the dtypes differ, or indexing is neither.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    given = [array("meshgrid", x) for x in arrays]
    if len({x.dtype for x in given}) > 1:
        raise ValueError(
            "meshgrid: all arrays must have one dtype, got "
            f"{', '.join(str(x.dtype) for x in given)}"
        )
    return tuple(weft.meshgrid(*given, indexing=indexing)) if given else ()


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return an array of ones.

    Args:
        shape: an int or a tuple of ints.
        dtype: its dtype; the default floating one if None.
        device: where to make it.

    Returns:
        Tensor: (*shape).
    """
    own = dtype_of("ones", dtype, _default())
    return weft.ones(_shape("ones", shape), dtype=own, device=device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return ones in the shape of another array.

    Args:
        x: the array to be like.
        dtype: its dtype; x's if None.
        device: where to make it; x's if None.

    Returns:
        Tensor: of x's shape.
    """
    return weft.ones_like(array("ones_like", x), dtype=dtype, device=device)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Return matrices with zeros above a diagonal.

    Args:
        x: (..., M, N).
        k: the last diagonal kept.

    Returns:
        Tensor: of x's shape.
    """
    return weft.tril(array("tril", x), k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Return matrices with zeros below a diagonal.

    Args:
        x: (..., M, N).
        k: the first diagonal kept.

    Returns:
        Tensor: of x's shape.
    """
    return weft.triu(array("triu", x), k)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return an array of zeros.

    Args:
        shape: an int or a tuple of ints.
        dtype: its dtype; the default floating one if None.
        device: where to make it.

    Returns:
        Tensor: (*shape).
    """
    own = dtype_of("zeros", dtype, _default())
    return weft.zeros(_shape("zeros", shape), dtype=own, device=device)


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return zeros in the shape of another array.

    Args:
        x: the array to be like.
        dtype: its dtype; x's if None.
        device: where to make it; x's if None.

    Returns:
        Tensor: of x's shape.
    """
    return weft.zeros_like(array("zeros_like", x), dtype=dtype, device=device)
