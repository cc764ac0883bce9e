"""Pooling: the largest or the mean of windows, at fixed steps or to a fixed size.

Each kind is one function of the number of spatial dims; the public functions of one, two and three
dims are made from it at the end of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError, ShapeError
from weft._core.modes import flags, here
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.promotion import real_only
from weft.ops.pooling_largest import at_places, largest, window_max
from weft.ops.pooling_means import window_mean
from weft.ops.pooling_spans import adaptive_places, spans_mean
from weft.ops.reductions import mean

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


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
        room = n + 2 * p - reach
        places = (-(-room // s) if ceil_mode else room // s) + 1
        if places < 1:
            raise ShapeError(
                f"{name}: the window {kernel} is larger than the padded input (input.shape == "
                f"{tuple(input.shape)}, padding {pads}); pad more or use a smaller window"
            )
        high = p
        if ceil_mode:
            places -= (places - 1) * s >= n + p  # the last window must begin inside
            high = max(p, (places - 1) * s + reach - n - p)
        pairs.append((p, high))
    return {"kernel": kernel, "stride": steps, "padding": tuple(pairs), "dilation": spread}


def _recorded(x: Tensor) -> bool:
    """Whether a gradient or tangent may be asked of what is computed from a tensor."""
    if isinstance(x._data, Boxed):
        return not x._data.stands_for_array
    return x._node is not None and (not flags.any or bool(here.grad))


# --- the public functions ----------------------------------------------------------------------

_DIMS = {1: "one dim", 2: "two dims", 3: "three dims"}
#: What PyTorch offers outside of nn.functional too.
_AT_TOP_LEVEL = ("avg_pool1d", "adaptive_avg_pool1d", "max_pool1d", "max_pool2d", "max_pool3d")
_SHAPES: dict[int, Ints] = {1: (5,), 2: (5, 4), 3: (5, 4, 3)}


def _largest_of(input: Tensor, geometry: dict[str, Any], count: int, return_indices: bool) -> Any:
    if not return_indices and not _recorded(input):
        return window_max(input, **geometry)
    values, places = largest(input.detach(), **geometry, narrow=not return_indices)
    values = at_places(input, places, values, count=count)
    return (values, places) if return_indices else values


def _even_windows(input: Tensor, sizes: Ints) -> dict[str, Any] | None:
    """Return the windows that divide the spatial dims if they are all alike, else None."""
    spatial = tuple(input.shape)[input.ndim - len(sizes) :]
    if any(n % parts or not n for n, parts in zip(spatial, sizes, strict=True)):
        return None
    kernel = tuple(n // parts for n, parts in zip(spatial, sizes, strict=True))
    return {"kernel": kernel, "stride": kernel, "padding": ((0, 0),) * len(sizes)}


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
        return _largest_of(input, geometry, count, return_indices)

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
            Sample(array(1, *shape, distinct=True), 6, 6, 1, ceil_mode=True),
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
        if divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must not be 0")
        x = input if input.dtype.category > 1 else input.to(dtypes.get_default_dtype())
        return window_mean(
            x,
            kernel=geometry["kernel"],
            stride=geometry["stride"],
            padding=geometry["padding"],
            include=bool(count_include_pad),
            divisor=float(divisor_override or 0),
        )

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
            Sample(array(1, *shape), 6, 6, 1, ceil_mode=True),
        ),
    )


def _output_size(name: str, input: Tensor, output_size: Any, count: int) -> Ints:
    _require_dims(name, input, count)
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * count
    spatial = tuple(input.shape)[input.ndim - count :]
    if len(sizes) == count:
        sizes = [own if n is None else n for n, own in zip(sizes, spatial, strict=True)]
    if 0 in spatial:
        raise ShapeError(
            f"{name}: windows need elements, but a spatial dim is 0 (input.shape == "
            f"{tuple(input.shape)})"
        )
    return ints_per_dim(name, "output_size", sizes, count, 1)


def _adaptive_avg_pool(count: int) -> Callable[..., Any]:
    name = f"adaptive_avg_pool{count}d"

    def function(input: Tensor, output_size: Any) -> Tensor:
        sizes = _output_size(name, input, output_size, count)
        lead = input.ndim - count
        even = _even_windows(input, sizes)
        if even is not None and input.dtype.category > 1:
            return window_mean(input, **even, include=True, divisor=0.0)
        if all(n == 1 for n in sizes):
            return mean(input, tuple(range(lead, input.ndim)), True)
        if input.dtype.category < 2:
            raise DTypeError(f"{name}: expected floating or complex numbers, got {input.dtype}")
        out: Tensor = spans_mean(input, sizes=sizes)
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


def _adaptive_max_pool(count: int) -> Callable[..., Any]:
    name = f"adaptive_max_pool{count}d"

    def function(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        sizes = _output_size(name, input, output_size, count)
        real_only(name, input)
        even = _even_windows(input, sizes)
        if even is not None:
            return _largest_of(input, {**even, "dilation": (1,) * count}, count, return_indices)
        places = adaptive_places(input, sizes=sizes)
        values = at_places(input, places, count=count)
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
