"""Placing and combining elements at the places an index names along one dim: scatter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import Draw, ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.batching import all_batched
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.gathering import check_places, picked, scatter_into_zeros
from weft.ops.indexing import getitem


def _placed_shape(x: Any, index: Any, src: Any, **params: Any) -> Aval:
    return Aval(x.shape, x.dtype)


def _where(xp: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """Return index arrays that name every element an index reaches along a dim."""
    places = [
        xp.arange(n).reshape((n,) + (1,) * (index.ndim - 1 - at))
        for at, n in enumerate(index.shape)
    ]
    places[dim] = index
    return tuple(places)


def _placed_batch(size: int, batched: Sequence[bool], *args: Any, dim: int) -> Any:
    return placed(*all_batched(size, batched, args), dim=dim + 1)


def _placed_vjp(needs: Any, g: Any, out: Any, x: Any, index: Any, src: Any, *, dim: int) -> Any:
    zero = g.new_zeros(tuple(index.shape))
    return (
        placed(g, index, zero, dim=dim) if needs[0] else None,
        None,
        picked(g, index, dim=dim) if needs[2] else None,
    )


def _placed_jvp(tangents: Any, out: Any, x: Any, index: Any, src: Any, *, dim: int) -> Any:
    base = x.new_zeros(tuple(x.shape)) if tangents[0] is None else tangents[0]
    new = src.new_zeros(tuple(src.shape)) if tangents[2] is None else tangents[2]
    return placed(base, index, new, dim=dim)


@custom(
    shape=_placed_shape,
    vjp=_placed_vjp,
    jvp=_placed_jvp,
    batch=_placed_batch,
    saves=("index",),
    promote=False,
    widen=False,
    namespaces=(),
    methods=(),
    samples=(Sample(array(4, 3), Draw((2, 1), 0, 4, kind="places"), array(2, 1), dim=0),),
)
def placed(xp: Any, x: Any, index: Any, src: Any, *, dim: int) -> Any:
    """Overwrite elements at the places an index names along a dim.

    Args:
        input: (...), of at least one dim.
        index: int64, with as many dims.
        src: of index's shape and input's dtype.
        dim: the dim.

    Returns:
        Tensor: of input's shape. Which of several values for one place stays is not defined.
    """
    check_places("scatter", index, x.shape[dim], dim)
    out = xp.array(x, copy=True)
    out[_where(xp, index, dim)] = src
    return out


# --- extremes ----------------------------------------------------------------------------------


def _shares(x: Any, index: Any, src: Any, out: Any, dim: int, include_self: bool) -> Any:
    """Return where x and src are the result, and how many share each place, as numbers."""
    value = picked(out, index, dim=dim)
    from_src = (src == value).to(out.dtype)
    from_x = (x == out).to(out.dtype)
    if not include_self:
        from_x = placed(from_x, index, from_src.new_zeros(tuple(index.shape)), dim=dim)
    shape = tuple(x.shape)
    count = from_x + scatter_into_zeros(from_src, index, dim=dim, length=shape[dim], shape=shape)
    return from_x, from_src, count


def _extreme_vjp(
    needs: Any, g: Any, out: Any, x: Any, index: Any, src: Any, *, dim: int, **rest: Any
) -> Any:
    from_x, from_src, count = _shares(x, index, src, out, dim, rest["include_self"])
    share = g / count
    return from_x * share, None, from_src * picked(share, index, dim=dim)


def _extreme_jvp(
    tangents: Any, out: Any, x: Any, index: Any, src: Any, *, dim: int, **rest: Any
) -> Any:
    from_x, from_src, count = _shares(x, index, src, out, dim, rest["include_self"])
    total = None if tangents[0] is None else from_x * tangents[0]
    if tangents[2] is not None:
        shape = tuple(x.shape)
        moved = from_src * tangents[2]
        added = scatter_into_zeros(moved, index, dim=dim, length=shape[dim], shape=shape)
        total = added if total is None else total + added
    return None if total is None else total / count


def _extreme_batch(size: int, batched: Any, *args: Any, dim: int, **rest: Any) -> Any:
    return scattered_extreme(*all_batched(size, batched, args), dim=dim + 1, **rest)


@custom(
    shape=_placed_shape,
    vjp=_extreme_vjp,
    jvp=_extreme_jvp,
    batch=_extreme_batch,
    saves=("x", "index", "src", "out"),
    promote=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(
            array(3, 4), integers(3, 6, low=0, high=4), array(3, 6),
            dim=1, largest=True, include_self=True,
        ),
        Sample(
            array(3, 4), integers(3, 6, low=0, high=4), array(3, 6),
            dim=1, largest=False, include_self=False,
        ),
    ),
)  # fmt: skip
def scattered_extreme(
    xp: Any, x: Any, index: Any, src: Any, *, dim: int, largest: bool, include_self: bool
) -> Any:
    """Keep the largest or the smallest of the elements that meet at each place.

    Args:
        input: (...), of at least one dim.
        index: int64, with as many dims.
        src: of index's shape and input's dtype.
        dim: the dim.
        largest: whether to keep the largest.
        include_self: whether input's own elements take part.

    Returns:
        Tensor: of input's shape. Equal elements share the gradient.
    """
    check_places("scatter_reduce", index, x.shape[dim], dim)
    combine = xp.maximum if largest else xp.minimum
    return _segmented(xp, combine, x, index, src, dim, include_self)


def _segmented(
    xp: Any, combine: Any, x: Any, index: Any, src: Any, dim: int, include_self: bool
) -> Any:
    """Combine the elements that meet at each place: sort by place, then fold in log2(n) steps."""
    out = xp.array(x, copy=True)
    if not index.size:
        return out
    strides = [1] * x.ndim
    for d in range(x.ndim - 2, -1, -1):
        strides[d] = strides[d + 1] * x.shape[d + 1]
    flat = sum(own * step for own, step in zip(_where(xp, index, dim), strides, strict=True))
    flat = xp.broadcast_to(flat, index.shape).reshape(-1)
    order = xp.argsort(flat, kind="stable")
    places, values = flat[order], src.reshape(-1)[order]
    step = 1
    while step < places.size:  # afterwards each value holds all those of its place before it
        same = places[step:] == places[:-step]
        if not same.any():
            break
        joined = xp.where(same, combine(values[step:], values[:-step]), values[step:])
        values = xp.concatenate([values[:step], joined])
        step *= 2
    last = xp.concatenate([places[1:] != places[:-1], xp.ones(1, bool)])
    places, values = places[last], values[last]
    line = out.reshape(-1)
    line[places] = combine(line[places], values) if include_self else values
    return line.reshape(x.shape)


# --- products ----------------------------------------------------------------------------------


def _product_parts(x: Any, index: Any, src: Any, dim: int, include_self: bool) -> tuple[Any, Any]:
    """Return what x and each element of src are multiplied by at their places, also beside 0."""
    from weft.ops.comparison import where

    ones = x * 0 + 1
    zero = src == 0
    settings = {"dim": dim, "include_self": True}
    others = scattered_product(ones, index, where(zero, 1, src), **settings)
    shape = tuple(x.shape)
    zeros = scatter_into_zeros(zero.to(x.dtype), index, dim=dim, length=shape[dim], shape=shape)
    for_x = where(zeros == 0, others, 0)
    hit = zero.new_ones(tuple(index.shape))
    touched = placed(zero.new_zeros(shape), index, hit, dim=dim)
    base = x if include_self else where(touched, 1, x)
    held, count = picked(others * base, index, dim=dim), picked(zeros, index, dim=dim)
    safe = where(zero, 1, src)
    for_src = where(count - zero.to(x.dtype) == 0, held / safe, 0)
    return for_x if include_self else where(touched, 0, ones), for_src


def _product_vjp(
    needs: Any, g: Any, out: Any, x: Any, index: Any, src: Any, *, dim: int, include_self: bool
) -> Any:
    for_x, for_src = (
        part.conj() if part.dtype.is_complex else part
        for part in _product_parts(x, index, src, dim, include_self)
    )
    return g * for_x, None, picked(g, index, dim=dim) * for_src


def _product_jvp(
    tangents: Any, out: Any, x: Any, index: Any, src: Any, *, dim: int, include_self: bool
) -> Any:
    for_x, for_src = _product_parts(x, index, src, dim, include_self)
    total = None if tangents[0] is None else tangents[0] * for_x
    if tangents[2] is not None:
        shape = tuple(x.shape)
        added = scatter_into_zeros(
            tangents[2] * for_src, index, dim=dim, length=shape[dim], shape=shape
        )
        total = added if total is None else total + added
    return total


def _product_batch(size: int, batched: Any, *args: Any, dim: int, include_self: bool) -> Any:
    wide = all_batched(size, batched, args)
    return scattered_product(*wide, dim=dim + 1, include_self=include_self)


@custom(
    shape=_placed_shape,
    vjp=_product_vjp,
    jvp=_product_jvp,
    batch=_product_batch,
    saves=("x", "index", "src"),
    promote=False,
    namespaces=(),
    methods=(),
    samples=(
        Sample(
            array(3, 4, low=0.5), integers(3, 6, low=0, high=4), array(3, 6, low=0.5),
            dim=1, include_self=True,
        ),
        Sample(
            array(3, 4, low=0.5), integers(3, 6, low=0, high=4), array(3, 6, low=0.5),
            dim=1, include_self=False,
        ),
    ),
)  # fmt: skip
def scattered_product(
    xp: Any, x: Any, index: Any, src: Any, *, dim: int, include_self: bool
) -> Any:
    """Multiply the elements that meet at each place.

    Args:
        input: (...), of at least one dim.
        index: int64, with as many dims.
        src: of index's shape and input's dtype.
        dim: the dim.
        include_self: whether input's own elements take part.

    Returns:
        Tensor: of input's shape.
    """
    check_places("scatter_reduce", index, x.shape[dim], dim)
    return _segmented(xp, xp.multiply, x, index, src, dim, include_self)


# --- public ------------------------------------------------------------------------------------


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
