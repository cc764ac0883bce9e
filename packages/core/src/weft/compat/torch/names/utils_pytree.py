"""``torch.utils._pytree``: nested containers of values, taken apart, put together, mapped over."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from weft._core import tree as _tree

__all__ = [
    "SUPPORTED_NODES",
    "LeafSpec",
    "PyTree",
    "TreeSpec",
    "register_pytree_node",
    "tree_all",
    "tree_any",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_map_only",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Context = Any


class NodeDef(NamedTuple):
    """How a class of containers is taken apart, into children and what else makes it, and back."""

    type: Any
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]


def _dict_flatten(tree: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
    """Return a dict's values, and its keys."""
    return list(tree.values()), list(tree)


def _dict_unflatten(values: Iterable[Any], context: Iterable[Any]) -> dict[Any, Any]:
    """Return a dict of values and keys."""
    return dict(zip(context, values, strict=True))


def _dict_flatten_with_keys(tree: dict[Any, Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Return a dict's items, and its keys."""
    return list(tree.items()), list(tree)


#: The classes of containers; a named tuple is found by ``collections.namedtuple``.
SUPPORTED_NODES: dict[Any, NodeDef] = {
    one.type: one
    for one in (
        NodeDef(list, lambda tree: (list(tree), None), lambda values, context: list(values)),
        NodeDef(tuple, lambda tree: (list(tree), None), lambda values, context: tuple(values)),
        NodeDef(dict, _dict_flatten, _dict_unflatten),
        NodeDef(
            namedtuple,
            lambda tree: (list(tree), type(tree)),
            lambda values, context: context(*values),
        ),
        NodeDef(
            OrderedDict,
            _dict_flatten,
            lambda values, context: OrderedDict(zip(context, values, strict=True)),
        ),
        NodeDef(
            defaultdict,
            lambda tree: (list(tree.values()), [tree.default_factory, list(tree)]),
            lambda values, context: defaultdict(context[0], _dict_unflatten(values, context[1])),
        ),
        NodeDef(
            deque,
            lambda tree: (list(tree), tree.maxlen),
            lambda values, context: deque(values, maxlen=context),
        ),
    )
}


def _get_node_type(tree: Any) -> Any:
    """Return the key of a tree's class in `SUPPORTED_NODES`, if it has one."""
    kind = type(tree)
    named = issubclass(kind, tuple) and hasattr(kind, "_fields") and kind not in SUPPORTED_NODES
    return namedtuple if named else kind


def _is_leaf(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    return _get_node_type(tree) not in SUPPORTED_NODES or (is_leaf is not None and is_leaf(tree))


class TreeSpec:
    """The nesting of a tree: its class, what else makes it, and the nestings of its children."""

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_children = len(children_specs)
        self.num_leaves: int = sum(one.num_leaves for one in children_specs)
        self.num_nodes: int = 1 + sum(one.num_nodes for one in children_specs)

    def is_leaf(self) -> bool:
        """Return whether it stands for a value, not for a container."""
        return isinstance(self, LeafSpec)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """Return a tree of this nesting.

        Raises:
            ValueError: there are more or fewer leaves than it has.
        """
        given = list(leaves)
        if len(given) != self.num_leaves:
            raise ValueError(
                f"tree_unflatten: the nesting has {self.num_leaves} leaves, got {len(given)}"
            )
        return self._filled(iter(given))

    def _filled(self, leaves: Any) -> Any:
        children = [one._filled(leaves) for one in self.children_specs]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self.context)

    def _key(self) -> tuple[Any, ...]:
        return self.type, self.context, self.children_specs

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]  # a context may be a list

    def __repr__(self) -> str:
        name = getattr(self.type, "__name__", self.type)
        return f"TreeSpec({name}, {self.context}, {self.children_specs})"


class LeafSpec(TreeSpec):
    """The nesting of a value alone."""

    def __init__(self) -> None:
        super().__init__(None, None, [])
        self.num_leaves = 1

    def _filled(self, leaves: Any) -> Any:
        return next(leaves)

    def __repr__(self) -> str:
        return "*"


def tree_flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """Return the leaves of a tree in order, and its nesting."""
    if _is_leaf(tree, is_leaf):
        return [tree], LeafSpec()
    kind = _get_node_type(tree)
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    parts = [tree_flatten(child, is_leaf) for child in children]
    leaves = [leaf for own, _ in parts for leaf in own]
    return leaves, TreeSpec(kind, context, [spec for _, spec in parts])


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """Return the leaves of a tree in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """Return the nesting of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """Return a tree of a nesting, with the leaves given."""
    return treespec.unflatten(leaves)


def tree_map(
    func: Callable[..., Any],
    tree: Any,
    *rests: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Return a tree with ``func`` applied to each leaf, and to those of other trees beside it."""
    leaves, spec = tree_flatten(tree, is_leaf)
    beside = [tree_leaves(one, is_leaf) for one in rests]
    return spec.unflatten(func(*each) for each in zip(leaves, *beside, strict=True))


def tree_map_only(
    kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """Return a tree with ``func`` applied to the leaves of one class, or of several."""
    return tree_map(
        lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree, is_leaf=is_leaf
    )


def tree_all(
    pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Return whether ``pred`` holds for each leaf."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(
    pred: Callable[[Any], bool], tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> bool:
    """Return whether ``pred`` holds for one leaf at least."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Any, Any]],
    unflatten_fn: Callable[[Any, Any], Any],
    **settings: Any,
) -> None:
    """Have the instances of a class taken apart as containers, by weft's transforms too."""
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn)
    _tree.registered[cls] = (flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node
