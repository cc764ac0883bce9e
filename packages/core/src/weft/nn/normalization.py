"""Normalisation over axes of one sample: layer, RMS and group normalisation."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module
from weft.nn.parameter import Parameter


def affine_parameters(
    module: Module,
    shape: tuple[int, ...],
    weight: bool,
    bias: bool,
    device: Any,
    dtype: weft.dtype | None,
) -> None:
    """Give `module` a weight of ones and a bias of zeros, each None where it is not wanted."""
    made = {"device": device, "dtype": dtype}
    module.register_parameter("weight", Parameter(weft.ones(shape, **made)) if weight else None)
    module.register_parameter("bias", Parameter(weft.zeros(shape, **made)) if bias else None)


def _reset(module: Any) -> None:
    with weft.no_grad():
        if module.weight is not None:
            module.weight.copy_(weft.ones_like(module.weight))
        if getattr(module, "bias", None) is not None:
            module.bias.copy_(weft.zeros_like(module.bias))


def _shape(normalized_shape: SupportsIndex | Sequence[int]) -> tuple[int, ...]:
    if isinstance(normalized_shape, SupportsIndex):
        return (operator.index(normalized_shape),)
    return tuple(normalized_shape)


class LayerNorm(Module):
    """Normalises the last axes of each sample, then scales and shifts every element.

    `y = (x − mean) / √(var + eps) · weight + bias`, variance with divisor n.

    Args:
        normalized_shape: the lengths of the last axes, or the length of the last one.
        eps: added to the variance.
        elementwise_affine: whether there is a learned weight and bias.
        bias: with `elementwise_affine`, whether there is a bias.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight: (normalized_shape), ones at first, or None.
        bias: (normalized_shape), zeros at first, or None.

    Source: Ba, Kiros and Hinton 2016; PyTorch's `torch.nn.LayerNorm`.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        with_bias = elementwise_affine and bias
        affine_parameters(self, self.normalized_shape, elementwise_affine, with_bias, device, dtype)

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        _reset(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides the last axes of each sample by their root mean square, then scales every element.

    `y = x / √(mean(x²) + eps) · weight`.

    Args:
        normalized_shape: the lengths of the last axes, or the length of the last one.
        eps: added to the mean square; None takes the input dtype's epsilon.
        elementwise_affine: whether there is a learned weight.
        device: where the parameters lie.
        dtype: the parameters' dtype.

    Attributes:
        weight: (normalized_shape), ones at first, or None.

    Source: Zhang and Sennrich 2019; PyTorch's `torch.nn.RMSNorm`.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        made = {"device": device, "dtype": dtype}
        weight = Parameter(weft.ones(self.normalized_shape, **made)) if elementwise_affine else None
        self.register_parameter("weight", weight)

    def reset_parameters(self) -> None:
        """Set weight to ones."""
        _reset(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Normalises groups of channels of each sample, then scales and shifts each channel.

    Args:
        num_groups: into how many groups the channels are divided.
        num_channels: channels, the length of axis 1.
        eps: added to the variance.
        affine: whether there is a learned weight and bias.
        device: where the parameters lie.
        dtype: the parameters' dtype.
        bias: with `affine`, whether there is a bias.

    Attributes:
        weight: (num_channels,), ones at first, or None.
        bias: (num_channels,), zeros at first, or None.

    Raises:
        ValueError: `num_channels` is not divisible by `num_groups`.

    Source: Wu and He 2018; PyTorch's `torch.nn.GroupNorm`.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: weft.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_channels must be divisible by num_groups, got {num_channels} "
                f"and {num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        affine_parameters(self, (num_channels,), affine, affine and bias, device, dtype)

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        _reset(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
