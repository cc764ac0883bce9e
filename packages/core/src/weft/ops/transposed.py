"""Transposed convolution in one to three dims, and convolution over (time, batch, channels)."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.constant_weights import with_weight
from weft.ops.convolution import convolution_input
from weft.ops.convolving import conv1d, conv2d, conv3d
from weft.ops.families.composite import composite
from weft.ops.families.promotion import promoted


def transposed_convolution(
    name: str,
    count: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Tensor:
    """Return the transposed convolution over ``count`` spatial dims, its settings checked."""
    if weight.ndim != count + 2:
        raise ShapeError(
            f"{name}: weight must have {count + 2} dims (in, out / groups, *kernel), got shape "
            f"{tuple(weight.shape)}"
        )
    if input.ndim not in (count + 1, count + 2):
        raise ShapeError(
            f"{name}: input must have {count + 2} dims (N, C, *spatial), or {count + 1} without N, "
            f"got shape {tuple(input.shape)}"
        )
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive int, got {groups!r}")
    steps = ints_per_dim(name, "stride", stride, count, 1)
    cut = ints_per_dim(name, "padding", padding, count, 0)
    more = ints_per_dim(name, "output_padding", output_padding, count, 0)
    spread = ints_per_dim(name, "dilation", dilation, count, 1)
    for extra, s, d in zip(more, steps, spread, strict=True):
        if extra >= max(s, d):
            raise ValueError(
                f"{name}: output_padding must be below stride or dilation, got output_padding "
                f"{more} with stride {steps} and dilation {spread}"
            )
    single = input.ndim == count + 1
    x, weight = promoted(name, (input.unsqueeze(0) if single else input, weight))
    batch, channels, *spatial = x.shape
    if weight.shape[0] != channels or channels % groups:
        raise ShapeError(
            f"{name}: weight expects {weight.shape[0]} input channels in {groups} groups "
            f"(weight.shape == {tuple(weight.shape)}), but input has {channels} (input.shape == "
            f"{tuple(input.shape)})"
        )
    lengths = [
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, s, p, d, k, extra in zip(
            spatial, steps, cut, spread, weight.shape[2:], more, strict=True
        )
    ]
    if min(lengths, default=1) < 1:
        raise ShapeError(
            f"{name}: the result would have the spatial lengths {tuple(lengths)} (input.shape == "
            f"{tuple(input.shape)}, padding {cut}); pad less"
        )
    out = with_weight(
        convolution_input,
        weight,
        x,
        weight,
        shape=(batch, weight.shape[1] * groups, *lengths),
        stride=steps,
        padding=tuple((p, p) for p in cut),
        dilation=spread,
        groups=groups,
    )
    if bias is not None:
        out = out + bias.reshape((-1, *(1,) * count))
    return out.squeeze(0) if single else out


_ERRORS = (
    ErrorSample(array(1, 2, 4), array(3, 2, 3), error=ShapeError, match="expects 3 input channels"),
    ErrorSample(
        array(1, 2, 4), array(2, 2, 3), output_padding=1, error=ValueError, match="output_padding"
    ),
    ErrorSample(array(1, 2, 1), array(2, 2, 3), padding=2, error=ShapeError, match="pad less"),
    ErrorSample(array(2), array(2, 2, 3), error=ShapeError, match="without N"),
)


@composite(
    samples=(
        Sample(array(2, 3, 4), array(3, 2, 3), array(2)),
        Sample(array(2, 4, 4), array(4, 3, 3), None, 2, 1, 1, 2, 2),
        Sample(array(4, 5), array(4, 1, 2), None, 3, 0, 2, 4),
    ),
    errors=_ERRORS,
    namespaces=catalogue.BOTH,
    methods=(),
)
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution over one spatial dim: the gradient of a convolution by its input.

    Args:
        input: (N, C, length), or (C, length).
        weight: (C, O / groups, kernel).
        bias: (O,).
        stride: step of the kernel over the result.
        padding: what is cut off on both sides of the result.
        output_padding: how much longer the result is on its high side; below stride or dilation.
        groups: how many groups the channels form; each sees only its own inputs.
        dilation: step within the kernel.

    Returns:
        Tensor: (N, O, (length - 1) stride - 2 padding + dilation (kernel - 1) + output_padding
        + 1).

    Raises:
        ShapeError: channels do not fit, or nothing would be left of the result.
        ValueError: a setting is out of range.
    """
    return transposed_convolution(
        "conv_transpose1d",
        1,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@composite(
    samples=(
        Sample(array(2, 3, 3, 4), array(3, 2, 2, 3), array(2)),
        Sample(array(1, 4, 3, 2), array(4, 1, 3, 2), None, (2, 1), (1, 0), (1, 0), 2, (1, 2)),
        Sample(array(2, 3, 2), array(2, 2, 2, 2), padding=1),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution over two spatial dims: the gradient of a convolution by its input.

    Args:
        input: (N, C, height, width), or without N.
        weight: (C, O / groups, *kernel).
        bias: (O,).
        stride: step of the kernel over the result.
        padding: what is cut off on both sides of the result.
        output_padding: how much longer the result is on its high side; below stride or dilation.
        groups: how many groups the channels form.
        dilation: step within the kernel.

    Returns:
        Tensor: (N, O, *out), each length as of :func:`conv_transpose1d`.

    Raises:
        ShapeError: channels do not fit, or nothing would be left of the result.
        ValueError: a setting is out of range.
    """
    return transposed_convolution(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@composite(
    samples=(
        Sample(array(1, 2, 2, 3, 2), array(2, 2, 2, 1, 2), array(2)),
        Sample(array(2, 2, 2, 2), array(2, 1, 2, 2, 2), None, 2, 1, 1, 2),
    ),
    namespaces=catalogue.BOTH,
    methods=(),
)
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution over three spatial dims: the gradient of a convolution by its input.

    Args:
        input: (N, C, depth, height, width), or without N.
        weight: (C, O / groups, *kernel).
        bias: (O,).
        stride: step of the kernel over the result.
        padding: what is cut off on both sides of the result.
        output_padding: how much longer the result is on its high side; below stride or dilation.
        groups: how many groups the channels form.
        dilation: step within the kernel.

    Returns:
        Tensor: (N, O, *out), each length as of :func:`conv_transpose1d`.

    Raises:
        ShapeError: channels do not fit, or nothing would be left of the result.
        ValueError: a setting is out of range.
    """
    return transposed_convolution(
        "conv_transpose3d",
        3,
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@composite(
    samples=(
        Sample(array(5, 2, 3), array(2, 3, 4), array(4)),
        Sample(array(3, 2, 2), array(3, 2, 1), array(1), 1),
    ),
    errors=(ErrorSample(array(5, 3), array(2, 3, 4), array(4), error=ShapeError, match="T, B, C"),),
    namespaces=catalogue.BOTH,
    methods=(),
)
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolution over time of sequences laid out as (time, batch, channels).

    Args:
        input: (T, B, C).
        weight: (kernel, C, O).
        bias: (O,).
        pad: zeros before and after the time steps.

    Returns:
        Tensor: (T + 2 pad - kernel + 1, B, O).

    Raises:
        ShapeError: input or weight has not three dims, or channels do not fit.
    """
    if input.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            f"conv_tbc: input must be (T, B, C) and weight (kernel, C, O), got "
            f"{tuple(input.shape)} and {tuple(weight.shape)}"
        )
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad)
    return out.permute(2, 0, 1).contiguous()


@composite(
    samples=(
        Sample(array(2, 3, 7), array(4, 3, 3), array(4), (1,), (1,), (1,), False, (0,), 1),
        Sample(array(2, 4, 5, 4), array(4, 2, 3, 2), None, (2, 1), (1,), (1,), False, (0,), 2),
        Sample(array(2, 4, 4), array(4, 3, 3), array(6), (2,), (1,), (2,), True, (1,), 2),
        Sample(
            array(1, 2, 2, 3, 2), array(2, 2, 2, 1, 2), None, (1,) * 3, (0,) * 3, (1,) * 3, True,
            (0,) * 3, 1,
        ),
    ),
    errors=(
        ErrorSample(
            array(2, 3), array(4, 3), None, (1,), (1,), (1,), False, (0,), 1, error=ShapeError,
            match="one to three spatial dims",
        ),
    ),
    methods=(),
)  # fmt: skip
def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Tensor:
    """Convolution over one to three spatial dims, transposed or not, its geometry in full.

    Args:
        input: (N, C, *spatial).
        weight: (O, C / groups, *kernel); transposed (C, O / groups, *kernel).
        bias: (O,), or None.
        stride: step of the kernel, for all spatial dims or one for each.
        padding: zeros on both sides; transposed, what is cut off there.
        dilation: step within the kernel.
        transposed: whether to compute the gradient of a convolution by its input.
        output_padding: how much longer a transposed result is on its high side.
        groups: how many groups the channels form.

    Returns:
        Tensor: (N, O, *out).

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a setting is out of range.
    """
    count = weight.ndim - 2
    if count not in (1, 2, 3):
        raise ShapeError(
            f"convolution: weight must have one to three spatial dims (out, in, *kernel), got "
            f"shape {tuple(weight.shape)}"
        )
    if transposed:
        return transposed_convolution(
            "convolution", count, input, weight, bias, stride, padding, output_padding, groups,
            dilation,
        )  # fmt: skip
    convolve = (conv1d, conv2d, conv3d)[count - 1]
    return convolve(input, weight, bias, stride, padding, dilation, groups)
