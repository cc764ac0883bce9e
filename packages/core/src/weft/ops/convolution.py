"""Convolution as a bilinear op, and the two ops that are its transposes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from weft._backend import ndarray
from weft._backend.cpu import onednn_convolution as by_onednn
from weft._backend.cpu import switches
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.samples import Sample, array
from weft.ops.families.bilinear import bilinear

Pair = tuple[int, int]
Geometry = dict[str, Any]

# The three kernels share a geometry: stride, dilation and (low, high) padding per spatial dim, and
# groups. x is (N, C, *spatial), w is (O, C / groups, *kernel), g is (N, O, *out).


def _out_length(n: int, k: int, stride: int, padding: Pair, dilation: int) -> int:
    return (n + padding[0] + padding[1] - dilation * (k - 1) - 1) // stride + 1


def _conv_shape(x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Aval:
    name = f"conv{len(stride)}d"
    if w.shape[1] * groups != x.shape[1]:
        raise ShapeError(
            f"{name}: weight expects {w.shape[1] * groups} input channels (weight.shape == "
            f"{w.shape}{f', groups={groups}' if groups > 1 else ''}), but input has {x.shape[1]} "
            f"(input.shape == {x.shape}); pass groups= or change the input"
        )
    if w.shape[0] % groups:
        raise ShapeError(
            f"{name}: {w.shape[0]} output channels (weight.shape == {w.shape}) do not divide into "
            f"{groups} groups"
        )
    lengths = tuple(map(_out_length, x.shape[2:], w.shape[2:], stride, padding, dilation))
    if min(lengths, default=1) < 1:
        raise ShapeError(
            f"{name}: the kernel {w.shape[2:]} with dilation {dilation} is larger than the padded "
            f"input (input.shape == {x.shape}, padding {padding}); pad more or use a smaller kernel"
        )
    return Aval((x.shape[0], w.shape[0], *lengths), x.dtype)


def _padded(xp: Any, x: Any, padding: Sequence[Pair]) -> Any:
    if not any(low or high for low, high in padding):
        return x
    low = [(p[0], p[1]) for p in padding]
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape[2:], low, strict=True))
    out = xp.zeros((*x.shape[:2], *shape), x.dtype)
    inner = tuple(slice(a, a + n) for n, (a, _) in zip(x.shape[2:], low, strict=True))
    out[(slice(None), slice(None), *inner)] = x
    return out


def _taps(
    kernel: Sequence[int], out: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Give each kernel position with the region of the padded input that it meets."""
    for tap in itertools.product(*map(range, kernel)):
        yield (
            tap,
            tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, dilation, out, stride, strict=True)
            ),
        )


_ALL = (slice(None), slice(None))


def _conv_to_x(g: Any, x: Any, w: Any, **geometry: Any) -> Any:
    return convolution_input(g, w, shape=tuple(x.shape), **geometry)


def _conv_to_w(g: Any, x: Any, w: Any, **geometry: Any) -> Any:
    return convolution_weight(x, g, shape=tuple(w.shape), **geometry)


def _merged(size: int, x: Any) -> Any:
    """Join the batch axis with the axis of examples."""
    return x.reshape((size * x.shape[1], *tuple(x.shape)[2:]))


def _side_by_side(size: int, x: Any, batched: bool) -> Any:
    """Put the channels of all examples of a batch beside each other: (N, batch * C, ...)."""
    if not batched:
        x = x.expand((size, *x.shape))
    x = x.movedim(0, 1)
    return x.reshape((x.shape[0], size * x.shape[2], *tuple(x.shape)[3:]))


def _apart(size: int, count: int, x: Any) -> Any:
    """Undo :func:`_side_by_side`: (batch, N, C, ...)."""
    return x.reshape((x.shape[0], size, count, *tuple(x.shape)[2:])).movedim(1, 0)


def _conv_batch(size: int, batched: Sequence[bool], x: Any, w: Any, **geometry: Any) -> Any:
    if batched[1]:
        count, own = w.shape[1], geometry["groups"]
        if not batched[0] and own == 1:  # the weights of all examples, as more output channels
            out = convolve(x, _merged(size, w), **geometry)
        else:
            x = _side_by_side(size, x, batched[0])
            out = convolve(x, _merged(size, w), **{**geometry, "groups": size * own})
        return _apart(size, count, out)
    out = convolve(_merged(size, x), w, **geometry)
    return out.reshape((size, -1, *tuple(out.shape)[1:]))


_PLAIN: Geometry = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
_RICH: Geometry = {
    "stride": (2, 1),
    "padding": ((1, 0), (1, 2)),
    "dilation": (1, 2),
    "groups": 2,
}
_DEPTHWISE: Geometry = {"stride": (2,), "padding": ((1, 1),), "dilation": (1,), "groups": 3}


@bilinear(
    shape=_conv_shape,
    transposes=(_conv_to_x, _conv_to_w),
    batch=_conv_batch,
    samples=(
        Sample(array(2, 3, 5), array(4, 3, 3), **_PLAIN),
        Sample(array(2, 4, 5, 6), array(4, 2, 3, 2), **_RICH),
        Sample(array(1, 3, 6), array(3, 1, 3), **_DEPTHWISE),
        Sample(array(2, 3, 4), array(4, 3, 1), **_PLAIN),
    ),
    namespaces=(),
    methods=(),
)
def convolve(
    xp: Any,
    x: Any,
    y: Any,
    *,
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """Convolution (cross-correlation) without bias, its geometry in full.

    Args:
        input: (N, C, *spatial).
        other: the weight, (O, C / groups, *kernel).
        stride: per spatial dim.
        padding: (low, high) zeros per spatial dim.
        dilation: per spatial dim.
        groups: how many groups the channels form.

    Returns:
        Tensor: (N, O, *out).
    """
    w = y
    n, _, *_ = x.shape
    o, c_group, *kernel = w.shape
    x = _padded(xp, x, padding)
    out = [
        (m - d * (k - 1) - 1) // s + 1
        for m, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    if min(out, default=1) < 1:
        raise ValueError("no place for the kernel")  # the shape rule tells the user the numbers
    if c_group == 1 and o == groups:
        return _depthwise(xp, x, w, out, stride, dilation)
    if math.prod(kernel) == 1 and groups == 1 and all(s == 1 for s in stride):
        flat = xp.matmul(w.reshape(o, c_group), x.reshape(n, c_group, math.prod(out)))
        return flat.reshape(n, o, *out)
    columns = _columns(xp, x, kernel, out, stride, dilation, groups)
    rows = w.reshape(groups, o // groups, -1)
    flat = xp.matmul(rows, columns)  # (N, groups, O / groups, prod(out))
    return flat.reshape(n, o, *out)


def _columns(
    xp: Any,
    x: Any,
    kernel: Sequence[int],
    out: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Any:
    """Copy what each kernel position meets: (N, groups, C / groups * prod(kernel), prod(out))."""
    n, c = x.shape[:2]
    columns = xp.empty((n, c, math.prod(kernel), *out), x.dtype)
    for i, (_, region) in enumerate(_taps(kernel, out, stride, dilation)):
        columns[:, :, i] = x[(*_ALL, *region)]
    return columns.reshape(n, groups, c // groups * math.prod(kernel), math.prod(out))


def _depthwise(
    xp: Any,
    x: Any,
    w: Any,
    out: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Any:
    """One filter a channel: a sum of shifted products, with no columns to copy."""
    result = xp.zeros((*x.shape[:2], *out), xp.result_type(x, w))
    ones = (1,) * len(out)
    for tap, region in _taps(w.shape[2:], out, stride, dilation):
        result += x[(*_ALL, *region)] * w[(slice(None), 0, *tap)].reshape(-1, *ones)
    return result


def _input_shape(g: Any, w: Any, *, shape: tuple[int, ...], **geometry: Any) -> Aval:
    return Aval(shape, g.dtype)


def _input_batch(
    size: int, batched: Sequence[bool], g: Any, w: Any, *, shape: Any, **geometry: Any
) -> Any:
    if batched[1]:
        geometry["groups"] *= size
        wide = (shape[0], size * shape[1], *shape[2:])
        g = _side_by_side(size, g, batched[0])
        return _apart(
            size, shape[1], convolution_input(g, _merged(size, w), shape=wide, **geometry)
        )
    merged = (size * shape[0], *shape[1:])
    return convolution_input(_merged(size, g), w, shape=merged, **geometry).reshape((size, *shape))


@bilinear(
    shape=_input_shape,
    transposes=(
        lambda ct, g, w, *, shape, **geometry: convolve(ct, w, **geometry),
        lambda ct, g, w, *, shape, **geometry: convolution_weight(
            ct, g, shape=tuple(w.shape), **geometry
        ),
    ),
    batch=_input_batch,
    samples=(
        Sample(array(2, 4, 3), array(4, 3, 3), shape=(2, 3, 5), **_PLAIN),
        Sample(array(2, 4, 2, 7), array(4, 2, 3, 2), shape=(2, 4, 5, 6), **_RICH),
        Sample(array(1, 3, 3), array(3, 1, 3), shape=(1, 3, 6), **_DEPTHWISE),
    ),
    namespaces=(),
    methods=(),
)
def convolution_input(
    xp: Any,
    x: Any,
    y: Any,
    *,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """The cotangent of convolution's input; by itself, transposed convolution.

    Args:
        input: the cotangent of the output, (N, O, *out).
        other: the weight, (O, C / groups, *kernel).
        shape: the input's shape, (N, C, *spatial).
        stride: per spatial dim.
        padding: (low, high) zeros per spatial dim.
        dilation: per spatial dim.
        groups: how many groups the channels form.

    Returns:
        Tensor: (N, C, *spatial).
    """
    g, w = x, y
    n, c, *spatial = shape
    o, c_group, *kernel = w.shape
    out = g.shape[2:]
    total = [m + p[0] + p[1] for m, p in zip(spatial, padding, strict=True)]
    result = xp.zeros((n, c, *total), xp.result_type(g, w))
    # one product for all taps: (N, groups, C / groups * taps, prod(out))
    rows = w.reshape(groups, o // groups, c_group * math.prod(kernel)).swapaxes(-1, -2)
    # every length is spelled out: -1 has no meaning in an empty batch
    products = xp.matmul(rows, g.reshape(n, groups, o // groups, math.prod(g.shape[2:])))
    products = products.reshape(n, c, math.prod(kernel), *out)
    for i, (_, region) in enumerate(_taps(kernel, out, stride, dilation)):
        result[(*_ALL, *region)] += products[:, :, i]
    inner = tuple(slice(p[0], p[0] + m) for p, m in zip(padding, spatial, strict=True))
    return xp.ascontiguousarray(result[(*_ALL, *inner)])


def _weight_shape(x: Any, g: Any, *, shape: tuple[int, ...], **geometry: Any) -> Aval:
    return Aval(shape, x.dtype)


def _weight_batch(
    size: int, batched: Sequence[bool], x: Any, g: Any, *, shape: Any, **geometry: Any
) -> Any:
    if batched[0] or geometry["groups"] > 1:
        geometry["groups"] *= size
        x = _side_by_side(size, x, batched[0])
    g = _side_by_side(size, g, batched[1])
    out = convolution_weight(x, g, shape=(size * shape[0], *shape[1:]), **geometry)
    return out.reshape((size, *shape))


@bilinear(
    batch=_weight_batch,
    shape=_weight_shape,
    transposes=(
        lambda ct, x, g, *, shape, **geometry: convolution_input(
            g, ct, shape=tuple(x.shape), **geometry
        ),
        lambda ct, x, g, *, shape, **geometry: convolve(x, ct, **geometry),
    ),
    samples=(
        Sample(array(2, 3, 5), array(2, 4, 3), shape=(4, 3, 3), **_PLAIN),
        Sample(array(2, 4, 5, 6), array(2, 4, 2, 7), shape=(4, 2, 3, 2), **_RICH),
    ),
    namespaces=(),
    methods=(),
)
def convolution_weight(
    xp: Any,
    x: Any,
    y: Any,
    *,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[Pair, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """The cotangent of convolution's weight.

    Args:
        input: (N, C, *spatial).
        other: the cotangent of the output, (N, O, *out).
        shape: the weight's shape, (O, C / groups, *kernel).
        stride: per spatial dim.
        padding: (low, high) zeros per spatial dim.
        dilation: per spatial dim.
        groups: how many groups the channels form.

    Returns:
        Tensor: (O, C / groups, *kernel).
    """
    g = y
    n = x.shape[0]
    o, _, *kernel = shape
    out = g.shape[2:]
    x = _padded(xp, x, padding)
    columns = _columns(xp, x, kernel, out, stride, dilation, groups)
    rows = g.reshape(n, groups, o // groups, math.prod(g.shape[2:]))
    return xp.matmul(rows, columns.swapaxes(-1, -2)).sum(axis=0).reshape(shape)


# --- on the CPU, by a kernel for planes or by oneDNN, where these take the call -----------------

_CONVOLVE = catalogue.ops["convolve"]
_INPUT = catalogue.ops["convolution_input"]
_WEIGHT = catalogue.ops["convolution_weight"]
_depthwise_kernel, _grouped_kernel = Launcher("depthwise"), Launcher("grouped")
_general = {op.name: op.kernels[ndarray] for op in (_CONVOLVE, _INPUT, _WEIGHT)}


#: Elements from which planes are worth a kernel.
_LEAST = 1 << 14


def by_planes(x: Any, w: Any, bias: Any, settings: Geometry, turned: bool = False) -> Any:
    """Return a convolution in groups of few channels, of an array in the order of its indices.

    None if it is none. ``turned`` asks for the cotangent of the input, given that of the result.
    """
    if settings["groups"] == 1 or x.ndim != 4 or x.size < _LEAST or not x.flags.c_contiguous:
        return None
    if not switches.codegen:
        return None
    out = _depthwise_kernel.forward(x, w, bias, settings, turned)
    return _grouped_kernel.forward(x, w, bias, settings, turned) if out is None else out


def _convolve_on_cpu(x: Any, y: Any, **settings: Any) -> Any:
    out = by_planes(x, y, None, settings)
    if out is None:
        out = by_onednn.forward(x, y, None, **settings)
    return _general["convolve"](x, y, **settings) if out is None else out


def _reaches_back(
    g: Sequence[int], w: Sequence[int], *, shape: Sequence[int], padding: Sequence[Pair], **_: Any
) -> bool:
    """Whether a window turned round, step by step over a cotangent, gives the input's shape."""
    return tuple(shape[2:]) == tuple(
        n + k - 1 - low - high for n, k, (low, high) in zip(g[2:], w[2:], padding, strict=True)
    )


def _input_on_cpu(x: Any, y: Any, **settings: Any) -> Any:
    out = None
    if settings["groups"] > 1 and _reaches_back(x.shape, y.shape, **settings):
        geometry = {name: value for name, value in settings.items() if name != "shape"}
        out = by_planes(x, y, None, geometry, turned=True)
    if out is None:
        out = by_onednn.to_input(x, y, **settings)
    return _general["convolution_input"](x, y, **settings) if out is None else out


def _weight_on_cpu(x: Any, y: Any, **settings: Any) -> Any:
    out = by_onednn.to_weight(x, y, **settings)
    return _general["convolution_weight"](x, y, **settings) if out is None else out


_CONVOLVE.kernels[ndarray] = _convolve_on_cpu
_INPUT.kernels[ndarray] = _input_on_cpu
_WEIGHT.kernels[ndarray] = _weight_on_cpu
