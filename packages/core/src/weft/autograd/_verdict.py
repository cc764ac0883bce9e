"""Whether two Jacobians agree, and if not, in words: where, by how much, and what it looks like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from weft._core.tensor import Tensor
from weft.ops.comparison import where

#: How many rows and columns of a Jacobian a message shows, around the largest difference.
SHOWN = 6


class Mismatch(NamedTuple):
    """Where two Jacobians differ most, and in how many entries they differ too much."""

    entries: int
    row: int
    column: int
    difference: float


def mismatch(analytical: Tensor, numerical: Tensor, rtol: float, atol: float) -> Mismatch | None:
    """Return where |analytical − numerical| > atol + rtol·|numerical| is worst; None if nowhere.

    NaN agrees with nothing; an infinity agrees with itself.
    """
    if analytical.numel() == 0:
        return None
    bad = ~close(analytical, numerical, rtol, atol)
    count = int(bad.sum().item())
    if count == 0:
        return None
    apart = (analytical - numerical).abs()
    apart = where(apart.isnan(), math.inf, apart)
    worst = int(where(bad, apart, -1.0).argmax().item())
    row, column = divmod(worst, int(analytical.shape[1]))
    difference = (analytical[row, column] - numerical[row, column]).abs().item()
    return Mismatch(count, row, column, float(difference))


def close(a: Tensor, b: Tensor, rtol: float, atol: float) -> Tensor:
    """Return where two tensors of any floating or complex dtypes agree."""
    return ((a - b).abs() <= atol + rtol * b.abs()) | (a == b)


def resemblance(
    analytical: Tensor, numerical: Tensor, unit: complex, rtol: float, atol: float
) -> str | None:
    """Return what a wrong Jacobian is in terms of the right one, if it is something simple.

    Args:
        analytical: the wrong one.
        numerical: the right one.
        unit: the cotangent or tangent that it was taken with, 1 or 1j.
        rtol: relative tolerance.
        atol: absolute tolerance.
    """

    def is_near(other: Tensor) -> bool:
        return bool(close(analytical, other, rtol, atol).all().item())

    if not bool(numerical.isfinite().all().item()):
        return "The numerical Jacobian is not finite: func is not defined around these inputs."
    if not bool(analytical.isfinite().all().item()):
        return "The analytical Jacobian is not finite where the numerical one is."
    if not bool((analytical != 0).any().item()):
        return "The analytical Jacobian is zero everywhere: no gradient comes through."
    if is_near(-numerical):
        return "The analytical Jacobian is the numerical one negated: a sign is wrong."
    if numerical.dtype.is_complex and analytical.dtype.is_complex:
        if is_near(numerical.conj()):
            return (
                "The analytical Jacobian is the conjugate of the numerical one: a conj() is "
                "missing in the rule, or one too many."
            )
        if unit == 1j and is_near(-numerical.conj()):  # a/i is the conjugate of n/i
            return (
                "But for the cotangent, 1j, the analytical Jacobian is the conjugate of the "
                "numerical one: a conj() of the derivative is missing in the rule, or one too many."
            )
    flat = numerical.abs().reshape(-1)
    top = int(flat.argmax().item())
    if flat[top].item() > atol and flat.numel() > 1:
        ratio = (analytical.reshape(-1)[top] / numerical.reshape(-1)[top]).item()
        if abs(ratio.imag) <= 1e-6 * abs(ratio):
            ratio = ratio.real
        if is_near(numerical * ratio):
            return f"The analytical Jacobian is {ratio:.6g} times the numerical one everywhere."
    return None


def described(
    found: Mismatch,
    analytical: Tensor,
    numerical: Tensor,
    input_shape: Sequence[int],
    output_shape: Sequence[int],
    rtol: float,
    atol: float,
) -> str:
    """Return the largest difference, where it is, and both Jacobians around it."""
    here = (found.row, found.column)
    return "\n".join(
        [
            f"{found.entries} of {analytical.numel()} entries differ by more than atol + rtol × "
            f"|numerical| (atol={atol:g}, rtol={rtol:g}).",
            f"Largest difference: {found.difference:.6g}, for element "
            f"{_element(found.column, output_shape)} of the output and element "
            f"{_element(found.row, input_shape)} of the input: analytical "
            f"{_number(analytical[here].item())}, numerical {_number(numerical[here].item())}.",
            f"A row is an element of the input, a column one of the output"
            f"{_window_note(analytical, here)}.",
            f"numerical:\n{_window(numerical, here)}",
            f"analytical:\n{_window(analytical, here)}",
        ]
    )


def _element(flat: int, shape: Sequence[int]) -> tuple[int, ...]:
    place = []
    for length in reversed(shape):
        flat, at = divmod(flat, length)
        place.append(at)
    return tuple(reversed(place))


def _number(value: complex) -> str:
    return f"{value:.6g}"


def _span(at: int, length: int) -> tuple[int, int]:
    """Return the part of a dim that is shown: at most ``SHOWN`` places, ``at`` among them."""
    first = max(0, min(at - SHOWN // 2, length - SHOWN))
    return first, min(length, first + SHOWN)


def _window_note(matrix: Tensor, here: tuple[int, int]) -> str:
    rows, columns = (_span(at, n) for at, n in zip(here, matrix.shape, strict=True))
    total = tuple(matrix.shape)
    if rows == (0, total[0]) and columns == (0, total[1]):
        return ""
    return (
        f"; of {total[0]} rows and {total[1]} columns, rows {rows[0]} to {rows[1] - 1} and columns "
        f"{columns[0]} to {columns[1] - 1} are shown"
    )


def _window(matrix: Tensor, here: tuple[int, int]) -> str:
    (top, bottom), (left, right) = (_span(at, n) for at, n in zip(here, matrix.shape, strict=True))
    lines: list[list[Any]] = matrix[top:bottom, left:right].tolist()
    cells = [[_number(value) for value in line] for line in lines]
    width = max(len(cell) for line in cells for cell in line)
    return "\n".join("  [" + "  ".join(cell.rjust(width) for cell in line) + "]" for line in cells)
