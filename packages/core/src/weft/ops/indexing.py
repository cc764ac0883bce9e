"""Reading by position, ``x[...]``: views, copies by index arrays, and their transpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.dispatch import apply, apply_one, viewed
from weft._core.kernels import prefer
from weft._core.samples import Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear
from weft.ops.index_batching import arranged, back, with_batch
from weft.ops.index_keys import ARRAY, Key, check_basic, filled, out_of_range, read_key

#: Which of the variadic arguments are index arrays, all of which the tape keeps.
_FROM_SECOND = range(1, 64)


def index_shape(x: Any, *indices: Any, key: Key, name: str = "getitem") -> Aval:
    """Return the shape of what a key reads, or say which part of it does not fit."""
    dummy = np.broadcast_to(np.int8(0), x.shape)
    zeros = [np.zeros(i.shape, np.int64) for i in indices]
    try:
        return Aval(dummy[filled(key, zeros)].shape, x.dtype)
    except (IndexError, TypeError) as error:
        check_basic(name, x, key)
        raise out_of_range(error, x.shape, indices, key, name) from None


def _index_batch(size: int, batched: Sequence[bool], x: Any, *indices: Any, key: Key) -> Any:
    if not indices:
        return apply(catalogue.ops["index_view"], (x,), {"key": (slice(None), *key)})
    arrays, wide, moves = with_batch(
        size, x, x.ndim - batched[0], batched[0], indices, batched[1:], key, ARRAY
    )
    return arranged(apply(catalogue.ops["index"], (x, *arrays), {"key": wide}), moves)


def added_into_zeros(g: Any, x: Any, *indices: Any, key: Key) -> Any:
    """Return zeros of x's shape with values added at the places of a key."""
    params = {"key": key, "shape": tuple(x.shape)}
    return apply(catalogue.ops["index_add_into_zeros"], (g, *indices), params)


def _kernel_index(xp: Any, x: Any, indices: Sequence[Any], key: Key) -> Any:
    try:
        return x[filled(key, indices)]
    except IndexError as error:
        raise out_of_range(error, x.shape, indices, key) from None


@linear(
    shape=index_shape,
    transpose=added_into_zeros,
    batch=_index_batch,
    is_view=True,
    samples=(Sample(array(4, 3), key=(slice(0, 3, 2), 1)),),
    namespaces=(),
    methods=(),
)
def index_view(xp: Any, x: Any, *, key: Key) -> Any:
    """View by ints, slices, None and Ellipsis.

    Args:
        input: (...).
        key: a canonical key without index arrays.

    Returns:
        Tensor: a view.
    """
    return x[key]


def _index_vjp(needs: Any, g: Any, out: Any, x: Any, *indices: Any, key: Key) -> Any:
    return (added_into_zeros(g, x, *indices, key=key), *(None for _ in indices))


def _index_jvp(tangents: Any, out: Any, x: Any, *indices: Any, key: Key) -> Any:
    return apply(catalogue.ops["index"], (tangents[0], *indices), {"key": key})


@custom(
    shape=index_shape,
    vjp=_index_vjp,
    jvp=_index_jvp,
    batch=_index_batch,
    saves=_FROM_SECOND,
    promote=False,
    widen=False,
    samples=(Sample((array(4, 3), integers(2, low=0, high=4)), key=(ARRAY,)),),
    namespaces=(),
    methods=(),
)
def index(xp: Any, *xs: Any, key: Key) -> Any:
    """Gather by index arrays among ints, slices, None and Ellipsis.

    Args:
        tensors: the tensor, then the index arrays.
        key: a canonical key with :data:`ARRAY` where the index arrays go.

    Returns:
        Tensor: a copy.
    """
    return _kernel_index(xp, xs[0], xs[1:], key)


def _into_shape(g: Any, *indices: Any, key: Key, shape: tuple[int, ...]) -> Aval:
    return Aval(shape, g.dtype)


def _into_vjp(needs: Any, g: Any, out: Any, x: Any, *indices: Any, key: Key, shape: Any) -> Any:
    return (read(g, indices, key), *(None for _ in indices))


def _into_batch(
    size: int, batched: Sequence[bool], g: Any, *indices: Any, key: Key, shape: tuple[int, ...]
) -> Any:
    if not batched[0]:
        g = g.expand((size, *g.shape))
    arrays, wide, moves = with_batch(size, g, len(shape), True, indices, batched[1:], key, ARRAY)
    params = {"key": wide, "shape": (size, *shape)}
    return apply(catalogue.ops["index_add_into_zeros"], (back(g, moves), *arrays), params)


def _into_jvp(tangents: Any, out: Any, x: Any, *indices: Any, key: Key, shape: Any) -> Any:
    params = {"key": key, "shape": shape}
    return apply(catalogue.ops["index_add_into_zeros"], (tangents[0], *indices), params)


@custom(
    shape=_into_shape,
    vjp=_into_vjp,
    jvp=_into_jvp,
    batch=_into_batch,
    saves=_FROM_SECOND,
    promote=False,
    samples=(
        Sample((array(2, 3), integers(2, low=0, high=4)), key=(ARRAY,), shape=(4, 3)),
        Sample((array(2),), key=(slice(0, 3, 2), 1), shape=(4, 3)),
    ),
    namespaces=(),
    methods=(),
)
def index_add_into_zeros(xp: Any, *xs: Any, key: Key, shape: tuple[int, ...]) -> Any:
    """Add into zeros at the places of a key: the transpose of reading them.

    Args:
        tensors: the values, then the index arrays.
        key: a canonical key.
        shape: the result's shape.

    Returns:
        Tensor: (*shape); values for one place are added up.
    """
    out = xp.zeros(shape, xs[0].dtype)
    if len(xs) == 1:
        out[key] = xs[0]
    else:
        xp.add.at(out, filled(key, xs[1:]), xs[0])
    return out


_gathering = Launcher("gathering")


def _index_fast(x: Any, *indices: Any, key: Key) -> Any:
    if len(indices) == 1:  # about as many elements as the result has
        length = x.shape[min(len(key), x.ndim) - 1]
        if indices[0].size * x.size < 24576 * length:
            return None
    if len(indices) > 1 and indices[0].size < 4096:
        return None
    return _gathering.index(x, *indices, key=key)


def _index_add_fast(g: Any, *indices: Any, key: Key, shape: tuple[int, ...]) -> Any:
    if g.size < 512 or not indices:
        return None
    return _gathering.index_add_into_zeros(g, *indices, key=key, shape=shape)


prefer(catalogue.ops["index"], _index_fast)
prefer(catalogue.ops["index_add_into_zeros"], _index_add_fast)

_VIEW = catalogue.ops["index_view"]
#: What a key of a view is made of; NumPy itself refuses too many of them.
_PLAIN_PARTS = frozenset({int, slice, type(None), type(Ellipsis)})


def _whole(key: Any) -> Any:
    """Return a key with an Ellipsis: with one at its end even a key of ints alone gives a view."""
    return key if Ellipsis in key else (*key, ...)


def read(x: Tensor, arrays: Sequence[Tensor], key: Key) -> Tensor:
    """Return what a canonical key reads: a view where it has no index arrays."""
    if not arrays:
        return apply_one(_VIEW, x, {"key": _whole(key)})
    out: Tensor = apply(catalogue.ops["index"], (x, *arrays), {"key": key})
    return out


def getitem(x: Tensor, key: Any) -> Tensor:
    """Return ``x[key]``: a view for ints, slices, None and Ellipsis; else a copy.

    Args:
        x: the tensor.
        key: ints, slices (also with negative step), None, Ellipsis, lists, integer and boolean
            tensors, by PyTorch's rules: ints are applied first, then all arrays together.

    Raises:
        IndexError: an index is out of range, or there are too many.
        TypeError: an index is of another kind.
    """
    kind = type(key)
    if kind is int or kind is slice:
        whole = (key, ...)
    elif kind is tuple and _PLAIN_PARTS.issuperset(map(type, key)):
        whole = _whole(key)
    else:
        first, arrays, canonical = read_key("getitem", x, key)
        if first is not None:
            x = read(x, (), first)
        return read(x, arrays, canonical)
    data = x._data
    if type(data) is ndarray:
        try:
            return viewed(_VIEW, x, data[whole], {"key": whole})
        except (IndexError, TypeError, ValueError):
            pass  # the op's shape rule tells the user why
    return apply_one(_VIEW, x, {"key": whole})
