"""Manipulation functions of the standard."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.array_api._operands import array, axes_of, category, promoted


def _sequence(name: str, arrays: Any) -> list[Tensor]:
    """Return a list or tuple of arrays, all in their promoted dtype."""
    if not isinstance(arrays, (list, tuple)):
        raise TypeError(f"{name}: expected a list or tuple of arrays, got {type(arrays).__name__}")
    if not arrays:
        raise ValueError(f"{name}: expected at least one array, got none")
    given = [array(name, x) for x in arrays]
    dtype = promoted(name, [x.dtype for x in given])
    return [x.to(dtype) for x in given]


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Return arrays broadcast against each other.

    Args:
        arrays: of shapes that go together.

    Returns:
        tuple of Tensor: all of one shape, each of its own dtype.

    Raises:
        ValueError: the shapes do not go together.
    """
    shape = broadcast_shapes(*(tuple(array("broadcast_arrays", x).shape) for x in arrays))
    return tuple(broadcast_to(x, shape) for x in arrays)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that shapes broadcast to.

    Args:
        shapes: tuples of ints.

    Returns:
        tuple of int: () where none is given.

    Raises:
        ValueError: they do not go together.
    """
    out: list[int] = []
    for shape in shapes:
        out = [1] * (len(shape) - len(out)) + out
        for back, length in enumerate(reversed(shape), 1):
            if out[-back] == 1:
                out[-back] = length
            elif length not in (1, out[-back]):
                raise weft.ShapeError(
                    f"broadcast_shapes: {length} and {out[-back]} do not go together, counted "
                    f"{back} from the end of {', '.join(str(tuple(s)) for s in shapes)}"
                )
    return tuple(out)


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """Return an array broadcast to a shape.

    Args:
        x: (...).
        shape: a tuple of ints.

    Returns:
        Tensor: (*shape), a view that must not be written to.

    Raises:
        ValueError: x does not broadcast to the shape.
    """
    array("broadcast_to", x)
    wanted = tuple(shape)
    if broadcast_shapes(tuple(x.shape), wanted) != wanted or any(n < 0 for n in wanted):
        raise weft.ShapeError(f"broadcast_to: {tuple(x.shape)} does not broadcast to {wanted}")
    return x.expand(wanted)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Tensor:
    """Join arrays along an axis.

    Args:
        arrays: a list or tuple of arrays, of one shape except along the axis.
        axis: the axis; None joins them flattened.

    Returns:
        Tensor: of the promoted dtype.

    Raises:
        IndexError: the axis is out of range.
        ValueError: the shapes differ elsewhere, or there is no array.
        TypeError: the dtypes are of kinds that are not promoted.
    """
    given = _sequence("concat", arrays)
    if axis is None:
        return weft.cat([x.reshape(-1) for x in given])
    (at,) = axes_of("concat", given[0], axis)
    rests = {(*x.shape[:at], *x.shape[at + 1 :]) for x in given}
    if len(rests) > 1 or len({x.ndim for x in given}) > 1:
        raise weft.ShapeError(
            f"concat: shapes {', '.join(str(tuple(x.shape)) for x in given)} differ outside axis "
            f"{axis}"
        )
    return weft.cat(given, at)


def expand_dims(x: Tensor, /, axis: Any) -> Tensor:
    """Insert axes of length 1.

    Args:
        x: (...).
        axis: where in the result, an int or a tuple of distinct ones; negative from the end.

    Returns:
        Tensor: a view.

    Raises:
        IndexError: a place is out of range.
        ValueError: a place comes twice.
    """
    array("expand_dims", x)
    given = axis if isinstance(axis, tuple) else (axis,)
    total = x.ndim + len(given)
    for one in given:
        if not -total <= one < total:
            raise IndexError(
                f"expand_dims: axis {one} is out of range for a result of {total} dimensions"
            )
    places = sorted(one % total for one in given)
    if len(set(places)) != len(places):
        raise ValueError(f"expand_dims: axis {axis} names a place twice")
    out = x
    for place in places:
        out = weft.unsqueeze(out, place)
    return out


def flip(x: Tensor, /, *, axis: Any = None) -> Tensor:
    """Reverse the order along axes.

    Args:
        x: (...).
        axis: the axes, all if None.

    Returns:
        Tensor: of x's shape.
    """
    return weft.flip(x, axes_of("flip", array("flip", x), axis))


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """Move axes to other places.

    Args:
        x: (...).
        source: the axes to move, distinct.
        destination: their places in the result, distinct.

    Returns:
        Tensor: a view.

    Raises:
        ValueError: the two do not name as many axes, or one twice.
    """
    first = axes_of("moveaxis", array("moveaxis", x), source)
    last = axes_of("moveaxis", x, destination)
    if len(first) != len(last):
        raise ValueError(f"moveaxis: {source} and {destination} do not name as many axes")
    order = [d for d in range(x.ndim) if d not in first]
    for place, dim in sorted(zip(last, first, strict=True)):
        order.insert(place, dim)
    return x.permute(tuple(order))


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """Reorder all axes.

    Args:
        x: (...).
        axes: every axis once; negative counts from the end.

    Returns:
        Tensor: a view.

    Raises:
        ValueError: axes is no permutation.
    """
    order = axes_of("permute_dims", array("permute_dims", x), tuple(axes))
    if len(order) != x.ndim:
        raise ValueError(f"permute_dims: {axes} does not name all {x.ndim} axes")
    return x.permute(order)


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Repeat each element along an axis.

    Args:
        x: (...).
        repeats: how often, an int or a one-dimensional integer array with one count an element.
        axis: the axis; None repeats the elements of x flattened.

    Returns:
        Tensor: longer along the axis; one-dimensional if axis is None.

    Raises:
        TypeError: repeats is neither.
    """
    array("repeat", x)
    if isinstance(repeats, Tensor):
        if category(repeats.dtype) != 1:
            raise weft.DTypeError(f"repeat: expected integer repeats, got {repeats.dtype}")
        length = x.numel() if axis is None else x.shape[axes_of("repeat", x, axis)[0]]
        repeats = repeats.to(weft.int64).reshape(-1).expand((length,))
    if axis is None:
        return weft.repeat_interleave(x.reshape(-1), repeats, 0)
    return weft.repeat_interleave(x, repeats, axes_of("repeat", x, axis)[0])


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """Return the elements in another shape.

    Args:
        x: (...).
        shape: of as many elements; one length may be -1.
        copy: ``True`` always copies, ``False`` never, ``None`` only where needed.

    Returns:
        Tensor: (*shape).

    Raises:
        ValueError: the shape does not fit, or ``copy=False`` and a copy is needed.
    """
    array("reshape", x)
    wanted = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if copy:
        return weft.clone(x).reshape(wanted)
    return x.view(wanted) if copy is False else x.reshape(wanted)


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """Move elements along axes, those that fall off one end back in at the other.

    Args:
        x: (...).
        shift: by how many places; one for each axis, or one for all.
        axis: the axes; None rolls x flattened.

    Returns:
        Tensor: of x's shape.
    """
    array("roll", x)
    if axis is None:
        return weft.roll(x.reshape(-1), shift).reshape(tuple(x.shape))
    axes = axes_of("roll", x, axis)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(f"roll: shift {shift} and axis {axis} are not as many")
    return weft.roll(x, tuple(shifts), axes)


def squeeze(x: Tensor, /, axis: Any) -> Tensor:
    """Remove axes of length 1.

    Args:
        x: (...).
        axis: which, an int or a tuple.

    Returns:
        Tensor: a view.

    Raises:
        ValueError: one is longer than 1.
        IndexError: one is out of range.
    """
    axes = axes_of("squeeze", array("squeeze", x), axis)
    for at in axes:
        if x.shape[at] != 1:
            raise ValueError(f"squeeze: axis {at} has length {x.shape[at]}, not 1")
    return x.reshape(tuple(n for at, n in enumerate(x.shape) if at not in axes))


def stack(arrays: Any, /, *, axis: int = 0) -> Tensor:
    """Join arrays along a new axis.

    Args:
        arrays: a list or tuple of arrays of one shape.
        axis: the new axis in the result.

    Returns:
        Tensor: of the promoted dtype.

    Raises:
        IndexError: the axis is out of range.
        ValueError: the shapes differ, or there is no array.
    """
    return weft.stack(_sequence("stack", arrays), axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """Repeat an array as a whole along its axes.

    Args:
        x: (...).
        repetitions: how often along each axis, counted from the last; missing ones are 1.

    Returns:
        Tensor: of as many dimensions as the longer of the two.

    Raises:
        TypeError: repetitions is no tuple.
    """
    if not isinstance(repetitions, tuple):
        raise TypeError(f"tile: expected a tuple of ints, got {type(repetitions).__name__}")
    return weft.tile(array("tile", x), repetitions)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Take an array apart along an axis.

    Args:
        x: (...).
        axis: the axis, which goes away.

    Returns:
        tuple of Tensor: views.

    Raises:
        IndexError: the axis is out of range.
    """
    (at,) = axes_of("unstack", array("unstack", x), axis)
    return tuple(weft.unbind(x, at))
