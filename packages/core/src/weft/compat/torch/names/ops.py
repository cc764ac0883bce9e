"""``torch.ops``: custom ops by namespace and name, as `weft.library` registered them."""

from __future__ import annotations

from typing import Any

from weft import library


class _Namespace:
    """The ops of one namespace: ``torch.ops.mine.scale``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        try:
            return library.get(f"{self._name}::{name}")
        except (KeyError, LookupError, ValueError) as error:
            raise AttributeError(
                f"torch.ops.{self._name}.{name}: weft has custom ops of weft.library only, and "
                "none of this name"
            ) from error


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Namespace(name)
