"""Weight normalisation by a hook before forward: PyTorch's older way.

`weft.nn.utils.parametrizations.weight_norm` is the newer one, and loads what this one saved.
"""

from __future__ import annotations

from typing import Any, TypeVar

from weft import Tensor
from weft.nn.module import Module
from weft.nn.parameter import Parameter
from weft.nn.utils._own_hooks import found, remove_hook
from weft.ops.norms import norm_except_dim

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]

Model = TypeVar("Model", bound=Module)


class WeightNorm:
    """The hook that computes a weight from its length and direction before every forward.

    Args:
        name: the weight.
        dim: the dim for each index of which there is a length; -1 or None for one in all.
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """v · g / ‖v‖."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except_dim(v, 2, self.dim))

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Put length and direction in the place of a weight, and the hook before forward.

        Raises:
            RuntimeError: there is such a hook for the weight already.
        """
        if found(module, WeightNorm, name) is not None:
            raise RuntimeError(
                f"weight_norm: {name!r} of {type(module).__name__} is normalised already"
            )
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        delattr(module, name)
        length = norm_except_dim(weight.detach(), 2, hook.dim)
        module.register_parameter(name + "_g", Parameter(length))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again, with the value that it has."""
        weight = self.compute_weight(module)
        for name in (self.name, self.name + "_g", self.name + "_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Model, name: str = "weight", dim: int | None = 0) -> Model:
    """Learn the length of a weight apart from its direction, by a hook before forward.

    Args:
        module: the module, which learns `NAME_g`, the length, and `NAME_v`, the direction, and
            whose NAME is computed before each forward.
        name: the weight.
        dim: the dim for each index of which there is a length; None for one length in all.

    Returns:
        The module.

    Raises:
        RuntimeError: the weight is normalised so already.
        AttributeError: there is no such weight.

    Source: Salimans and Kingma, arXiv:1602.07868; PyTorch's `torch.nn.utils.weight_norm`.
    `weft.nn.utils.parametrizations.weight_norm` computes the weight whenever it is read.

    Example:
        >>> layer = weft.nn.utils.weight_norm(weft.nn.Linear(20, 40))
        >>> layer.weight_g.shape, layer.weight_v.shape
        (weft.Size([40, 1]), weft.Size([40, 20]))
    """
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Model, name: str = "weight") -> Model:
    """Undo `weight_norm`; the weight keeps its value.

    Raises:
        ValueError: the weight is not normalised so.

    Source: PyTorch's `torch.nn.utils.remove_weight_norm`.
    """
    hook = found(module, WeightNorm, name)
    if hook is None:
        raise ValueError(
            f"remove_weight_norm: {name!r} of {type(module).__name__} is not normalised by "
            f"weight_norm"
        )
    hook.remove(module)
    remove_hook(module, hook)
    return module
