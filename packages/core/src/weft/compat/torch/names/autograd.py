"""``torch.autograd``: older names of it."""

from __future__ import annotations

from typing import Any

import weft
from weft.autograd import Function

__all__ = ["InplaceFunction", "Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, weft.Tensor)


class Variable(metaclass=_VariableMeta):
    """A tensor, as it was called before 2018."""

    def __new__(  # type: ignore[misc]  # makes a tensor, as torch's does
        cls, data: Any, requires_grad: bool = False, volatile: bool = False
    ) -> weft.Tensor:
        """Return a tensor of ``data``."""
        tensor: weft.Tensor = data.detach() if isinstance(data, weft.Tensor) else weft.tensor(data)
        return tensor.requires_grad_(requires_grad)


class InplaceFunction(Function):
    """A Function that says by ``inplace`` whether it writes to its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace
