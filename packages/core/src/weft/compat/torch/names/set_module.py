"""``torch.utils``: what of it is a function."""

from __future__ import annotations

from typing import Any

__all__ = ["set_module"]


def set_module(obj: Any, mod: str) -> None:
    """Say in which module ``obj`` is."""
    obj.__module__ = mod
