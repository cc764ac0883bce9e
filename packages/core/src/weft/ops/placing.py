"""Ops that overwrite or combine elements at the places an index names along one dim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.samples import Draw, Sample, array, integers
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.gathering import check_places, picked, scatter_into_zeros


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


_gathering = Launcher("gathering")


def _placed_fast(x: Any, index: Any, src: Any, **params: Any) -> Any:
    if index.size < 4096:
        return None
    return _gathering.placed(x, index, src, **params)


def _extreme_fast(x: Any, index: Any, src: Any, **params: Any) -> Any:
    if index.size < 256:
        return None
    return _gathering.scattered_extreme(x, index, src, **params)


def _product_fast(x: Any, index: Any, src: Any, **params: Any) -> Any:
    if index.size < 256:
        return None
    return _gathering.scattered_product(x, index, src, **params)


prefer(catalogue.ops["placed"], _placed_fast)
prefer(catalogue.ops["scattered_extreme"], _extreme_fast)
prefer(catalogue.ops["scattered_product"], _product_fast)
