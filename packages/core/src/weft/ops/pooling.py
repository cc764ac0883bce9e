"""Pooling: the largest or the mean of windows, at fixed steps or to a fixed size.

Each kind is one function of the number of spatial dims; the public functions of one, two and three
dims are made from it at the end of the file.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError, ShapeError
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.creation import ones, tensor
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.promotion import real_only
from weft.ops.gathering import picked
from weft.ops.padding import constant_pad
from weft.ops.reductions import mean, sum

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]

_PLACES = not_differentiable("it finds places, which are whole numbers")


# --- windows -----------------------------------------------------------------------------------


def _require_dims(name: str, input: Tensor, count: int) -> None:
    if input.ndim not in (count + 1, count + 2):
        raise ShapeError(
            f"{name}: input must have {count + 2} dims (N, C, *spatial), or {count + 1} without N, "
            f"got shape {tuple(input.shape)}"
        )


def _windows(
    name: str,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    count: int,
) -> dict[str, Any]:
    """Return kernel, stride, (low, high) padding and dilation per spatial dim, checked to fit."""
    _require_dims(name, input, count)
    kernel = ints_per_dim(name, "kernel_size", kernel_size, count, 1)
    steps = kernel if stride in (None, ()) else ints_per_dim(name, "stride", stride, count, 1)
    pads = ints_per_dim(name, "padding", padding, count, 0)
    spread = ints_per_dim(name, "dilation", dilation, count, 1)
    pairs = []
    spatial = tuple(input.shape)[input.ndim - count :]
    for n, k, s, p, d in zip(spatial, kernel, steps, pads, spread, strict=True):
        if 2 * p > k:
            raise ValueError(f"{name}: padding {pads} must be at most half of the kernel {kernel}")
        reach = d * (k - 1) + 1
        if n + 2 * p < reach:
            raise ShapeError(
                f"{name}: the window {kernel} is larger than the padded input (input.shape == "
                f"{tuple(input.shape)}, padding {pads}); pad more or use a smaller window"
            )
        high = p
        if ceil_mode:
            places = -(-(n + 2 * p - reach) // s) + 1
            places -= (places - 1) * s >= n + p  # the last window must begin inside
            high = max(p, (places - 1) * s + reach - n - p)
        pairs.append((p, high))
    return {"kernel": kernel, "stride": steps, "padding": tuple(pairs), "dilation": spread}


def _pooled_shape(
    x: Any, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> tuple[int, ...]:
    lead = x.shape[: len(x.shape) - len(kernel)]
    sides = zip(x.shape[len(lead) :], kernel, stride, padding, dilation, strict=True)
    return (*lead, *((n + a + b - d * (k - 1) - 1) // s + 1 for n, k, s, (a, b), d in sides))


# --- the largest -------------------------------------------------------------------------------


@custom(
    shape=lambda x, **geometry: Aval(_pooled_shape(x, **geometry), dtypes.int64.numpy),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=lambda size, batched, x, **geometry: largest_places(x, **geometry),
    samples=(
        Sample(
            array(2, 2, 5, 4, distinct=True),
            kernel=(3, 2),
            stride=(2, 2),
            padding=((1, 2), (0, 0)),
            dilation=(1, 1),
        ),
    ),
    namespaces=(),
    methods=(),
)
def largest_places(
    xp: Any, x: Any, *, kernel: Ints, stride: Ints, padding: Pairs, dilation: Ints
) -> Any:
    """Where in the flattened spatial dims the largest element of each window is.

    Args:
        input: (..., *spatial).
        kernel: the window's lengths.
        stride: from one window to the next.
        padding: (low, high) per spatial dim, never the largest.
        dilation: step within a window.

    Returns:
        Tensor: int64, (..., *out).
    """
    count = len(kernel)
    lead, spatial = x.shape[:-count], x.shape[-count:]
    out = _pooled_shape(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
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
    return where


def _adaptive_spans(length: int, parts: int) -> list[tuple[int, int]]:
    """Return where each of the windows that divide a dim starts and ends."""
    return [(i * length // parts, -(-(i + 1) * length // parts)) for i in range(parts)]


@custom(
    shape=lambda x, *, sizes: Aval(
        (*x.shape[: len(x.shape) - len(sizes)], *sizes), dtypes.int64.numpy
    ),
    vjp=_PLACES,
    jvp=_PLACES,
    batch=lambda size, batched, x, *, sizes: adaptive_places(x, sizes=sizes),
    samples=(Sample(array(2, 5, 4, distinct=True), sizes=(2, 3)),),
    namespaces=(),
    methods=(),
)
def adaptive_places(xp: Any, x: Any, *, sizes: Ints) -> Any:
    """Where the largest element of each window is, when windows divide the spatial dims.

    Args:
        input: (..., *spatial).
        sizes: how many windows per spatial dim.

    Returns:
        Tensor: int64, (..., *sizes), places in the flattened spatial dims.
    """
    count = len(sizes)
    lead, spatial = x.shape[:-count], x.shape[-count:]
    numbers = xp.arange(math.prod(spatial)).reshape(spatial)
    where = xp.empty((*lead, *sizes), xp.int64)
    spans = [_adaptive_spans(n, parts) for n, parts in zip(spatial, sizes, strict=True)]
    for cell in itertools.product(*map(range, sizes)):
        region = tuple(slice(*spans[dim][i]) for dim, i in enumerate(cell))
        inside = numbers[region].reshape(-1)
        best = x[(..., *region)].reshape(*lead, len(inside)).argmax(axis=-1)
        where[(..., *cell)] = inside[best]
    return where


def _at_places(input: Tensor, places: Tensor, count: int) -> Tensor:
    lead = tuple(input.shape)[: input.ndim - count]
    flat, chosen = (
        t.reshape((*lead, math.prod(tuple(t.shape)[len(lead) :]))) for t in (input, places)
    )  # not -1, which has no meaning in an empty batch
    values = picked(flat, chosen, dim=len(lead))
    return values.reshape(tuple(places.shape))


# --- the public functions ----------------------------------------------------------------------

_DIMS = {1: "one dim", 2: "two dims", 3: "three dims"}
#: What PyTorch offers outside of nn.functional too.
_AT_TOP_LEVEL = ("avg_pool1d", "adaptive_avg_pool1d", "max_pool1d", "max_pool2d", "max_pool3d")
_SHAPES: dict[int, Ints] = {1: (5,), 2: (5, 4), 3: (5, 4, 3)}


def _max_pool(count: int) -> Callable[..., Any]:
    name = f"max_pool{count}d"

    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        geometry = _windows(name, input, kernel_size, stride, padding, dilation, ceil_mode, count)
        real_only(name, input)
        places = largest_places(input, **geometry)
        values = _at_places(input, places, count)
        return (values, places) if return_indices else values

    function.__doc__ = f"""Largest element of each window over {_DIMS[count]}.

    Args:
        input: (N, C, *spatial), or without N.
        kernel_size: the window's lengths.
        stride: from one window to the next; the window's lengths if None.
        padding: on both sides, at most half the window; never the largest.
        dilation: step within a window.
        ceil_mode: whether a last window that begins inside may end outside.
        return_indices: whether to return also where in the flattened spatial dims they were.

    Returns:
        Tensor: (N, C, *out), or with return_indices a tuple of that and int64 places. A window
        with a NaN gives NaN.

    Raises:
        ShapeError: the window exceeds the padded input.
        ValueError: a setting is out of range.
        DTypeError: input is complex.
    """
    shape = _SHAPES[count]
    return _entered(
        name,
        function,
        samples=(
            Sample(array(2, 2, *shape, distinct=True), 2),
            Sample(array(2, *shape, distinct=True), 3, 1, 1),
            Sample(array(2, *shape, distinct=True), 3, 2, 1, ceil_mode=True),
        ),
        errors=(
            ErrorSample(array(1, 1, *shape), 7, error=ShapeError, match="larger than"),
            ErrorSample(array(1, 1, *shape), 2, padding=2, error=ValueError, match="half"),
            ErrorSample(array(2), 2, error=ShapeError, match="without N"),
            ErrorSample(array(1, *shape, kind="complex"), 2, error=DTypeError, match="no order"),
        ),
    )


def _avg_pool(count: int) -> Callable[..., Any]:
    name = f"avg_pool{count}d"

    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        geometry = _windows(name, input, kernel_size, stride, padding, 1, ceil_mode, count)
        kernel, steps, pairs = geometry["kernel"], geometry["stride"], geometry["padding"]
        total = _window_sums(_widened(input, pairs), kernel, steps)
        if divisor_override is not None:
            if divisor_override == 0:
                raise ValueError(f"{name}: divisor_override must not be 0")
            return total / float(divisor_override)
        even = all(low == high for low, high in pairs)
        if even and (count_include_pad or not any(low for low, _ in pairs)):
            return total / int(math.prod(kernel))
        # windows at the border hold fewer elements that count
        spatial = tuple(input.shape)[input.ndim - count :]
        counted = ones(spatial, dtype=input.dtype, device=input.device)
        if count_include_pad:
            both = tuple((low, low) for low, _ in pairs)
            counted = constant_pad(counted, widths=both, value=1.0)
            pairs = tuple((0, high - low) for low, high in pairs)
        return total / _window_sums(_widened(counted, pairs), kernel, steps)

    function.__doc__ = f"""Mean of each window over {_DIMS[count]}.

    Args:
        input: (N, C, *spatial), or without N.
        kernel_size: the window's lengths.
        stride: from one window to the next; the window's lengths if None.
        padding: zeros on both sides, at most half the window.
        ceil_mode: whether a last window that begins inside may end outside.
        count_include_pad: whether the zeros count in the divisor.
        divisor_override: what to divide each sum by instead of the number of elements.

    Returns:
        Tensor: (N, C, *out).

    Raises:
        ShapeError: the window exceeds the padded input.
        ValueError: a setting is out of range.
    """
    shape = _SHAPES[count]
    return _entered(
        name,
        function,
        samples=(
            Sample(array(2, 2, *shape), 2),
            Sample(array(2, *shape), 3, 1, 1),
            Sample(array(2, *shape), 3, 2, 1, count_include_pad=False),
            Sample(array(2, *shape), 3, 2, 1, ceil_mode=True),
            Sample(array(2, *shape), 2, divisor_override=3),
        ),
    )


def _widened(x: Tensor, pairs: Pairs) -> Tensor:
    if not any(low or high for low, high in pairs):
        return x
    widths = ((0, 0),) * (x.ndim - len(pairs)) + tuple(pairs)
    out: Tensor = constant_pad(x, widths=widths, value=0.0)
    return out


def _window_sums(x: Tensor, kernel: Ints, stride: Ints) -> Tensor:
    lead = x.ndim - len(kernel)
    for i, (k, s) in enumerate(zip(kernel, stride, strict=True)):
        x = sum(x.unfold(lead + i, k, s), dim=-1)
    return x


def _output_size(name: str, input: Tensor, output_size: Any, count: int) -> Ints:
    _require_dims(name, input, count)
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * count
    spatial = tuple(input.shape)[input.ndim - count :]
    if len(sizes) == count:
        sizes = [own if n is None else n for n, own in zip(sizes, spatial, strict=True)]
    return ints_per_dim(name, "output_size", sizes, count, 1)


def _adaptive_avg_pool(count: int) -> Callable[..., Any]:
    name = f"adaptive_avg_pool{count}d"

    def function(input: Tensor, output_size: Any) -> Tensor:
        sizes = _output_size(name, input, output_size, count)
        lead = input.ndim - count
        if all(n == 1 for n in sizes):
            return mean(input, tuple(range(lead, input.ndim)), True)
        out = input
        for dim, parts in enumerate(sizes, start=lead):
            if parts != out.shape[dim]:
                weights = tensor(
                    _averaging(out.shape[dim], parts), dtype=input.dtype, device=input.device
                )
                out = (out.transpose(dim, -1) @ weights).transpose(dim, -1)
        return out

    function.__doc__ = f"""Mean of as many windows as the result has places, over {_DIMS[count]}.

    Window i of a dim of length n with m results covers floor(i n / m) to ceil((i + 1) n / m).

    Args:
        input: (N, C, *spatial), or without N.
        output_size: the result's spatial lengths; None keeps a length.

    Returns:
        Tensor: (N, C, *output_size).

    Raises:
        ValueError: output_size is not positive ints.
    """
    shape = _SHAPES[count]
    return _entered(
        name,
        function,
        samples=(Sample(array(2, 2, *shape), 1), Sample(array(2, *shape), 2)),
        errors=(ErrorSample(array(1, *shape), 0, error=ValueError, match="output_size"),),
    )


def _averaging(length: int, parts: int) -> list[list[float]]:
    """Return the matrix (length, parts) that averages a dim over windows that divide it."""
    matrix = [[0.0] * parts for _ in range(length)]
    for part, (start, end) in enumerate(_adaptive_spans(length, parts)):
        for place in range(start, end):
            matrix[place][part] = 1 / (end - start)
    return matrix


def _adaptive_max_pool(count: int) -> Callable[..., Any]:
    name = f"adaptive_max_pool{count}d"

    def function(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        sizes = _output_size(name, input, output_size, count)
        real_only(name, input)
        places = adaptive_places(input, sizes=sizes)
        values = _at_places(input, places, count)
        return (values, places) if return_indices else values

    function.__doc__ = f"""Largest of as many windows as the result has places, over {_DIMS[count]}.

    Window i of a dim of length n with m results covers floor(i n / m) to ceil((i + 1) n / m).

    Args:
        input: (N, C, *spatial), or without N.
        output_size: the result's spatial lengths; None keeps a length.
        return_indices: whether to return also where in the flattened spatial dims they were.

    Returns:
        Tensor: (N, C, *output_size), or with return_indices a tuple of that and int64 places.

    Raises:
        ValueError: output_size is not positive ints.
        DTypeError: input is complex.
    """
    shape = _SHAPES[count]
    return _entered(
        name,
        function,
        samples=(
            Sample(array(2, 2, *shape, distinct=True), 1),
            Sample(array(2, *shape, distinct=True), 2),
        ),
        errors=(ErrorSample(array(1, *shape), 0, error=ValueError, match="output_size"),),
    )


def _entered(
    name: str,
    function: Callable[..., Any],
    samples: Sequence[Sample],
    errors: Sequence[ErrorSample] = (),
) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    spaces = catalogue.BOTH if name in _AT_TOP_LEVEL else catalogue.FUNCTIONAL
    out = name in ("avg_pool2d", "avg_pool3d")  # as in PyTorch
    enter = composite(samples=samples, errors=errors, namespaces=spaces, methods=(), out=out)
    return enter(function)


max_pool1d, max_pool2d, max_pool3d = map(_max_pool, (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_adaptive_avg_pool, (1, 2, 3))
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(_adaptive_max_pool, (1, 2, 3))
