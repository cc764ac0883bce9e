"""``torch.ops``: custom ops by namespace and name, as `weft.library` registered them."""

from __future__ import annotations

import os
from typing import Any, NoReturn

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


def load_library(path: Any) -> NoReturn:
    """Refuse a library of compiled ops, by the error that PyTorch raises where it cannot load it.

    Raises:
        OSError: always. Packages with ops of their own in C++ (torchvision) then do without.
    """
    raise OSError(
        f"torch.ops.load_library: {os.fspath(path)} is compiled against PyTorch, and cannot be "
        "loaded into weft; weft.library.custom_op defines ops in Python"
    )


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Namespace(name)
