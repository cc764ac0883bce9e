"""Views by strides, sliding windows, and dims reversed."""

from __future__ import annotations

import math
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import GradError, ShapeError
from weft._core.kernels import prefer
from weft._core.layouts import nameable, strided_array
from weft._core.modes import here
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim, canonical_dims, shape_tuple
from weft._core.storage import memory_of, offset_of
from weft._core.tensor import Tensor
from weft.ops.casting import detach
from weft.ops.families.batching import shift_dims, with_params
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear
from weft.ops.memory import contiguous, in_order
from weft.ops.permuting import permute
from weft.ops.shape import reshape


@linear(
    shape=lambda x, *, dims: x,
    transpose=lambda g, x, *, dims: flipped(g, dims),
    batch=with_params("flipped", shift_dims("dims")),
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3), (0,)), Sample(array(3), (0,))),
)
def flipped(xp: Any, x: Any, *, dims: tuple[int, ...]) -> Any:
    """Reverse the order of elements along canonical dims.

    Args:
        input: a tensor.
        dims: the dims to reverse, as non-negative ints.

    Returns:
        Tensor: of input's shape, a copy.
    """
    return xp.flip(x, dims).copy()


_copying = Launcher("copying")


def _flipped_on_cpu(x: Any, *, dims: tuple[int, ...]) -> Any:
    # whole rows NumPy moves as fast, until there is work for several threads
    if x.size < (16384 if x.ndim - 1 in dims else 131072) or not _copying:
        return None
    return _copying.copied(np.flip(x, dims))


prefer(catalogue.ops["flipped"], _flipped_on_cpu)


@composite(
    samples=(Sample(array(2, 3), (0, -1)), Sample(array(3), 0), Sample(array(2, 3), 0, 1)),
    errors=(ErrorSample(array(2), 1, error=IndexError, match="dim 1 is out of range"),),
    out=True,
)
def flip(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """Reverse the order of elements along dims.

    Args:
        input: a tensor.
        args: the dims to reverse, as ints or one tuple.
        dims: the same by name.

    Returns:
        Tensor: of input's shape, a copy as in PyTorch.

    Raises:
        IndexError: a dim is out of range.
    """
    if dims is None:
        dims = args[0] if len(args) == 1 else args
    out: Tensor = flipped(input, dims=canonical_dims("flip", dims, input.ndim))
    return out


def _strided_places(
    size: tuple[int, ...], stride: tuple[int, ...], offset: int, device: Any
) -> Any:
    """Return for each element of a strided view which element of the memory it is."""
    from weft.ops.creation import arange

    places = arange(1, device=device) + offset
    for n, step in zip(size, stride, strict=True):
        places = places.unsqueeze(-1) + arange(n, device=device) * step
    return reshape(places, size)


def strided_places(
    shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], offset: int, device: Any
) -> Any:
    """Return the numbers of a strided view's elements, checked against the shape it views."""
    aval = Aval(shape, None)
    if len(size) != len(stride):
        raise ShapeError(f"as_strided: size {size} and stride {stride} must be as many numbers")
    _strided_shape(aval, size=size, stride=stride, storage_offset=offset)
    return _strided_places(size, stride, offset, device)


def _strided_shape(x: Any, *, size: Any, stride: Any, storage_offset: int) -> Any:
    """Check the bounds: the one place that keeps a view inside the memory."""
    count = math.prod(x.shape)
    last = storage_offset + sum(
        (n - 1) * step for n, step in zip(size, stride, strict=True) if n > 0
    )
    empty = any(n == 0 for n in size)
    if min(*size, *stride, storage_offset, 0) < 0 or not (empty or last < count):
        raise ShapeError(
            f"as_strided: size {size} with stride {stride} from element {storage_offset} reaches "
            f"element {last}, but the tensor has {count} (shape {x.shape}); all must be at least 0"
        )
    return Aval(size, x.dtype)


def _strided_back(g: Any, x: Any, *, size: Any, stride: Any, storage_offset: int) -> Any:
    from weft.ops.gathering import scatter_into_zeros

    count = math.prod(x.shape)
    places = reshape(_strided_places(size, stride, storage_offset, g.device), -1)
    flat = scatter_into_zeros(reshape(g, -1), places, dim=0, length=count, shape=(count,))
    return reshape(flat, x.shape)


def _strided_batch(
    size: int, batched: Any, x: Any, /, *, stride: Any, storage_offset: int, **params: Any
) -> Any:
    shape = params["size"]
    count = math.prod(tuple(x.shape)[1:])
    settings = {
        "size": (size, *shape), "stride": (count, *stride), "storage_offset": storage_offset,
    }  # fmt: skip
    _strided_shape(
        Aval(tuple(x.shape)[1:], None), size=shape, stride=stride, storage_offset=storage_offset
    )
    return strided_view(x.contiguous(), **settings)


@linear(
    batch=_strided_batch,
    shape=_strided_shape,
    transpose=_strided_back,
    is_view=True,
    namespaces=(),
    methods=(),
    samples=(Sample(array(6), size=(2, 2), stride=(3, 1), storage_offset=1),),
)
def strided_view(
    xp: Any, x: Any, *, size: tuple[int, ...], stride: tuple[int, ...], storage_offset: int
) -> Any:
    """View contiguous memory with any lengths and strides, within its bounds.

    Args:
        input: (...), contiguous.
        size: the shape wanted.
        stride: how many elements apart neighbours are, for each dim; not negative.
        storage_offset: the element that comes first, counted from input's first.

    Returns:
        Tensor: (*size), a view.
    """
    # the bounds: nothing below this line knows where the memory ends
    _strided_shape(Aval(x.shape, x.dtype), size=size, stride=stride, storage_offset=storage_offset)
    flat = x.reshape(-1)[storage_offset:]
    steps = tuple(step * x.itemsize for step in stride)
    return strided_array(xp, flat, size, steps)


@composite(
    samples=(
        Sample(array(6), (2, 2), (3, 1), 1),
        Sample(array(2, 3), (2, 2), (1, 1)),
        Sample(array(3), (), ()),
    ),
    errors=(
        ErrorSample(array(6), (2, 3), (3, 1), 1, error=ShapeError, match="reaches element 6"),
        ErrorSample(array(6), (2,), (1, 1), error=ShapeError, match="as many numbers"),
        ErrorSample(array(6), (2,), (-1,), 3, error=ShapeError, match="at least 0"),
    ),
)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """View a tensor's memory with any lengths and strides, within its bounds.

    Args:
        input: (...). Its whole memory can be reached, as in PyTorch: also what a view leaves out.
        size: the shape wanted.
        stride: how many elements apart neighbours are, for each dim; not negative.
        storage_offset: the element that comes first, counted from the start of the memory; where
            input starts if None.

    Returns:
        Tensor: (*size), a view; elements may appear several times.

    Raises:
        ShapeError: the view would leave the memory.
        GradError: it leaves the elements of an input whose gradient is recorded.
        ValueError: input has gaps and views memory of another dtype.
    """
    lengths, steps = shape_tuple("as_strided", size), shape_tuple("as_strided", stride)
    if len(lengths) != len(steps):
        raise ShapeError(f"as_strided: size {lengths} and stride {steps} must be as many numbers")
    if isinstance(input._data, Boxed):  # each example's memory counts as lying in order
        input = contiguous(input)
    elif not in_order(input._data):
        input = _as_in_memory(input)
    own = offset_of(input._data)
    offset = own if storage_offset is None else int(storage_offset)
    settings = {"size": lengths, "stride": steps, "storage_offset": offset - own}
    last = sum((n - 1) * step for n, step in zip(lengths, steps, strict=True) if n > 0)
    inside = in_order(input._data) and own <= offset and last + offset - own < input.numel()
    whole = type(input._data) is not ndarray or memory_of(input._data).size == input.numel()
    if inside or (whole and in_order(input._data)):
        out: Tensor = strided_view(input, **settings)
        return out
    if input._node is not None and here.grad:
        raise GradError(
            f"as_strided: size {lengths} with stride {steps} from element {offset} reaches memory "
            f"outside of this tensor of shape {tuple(input.shape)}, whose gradient is recorded; "
            f"use .contiguous() or .detach()"
        )
    memory = detach(input)
    memory._data = memory_of(input._data)
    if not in_order(memory._data):
        raise ValueError(
            f"as_strided: this tensor (shape {tuple(input.shape)}, stride {input.stride()}) has "
            "gaps and lies in memory of another dtype; use .contiguous()"
        )
    out = strided_view(memory, size=lengths, stride=steps, storage_offset=offset)
    return out


def _as_in_memory(input: Tensor) -> Tensor:
    """Return a tensor with its dims in the order of its memory, if that leaves no gaps."""
    steps = input.stride()
    turned = permute(input, sorted(range(input.ndim), key=lambda dim: -steps[dim]))
    return turned if in_order(turned._data) else input


def _unfold_shape(x: Any, *, dimension: int, size: int, step: int) -> Any:
    length = x.shape[dimension] if x.shape else 1
    if size < 0 or size > length or step < 1:
        raise ShapeError(
            f"unfold: windows of {size} every {step} do not fit dim {dimension} of length "
            f"{length}; size must be at most the length and step positive"
        )
    shape = list(x.shape)
    shape[dimension] = (length - size) // step + 1
    return Aval((*shape, size), x.dtype)


def _unfold_back(g: Any, x: Any, *, dimension: int, size: int, step: int) -> Any:
    return fold_windows(g, length=x.shape[dimension], dimension=dimension, size=size, step=step)


def _unfold_canonical(input: Any, dimension: int, size: int, step: int) -> dict[str, Any]:
    at = canonical_dim("unfold", dimension, input.ndim)
    return {"dimension": at, "size": size, "step": step}


def _next_dimension(size: int, params: dict[str, Any]) -> dict[str, Any]:
    return {**params, "dimension": params["dimension"] + 1}


@linear(
    shape=_unfold_shape,
    transpose=_unfold_back,
    batch=with_params("unfold", _next_dimension),
    canonical=_unfold_canonical,
    is_view=True,
    namespaces=(),
    methods=("unfold",),
    samples=(Sample(array(7), 0, 3, 2), Sample(array(2, 5), 1, 2, 1), Sample(array(4, 2), 0, 4, 3)),
    errors=(
        ErrorSample(array(3), 0, 4, 1, error=ShapeError, match="do not fit dim 0 of length 3"),
    ),
)
def unfold(xp: Any, x: Any, *, dimension: int, size: int, step: int) -> Any:
    """View sliding windows along a dim as a new last dim.

    Args:
        input: (..., n, ...).
        dimension: the dim to slide along.
        size: the length of a window.
        step: from one window to the next.

    Returns:
        Tensor: (..., (n - size) // step + 1, ..., size), a view.

    Raises:
        ShapeError: a window is longer than the dim.
    """
    if 0 < size <= step and x.ndim:  # no element is in two windows: they can be written to
        lengths, steps = list(x.shape), list(x.strides)
        lengths[dimension] = (lengths[dimension] - size) // step + 1
        steps[dimension] *= step
        return strided_array(xp, x, (*lengths, size), (*steps, x.strides[dimension]))
    named = nameable(xp, x)
    windows = xp.lib.stride_tricks.sliding_window_view(named, size, axis=dimension)
    return windows[(slice(None),) * dimension + (slice(None, None, step),)].view(x.dtype)


def _fold_shape(x: Any, *, length: int, dimension: int, size: int, step: int) -> Any:
    shape = list(x.shape[:-1])
    shape[dimension] = length
    return x.like(shape=tuple(shape))


@linear(
    shape=_fold_shape,
    transpose=lambda g, x, *, length, dimension, size, step: unfold(g, dimension, size, step),
    batch=with_params("fold_windows", _next_dimension),
    widen=True,
    namespaces=(),
    methods=(),
    samples=(
        Sample(array(3, 3), length=7, dimension=0, size=3, step=2),
        Sample(array(2, 5, 2, 5), length=9, dimension=1, size=5, step=1),
        Sample(array(3, 2, 2), length=9, dimension=0, size=2, step=3),
    ),
)
def fold_windows(xp: Any, x: Any, *, length: int, dimension: int, size: int, step: int) -> Any:
    """Add windows back into the dim they were taken from: the transpose of ``unfold``.

    Args:
        input: (..., windows, ..., size).
        length: the dim's length.
        dimension: the dim they were taken from.
        size: the length of a window.
        step: from one window to the next.

    Returns:
        Tensor: (..., length, ...), each element the sum of all windows that held it.
    """
    # Cut into pieces of one step, each window adds to whole rows of the result: size / step
    # additions instead of one for each place in a window.
    windows = xp.moveaxis(x, dimension, -2)
    count, steps = windows.shape[-2], -(-size // step)
    rows = max(-(-length // step), count + steps - 1)
    out = xp.zeros((*windows.shape[:-2], rows, step), x.dtype)
    for i in range(steps):
        piece = windows[..., i * step : (i + 1) * step]
        out[..., i : i + count, : piece.shape[-1]] += piece
    flat = out.reshape((*windows.shape[:-2], rows * step))[..., :length]
    return xp.ascontiguousarray(xp.moveaxis(flat, -1, dimension))
