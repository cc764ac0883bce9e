"""Scatter: elements of a source placed or combined where an index says, along one dim."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import Draw, ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.gathering import scatter_into_zeros
from weft.ops.indexing import getitem
from weft.ops.placing import placed, scattered_extreme, scattered_product


def _fitted(name: str, input: Tensor, dim: int, index: Tensor, src: Any) -> tuple[int, Any]:
    """Check a scatter's arguments; return the dim and the part of src that the index reaches."""
    at = canonical_dim(name, dim, input.ndim)
    if index.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"{name}: index must be int64 or int32, got {index.dtype}")
    shape, reach = tuple(input.shape) or (1,), tuple(index.shape) or (1,)
    own = (tuple(src.shape) or (1,)) if isinstance(src, Tensor) else reach
    if index.numel() and not len(shape) == len(reach) == len(own):
        raise ShapeError(
            f"{name}: index and src must have as many dims as input; got index.shape == "
            f"{tuple(index.shape)} and src.shape == {own} for input.shape == {tuple(input.shape)}"
        )
    for d, (have, want, there) in enumerate(zip(shape, reach, own, strict=False)):
        if index.numel() and ((d != at and want > have) or want > there):
            raise ShapeError(
                f"{name}: index of shape {reach} must be no longer than src of shape {own}, and "
                f"but in dim {at} no longer than input of shape {shape}; dim {d} is"
            )
    if isinstance(src, Tensor):
        if src.dtype is not input.dtype:
            raise DTypeError(
                f"{name}: src must have input's dtype {input.dtype}, got {src.dtype}; convert one"
            )
        if own != reach:
            src = getitem(src, tuple(slice(n) for n in index.shape))
    return at, src


def _at_least_1d(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(x.reshape((1,)) if not x.ndim else x for x in tensors)


def _added(input: Tensor, index: Tensor, src: Tensor, dim: int) -> Tensor:
    shape = tuple(input.shape)
    out: Tensor = input + scatter_into_zeros(src, index, dim=dim, length=shape[dim], shape=shape)
    return out


_ERRORS = (
    ErrorSample(
        array(2, 3), 0, integers(1, 1, low=5, high=9), array(1, 1), error=IndexError,
        match=r"index \d is out of range for dim 0 of length 2",
    ),
    ErrorSample(
        array(2, 3), 2, integers(1, 1), array(1, 1), error=IndexError, match="dim 2 is out"
    ),
    ErrorSample(
        array(2, 3), 1, integers(3, 1, high=3), array(3, 1), error=ShapeError, match="no longer"
    ),
    ErrorSample(array(2, 3), 1, integers(3), array(3), error=ShapeError, match="as many dims"),
    ErrorSample(array(2), 0, array(2), array(2), error=DTypeError, match="int64 or int32"),
)  # fmt: skip


@composite(
    samples=(
        Sample(array(4, 3), 0, Draw((2, 1), 0, 4, kind="places"), array(2, 3)),
        Sample(array(4, 3), -2, Draw((3, 1), 0, 4, kind="places"), 2.5),
        Sample(array(4), 0, Draw((3,), 0, 4, kind="places"), array(4)),
        Sample(array(3, 4), 1, integers(0, low=0, high=3), array(2, 2)),
        Sample(array(), 0, integers(1, high=1), array(1)),
    ),
    errors=(
        *_ERRORS,
        ErrorSample(
            array(2), 0, integers(2, high=2), array(2), reduce="mean", error=ValueError,
            match="'add' or 'multiply'",
        ),
        ErrorSample(
            array(2), 0, integers(2, high=2), 1j, error=DTypeError, match="complex number"
        ),
    ),
    inplace=True,
    out=True,
)  # fmt: skip
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None,
    reduce: str | None = None,
) -> Tensor:  # fmt: skip
    """Overwrite elements at the places an index names along a dim.

    ``out[index[i][j]][j] = src[i][j]`` for ``dim=0`` of a matrix.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, with as many dims; no longer than src, nor than input but in dim.
        src: a tensor of input's dtype, or a number.
        value: a number, by PyTorch's other name for it.
        reduce: ``"add"`` or ``"multiply"`` combine instead of overwriting; see
            :func:`weft.scatter_reduce`.

    Returns:
        Tensor: of input's shape. Which of several values for one place stays is not defined.

    Raises:
        IndexError: an index is negative or beyond the dim.
        ShapeError: the shapes do not fit.
        DTypeError: src has another dtype.
    """
    given = value if src is None else src
    if given is None:
        raise TypeError("scatter: expected src, a tensor or a number, or value=, a number")
    if reduce not in (None, "add", "multiply"):
        raise ValueError(f"scatter: reduce must be 'add' or 'multiply', got {reduce!r}")
    at, given = _fitted("scatter", input, dim, index, given)
    if not index.numel() and index.ndim != input.ndim:
        return input.clone()
    if not isinstance(given, Tensor):
        if isinstance(given, complex) and not input.dtype.is_complex:
            raise DTypeError(f"scatter: a complex number {given} does not fit {input.dtype}")
        given = input.new_full(tuple(index.shape), given)
    x, places, own = _at_least_1d(input, index, given)
    if reduce is None:
        out: Tensor = placed(x, places, own, dim=at)
    elif reduce == "add":
        out = _added(x, places, own, at)
    else:
        out = scattered_product(x, places, own, dim=at, include_self=True)
    return out if input.ndim else out.reshape(())


@composite(
    samples=(
        Sample(array(3, 4), 1, integers(3, 2, low=0, high=4), array(3, 2)),
        Sample(array(3, 4), -2, integers(5, 2, low=0, high=3), array(6, 3)),
        Sample(array(), 0, integers(1, high=1), array(1)),
    ),
    errors=_ERRORS,
    inplace=True,
    out=True,
)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add each element of a source at the place an index names along a dim.

    ``out[index[i][j]][j] += src[i][j]`` for ``dim=0`` of a matrix.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, with as many dims; no longer than src, nor than input but in dim.
        src: what is added, of input's dtype.

    Returns:
        Tensor: of input's shape.

    Raises:
        IndexError: an index is negative or beyond the dim.
        ShapeError: the shapes do not fit.
        DTypeError: src has another dtype.
    """
    at, own = _fitted("scatter_add", input, dim, index, src)
    if not index.numel() and index.ndim != input.ndim:
        return input.clone()
    x, places, own = _at_least_1d(input, index, own)
    out = _added(x, places, own, at)
    return out if input.ndim else out.reshape(())


_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def reduced(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, own: bool) -> Tensor:
    """Combine src into input, both with dims; ``own`` says whether input's elements take part."""
    from weft.ops.comparison import where

    if reduce in ("amax", "amin"):
        settings = {"dim": dim, "largest": reduce == "amax", "include_self": own}
        extreme: Tensor = scattered_extreme(input, index, src, **settings)
        return extreme
    if reduce == "prod":
        product: Tensor = scattered_product(input, index, src, dim=dim, include_self=own)
        return product
    shape = tuple(input.shape)
    ones = index.new_ones(tuple(index.shape))
    count = scatter_into_zeros(ones, index, dim=dim, length=shape[dim], shape=shape)
    zero = False if input.dtype is dtypes.bool_ else 0
    base = input if own else where(count > 0, zero, input)
    total = _added(base, index, src, dim)
    if reduce == "sum":
        return total
    if own:
        count = count + 1
    count = where(count == 0, 1, count)
    exact = total.dtype.category > 1
    mean: Tensor = total / count.to(total.dtype) if exact else (total // count).to(input.dtype)
    return mean


@composite(
    samples=(
        *(
            Sample(
                array(3, 4, low=0.5), 1, integers(3, 6, low=0, high=4), array(3, 6, low=0.5),
                reduce, include_self=own,
            )
            for reduce in _REDUCTIONS
            for own in (True, False)
        ),
        Sample(array(3), 0, integers(2, low=0, high=3), array(4), "sum"),
        Sample(array(), 0, integers(1, high=1), array(1), "amax"),
        Sample(array(3, 4), 1, integers(0, low=0, high=3), array(2, 2), "mean"),
    ),
    errors=(
        ErrorSample(
            array(2), 0, integers(2, high=2), array(2), "max", error=ValueError,
            match="'sum', 'prod', 'mean', 'amax' or 'amin', got 'max'",
        ),
        *(ErrorSample(*e.args, "prod", error=e.error, match=e.match) for e in _ERRORS),
    ),
    inplace=True,
    out=True,
)  # fmt: skip
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Combine each element of a source into the place an index names along a dim.

    Args:
        input: (...).
        dim: the dim.
        index: int64 or int32, with as many dims; no longer than src, nor than input but in dim.
        src: what is combined, of input's dtype.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``. A mean of integers is
            rounded down.
        include_self: whether input's own elements take part; where no element arrives, input's
            stays in either case.

    Returns:
        Tensor: of input's shape. Of equal extremes each has its share of the gradient.

    Raises:
        ValueError: another reduction.
        IndexError: an index is negative or beyond the dim.
        ShapeError: the shapes do not fit.
        DTypeError: src has another dtype.
    """
    if reduce not in _REDUCTIONS:
        raise ValueError(
            f"scatter_reduce: reduce must be 'sum', 'prod', 'mean', 'amax' or 'amin', got "
            f"{reduce!r}"
        )
    at, own = _fitted("scatter_reduce", input, dim, index, src)
    if not index.numel() and index.ndim != input.ndim:
        return input.clone()
    x, places, own = _at_least_1d(input, index, own)
    out = reduced(x, at, places, own, reduce, include_self)
    return out if input.ndim else out.reshape(())
