"""How two results differ, in words: how many elements, where most, and by how much."""

from __future__ import annotations

from typing import Any, NamedTuple

import weft
from weft._backend import np

_PLAIN: tuple[Any, ...] = (bool, int, float, complex)


class Tolerance(NamedTuple):
    """By how much two numbers may differ: ``atol + rtol · |expected|``."""

    rtol: float
    atol: float


def plain_number(value: Any) -> Any:
    """Return a number of NumPy's, or of a subclass of Python's, as Python's own."""
    if isinstance(value, (np.bool_, np.number)):
        return value.item()
    return next((kind(value) for kind in _PLAIN if isinstance(value, kind)), value)


def of_scalars(actual: complex, expected: complex, tolerance: Tolerance) -> str:
    """Return how two numbers differ."""
    apart = abs(actual - expected)
    relative = float("inf") if expected == 0 else apart / abs(expected)
    return "\n".join(
        [
            f"assert_close: {actual} is not {_word(tolerance)} {expected}",
            f"  apart by {apart}{_bound('atol', tolerance, tolerance.atol)}",
            f"  relative to {expected} by {relative}{_bound('rtol', tolerance, tolerance.rtol)}",
        ]
    )


def of_tensors(
    actual: weft.Tensor, expected: weft.Tensor, tolerance: Tolerance, equal_nan: bool
) -> str | None:
    """Return how two tensors of one shape and dtype differ; None if they do not."""
    if actual.dtype.is_floating_point and actual.dtype.itemsize == 1:
        # weft computes nothing in 8-bit floats; each of them is a float32 too
        actual, expected = actual.to(weft.float32), expected.to(weft.float32)
    near = weft.isclose(
        actual, expected, rtol=tolerance.rtol, atol=tolerance.atol, equal_nan=equal_nan
    )
    if bool(near.all().item()):
        return None
    if actual.ndim == 0:
        return of_scalars(actual.item(), expected.item(), tolerance)
    wrong = near.numel() - int(near.sum().item())
    apart = _apart(actual, expected).masked_fill(near, 0)
    size = _wide(expected).abs()
    relative = (apart / size).masked_fill(near, 0)
    return "\n".join(
        [
            f"assert_close: {wrong} of {near.numel()} elements ({wrong / near.numel():.1%}) are "
            f"not {_word(tolerance)} what was expected",
            _greatest("absolute", apart, actual, expected)
            + _bound("atol", tolerance, tolerance.atol),
            _greatest("relative", relative, actual, expected)
            + _bound("rtol", tolerance, tolerance.rtol),
        ]
    )


def _wide(x: weft.Tensor) -> weft.Tensor:
    """Return integers in a dtype in which differences do not overflow."""
    if x.dtype.is_floating_point or x.dtype.is_complex:
        return x
    return x.to(weft.float64 if x.dtype is weft.uint64 else weft.int64)


def _apart(actual: weft.Tensor, expected: weft.Tensor) -> weft.Tensor:
    if actual.dtype is weft.uint64:  # exact, where the difference of floats is not
        larger, smaller = weft.maximum(actual, expected), weft.minimum(actual, expected)
        return (larger - smaller).to(weft.float64)
    return (_wide(actual) - _wide(expected)).abs()


def _greatest(
    which: str, difference: weft.Tensor, actual: weft.Tensor, expected: weft.Tensor
) -> str:
    flat = int(difference.argmax().item())
    place: tuple[int, ...] = ()
    for length in reversed(difference.shape):
        flat, at = divmod(flat, length)
        place = (at, *place)
    return (
        f"  largest {which} difference {difference[place].item()} at {place}: "
        f"{actual[place].item()} instead of {expected[place].item()}"
    )


def _word(tolerance: Tolerance) -> str:
    return "equal to" if tolerance == (0, 0) else "close to"


def _bound(name: str, tolerance: Tolerance, bound: float) -> str:
    return "" if tolerance == (0, 0) else f" ({name}={bound})"
