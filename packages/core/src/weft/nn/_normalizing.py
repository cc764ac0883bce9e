"""Normalisations, distances and the bilinear form, composed of the core's ops."""

from __future__ import annotations

import math
from collections.abc import Sequence

import weft
from weft import Tensor

_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """`x / √(mean(x²) + eps) · weight` over the last axes.

    Args:
        input: (…, *normalized_shape), floating.
        normalized_shape: the lengths of the last axes.
        weight: (normalized_shape), or None.
        eps: added to the mean square; None takes the dtype's epsilon.

    Raises:
        ValueError: the last axes have other lengths.
    """
    shape = tuple(normalized_shape)
    if tuple(input.shape[-len(shape) :]) != shape:
        raise ValueError(
            f"rms_norm: the input's last axes must be normalized_shape={shape}, got shape "
            f"{tuple(input.shape)}"
        )
    if eps is None:
        eps = _EPSILON[input.dtype.name]
    axes = tuple(range(-len(shape), 0))
    out = input * weft.rsqrt((input * input).mean(axes, keepdim=True) + eps)
    return out if weight is None else out * weight


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """`x / max(‖x‖ₚ, eps)` along an axis.

    Args:
        input: any shape, floating.
        p: the norm's exponent.
        dim: the axis.
        eps: the least length that is divided by.
    """
    return input / weft.clamp(_norm(input, p, dim, keepdim=True), min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """`x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps))` along an axis.

    Args:
        x1: any shape, floating.
        x2: a shape that broadcasts with it.
        dim: the axis.
        eps: the least length that is divided by. Where it is in force the gradient is this
            formula's; PyTorch's is that of the formula without the maximum.
    """
    lengths = [
        weft.clamp(_norm(x, 2.0, dim, keepdim=True), min=eps)
        for x in weft.broadcast_tensors(x1, x2)
    ]
    return (x1 / lengths[0] * (x2 / lengths[1])).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of `x1 − x2 + eps` along the last axis.

    Args:
        x1: (…, D), floating.
        x2: a shape that broadcasts with it.
        p: the norm's exponent.
        eps: added to each difference.
        keepdim: whether the last axis stays, with length one.
    """
    return _norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


def _norm(x: Tensor, p: float, dim: int, *, keepdim: bool) -> Tensor:
    if p == 2:
        return weft.sqrt((x * x).sum(dim, keepdim=keepdim))
    magnitude = x.abs()
    if p == 1:
        return magnitude.sum(dim, keepdim=keepdim)
    if p == math.inf:
        return magnitude.amax(dim, keepdim=keepdim)
    return (magnitude**p).sum(dim, keepdim=keepdim) ** (1.0 / p)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`y_o = x1ᵀ W_o x2 + b_o`.

    Args:
        input1: (…, I1), floating.
        input2: (…, I2), of the same leading axes.
        weight: (O, I1, I2).
        bias: (O,), or None.

    Returns:
        (…, O).

    Raises:
        ValueError: the leading axes differ, or the last ones do not fit the weight.
    """
    outputs, first, second = weight.shape
    lead = tuple(input1.shape[:-1])
    if lead != tuple(input2.shape[:-1]):
        raise ValueError(
            "bilinear: all axes but the last must agree, got "
            f"{tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    if (input1.shape[-1], input2.shape[-1]) != (first, second):
        raise ValueError(
            f"bilinear: weight of shape {tuple(weight.shape)} expects last axes {first} and "
            f"{second}, got {input1.shape[-1]} and {input2.shape[-1]}"
        )
    rows = weight.permute(1, 0, 2).reshape(first, outputs * second)
    partial = weft.matmul(input1, rows).reshape(*lead, outputs, second)
    out = (partial * input2.unsqueeze(-2)).sum(-1)
    return out if bias is None else out + bias
