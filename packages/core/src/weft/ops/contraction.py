"""Sums of products over named indices: einsum and tensordot."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dims
from weft._core.tensor import Tensor
from weft.ops.diagonals import diagonal
from weft.ops.families.composite import composite
from weft.ops.matmul import matmul
from weft.ops.memory import contiguous
from weft.ops.permuting import movedim, permute
from weft.ops.reductions import sum
from weft.ops.shape import reshape

_ELLIPSIS = "."
#: What the numbers of the form without an equation stand for, in the order in which they sort.
_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def _read(equation: str, operands: Sequence[Tensor]) -> tuple[list[list[str]], list[str]]:
    """Return the index names of each operand, and of the result. ``...`` becomes numbered names."""
    if "." in equation.replace("...", ""):
        raise ValueError(f"einsum: {equation!r} has a '.' that is not part of an ellipsis '...'")
    text = equation.replace("...", _ELLIPSIS).replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    letters = left.replace(",", "").replace(_ELLIPSIS, "")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {equation!r} names {len(terms)} operands, got {len(operands)}")
    if not (letters + right.replace(_ELLIPSIS, "")).isalpha() and (letters + right):
        raise ValueError(f"einsum: indices in {equation!r} must be letters")
    named = []
    widest = 0
    for term, x in zip(terms, operands, strict=True):
        free = x.ndim - len(term.replace(_ELLIPSIS, ""))
        if free < 0 or (free and _ELLIPSIS not in term) or term.count(_ELLIPSIS) > 1:
            raise ShapeError(
                f"einsum: {term.replace(_ELLIPSIS, '...')!r} does not name the {x.ndim} dims of an "
                f"operand of shape {tuple(x.shape)}"
            )
        widest = max(widest, free if _ELLIPSIS in term else 0)
        named.append((term, free))
    extra = [f"{_ELLIPSIS}{i}" for i in range(widest)]

    def spelt(term: str, free: int) -> list[str]:
        shown = extra[len(extra) - free :] if free else []
        return [n for letter in term for n in (shown if letter == _ELLIPSIS else [letter])]

    inputs = [spelt(term, free) for term, free in named]
    if arrow:
        result = spelt(right, widest)
        unknown = [n for n in result if not any(n in names for names in inputs)]
        if unknown or len(set(result)) != len(result) or right.count(_ELLIPSIS) > 1:
            raise ValueError(
                f"einsum: the result {right!r} of {equation!r} names an index twice or none"
            )
        return inputs, result
    once = sorted(n for n in set(letters) if letters.count(n) == 1)
    return inputs, [*extra, *once]


def _without_repeats(x: Tensor, names: list[str]) -> tuple[Tensor, list[str]]:
    """Take the diagonal of indices that one operand names twice."""
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ShapeError(
                    f"einsum: index {name!r} has lengths {x.shape[first]} and {x.shape[second]}"
                )
            x = diagonal(x, 0, first, second)
            names = [n for i, n in enumerate(names) if i not in (first, second)] + [name]
    return x, names


def _pair(
    x: Tensor, xs: list[str], y: Tensor, ys: list[str], needed: set[str]
) -> tuple[Tensor, list[str]]:
    """Contract two operands: one batched matrix product."""
    x, xs = _summed(x, xs, needed | set(ys))
    y, ys = _summed(y, ys, needed | set(xs))
    shared = [n for n in xs if n in ys]
    lengths = dict(zip(xs, x.shape, strict=True))
    for name, length in zip(ys, y.shape, strict=True):
        own = lengths.setdefault(name, length)
        if own != length and 1 not in (own, length):
            raise ShapeError(f"einsum: index {name!r} has lengths {own} and {length}")
        lengths[name] = max(own, length) if 0 not in (own, length) else 0
    batch = [n for n in shared if n in needed]
    inner = [n for n in shared if n not in needed]
    rows = [n for n in xs if n not in shared]
    columns = [n for n in ys if n not in shared]

    def arranged(z: Tensor, names: list[str], order: list[str]) -> Tensor:
        out = permute(z, tuple(names.index(n) for n in order))
        full = tuple(lengths[n] for n in order)
        return out.expand(full) if tuple(out.shape) != full else out

    def size(names: list[str]) -> int:
        return math.prod(lengths[n] for n in names)

    lead = (size(batch),)
    left = reshape(arranged(x, xs, batch + rows + inner), (*lead, size(rows), size(inner)))
    right = reshape(arranged(y, ys, batch + inner + columns), (*lead, size(inner), size(columns)))
    names = batch + rows + columns
    return reshape(matmul(left, right), tuple(lengths[n] for n in names)), names


def _summed(x: Tensor, names: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    gone = tuple(i for i, n in enumerate(names) if n not in needed)
    return (sum(x, dim=gone), [n for n in names if n in needed]) if gone else (x, names)


def _spelt(*pairs: Any) -> tuple[str, list[Tensor]]:
    """Return the equation and operands of ``einsum(x, [0, 1], y, [1, 2], [0, 2])``."""

    def letters(numbers: Any) -> str:
        if not isinstance(numbers, list | tuple):
            raise TypeError(
                f"einsum: expected an equation or, after each tensor, a list of numbers, got "
                f"{type(numbers).__name__} {numbers!r}"
            )
        for n in numbers:
            if n is not Ellipsis and not (type(n) is int and 0 <= n < len(_LETTERS)):
                raise ValueError(f"einsum: indices must be 0 to 51 or ..., got {n!r}")
        return "".join("..." if n is Ellipsis else _LETTERS[n] for n in numbers)

    terms = [letters(numbers) for numbers in pairs[1::2]]
    result = f"->{letters(pairs[-1])}" if len(pairs) % 2 else ""
    return ",".join(terms) + result, list(pairs[: 2 * len(terms) : 2])


@composite(
    samples=(
        Sample("ij,jk->ik", array(2, 3), array(3, 4)),
        Sample("bij,bkj", array(2, 2, 3), array(2, 2, 3)),
        Sample("...i,i", array(2, 2, 3), array(3)),
        Sample("ii->i", array(3, 3)),
        Sample("i,j,k->kji", array(2), array(3), array(2)),
        Sample("ij->", array(2, 3)),
        Sample("ij,ij->j", array(2, 3), array(2, 3)),
        Sample("ij,jk,kl->il", array(2, 3), array(3, 4), array(4, 2)),
        Sample("i...->...", array(3, 2)),
        Sample(array(2, 3), (0, 1), array(3, 4), (1, 2), (2, 0)),
        Sample(array(2, 3), (1, ...)),
    ),
    errors=(
        ErrorSample("ij,jk", array(2, 3), array(2, 2), error=ShapeError, match="index 'j' has"),
        ErrorSample("ij", array(2), error=ShapeError, match="does not name the 1 dims"),
        ErrorSample("i.j", array(2, 2), error=ValueError, match="not part of an ellipsis"),
        ErrorSample("i->ii", array(2), error=ValueError, match="names an index twice"),
        ErrorSample(array(2), (52,), error=ValueError, match="indices must be 0 to 51"),
        ErrorSample("i,i", array(2), error=ValueError, match="names 2 operands"),
    ),
    methods=(),
)
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sum of products over named indices.

    Args:
        equation: a letter for each dim of each operand, as ``"bij,bjk->bik"``. Letters that the
            result does not name are summed over. ``...`` stands for any further dims. Without
            ``->`` the result names the letters that occur once, sorted. Or a tensor, followed by
            the numbers (0 to 51) that name its dims, and so on in pairs; numbers after the last
            pair name the result's.
        operands: the tensors, or one list of them. They are contracted from left to right.

    Returns:
        Tensor: with the dims that the result names.

    Raises:
        ShapeError: an index has two lengths, or an operand other dims than the equation names.
        ValueError: the equation cannot be read.
    """
    if isinstance(equation, str):
        listed = len(operands) == 1 and isinstance(operands[0], list | tuple)
        given = operands[0] if listed else operands
    else:
        equation, given = _spelt(equation, *operands)
    inputs, result = _read(equation, given)
    ready = [_without_repeats(x, names) for x, names in zip(given, inputs, strict=True)]
    x, names = ready[0]
    for i, (y, others) in enumerate(ready[1:], start=1):
        needed = set(result).union(*(later for _, later in ready[i + 1 :]))
        x, names = _pair(x, names, y, others, needed)
    x, names = _summed(x, names, set(result))
    out = permute(x, tuple(names.index(n) for n in result))
    return contiguous(out) if len(ready) > 1 else out  # of one operand it may be a view


@composite(
    samples=(
        Sample(array(2, 3, 4), array(3, 4, 2)),
        Sample(array(2, 3), array(4, 3), ([1], [1])),
        Sample(array(2), array(3), 0),
        Sample(array(2, 1), array(2, 4), ((1,), (0,))),
    ),
    errors=(
        ErrorSample(array(2, 3), array(2, 3), 1, error=ShapeError, match="lengths"),
        ErrorSample(array(2), array(2), -1, error=ShapeError, match="dims must be from 0 to 1"),
        ErrorSample(array(2), array(2), (1, 0), error=TypeError, match="an int or two lists"),
        ErrorSample(array(2), array(2), ([0], []), error=ValueError, match="as many dims of a"),
    ),
    methods=(),
    out=True,
)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sum of products over some dims of each of two tensors.

    Args:
        a: a tensor.
        b: a tensor.
        dims: how many of a's last and b's first dims; or two lists of dims, in pairs. A paired dim
            of length 1 is repeated.

    Returns:
        Tensor: a's remaining dims, then b's.

    Raises:
        ShapeError: paired dims differ in length, or there are fewer dims than asked for.
        TypeError: dims is neither.
        ValueError: the lists differ in length.
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ShapeError(
                f"tensordot: dims must be from 0 to {min(a.ndim, b.ndim)}, the fewest dims of a "
                f"and b, got {dims}"
            )
        left, right = tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    elif len(dims) != 2 or not all(isinstance(d, list | tuple) for d in dims):
        raise TypeError(f"tensordot: dims must be an int or two lists of dims, got {dims!r}")
    else:
        left = canonical_dims("tensordot", dims[0], a.ndim)
        right = canonical_dims("tensordot", dims[1], b.ndim)
        if len(left) != len(right):
            raise ValueError(
                f"tensordot: dims must name as many dims of a as of b, got {len(left)} and "
                f"{len(right)}"
            )
    # a paired dim of length 1 stands for all of the other's
    for d, e in zip(left, right, strict=True):
        if a.shape[d] == 1 != b.shape[e]:
            b = sum(b, e, True).to(b.dtype)
        elif b.shape[e] == 1 != a.shape[d]:
            a = sum(a, d, True).to(a.dtype)
    lengths = [a.shape[d] for d in left], [b.shape[d] for d in right]
    if lengths[0] != lengths[1]:
        raise ShapeError(
            f"tensordot: dims {left} and {right} have lengths {lengths[0]} and {lengths[1]}"
        )
    count = len(left)
    x = movedim(a, left, tuple(range(a.ndim - count, a.ndim)))
    y = movedim(b, right, tuple(range(count)))
    outer = tuple(x.shape)[: a.ndim - count], tuple(y.shape)[count:]
    inner = math.prod(lengths[0])
    flat = matmul(
        reshape(x, (math.prod(outer[0]), inner)), reshape(y, (inner, math.prod(outer[1])))
    )
    return reshape(flat, outer[0] + outer[1])
