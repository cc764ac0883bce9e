"""Batch normalisation folded into the layer before it, and whole models made fewer passes."""

from __future__ import annotations

import copy
from typing import TypeVar

import weft
from weft import Tensor
from weft._core.errors import CaptureError
from weft.nn._fused import Fused
from weft.nn.batchnorm import BatchNormalization
from weft.nn.module import Module
from weft.nn.parameter import Parameter

__all__ = [
    "CaptureError",
    "Fused",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_for_inference",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]

Layer = TypeVar("Layer", bound=Module)


def fuse_for_inference(model: Module) -> Fused:
    """Return a copy of a model for inference alone, which computes the same in fewer passes.

    Batch norms are folded into the convolutions and linear layers before them; activations and
    sums with a shortcut become part of the convolution that they follow; and no Python of the
    model's runs between its layers. See :class:`Fused` for what may be done with it.

    Args:
        model: in evaluation mode. It is left as it is, and later changes of it do not reach the
            copy.

    Returns:
        Fused: a module that is called as the model is.

    Raises:
        RuntimeError: the model, or a part of it, is in training mode.

    Example:
        >>> model = weft.nn.Sequential(weft.nn.Conv2d(3, 8, 3), weft.nn.BatchNorm2d(8)).eval()
        >>> fused = weft.nn.utils.fusion.fuse_for_inference(model)
        >>> x = weft.randn(1, 3, 9, 9)
        >>> weft.allclose(fused(x), model(x), atol=1e-5)
        True
    """
    return Fused(model)


def _evaluated(name: str, layer: Module, norm: BatchNormalization) -> tuple[Tensor, Tensor]:
    """Return the running moments; raise unless both are in evaluation and there are moments."""
    if layer.training or norm.training:
        raise RuntimeError(f"{name}: folding is for evaluation alone; call .eval() on both first")
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError(
            f"{name}: {type(norm).__name__} keeps no running moments (track_running_stats=False), "
            f"so that there is nothing to fold"
        )
    return norm.running_mean, norm.running_var


def fuse_conv_bn_eval(conv: Layer, bn: Module, transpose: bool = False) -> Layer:
    """Return a convolution that computes what this one and the batch norm after it do.

    Args:
        conv: a convolution, in evaluation mode.
        bn: the batch norm after it, in evaluation mode.
        transpose: whether it is a transposed convolution.

    Returns:
        A copy of ``conv`` with other parameters.

    Raises:
        RuntimeError: one of them is in training mode.
        ValueError: the batch norm keeps no running moments.

    Source: PyTorch's `torch.nn.utils.fusion.fuse_conv_bn_eval`.
    """
    mean, var = _evaluated("fuse_conv_bn_eval", conv, bn)  # type: ignore[arg-type]  # as PyTorch's signature has it
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return weight and bias of a convolution with the batch norm after it folded in.

    With factor = bn_w / √(bn_rv + bn_eps) for each channel: conv_w · factor, and
    (conv_b − bn_rm) · factor + bn_b.

    Args:
        conv_w: (O, C / groups, *kernel); (C, O, *kernel) of a transposed one, in one group.
        conv_b: (O,), or None.
        bn_rm: (O,), the running mean.
        bn_rv: (O,), the running variance.
        bn_eps: added to the variance.
        bn_w: (O,), or None.
        bn_b: (O,), or None.
        transpose: whether it is a transposed convolution.

    Returns:
        tuple: two parameters, which require gradients as ``conv_w`` and ``conv_b`` do.

    Raises:
        ValueError: the batch norm has other channels than the weight.

    Source: PyTorch's `torch.nn.utils.fusion.fuse_conv_bn_weights`.
    """
    return _folded(
        "fuse_conv_bn_weights", int(transpose), conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b
    )


def fuse_linear_bn_eval(linear: Layer, bn: Module) -> Layer:
    """Return a linear layer that computes what this one and the batch norm after it do.

    Args:
        linear: a linear layer, in evaluation mode.
        bn: the batch norm after it, in evaluation mode.

    Returns:
        A copy of ``linear`` with other parameters.

    Raises:
        RuntimeError: one of them is in training mode.
        ValueError: the batch norm keeps no running moments, or has not as many features as the
            layer gives.

    Source: PyTorch's `torch.nn.utils.fusion.fuse_linear_bn_eval`. Difference: a batch norm of one
    feature, which PyTorch spreads over all, is refused unless the layer has one.
    """
    mean, var = _evaluated("fuse_linear_bn_eval", linear, bn)  # type: ignore[arg-type]  # as PyTorch's signature has it
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return weight and bias of a linear layer with the batch norm after it folded in.

    Args:
        linear_w: (out_features, in_features).
        linear_b: (out_features,), or None.
        bn_rm: (out_features,), the running mean.
        bn_rv: (out_features,), the running variance.
        bn_eps: added to the variance.
        bn_w: (out_features,), or None.
        bn_b: (out_features,), or None.

    Returns:
        tuple: two parameters, which require gradients as ``linear_w`` and ``linear_b`` do.

    Raises:
        ValueError: the batch norm has other features than the weight.

    Source: PyTorch's `torch.nn.utils.fusion.fuse_linear_bn_weights`.
    """
    return _folded(
        "fuse_linear_bn_weights", 0, linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b
    )


def _folded(
    name: str, dim: int, weight: Tensor, bias: Tensor | None, mean: Tensor, var: Tensor,
    eps: float, scale: Tensor | None, shift: Tensor | None,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    if mean.shape[0] != weight.shape[dim]:
        raise ValueError(
            f"{name}: the batch norm has {mean.shape[0]} channels, but the layer gives "
            f"{weight.shape[dim]} (weight.shape == {tuple(weight.shape)})"
        )
    from weft.transforms.fusing import fold  # which loads ops that few programs need

    with weft.no_grad():
        folded, moved = fold(weight, bias, mean, var, eps, scale, shift, dim)
    wants = weight.requires_grad
    return (
        Parameter(folded, wants),
        Parameter(moved, wants if bias is None else bias.requires_grad),
    )
