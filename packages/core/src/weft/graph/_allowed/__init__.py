"""The functions that nodes of a graph may call: weft's own that are listed, and those of graphs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from weft.graph._allowed import (
    arithmetic,
    catalogue,
    choosing,
    convolving,
    pooling,
    recurrent,
    reducing,
    resizing,
    shaping,
    signals,
)
from weft.graph._function import Function, owned

__all__ = ["FUNCTIONS"]

_MODULES = (
    arithmetic, choosing, convolving, pooling, recurrent, reducing, resizing, shaping, signals,
)  # fmt: skip


def _all() -> dict[str, Function]:
    found: dict[str, Function] = {}
    for table in (*catalogue.TABLES, *(owned(module.__name__) for module in _MODULES)):
        twice = found.keys() & table.keys()
        assert not twice, f"{sorted(twice)}: two functions of one name"
        found |= table
    return dict(sorted(found.items()))


#: Every function by its name in a graph.
FUNCTIONS: Mapping[str, Function] = MappingProxyType(_all())
