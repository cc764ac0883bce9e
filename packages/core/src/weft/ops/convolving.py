"""Convolution in one to three dims, as users call it."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.constant_weights import with_weight
from weft.ops.convolution import Geometry, Pair, convolve
from weft.ops.convolution_bias import convolve_bias
from weft.ops.families.composite import composite


def _geometry(
    name: str, w: Tensor, stride: Any, padding: Any, dilation: Any, groups: int, count: int
) -> Geometry:
    strides = ints_per_dim(name, "stride", stride, count, 1)
    dilations = ints_per_dim(name, "dilation", dilation, count, 1)
    pairs: tuple[Pair, ...]
    if padding == "valid":
        pairs = ((0, 0),) * count
    elif padding == "same":
        if any(s != 1 for s in strides):
            raise ValueError(f"{name}: padding='same' needs stride 1, got {stride!r}")
        spans = [d * (k - 1) for d, k in zip(dilations, w.shape[2:], strict=True)]
        pairs = tuple((s // 2, s - s // 2) for s in spans)
    elif isinstance(padding, str):
        raise ValueError(f"{name}: padding must be ints, 'same' or 'valid', got {padding!r}")
    else:
        pairs = tuple((p, p) for p in ints_per_dim(name, "padding", padding, count, 0))
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive int, got {groups!r}")
    return {"stride": strides, "padding": pairs, "dilation": dilations, "groups": groups}


def _checked(name: str, input: Tensor, weight: Tensor, count: int) -> tuple[Tensor, bool]:
    """Return the input with its axis of examples, and whether that had to be added."""
    if weight.ndim != count + 2:
        raise ShapeError(
            f"{name}: weight must have {count + 2} dims (out, in / groups, *kernel), got shape "
            f"{tuple(weight.shape)}"
        )
    if input.ndim not in (count + 1, count + 2):
        raise ShapeError(
            f"{name}: input must have {count + 2} dims (N, C, *spatial), or {count + 1} without N, "
            f"got shape {tuple(input.shape)}"
        )
    single = input.ndim == count + 1
    return (input.unsqueeze(0) if single else input), single


def _convolve(
    count: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    name = f"conv{count}d"
    x, single = _checked(name, input, weight, count)
    settings = _geometry(name, weight, stride, padding, dilation, groups, count)
    if bias is None:
        out = with_weight(convolve, weight, x, weight, **settings)
    else:
        out = with_weight(convolve_bias, weight, x, weight, bias, **settings)
    return out.squeeze(0) if single else out


_MISFIT = ErrorSample(
    array(2, 4, 8), array(8, 3, 5), error=ShapeError, match="expects 3 input channels"
)


@composite(
    samples=(
        Sample(array(2, 3, 7), array(4, 3, 3), array(4)),
        Sample(array(2, 4, 7), array(4, 2, 3), None, 2, 1, 2, 2),
        Sample(array(3, 7), array(4, 3, 4), padding="same"),
    ),
    errors=(
        _MISFIT,
        ErrorSample(array(1, 1, 2), array(1, 1, 3), error=ShapeError, match="larger than the"),
        ErrorSample(array(1, 1, 5), array(1, 1, 3), stride=0, error=ValueError, match="stride"),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (cross-correlation) over one spatial dim.

    Args:
        input: (N, C, length), or (C, length).
        weight: (O, C / groups, kernel).
        bias: (O,).
        stride: step of the kernel.
        padding: zeros on both sides; ``"same"`` keeps the length, ``"valid"`` adds none.
        dilation: step within the kernel.
        groups: how many groups the channels form; each sees only its own inputs.

    Returns:
        Tensor: (N, O, (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1).

    Raises:
        ShapeError: channels do not fit, or the kernel exceeds the padded input.
        ValueError: a setting is not a positive int.
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@composite(
    samples=(
        Sample(array(2, 3, 5, 6), array(4, 3, 3, 2), array(4)),
        Sample(array(1, 4, 6, 6), array(4, 1, 3, 3), array(4), 2, 1, 1, 4),
        Sample(array(3, 5, 5), array(2, 3, 3, 3), padding=(1, 2)),
    ),
    errors=(
        ErrorSample(
            array(2, 4, 32, 32),
            array(8, 3, 5, 5),
            error=ShapeError,
            match=r"conv2d: weight expects 3 input channels \(weight.shape == \(8, 3, 5, 5\)\), "
            r"but input has 4 \(input.shape == \(2, 4, 32, 32\)\); pass groups= or change",
        ),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (cross-correlation) over two spatial dims.

    Args:
        input: (N, C, height, width), or (C, height, width).
        weight: (O, C / groups, kernel height, kernel width).
        bias: (O,).
        stride: step of the kernel, one or two ints, as the next two.
        padding: zeros on both sides; ``"same"`` keeps the size, ``"valid"`` adds none.
        dilation: step within the kernel.
        groups: how many groups the channels form; each sees only its own inputs.

    Returns:
        Tensor: (N, O, out height, out width), each length as in ``conv1d``.

    Raises:
        ShapeError: channels do not fit, or the kernel exceeds the padded input.
        ValueError: a setting is not a positive int.
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@composite(
    samples=(Sample(array(1, 2, 3, 4, 3), array(2, 2, 2, 2, 2), array(2)),),
    namespaces=catalogue.BOTH,
    methods=(),
)
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (cross-correlation) over three spatial dims.

    Args:
        input: (N, C, depth, height, width), or without N.
        weight: (O, C / groups, *kernel).
        bias: (O,).
        stride: step of the kernel, one or three ints, as the next two.
        padding: zeros on both sides; ``"same"`` keeps the size, ``"valid"`` adds none.
        dilation: step within the kernel.
        groups: how many groups the channels form; each sees only its own inputs.

    Returns:
        Tensor: (N, O, *out), each length as in ``conv1d``.

    Raises:
        ShapeError: channels do not fit, or the kernel exceeds the padded input.
        ValueError: a setting is not a positive int.
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)
