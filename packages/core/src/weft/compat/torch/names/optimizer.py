"""``torch.optim.optimizer``: the mark of an argument that has no default."""

from __future__ import annotations

__all__ = ["required"]


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
