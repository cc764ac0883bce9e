"""Convolution with its bias as one op, as most layers need both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray
from weft._backend.cpu import onednn_convolution as by_onednn
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.samples import Sample, array
from weft.ops.convolution import by_planes, convolution_input, convolution_weight, convolve
from weft.ops.families.custom import custom
from weft.ops.reductions import sum

_CONVOLVE = catalogue.ops["convolve"]


def _shape(x: Any, y: Any, bias: Any, **settings: Any) -> Aval:
    out: Aval = _CONVOLVE.shape(x, y, **settings)
    if tuple(bias.shape) != out.shape[1:2]:
        raise ShapeError(
            f"conv{len(settings['stride'])}d: bias must have one element for each of the "
            f"{out.shape[1]} output channels (weight.shape == {y.shape}), but bias.shape == "
            f"{tuple(bias.shape)}"
        )
    return out


def _spread(bias: Any, ndim: int) -> Any:
    """Return the bias (..., O) as it is added to a result with ``ndim`` dims after its batch."""
    return bias.reshape((*tuple(bias.shape), *(1,) * (ndim - 2)))


def _vjp(needs: Any, g: Any, out: Any, x: Any, y: Any, bias: Any, **settings: Any) -> Any:
    conjugate = g.dtype.is_complex
    return (
        convolution_input(g, y.conj() if conjugate else y, shape=tuple(x.shape), **settings)
        if needs[0]
        else None,
        convolution_weight(x.conj() if conjugate else x, g, shape=tuple(y.shape), **settings)
        if needs[1]
        else None,
        sum(g, (0, *range(2, g.ndim))) if needs[2] else None,
    )


def _jvp(tangents: Any, out: Any, x: Any, y: Any, bias: Any, **settings: Any) -> Any:
    parts = [
        None if tangents[0] is None else convolve(tangents[0], y, **settings),
        None if tangents[1] is None else convolve(x, tangents[1], **settings),
        None if tangents[2] is None else _spread(tangents[2], out.ndim).expand(tuple(out.shape)),
    ]
    first, *rest = [part for part in parts if part is not None]
    for part in rest:
        first = first + part
    return first


def _batch(size: int, batched: Sequence[bool], x: Any, y: Any, bias: Any, **settings: Any) -> Any:
    if not batched[1] and not batched[2]:
        flat = x.reshape((size * x.shape[1], *tuple(x.shape)[2:]))
        out = convolve_bias(flat, y, bias, **settings)
        return out.reshape((size, -1, *tuple(out.shape)[1:]))
    if batched[0] or batched[1]:
        out = _CONVOLVE.batch(size, batched[:2], x, y, **settings)  # type: ignore[operator]  # a rule
        ndim = out.ndim - 1
    else:
        out = convolve(x, y, **settings)
        ndim = out.ndim
    added = _spread(bias, ndim)
    return out + (added.unsqueeze(1) if batched[2] else added)


_PLAIN = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "groups": 1}
_RICH = {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2), "groups": 2}


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "y"),
    reads={"x": ("y",), "y": ("x",), "bias": ()},
    samples=(
        Sample(array(2, 3, 5), array(4, 3, 3), array(4), **_PLAIN),
        Sample(array(2, 4, 5, 6), array(4, 2, 3, 2), array(4), **_RICH),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def convolve_bias(
    xp: Any,
    x: Any,
    y: Any,
    bias: Any,
    *,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Any:
    """Convolution (cross-correlation) with bias, its geometry in full.

    Args:
        input: (N, C, *spatial).
        other: the weight, (O, C / groups, *kernel).
        bias: (O,).
        stride: per spatial dim.
        padding: (low, high) zeros per spatial dim.
        dilation: per spatial dim.
        groups: how many groups the channels form.

    Returns:
        Tensor: (N, O, *out).
    """
    if tuple(bias.shape) != tuple(y.shape[:1]):
        raise ValueError("bias")  # the shape rule tells the user the numbers
    out = _CONVOLVE.kernel(
        xp, x, y, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return out + _spread(bias, out.ndim)


_BIASED = catalogue.ops["convolve_bias"]
_general = _BIASED.kernels[ndarray]


def _on_cpu(x: Any, y: Any, bias: Any, **settings: Any) -> Any:
    out = by_planes(x, y, bias, settings)
    if out is None:
        out = by_onednn.forward(x, y, bias, **settings)
    return _general(x, y, bias, **settings) if out is None else out


_BIASED.kernels[ndarray] = _on_cpu
