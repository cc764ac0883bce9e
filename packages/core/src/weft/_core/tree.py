"""Nested containers of tensors, flattened and put together again.

Containers are those of PyTorch's transforms: tuple, list, dict, named tuple, OrderedDict,
defaultdict, deque, and classes that were registered. Anything else, None too, is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

Rebuild = Callable[[list[Any]], Any]
_SEQUENCES = (tuple, list, deque)

#: Further classes of containers: what takes one apart (into its branches and whatever is needed to
#: make it again), and what makes it of both.
registered: dict[type, tuple[Callable[[Any], tuple[Any, Any]], Callable[[Any, Any], Any]]] = {}


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """Return the leaves of a tree in order, and a function that puts such leaves in its place."""
    kind = type(tree)
    if registered and kind in registered:
        apart, together = registered[kind]
        branches, rest = apart(tree)
        parts = [flatten(branch) for branch in branches]
        return _joined(parts), lambda leaves: together(_shared(parts, leaves), rest)
    if isinstance(tree, (tuple, list)):
        parts = [flatten(branch) for branch in tree]
        return _joined(parts), lambda leaves: _sequence(kind, _shared(parts, leaves))
    if isinstance(tree, dict):
        parts = [flatten(branch) for branch in tree.values()]
        names = list(tree)
        remade = _remade(tree)
        return _joined(parts), lambda leaves: remade(
            zip(names, _shared(parts, leaves), strict=True)
        )
    if isinstance(tree, deque):
        parts = [flatten(branch) for branch in tree]
        length = tree.maxlen
        return _joined(parts), lambda leaves: deque(_shared(parts, leaves), maxlen=length)
    return [tree], lambda leaves: leaves[0]


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree with ``function`` applied to each leaf."""
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])


def leaves_like(tree: Any, other: Any) -> list[Any] | None:
    """Return the leaves of ``other`` in the order of ``tree``'s, or None if it is nested otherwise.

    Dicts must have the same keys, in any order.
    """
    if isinstance(tree, dict):
        if not isinstance(other, dict) or tree.keys() != other.keys():
            return None
        pairs = [(branch, other[key]) for key, branch in tree.items()]
    elif isinstance(tree, _SEQUENCES):
        kinds = [kind for kind in _SEQUENCES if isinstance(tree, kind)]
        if not isinstance(other, kinds[0]) or len(tree) != len(other):
            return None
        pairs = list(zip(tree, other, strict=True))
    else:
        return None if isinstance(other, (dict, *_SEQUENCES)) else [other]
    out = []
    for branch, given in pairs:
        leaves = leaves_like(branch, given)
        if leaves is None:
            return None
        out += leaves
    return out


def outline(tree: Any) -> str:
    """Return a tree as text, with ``*`` for each leaf: for messages."""
    leaves, rebuild = flatten(tree)
    return repr(rebuild([_Star()] * len(leaves)))


class _Star:
    def __repr__(self) -> str:
        return "*"


def _remade(tree: dict[Any, Any]) -> Callable[[Any], Any]:
    """Return what makes a dict of the tree's kind from pairs."""
    if isinstance(tree, defaultdict):
        return lambda pairs: defaultdict(tree.default_factory, pairs)
    return OrderedDict if isinstance(tree, OrderedDict) else dict


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
