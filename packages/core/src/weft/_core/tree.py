"""Nested tuples, lists, dicts and named tuples of tensors, flattened and put together again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """Return the leaves of a tree in order, and a function that puts such leaves in its place."""
    if isinstance(tree, (tuple, list)):
        parts = [flatten(branch) for branch in tree]
        kind = type(tree)
        return _joined(parts), lambda leaves: _sequence(kind, _shared(parts, leaves))
    if isinstance(tree, dict):
        parts = [flatten(branch) for branch in tree.values()]
        names = list(tree)
        return _joined(parts), lambda leaves: dict(zip(names, _shared(parts, leaves), strict=True))
    return [tree], lambda leaves: leaves[0]


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree with ``function`` applied to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])


def _joined(parts: list[tuple[list[Any], Rebuild]]) -> list[Any]:
    return [leaf for leaves, _ in parts for leaf in leaves]


def _shared(parts: list[tuple[list[Any], Rebuild]], leaves: list[Any]) -> list[Any]:
    out = []
    start = 0
    for own, rebuild in parts:
        out.append(rebuild(leaves[start : start + len(own)]))
        start += len(own)
    return out


def _sequence(kind: type, items: list[Any]) -> Any:
    return kind(*items) if hasattr(kind, "_fields") else kind(items)
