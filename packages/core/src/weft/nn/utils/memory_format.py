"""Laying out the weights of convolutions in memory."""

from __future__ import annotations

from typing import Any, TypeVar

import weft
from weft.nn.conv import Conv2d, Conv3d
from weft.nn.conv_transpose import ConvTranspose2d, ConvTranspose3d
from weft.nn.module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

Model = TypeVar("Model", bound=Module)


def convert_conv2d_weight_memory_format(module: Model, memory_format: Any) -> Model:
    """Lay out the weights of all `Conv2d` and `ConvTranspose2d` of a module, in place.

    Args:
        module: the module; convolutions anywhere in it are meant, and no other layer.
        memory_format: `weft.channels_last` or `weft.contiguous_format`.

    Returns:
        The module.

    Source: PyTorch's `torch.nn.utils.convert_conv2d_weight_memory_format`.
    """
    return _laid_out(module, (Conv2d, ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: Model, memory_format: Any) -> Model:
    """Lay out the weights of all `Conv3d` and `ConvTranspose3d` of a module, in place.

    Args:
        module: the module; convolutions anywhere in it are meant, and no other layer.
        memory_format: `weft.channels_last_3d` or `weft.contiguous_format`.

    Returns:
        The module.

    Source: PyTorch's `torch.nn.utils.convert_conv3d_weight_memory_format`.
    """
    return _laid_out(module, (Conv3d, ConvTranspose3d), memory_format)


def _laid_out(module: Model, kinds: tuple[type, ...], memory_format: Any) -> Model:
    with weft.no_grad():
        for layer in module.modules():
            if isinstance(layer, kinds):
                weight: Any = layer.weight
                weight.data = weight.detach().clone(memory_format=memory_format)
    return module
