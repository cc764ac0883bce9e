"""``torch._dynamo``: what libraries switch off in it, which is off."""

from __future__ import annotations

from types import SimpleNamespace

from weft.compat.torch._refusing import Refused
from weft.compat.torch.names.compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    reset,
)

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "graph_break",
    "is_compile_supported",
    "is_compiling",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "reset",
]


class OptimizedModule(Refused):
    """For ``isinstance``: `torch.compile` gives modules back as they are."""

    module = "torch._dynamo"
    sentence = "nothing is compiled by torch.compile here"


config = SimpleNamespace(suppress_errors=False, cache_size_limit=8)


def graph_break(msg: str = "") -> None:
    """Do nothing: there is no graph to break."""


def mark_dynamic(*args: object, **settings: object) -> None:
    """Do nothing."""


mark_static = mark_static_address = mark_dynamic


def is_compile_supported(device_type: object) -> bool:
    """Return False: nothing is compiled by ``torch.compile`` here."""
    return False
