"""``torch.nn.modules.transformer``: copies of a layer."""

from __future__ import annotations

from copy import deepcopy

from weft.nn import Module, ModuleList

__all__ = ["_get_clones"]


def _get_clones(module: Module, N: int) -> ModuleList:
    """Return ``N`` copies of a module."""
    return ModuleList([deepcopy(module) for _ in range(N)])
