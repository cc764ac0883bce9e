"""The largest of each window: values and places in one pass, and the way of gradients by places."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array, integers
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear
from weft.ops.gathering import check_places

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

_PLACES = not_differentiable("at_places, which takes its places, has the derivative")
#: Arrays below this are left to NumPy, which is slow at windows and quick at numbers.
_FEW_IN_WINDOWS = 16
_FEW = 256


def pooled_shape(
    x: Any, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> tuple[int, ...]:
    """Return the shape of what pooling gives."""
    lead = x.shape[: len(x.shape) - len(kernel)]
    sides = zip(x.shape[len(lead) :], kernel, stride, padding, dilation, strict=True)
    return (*lead, *((n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, (a, b), d in sides))


def _largest_shape(x: Any, *, narrow: bool, **geometry: Any) -> tuple[Aval, Aval]:
    shape = pooled_shape(x, **geometry)
    kind = dtypes.int32 if narrow else dtypes.int64
    return Aval(shape, x.dtype), Aval(shape, kind.numpy)


@custom(
    shape=_largest_shape,
    vjp=_PLACES,
    jvp=_PLACES,
    batch=lambda size, batched, x, **params: largest(x, **params),
    outputs=2,
    samples=(
        Sample(
            array(2, 2, 5, 4, distinct=True), kernel=(3, 2), stride=(2, 2),
            padding=((1, 2), (0, 0)), dilation=(1, 1), narrow=True,
        ),
        Sample(
            array(2, 7, distinct=True), kernel=(2,), stride=(1,), padding=((1, 0),),
            dilation=(2,), narrow=False,
        ),
    ),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def largest(
    xp: Any,
    x: Any,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Pairs,
    dilation: Ints,
    narrow: bool,
) -> tuple[Any, Any]:
    """The largest element of each window, and where in the flattened spatial dims it is.

    Args:
        input: (..., *spatial).
        kernel: the window's lengths.
        stride: from one window to the next.
        padding: (low, high) per spatial dim, never the largest.
        dilation: step within a window.
        narrow: whether places are int32.

    Returns:
        tuple: the elements and their places, int64 or int32, both (..., *out).
    """
    count = len(kernel)
    lead, spatial = x.shape[:-count], x.shape[-count:]
    out = pooled_shape(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    low = -math.inf if x.dtype.kind == "f" else xp.iinfo(x.dtype).min
    filled = xp.pad(x, [(0, 0)] * len(lead) + list(padding), constant_values=low)
    numbers = xp.arange(math.prod(spatial)).reshape(spatial)
    numbers = xp.pad(numbers, padding, constant_values=-1)
    best = xp.full(out, low, x.dtype)
    where = xp.full(out, -1, xp.int64)
    for tap in itertools.product(*map(range, kernel)):
        region = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, out[len(lead) :], stride, strict=True)
        )
        here = filled[(..., *region)]
        inside = numbers[region] >= 0
        # the first inside element always counts, so that a window of -inf has a place; NaN wins
        better = inside & ((here > best) | (where < 0) | ((here != here) & (best == best)))
        best = xp.where(better, here, best)
        where = xp.where(better, numbers[region], where)
    return best, where.astype(xp.int32) if narrow else where


@custom(
    shape=lambda x, **geometry: Aval(pooled_shape(x, **geometry), x.dtype),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=lambda size, batched, x, **geometry: window_max(x, **geometry),
    samples=(
        Sample(
            array(2, 2, 5, 4, distinct=True), kernel=(3, 2), stride=(2, 2),
            padding=((1, 2), (0, 0)), dilation=(1, 1),
        ),
    ),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def window_max(
    xp: Any, x: Any, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Any:
    """The largest element of each window, where no gradient will ask for its place.

    Args:
        input: (..., *spatial).
        kernel: the window's lengths.
        stride: from one window to the next.
        padding: (low, high) per spatial dim, never the largest.
        dilation: step within a window.

    Returns:
        Tensor: (..., *out).
    """
    geometry = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return catalogue.ops["largest"].kernel(xp, x, **geometry, narrow=True)[0]


# --- by places ---------------------------------------------------------------------------------


def _flat(x: Any, count: int) -> Any:
    lead = x.shape[: x.ndim - count]
    return x.reshape((*lead, math.prod(x.shape[len(lead) :])))


def _at_shape(x: Any, places: Any, known: Any = None, *, count: int) -> Aval:
    return Aval(places.shape, x.dtype)


def _at_vjp(needs: Any, g: Any, out: Any, x: Any, places: Any, *known: Any, count: int) -> Any:
    spatial = tuple(x.shape)[x.ndim - count :]
    return (into_places(g, places, spatial=spatial), *(None,) * (1 + len(known)))


def _at_jvp(tangents: Any, out: Any, x: Any, places: Any, *known: Any, count: int) -> Any:
    return None if tangents[0] is None else at_places(tangents[0], places, count=count)


def _at_batch(size: int, batched: Sequence[bool], *args: Any, count: int) -> Any:
    return at_places(*all_batched(size, batched, args), count=count)


@custom(
    shape=_at_shape,
    vjp=_at_vjp,
    jvp=_at_jvp,
    batch=_at_batch,
    saves=("places",),
    promote=False,
    widen=False,
    samples=(Sample(array(2, 3, 4), integers(2, 2, 1, low=0, high=12), count=2),),
    namespaces=(),
    methods=(),
    out=False,
)
def at_places(xp: Any, x: Any, places: Any, known: Any = None, *, count: int = 1) -> Any:
    """The elements at places in the flattened spatial dims.

    Args:
        input: (..., *spatial).
        places: int64 or int32, (..., *out).
        known: None, or the result, if it has been found with the places: it is taken as it is.
        count: how many spatial dims there are.

    Returns:
        Tensor: of places' shape.
    """
    if known is not None:
        return known
    flat, chosen = _flat(x, count), _flat(places, count)
    check_places("max_pool", places, flat.shape[-1])
    return xp.take_along_axis(flat, chosen, axis=-1).reshape(places.shape)


def _into_back(g: Any, x: Any, places: Any, *, spatial: Ints) -> Any:
    return at_places(g, places, count=len(spatial))


def _into_batch(size: int, batched: Sequence[bool], *args: Any, spatial: Ints) -> Any:
    return into_places(*all_batched(size, batched, args), spatial=spatial)


@linear(
    shape=lambda x, places, *, spatial: Aval(
        (*x.shape[: len(x.shape) - len(spatial)], *spatial), x.dtype
    ),
    transpose=_into_back,
    batch=_into_batch,
    widen=True,
    samples=(Sample(array(2, 2, 1), integers(2, 2, 1, low=0, high=12), spatial=(3, 4)),),
    namespaces=(),
    methods=(),
    out=False,
)
def into_places(xp: Any, x: Any, places: Any, *, spatial: Ints) -> Any:
    """Add elements into zeros at places in flattened spatial dims.

    Args:
        input: (..., *out).
        places: int64 or int32, of input's shape.
        spatial: the result's spatial dims.

    Returns:
        Tensor: (..., *spatial).
    """
    lead, count = x.shape[: x.ndim - len(spatial)], math.prod(spatial)
    check_places("max_pool", places, count)
    rows = math.prod(lead)
    out = xp.zeros((rows, count), x.dtype)
    many = math.prod(x.shape[len(lead) :])
    where = (xp.arange(rows)[:, None], places.reshape((rows, many)))
    xp.add.at(out, where, x.reshape((rows, many)))
    return out.reshape((*lead, *spatial))


_pooling = Launcher("pooling")


def _largest_fast(x: Any, **params: Any) -> Any:
    if x.size < _FEW_IN_WINDOWS:
        return None
    return _pooling.largest(x, **params)


def _window_max_fast(x: Any, **params: Any) -> Any:
    if x.size < _FEW_IN_WINDOWS:
        return None
    return _pooling.window_max(x, **params)


def _at_fast(x: Any, places: Any, known: Any = None, *, count: int) -> Any:
    if known is not None:
        return known
    if places.size < _FEW:
        return None
    return _pooling.at_places(x, places, count=count)


def _into_fast(x: Any, places: Any, *, spatial: Ints) -> Any:
    if places.size < _FEW:
        return None
    return _pooling.into_places(x, places, spatial=spatial)


prefer(catalogue.ops["largest"], _largest_fast)
prefer(catalogue.ops["window_max"], _window_max_fast)
prefer(catalogue.ops["at_places"], _at_fast)
prefer(catalogue.ops["into_places"], _into_fast)
