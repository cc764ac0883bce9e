"""``torch.utils._pytree``: nested containers of values, flattened and mapped over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core import tree as _tree
from weft._core.tree import tree_map

__all__ = [
    "TreeSpec",
    "register_pytree_node",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_map_only",
    "tree_unflatten",
]  # fmt: skip


class TreeSpec:
    """The nesting of a tree: what puts its leaves together again."""

    def __init__(self, rebuild: _tree.Rebuild, num_leaves: int) -> None:
        self.rebuild = rebuild
        self.num_leaves = num_leaves


def tree_flatten(tree: Any, is_leaf: Any = None) -> tuple[list[Any], TreeSpec]:
    """Return the leaves of a tree in order, and its nesting."""
    leaves, rebuild = _tree.flatten(tree)
    return leaves, TreeSpec(rebuild, len(leaves))


def tree_leaves(tree: Any, is_leaf: Any = None) -> list[Any]:
    """Return the leaves of a tree in order."""
    return _tree.flatten(tree)[0]


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """Return a tree of a nesting, with the leaves given."""
    return treespec.rebuild(list(leaves))


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Any = None) -> Any:
    """Return a tree with ``func`` applied to the leaves of one class."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree)


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Any, Any]],
    unflatten_fn: Callable[[Any, Any], Any],
    **settings: Any,
) -> None:
    """Have the instances of a class taken apart as containers."""
    _tree.registered[cls] = (flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _dict_flatten_with_keys(tree: dict[Any, Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Return a dict's items, and its keys."""
    return list(tree.items()), list(tree)
