"""``torch.compiler``: weft compiles by itself, so requests to do so change nothing."""

from __future__ import annotations

from typing import Any

from weft.compat.torch.names.jit import _as_it_is

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
    "substitute_in_graph",
]

allow_in_graph = assume_constant_result = disable = compile = _as_it_is


def substitute_in_graph(*args: Any, **settings: Any) -> Any:
    """Return a decorator that leaves its function as it is."""
    return lambda decorated: decorated


def set_stance(*args: Any, **settings: Any) -> None:
    """Do nothing."""


def reset() -> None:
    """Do nothing."""


def cudagraph_mark_step_begin() -> None:
    """Do nothing."""


def is_compiling() -> bool:
    """Return False."""
    return False


def is_dynamo_compiling() -> bool:
    """Return False."""
    return False


def is_exporting() -> bool:
    """Return False."""
    return False


def list_backends(*args: Any) -> list[str]:
    """Return no backends: there is nothing to choose from."""
    return []
