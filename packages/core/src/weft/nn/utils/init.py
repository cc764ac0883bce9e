"""Modules without initial values, for who loads values anyway."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import weft
from weft.nn.module import Module

__all__ = ["skip_init"]

Model = TypeVar("Model", bound=Module)


def skip_init(module_cls: type[Model], *args: Any, **kwargs: Any) -> Model:
    """Make a module without drawing its initial values: they are what memory held.

    Args:
        module_cls: the module's class, whose constructor takes `device`.
        args: the constructor's arguments.
        kwargs: likewise; `device` is where the module is to lie, the CPU if left out.

    Returns:
        The module.

    Raises:
        RuntimeError: `module_cls` is no class of modules, or takes no `device`.

    Source: PyTorch's `torch.nn.utils.skip_init`.

    Example:
        >>> weft.nn.utils.skip_init(weft.nn.Linear, 3, 4).weight.shape
        weft.Size([4, 3])
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"skip_init expects a class of modules, got {module_cls!r}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError(
            f"skip_init: {module_cls.__name__} takes no device, so its initial values cannot be "
            f"left out"
        )
    device = kwargs.pop("device", None)
    kwargs["device"] = "meta"
    module = module_cls(*args, **kwargs)
    return module._apply(lambda x: weft.empty_like(x, device=device or "cpu"))
