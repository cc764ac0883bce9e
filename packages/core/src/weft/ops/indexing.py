"""Reading and writing by position: ``x[...]`` and ``x[...] = v``."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu.launching import Launcher
from weft._backend.libraries import nonzero, on_host, store
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.dispatch import apply, apply_one, viewed
from weft._core.errors import DTypeError, ShapeError
from weft._core.inplace import write
from weft._core.kernels import prefer
from weft._core.samples import Draw, ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor, wrap
from weft.ops.broadcasting import expand_to, sum_to
from weft.ops.families.custom import custom
from weft.ops.families.linear import linear
from weft.ops.index_batching import arranged, back, with_batch
from weft.ops.transfer import beside

Key = tuple[Any, ...]


class _Array:
    """Stands in a key where the next index array goes."""

    def __repr__(self) -> str:
        return "<index>"


ARRAY = _Array()

#: Which of the variadic arguments are index arrays, all of which the tape keeps.
_FROM_SECOND = range(1, 64)
_FROM_THIRD = range(2, 64)


# --- keys --------------------------------------------------------------------------------------


class _New:
    """Stands in a key where ``True`` or ``False`` adds a dim that an index array then reads."""


_NEW = _New()


def _read_key(name: str, x: Tensor, key: Any) -> tuple[Key | None, list[Tensor], Key]:
    """Return a key in two steps: a basic one, index arrays, and a key for what the first gives.

    The first is None where one step does. As in PyTorch ints are applied before arrays, so that
    in ``x[0, :, [1, 2]]`` only the list decides where its dim goes.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    arrays: list[Tensor] = []
    read: list[Any] = []
    masks: list[tuple[int, tuple[int, ...]]] = []
    two_steps = False
    for part in parts:
        if part is None or part is Ellipsis or isinstance(part, slice):
            read.append(_plain_slice(name, part) if isinstance(part, slice) else part)
            continue
        number = _number(part)
        if isinstance(number, bool):  # x[True] adds a dim of length 1, x[False] of length 0
            arrays.append(wrap(np.zeros(int(number), np.int64)))
            read.append(_NEW)
            two_steps = True
        elif number is not None:
            read.append(number)
        elif isinstance(part, (Tensor, ndarray, list)):
            data = _index_array(name, part)
            if data.dtype is dtypes.bool_:
                masks.append((len(read), tuple(data.shape)))
            for index in _integers(data):
                arrays.append(beside(x, index))
                read.append(ARRAY)
        else:
            raise TypeError(
                f"{name}: an index must be an int, slice, None, Ellipsis, list or an integer "
                f"or boolean tensor, got {type(part).__name__} {part!r}"
            )
    _check_basic(name, x, read)
    for position, shape in masks:
        _check_mask(name, x, read, position, shape)
    _check_unread(name, arrays, read)
    if arrays and (two_steps or any(isinstance(part, int) for part in read)):
        basic = [slice(None) if part is ARRAY else None if part is _NEW else part for part in read]
        return tuple(basic), arrays, tuple(_second(part) for part in read if type(part) is not int)
    return None, arrays, tuple(read)


def _check_unread(name: str, arrays: Sequence[Tensor], read: Sequence[Any]) -> None:
    """Raise if a 0-d index without a value would be read as an array where it is to be an int.

    An int does not count among the arrays that decide where their dims go; inside ``vmap`` and on
    the meta device an index has no one value, and only where that makes no difference is it taken.
    """
    if all(a.ndim or not isinstance(a._data, (Aval, Boxed)) for a in arrays):
        return
    at = [i for i, part in enumerate(read) if part is ARRAY]
    with_dims = [i for i, a in zip(at, arrays, strict=False) if a.ndim]
    if not with_dims or _in_a_row(at) or not _in_a_row(with_dims):
        return
    if any(part is not ARRAY and type(part) is not int for part in read[: with_dims[0]]):
        raise IndexError(
            f"{name}: a 0-d index whose value is not known here stands apart from the index "
            f"arrays; index by it in a step of its own, as in x[:, 0:2][..., i]"
        )


def _in_a_row(at: Sequence[int]) -> bool:
    return at[-1] - at[0] + 1 == len(at)


def _number(part: Any) -> int | bool | None:
    """Return an index that is one number or truth value, a 0-d tensor too; None if it is not."""
    if isinstance(part, Tensor):
        if part.ndim or isinstance(part._data, (Aval, Boxed)):
            return None
        part = on_host(part._data)
    if isinstance(part, ndarray) and (part.ndim or part.dtype.kind not in "biu"):
        return None
    if isinstance(part, (bool, np.bool_)) or getattr(part, "dtype", None) == np.bool_:
        return bool(part)
    try:
        return operator.index(part)
    except TypeError:
        return None


def _second(part: Any) -> Any:
    """Return the part of the second step's key for one of the whole key: arrays, or everything."""
    if part is ARRAY or part is _NEW:
        return ARRAY
    return part if part is Ellipsis else slice(None)


def _dims_used(read: Sequence[Any]) -> int:
    return sum(part is not None and part is not Ellipsis and part is not _NEW for part in read)


def _check_mask(
    name: str, x: Tensor, read: Sequence[Any], position: int, shape: tuple[int, ...]
) -> None:
    """Raise unless the mask at a position of the key has the shape of the dims it selects from."""
    dim = _dims_used(read[:position])
    if Ellipsis in read[:position]:
        dim = x.ndim - _dims_used(read[position:])
    own = tuple(x.shape)[dim : dim + len(shape)]
    if own != shape:
        raise IndexError(
            f"{name}: a mask of shape {shape} does not fit dims {dim} to {dim + len(shape) - 1} "
            f"of a tensor of shape {tuple(x.shape)}"
        )


def _check_basic(name: str, x: Any, read: Sequence[Any]) -> None:
    """Raise if a key holds too many parts, two Ellipses, or a slice with an end that is no int."""
    used = _dims_used(read)
    if used > len(x.shape):
        raise IndexError(
            f"{name}: {used} indices for a tensor of {len(x.shape)} dimensions (shape "
            f"{tuple(x.shape)})"
        )
    ellipses = sum(part is Ellipsis for part in read)
    if ellipses > 1:
        raise IndexError(f"{name}: an index may hold one Ellipsis, got {ellipses}")
    for part in read:
        if isinstance(part, slice):
            _plain_slice(name, part)


def _plain_slice(name: str, part: slice) -> slice:
    ends = []
    for end in (part.start, part.stop, part.step):
        try:
            ends.append(None if end is None else operator.index(end))
        except TypeError:
            raise TypeError(
                f"{name}: a slice runs between ints, got {type(end).__name__} {end!r}"
            ) from None
    return slice(*ends)


def _index_array(name: str, part: Any) -> Tensor:
    """Return an index as an integer or boolean tensor.

    Raises:
        DTypeError: it is of another dtype; or of uint8, which PyTorch reads as a mask.
    """
    if isinstance(part, list) and not part:
        return wrap(np.zeros(0, np.int64))
    data = part if isinstance(part, Tensor) else wrap(np.asarray(part))
    if data.dtype.category > 1:
        raise DTypeError(f"{name}: an index tensor must be integer or boolean, got {data.dtype}")
    if data.dtype is dtypes.uint8:
        raise DTypeError(
            f"{name}: an index of uint8 may mean places or a mask; write .long() for places or "
            f".bool() for a mask"
        )
    return data


def _integers(data: Tensor) -> list[Tensor]:
    """Return an index as integer tensors: a mask as the places where it is true, one a dim."""
    if data.dtype is dtypes.bool_:
        if isinstance(data._data, Aval):
            raise RuntimeError(
                "getitem: how many places a mask selects depends on its values, which a tensor on "
                "the meta device has not; use weft.where, or masked_fill to write"
            )
        mask = data._data
        if isinstance(mask, Boxed):
            mask = mask.read("an index by a boolean mask")
        return [wrap(places) for places in nonzero(mask)]
    return [data]


def _filled(key: Key, arrays: Sequence[Any]) -> Key:
    supply = iter(arrays)
    return tuple(next(supply) if part is ARRAY else part for part in key)


# --- reading -----------------------------------------------------------------------------------


def _index_shape(x: Any, *indices: Any, key: Key, name: str = "getitem") -> Aval:
    dummy = np.broadcast_to(np.int8(0), x.shape)
    zeros = [np.zeros(i.shape, np.int64) for i in indices]
    try:
        return Aval(dummy[_filled(key, zeros)].shape, x.dtype)
    except (IndexError, TypeError) as error:
        _check_basic(name, x, key)
        raise _out_of_range(error, x.shape, indices, key, name) from None


def _index_batch(size: int, batched: Sequence[bool], x: Any, *indices: Any, key: Key) -> Any:
    if not indices:
        return apply(catalogue.ops["index_view"], (x,), {"key": (slice(None), *key)})
    arrays, wide, moves = with_batch(
        size, x, x.ndim - batched[0], batched[0], indices, batched[1:], key, ARRAY
    )
    return arranged(apply(catalogue.ops["index"], (x, *arrays), {"key": wide}), moves)


def _back(g: Any, x: Any, *indices: Any, key: Key) -> Any:
    params = {"key": key, "shape": tuple(x.shape)}
    return apply(catalogue.ops["index_add_into_zeros"], (g, *indices), params)


def _kernel_index(xp: Any, x: Any, indices: Sequence[Any], key: Key) -> Any:
    try:
        return x[_filled(key, indices)]
    except IndexError as error:
        raise _out_of_range(error, x.shape, indices, key) from None


def _out_of_range(
    error: Exception,
    shape: tuple[int, ...],
    indices: Sequence[Any],
    key: Key,
    name: str = "getitem",
) -> IndexError:
    """Return an error that names the dim, the index and the length, where one index is beyond."""
    supply = iter(indices)
    used = _dims_used(key)
    dim = 0
    for part in key:
        if part is Ellipsis:
            dim += len(shape) - used
        elif part is not None and part is not _NEW:
            own = next(supply) if part is ARRAY else part
            if isinstance(own, (int, ndarray)):
                places, length = np.asarray(own), shape[dim]
                bad = places[(places < -length) | (places >= length)]
                if bad.size:
                    return IndexError(
                        f"{name}: index {bad.flat[0]} is out of range for dim {dim} of length "
                        f"{length} of a tensor of shape {tuple(shape)}"
                    )
            dim += 1
    return IndexError(f"{name}: {error}; the tensor has shape {tuple(shape)}")


@linear(
    shape=_index_shape,
    transpose=_back,
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
    return (_back(g, x, *indices, key=key), *(None for _ in indices))


def _index_jvp(tangents: Any, out: Any, x: Any, *indices: Any, key: Key) -> Any:
    return apply(catalogue.ops["index"], (tangents[0], *indices), {"key": key})


@custom(
    shape=_index_shape,
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
    return (_read(g, indices, key), *(None for _ in indices))


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
        xp.add.at(out, _filled(key, xs[1:]), xs[0])
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


def _read(x: Tensor, arrays: Sequence[Tensor], key: Key) -> Tensor:
    if not arrays:
        # with an Ellipsis at its end even a key of ints alone gives a view
        return apply_one(_VIEW, x, {"key": key if Ellipsis in key else (*key, ...)})
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
        data = x._data
        if type(data) is ndarray:
            try:
                return viewed(_VIEW, x, data[key, ...], {"key": (key, ...)})
            except (IndexError, TypeError, ValueError):
                pass  # the op's shape rule tells the user why
        return apply_one(_VIEW, x, {"key": (key, ...)})
    if kind is tuple and all(type(part) in _PLAIN_PARTS for part in key):
        return _read(x, (), key)
    first, arrays, canonical = _read_key("getitem", x, key)
    if first is not None:
        x = _read(x, (), first)
    return _read(x, arrays, canonical)


# --- writing -----------------------------------------------------------------------------------


def _put_shape(x: Any, value: Any, *indices: Any, key: Key) -> Aval:
    region = _index_shape(x, *indices, key=key, name="setitem").shape
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
        sum_to(_read(g, indices, key), value.shape) if needs[1] else None,
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
    region = tuple(_index_shape(*one, key=key).shape)
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
        out[_filled(key, xs[2:])] = xs[1]
    except IndexError as error:
        raise _out_of_range(error, out.shape, xs[2:], key, "setitem") from None
    return out


def with_items(x: Tensor, key: Any, value: Tensor) -> Tensor:
    """Return a copy of ``x`` with ``x[key] = value``, differentiable by both."""
    first, arrays, canonical = _read_key("setitem", x, key)
    if first is None:
        out: Tensor = overwritten((x, value, *arrays), key=canonical)
        return out
    region = overwritten((_read(x, (), first), value, *arrays), key=canonical)
    whole: Tensor = overwritten((x, region), key=first)
    return whole


def region_with_items(x: Tensor, key: Any, value: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smallest view of ``x`` with all places of a key, and what it is to hold."""
    first, arrays, canonical = _read_key("setitem", x, key)
    if not arrays:
        region = _read(x, (), canonical)
        own = tuple(value.shape)
        _put_shape(*(Aval(tuple(t.shape), t._data.dtype) for t in (x, value)), key=canonical)
        return region, value if own == tuple(region.shape) else value.expand(tuple(region.shape))
    region = x if first is None else _read(x, (), first)
    return region, overwritten((region, value, *arrays), key=canonical)


def with_added(x: Tensor, key: Any, value: Tensor) -> Tensor:
    """Return ``x`` with a value added at the places of a key, several times where it repeats."""
    first, arrays, canonical = _read_key("index_put", x, key)
    region = x if first is None else _read(x, (), first)
    avals = [Aval(tuple(t.shape), t._data.dtype) for t in (region, value, *arrays)]
    _put_shape(*avals, key=canonical)
    wide = expand_to(value, tuple(_index_shape(avals[0], *avals[2:], key=canonical).shape))
    params = {"key": canonical, "shape": tuple(region.shape)}
    added = apply(catalogue.ops["index_add_into_zeros"], (wide, *arrays), params)
    if first is not None:
        added = _back(added, x, key=first)
    out: Tensor = x + added
    return out


def write_items(x: Tensor, key: Any, value: Tensor) -> None:
    """Write ``x[key] = value`` into x's memory, recording nothing."""
    first, arrays, canonical = _read_key("setitem", x, key)
    if any(isinstance(a._data, Boxed) for a in arrays):
        write(x, with_items(x, key, value), "__setitem__")  # as the transform writes
        return
    if first is not None:
        x = _read(x.detach(), (), first)
    avals = [Aval(tuple(t.shape), t._data.dtype) for t in (x, value, *arrays)]
    _put_shape(*avals, key=canonical)
    indices = [a._data for a in arrays]
    try:
        store(x._data, _filled(canonical, indices), value._data)
    except IndexError as error:
        raise _out_of_range(error, tuple(x.shape), indices, canonical, "setitem") from None
