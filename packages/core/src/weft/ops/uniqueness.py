"""Distinct elements: of all, of consecutive ones, and whether elements are among others."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.bounds import clamp
from weft.ops.comparison import eq, ne, where
from weft.ops.creation import full, full_like, tensor
from weft.ops.cumulative import cumsum
from weft.ops.families.batching import loop
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.promotion import converted, real_only
from weft.ops.gathering import index_select, picked
from weft.ops.joining import cat
from weft.ops.logic import logical_not
from weft.ops.masking import places
from weft.ops.reductions import sum
from weft.ops.searching import found
from weft.ops.sorting import argsort, sort
from weft.ops.truths import any

_ORDER = not_differentiable("it finds places, which are whole numbers")


@custom(
    shape=lambda x: Aval(x.shape[:1], dtypes.int64.numpy),
    vjp=_ORDER,
    jvp=_ORDER,
    batch=loop("lexicographic_order"),
    namespaces=(),
    methods=(),
    samples=(Sample(array(4, 3)), Sample(integers(6, 2, high=2)), Sample(array(0, 2))),
)
def lexicographic_order(xp: Any, x: Any) -> Any:
    """Places of the rows of a matrix in rising order, by their first elements first.

    Args:
        input: (n, m), real, m > 0.

    Returns:
        Tensor: int64, (n,). Equal rows keep their order.
    """
    keys = x.astype("uint8") if x.dtype.kind == "b" else x
    return xp.lexsort(xp.flip(keys, 1).T)


def _rows(name: str, input: Tensor, dim: int) -> tuple[Tensor, int]:
    """Return a matrix whose rows are the slices along a dim, and the dim as a number."""
    if not input.ndim:
        raise IndexError(f"{name}: dim {dim} was given, but input is 0-d and has no dim")
    at = canonical_dim(name, dim, input.ndim)
    length = input.shape[at]
    rest = tuple(n for d, n in enumerate(input.shape) if d != at)
    if 0 in rest and length:
        raise ShapeError(
            f"{name}: the slices of input along dim {at} are empty (input.shape == "
            f"{tuple(input.shape)}), so none differs from another"
        )
    return input.movedim(at, 0).reshape((length, -1 if length else 1)), at


def _starts(rises: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the run of each element, and where the runs start, of where an element is new."""
    first = full((min(1, length),), True, device=rises.device)
    new = cat([first, rises]) if length else first
    return cumsum(new, 0) - 1, places(new).reshape(-1)


def _counts(starts: Tensor, length: int) -> Tensor:
    ends = cat([starts[1:], full_like(starts[:1], length)])
    return ends - starts


def _answer(
    values: Tensor, inverse: Tensor | None, counts: Tensor | None
) -> Tensor | tuple[Tensor, ...]:
    """Return the parts asked for, alone if it is the values only."""
    more = tuple(part for part in (inverse, counts) if part is not None)
    return (values, *more) if more else values


_UNIQUE = (
    Sample(array(2, 3, distinct=True)),
    Sample(integers(9, high=4)),
    Sample(integers(3, 4, high=4), return_inverse=True, return_counts=True),
    Sample(integers(5, 2, high=2), return_inverse=True, return_counts=True, dim=0),
    Sample(integers(2, 6, high=2), return_counts=True, dim=-1),
    Sample(array(0), return_inverse=True),
    Sample(array(), return_inverse=True, return_counts=True),
)
_UNIQUE_ERRORS = (
    ErrorSample(array(2), dim=1, error=IndexError, match="dim 1 is out of range"),
    ErrorSample(array(), dim=0, error=IndexError, match="input is 0-d"),
    ErrorSample(array(2, 0), dim=0, error=ShapeError, match="are empty"),
)


@composite(samples=_UNIQUE, errors=_UNIQUE_ERRORS)
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Distinct elements, or distinct slices along a dim, in rising order.

    Args:
        input: (...), real.
        sorted: whether they must come in order; they do in any case.
        return_inverse: whether to tell where each element's value is among the distinct ones.
        return_counts: whether to tell how often each occurs.
        dim: the dim whose slices are compared; None compares the elements of the flattened tensor.

    Returns:
        Tensor, or a tuple of it with what else was asked for: the distinct elements (k,) or slices
        (k in place of dim); the inverse, int64, of input's shape or (n,); the counts, int64, (k,).
        Each NaN is distinct. The gradient goes to the first of equal elements.

    Raises:
        IndexError: the dim is out of range.
        ShapeError: the slices are empty.
        DTypeError: input is complex.
    """
    real_only("unique", input)
    if dim is None:
        x, at = input.reshape(-1), 0
        order = argsort(x)
        ordered = picked(x, order, dim=0)
        rises = ne(ordered[1:], ordered[:-1])
    else:
        x, at = _rows("unique", input, dim)
        order = lexicographic_order(x)
        ordered = index_select(x, 0, order)
        rises = any(ne(ordered[1:], ordered[:-1]), 1)
    length = x.shape[0]
    runs, starts = _starts(rises, length)
    chosen = picked(order, starts, dim=0)
    values = index_select(x if dim is None else input, at, chosen)
    inverse = picked(runs, argsort(order), dim=0) if return_inverse else None
    if inverse is not None and dim is None:
        inverse = inverse.reshape(tuple(input.shape))
    return _answer(values, inverse, _counts(starts, length) if return_counts else None)


@composite(
    samples=(
        Sample(array(2, 3, distinct=True)),
        Sample(integers(9, high=2)),
        Sample(integers(3, 4, high=2), True, True),
        Sample(integers(6, 2, high=2), True, True, 0),
        Sample(integers(2, 6, high=2), return_counts=True, dim=-1),
        Sample(array(), True, True),
    ),
    errors=_UNIQUE_ERRORS,
)
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The first of each run of equal elements, or of equal slices along a dim.

    Args:
        input: (...).
        return_inverse: whether to tell which run each element belongs to.
        return_counts: whether to tell how long the runs are.
        dim: the dim whose slices are compared; None compares the elements of the flattened tensor.

    Returns:
        Tensor, or a tuple of it with what else was asked for: the first elements (k,) or slices
        (k in place of dim); the runs, int64, of input's shape or (n,); the lengths, int64, (k,).
        A NaN equals nothing. The gradient goes to the first of each run.

    Raises:
        IndexError: the dim is out of range.
        ShapeError: the slices are empty.
    """
    if dim is None:
        x, at = input.reshape(-1), 0
        rises = ne(x[1:], x[:-1])
    else:
        x, at = _rows("unique_consecutive", input, dim)
        rises = any(ne(x[1:], x[:-1]), 1)
    length = x.shape[0]
    runs, starts = _starts(rises, length)
    values = index_select(x if dim is None else input, at, starts)
    inverse: Tensor | None = runs if return_inverse else None
    if inverse is not None and dim is None:
        inverse = inverse.reshape(tuple(input.shape))
    return _answer(values, inverse, _counts(starts, length) if return_counts else None)


@composite(
    samples=(
        Sample(integers(2, 3), integers(4)),
        Sample(integers(5), integers(2, 2), invert=True),
        Sample(integers(5), 3),
        Sample(3, integers(5)),
        Sample(array(3), array(2)),
        Sample(integers(3), array(0)),
    ),
    errors=(ErrorSample(1, 2, error=TypeError, match="at least one of them a tensor"),),
    methods=(),
    not_differentiable="its result is true or false",
    out=True,
)
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether elements are among others.

    Args:
        elements: (...), real, or a number.
        test_elements: real, of any shape, or a number; not both are numbers.
        assume_unique: whether each holds an element but once; makes no difference here.
        invert: whether to tell instead which are not among them.

    Returns:
        Tensor: bool, of elements' shape. NaN is among nothing.

    Raises:
        TypeError: neither is a tensor.
        DTypeError: one is complex.
    """
    both = (elements, test_elements)
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError(
            f"isin: elements and test_elements must be tensors or numbers, at least one of them a "
            f"tensor, got {elements!r} and {test_elements!r}"
        )
    wanted = dtypes.result_type(*both)
    device = next(b.device for b in both if isinstance(b, Tensor))
    x, tests = (
        converted(b, wanted) if isinstance(b, Tensor) else tensor(b, dtype=wanted, device=device)
        for b in both
    )
    real_only("isin", x)
    tests = tests.reshape(-1)
    length = tests.shape[0]
    if not length:
        return full(tuple(x.shape), invert, dtype=dtypes.bool_, device=device)
    ordered = sort(tests, 0).values
    if wanted.category == 2:
        # NaN, which comes last, would lead the search astray: the largest number instead of it
        nan = ne(ordered, ordered)
        last = clamp(sum(logical_not(nan), 0, True) - 1, min=0)
        ordered = where(nan, picked(ordered, last, dim=0), ordered)
    at = clamp(found(ordered, x, None, right=False), max=length - 1)
    near = picked(ordered, at.reshape(-1), dim=0).reshape(tuple(x.shape))
    return ne(near, x) if invert else eq(near, x)
