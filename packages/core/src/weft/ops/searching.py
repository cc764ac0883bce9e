"""Finding where values belong in sorted sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.dispatch import apply
from weft._core.errors import DTypeError, ShapeError
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.creation import tensor
from weft.ops.families.batching import all_batched
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.promotion import promoted, real_only
from weft.ops.gathering import check_places

_PLACES = not_differentiable("it finds places, which are whole numbers")


def _batch(size: int, batched: Sequence[bool], *args: Any, right: bool) -> Any:
    x, y, sorter = args
    op = catalogue.ops["found"]
    if x.ndim == 1 and not batched[0] and not batched[2]:  # one sequence for all
        return apply(op, (x, y, sorter), {"right": right})
    x, y, sorter = all_batched(size, batched, args)
    if x.ndim > 2:
        return apply(op, (x, y, sorter), {"right": right})
    # a sequence for each entry, whose values have any shape
    out = apply(op, (x, y.reshape((size, -1)), sorter), {"right": right})
    return out.reshape(tuple(y.shape))


@custom(
    shape=lambda x, y, sorter=None, *, right: Aval(y.shape, dtypes.int64.numpy),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=_batch,
    promote=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(5), array(2, 3), None), Sample(array(2, 5), array(2, 3), None, True)),
)
def found(xp: Any, x: Any, y: Any, sorter: Any = None, *, right: bool = False) -> Any:
    """Places of values in sorted sequences, by halving.

    Args:
        input: (n,), or (..., n): sorted.
        other: of any shape, or (..., m) with the same dims before the last.
        sorter: None, or the places of input's elements in order, of input's shape.
        right: whether to give the first place beyond equal elements, rather than the first of them.

    Returns:
        Tensor: int64, of other's shape.
    """
    length = x.shape[-1]
    low = xp.zeros(y.shape, "int64")
    if not length:
        return low
    if sorter is not None:
        check_places("searchsorted", sorter, length)
    high = xp.full(y.shape, length, "int64")
    for _ in range(length.bit_length()):
        middle = (low + high) // 2
        at = xp.minimum(middle, length - 1)
        if sorter is not None:
            at = sorter[at] if sorter.ndim == 1 else xp.take_along_axis(sorter, at, axis=-1)
        value = x[at] if x.ndim == 1 else xp.take_along_axis(x, at, axis=-1)
        # negated, so that a NaN goes beyond all numbers
        beyond = ~(value > y) if right else ~(value >= y)
        going = low < high
        low, high = (
            xp.where(going & beyond, middle + 1, low),
            xp.where(going & ~beyond, middle, high),
        )
    return low


_sorting = Launcher("sorting")


def _found_fast(x: Any, y: Any, sorter: Any = None, *, right: bool) -> Any:
    if y.size < 128:
        return None
    return _sorting.found(x, y, sorter, right=right)


prefer(catalogue.ops["found"], _found_fast)


def _search(name: str, sequence: Tensor, values: Any, sorter: Any, right: bool, out32: bool) -> Any:
    real_only(name, sequence)
    if not isinstance(values, Tensor):
        values = tensor(values, device=sequence.device)
    real_only(name, values)
    sequence, values = promoted(name, (sequence, values))
    out = found(sequence, values, sorter, right=right)
    return out.to(dtypes.int32) if out32 else out


@composite(
    samples=(
        Sample(integers(3, 4), array(3, 2)),
        Sample(array(1), array(2, 3)),
        Sample(array(1), 0.5),
        Sample(array(0), array(2)),
        Sample(array(1), array(3), out_int32=True, right=True),
        Sample(array(1), array(3), side="right"),
        Sample(array(1), array()),
    ),
    errors=(
        ErrorSample(array(3), array(2), side="up", error=ValueError, match="'left' or 'right'"),
        ErrorSample(array(3), array(2), side="left", right=True, error=ValueError, match="opposed"),
        ErrorSample(array(2, 3), array(4, 3), error=ShapeError, match="all dims but the last"),
        ErrorSample(array(2, 3), 1.0, error=ShapeError, match="all dims but the last"),
        ErrorSample(array(), array(3), error=ShapeError, match="0-d"),
        ErrorSample(array(3), array(2), sorter=array(3), error=DTypeError, match="int64"),
        ErrorSample(array(3), array(2), sorter=integers(2), error=ShapeError, match="shape"),
        ErrorSample(
            array(3), array(2), sorter=integers(3, low=5), error=IndexError, match="out of range"
        ),
    ),
    methods=(),
    not_differentiable="it finds places, which are whole numbers",
    out=True,
)
def searchsorted(
    sorted_sequence: Tensor,
    values: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Places at which values would keep sorted sequences in order.

    With ``right=False`` it is the first i with ``values <= sorted_sequence[i]``, with
    ``right=True`` the first with ``values < sorted_sequence[i]``, and n if there is none.

    Args:
        sorted_sequence: (n,), or (..., n), real; rising along the last dim.
        values: of any shape or a number; for (..., n) it must be (..., m).
        out_int32: whether the result is int32 rather than int64.
        right: whether a value goes behind those that equal it.
        side: ``"left"`` or ``"right"``, another way to say ``right``.
        sorter: int64, of sorted_sequence's shape: the places of its elements in order, where it is
            not sorted itself.

    Returns:
        Tensor: int64, of values' shape. NaN goes behind all.

    Raises:
        ValueError: side is neither, or says the opposite of right.
        ShapeError: values or sorter do not fit the sequence.
        DTypeError: sorter is not int64, or a tensor is complex.
        IndexError: sorter names a place that is not there.
    """
    if side not in (None, "left", "right"):
        raise ValueError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise ValueError("searchsorted: side='left' and right=True are opposed; pass one of them")
    own = tuple(sorted_sequence.shape)
    if not own:
        raise ShapeError("searchsorted: sorted_sequence must have a dim, got a 0-d tensor")
    wanted = tuple(values.shape) if isinstance(values, Tensor) else ()
    if len(own) > 1 and (len(wanted) != len(own) or wanted[:-1] != own[:-1]):
        raise ShapeError(
            f"searchsorted: sorted_sequence must be 1-d, or values agree with it in all dims but "
            f"the last; got shapes {own} and {wanted}"
        )
    if sorter is not None:
        if sorter.dtype is not dtypes.int64:
            raise DTypeError(f"searchsorted: sorter must be int64, got {sorter.dtype}")
        if tuple(sorter.shape) != own:
            raise ShapeError(
                f"searchsorted: sorter must have sorted_sequence's shape {own}, got "
                f"{tuple(sorter.shape)}"
            )
    behind = right or side == "right"
    result: Tensor = _search("searchsorted", sorted_sequence, values, sorter, behind, out_int32)
    return result


@composite(
    samples=(
        Sample(array(2, 3), array(1)),
        Sample(0.5, array(1)),
        Sample(array(), array(1), right=True, out_int32=True),
        Sample(array(3), array(0)),
    ),
    errors=(ErrorSample(array(3), array(2, 2), error=ShapeError, match="boundaries must be 1-d"),),
    methods=(),
    not_differentiable="it finds places, which are whole numbers",
    out=True,
)
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Numbers of the buckets between sorted boundaries into which values fall.

    With ``right=False`` bucket i is ``boundaries[i - 1] < input <= boundaries[i]``, with
    ``right=True`` it is ``boundaries[i - 1] <= input < boundaries[i]``.

    Args:
        input: (...), real, or a number.
        boundaries: (n,), real, rising.
        out_int32: whether the result is int32 rather than int64.
        right: which boundary belongs to a bucket.

    Returns:
        Tensor: int64, of input's shape, from 0 to n. NaN is in the last.

    Raises:
        ShapeError: boundaries has not one dim.
        DTypeError: a tensor is complex.
    """
    if boundaries.ndim != 1:
        raise ShapeError(
            f"bucketize: boundaries must be 1-d, got a tensor of shape {tuple(boundaries.shape)}"
        )
    result: Tensor = _search("bucketize", boundaries, input, None, right, out_int32)
    return result
