"""Writing by position, ``x[...] = v``: as a copy with places overwritten, and into memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend.libraries import store
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.dispatch import apply
from weft._core.errors import ShapeError
from weft._core.inplace import write
from weft._core.samples import Draw, ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.broadcasting import expand_to, sum_to
from weft.ops.families.custom import custom
from weft.ops.index_batching import back, with_batch
from weft.ops.index_keys import ARRAY, Key, filled, out_of_range, read_key
from weft.ops.indexing import added_into_zeros, index_shape, read

#: Which of the variadic arguments are index arrays, all of which the tape keeps.
_FROM_THIRD = range(2, 64)


def _put_shape(x: Any, value: Any, *indices: Any, key: Key) -> Aval:
    region = index_shape(x, *indices, key=key, name="setitem").shape
    own = tuple(value.shape)
    fits = len(own) <= len(region) and all(
        n in (1, length) for n, length in zip(own[::-1], region[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(
            f"setitem: a value of shape {value.shape} does not fit the indexed region of shape "
            f"{region}"
        )
    return Aval(x.shape, x.dtype)


def _put_vjp(needs: Any, g: Any, out: Any, x: Any, value: Any, *indices: Any, key: Key) -> Any:
    zero = g.new_zeros(())
    return (
        overwritten((g, zero, *indices), key=key) if needs[0] else None,
        sum_to(read(g, indices, key), value.shape) if needs[1] else None,
        *(None for _ in indices),
    )


def _put_batch(
    size: int, batched: Sequence[bool], x: Any, value: Any, *indices: Any, key: Key
) -> Any:
    if not batched[0]:
        x = x.expand((size, *x.shape))
    arrays, wide, moves = with_batch(size, x, x.ndim - 1, True, indices, batched[2:], key, ARRAY)
    one = [
        Aval(tuple(t.shape)[b:], t._data.dtype)
        for t, b in zip((x, *indices), (True, *batched[2:]), strict=True)
    ]
    region = tuple(index_shape(*one, key=key).shape)
    if batched[1]:
        own = tuple(value.shape)
        value = value.reshape((size, *(1,) * (len(region) + 1 - len(own)), *own[1:]))
    if moves[0]:
        value = value.expand((size, *region))
    return overwritten((x, back(value, moves), *arrays), key=wide)


def _put_jvp(tangents: Any, out: Any, x: Any, value: Any, *indices: Any, key: Key) -> Any:
    base = x.new_zeros(tuple(x.shape)) if tangents[0] is None else tangents[0]
    new = x.new_zeros(()) if tangents[1] is None else tangents[1]
    return overwritten((base, new, *indices), key=key)


@custom(
    shape=_put_shape,
    vjp=_put_vjp,
    jvp=_put_jvp,
    batch=_put_batch,
    saves=_FROM_THIRD,
    promote=False,
    widen=False,
    samples=(
        Sample((array(4, 3), array(2, 3), Draw((2,), 0, 4, kind="places")), key=(ARRAY,)),
        Sample((array(4, 3), array(2)), key=(slice(0, 3, 2), 1)),
    ),
    errors=(
        ErrorSample(
            (array(4), array(3)), key=(slice(0, 2),), error=ShapeError, match="does not fit"
        ),
    ),
    namespaces=(),
    methods=(),
)
def overwritten(xp: Any, *xs: Any, key: Key) -> Any:
    """Copy a tensor with the places of a key overwritten.

    Args:
        tensors: the tensor, the values (broadcast to the places), then the index arrays.
        key: a canonical key.

    Returns:
        Tensor: of the first one's shape. Which of several values for one place stays is not
        defined.
    """
    out = xp.array(xs[0], copy=True)
    try:
        out[filled(key, xs[2:])] = xs[1]
    except IndexError as error:
        raise out_of_range(error, out.shape, xs[2:], key, "setitem") from None
    return out


def with_items(x: Tensor, key: Any, value: Tensor) -> Tensor:
    """Return a copy of ``x`` with ``x[key] = value``, differentiable by both."""
    first, arrays, canonical = read_key("setitem", x, key)
    if first is None:
        out: Tensor = overwritten((x, value, *arrays), key=canonical)
        return out
    region = overwritten((read(x, (), first), value, *arrays), key=canonical)
    whole: Tensor = overwritten((x, region), key=first)
    return whole


def region_with_items(x: Tensor, key: Any, value: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smallest view of ``x`` with all places of a key, and what it is to hold."""
    first, arrays, canonical = read_key("setitem", x, key)
    if not arrays:
        region = read(x, (), canonical)
        own = tuple(value.shape)
        _put_shape(*(Aval(tuple(t.shape), t._data.dtype) for t in (x, value)), key=canonical)
        return region, value if own == tuple(region.shape) else value.expand(tuple(region.shape))
    region = x if first is None else read(x, (), first)
    return region, overwritten((region, value, *arrays), key=canonical)


def with_added(x: Tensor, key: Any, value: Tensor) -> Tensor:
    """Return ``x`` with a value added at the places of a key, several times where it repeats."""
    first, arrays, canonical = read_key("index_put", x, key)
    region = x if first is None else read(x, (), first)
    avals = [Aval(tuple(t.shape), t._data.dtype) for t in (region, value, *arrays)]
    _put_shape(*avals, key=canonical)
    wide = expand_to(value, tuple(index_shape(avals[0], *avals[2:], key=canonical).shape))
    params = {"key": canonical, "shape": tuple(region.shape)}
    added = apply(catalogue.ops["index_add_into_zeros"], (wide, *arrays), params)
    if first is not None:
        added = added_into_zeros(added, x, key=first)
    out: Tensor = x + added
    return out


def write_items(x: Tensor, key: Any, value: Tensor) -> None:
    """Write ``x[key] = value`` into x's memory, recording nothing."""
    first, arrays, canonical = read_key("setitem", x, key)
    if any(isinstance(a._data, Boxed) for a in arrays):
        write(x, with_items(x, key, value), "__setitem__")  # as the transform writes
        return
    if first is not None:
        x = read(x.detach(), (), first)
    avals = [Aval(tuple(t.shape), t._data.dtype) for t in (x, value, *arrays)]
    _put_shape(*avals, key=canonical)
    indices = [a._data for a in arrays]
    try:
        store(x._data, filled(canonical, indices), value._data)
    except IndexError as error:
        raise out_of_range(error, tuple(x.shape), indices, canonical, "setitem") from None
