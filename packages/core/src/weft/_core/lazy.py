"""Op modules that load when something in them is first used, so that importing weft stays cheap."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from weft._core.errors import did_you_mean


def find(place: str) -> Any:
    """Return what a generated table names ``"module:function"``, in-place functions included."""
    module, _, name = place.partition(":")
    defined = vars(importlib.import_module(f"weft.ops.{module}"))
    if name in defined:
        return defined[name]
    from weft._core.catalogue import in_place

    return in_place[name]


def attribute(space: str, table: Mapping[str, str], name: str) -> Any:
    """Return the function ``name`` of a namespace, and keep it there for the next time.

    Raises:
        AttributeError: there is none; the nearest name is suggested.
    """
    place = table.get(name)
    if place is None:
        near = did_you_mean(name, table)
        raise AttributeError(f"module {space!r} has no attribute {name!r}{near}")
    value = find(place)
    setattr(sys.modules[space], name, value)
    return value


class Method:
    """A tensor method whose op module is imported when the method is first asked for."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        importlib.import_module(f"weft.ops.{self.module}")  # puts the method in this one's place
        for base in owner.__mro__:
            if vars(base).get(self.name, self) is not self:
                return getattr(owner if instance is None else instance, self.name)
        raise AttributeError(
            f"weft.ops.{self.module} does not define the method {self.name}; run `nox -s generate`"
        )
