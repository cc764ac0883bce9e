"""Reads the tape behind a tensor into plain items: names, shapes, bytes, and no tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from weft._backend.libraries import is_array
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.dtypes import of
from weft._core.node import Leaf, Pick
from weft._core.saving import Packed
from weft._core.tensor import Tensor
from weft.debug._nan_watch import origins


@dataclasses.dataclass(eq=False)
class Item:
    """One box of a drawing.

    Attributes:
        kind: ``"op"``, ``"function"`` (a custom one), ``"leaf"`` or ``"folded"``.
        label: the op's name, or the leaf's.
        arguments: what it was called with: items, and texts for what is not in the graph.
        settings: the settings of the call, as text.
        kind_of: shape and dtype of the result, ``float32(2, 3)``; empty if not known.
        saved: the bytes that it keeps for its backward rule.
        roots: the names of the outputs that it is.
        hint: what else there is to say of it, in lines.
        stands_for: how many calls it is.
    """

    kind: str
    label: str
    arguments: list[Item | str] = dataclasses.field(default_factory=list)
    settings: str = ""
    kind_of: str = ""
    saved: int = 0
    roots: list[str] = dataclasses.field(default_factory=list)
    hint: list[str] = dataclasses.field(default_factory=list)
    stands_for: int = 1

    @property
    def inputs(self) -> list[Item]:
        """The items that it was computed from, one for each argument that is one."""
        return [one for one in self.arguments if isinstance(one, Item)]

    def detail(self, *, named: bool = False) -> str:
        """Return the call's arguments and settings, "" if there is nothing to say of them.

        Args:
            named: whether to show leaves by name; else they are dots, as what the graph shows is.
        """
        shown = [
            one if isinstance(one, str) else one.label if named and one.kind == "leaf" else "·"
            for one in self.arguments
        ]
        parts = [self.settings] if self.settings else []
        if any(text != "·" for text in shown):
            parts = [*shown, *parts]
        return ", ".join(parts)


@dataclasses.dataclass
class Reading:
    """A whole tape: its items from the leaves to the outputs, and what it keeps alive.

    Attributes:
        items: every item after those it was computed from.
        ops: how many calls were recorded.
        leaves: how many leaves they lead to.
        kept_bytes: what the nodes keep for backward, each memory once, leaves' own not counted.
        packed: how many saved tensors are with hooks, as checkpoints have them, and not counted.
        freed: whether a backward pass has freed what some nodes kept.
    """

    items: list[Item]
    ops: int
    leaves: int
    kept_bytes: int
    packed: int
    freed: bool


def read(outputs: Mapping[str, Tensor], names: Mapping[int, str]) -> Reading:
    """Read the tape behind some tensors.

    Args:
        outputs: the tensors, by name.
        names: what to call leaves and constants, by the id of the tensor.
    """
    nodes = _nodes_behind([x._node for x in outputs.values()])
    kinds = _kinds(nodes, outputs)
    held: dict[int, int] = {}
    own: set[int] = set()
    packed = 0
    freed = False
    items: dict[Any, Item] = {}
    unnamed = 0
    for node in nodes:
        if isinstance(node, Leaf):
            tensor = node.tensor()
            name = names.get(id(tensor), "") if tensor is not None else ""
            if not name:
                name = f"leaf {unnamed}"
                unnamed += 1
            items[node] = Item("leaf", name, kind_of=kinds.get(node, ""))
            own |= set(_memory(tensor))
            if tensor is None:
                items[node].hint.append("its tensor is gone: nobody can read the gradient")
            continue
        item = items[node] = _item(node, kinds)
        item.arguments = _arguments(node, items, names)
        saved = _saved(node)
        packed += sum(isinstance(one, Packed) for one in saved)
        for one in saved:
            for memory, size in _memory(one).items():
                held[memory] = max(size, held.get(memory, 0))
            item.saved += 0 if own & set(_memory(one)) else _size(one)
        freed = freed or node.args is None
    for name, x in outputs.items():
        items[_whole(x._node)].roots.append(name)
    leaves = sum(item.kind == "leaf" for item in items.values())
    return Reading(
        items=list(items.values()),
        ops=len(items) - leaves,
        leaves=leaves,
        kept_bytes=sum(size for memory, size in held.items() if memory not in own),
        packed=packed,
        freed=freed,
    )


def _whole(node: Any) -> Any:
    """Return the node itself for one of its several outputs."""
    return node.node if isinstance(node, Pick) else node


def _nodes_behind(roots: Sequence[Any]) -> list[Any]:
    """Return every node that leads to the roots, the first made first; without recursion."""
    seen: set[Any] = set()
    stack = [_whole(root) for root in roots]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(_whole(p) for p in node.parents if p is not None)
    return sorted(seen, key=_age)


def _age(node: Any) -> tuple[bool, int]:
    # a tensor may be made a leaf, or a node be given to it, after what it is used in
    return not isinstance(node, Leaf), node.sequence


def _kind(shape: Any, dtype: Any) -> str:
    known = dtype if hasattr(dtype, "category") else of(dtype)
    return f"{str(known).rpartition('.')[2]}{tuple(shape)}"


def _kinds(nodes: Sequence[Any], outputs: Mapping[str, Tensor]) -> dict[Any, str]:
    """Return shape and dtype of each node's result, which the nodes that read it know."""
    kinds: dict[Any, list[str]] = {}

    def note(place: Any, shape: Any, dtype: Any) -> None:
        found = kinds.setdefault(_whole(place), [])
        text = _kind(shape, dtype)
        if text not in found:
            found.append(text)

    for node in nodes:
        if isinstance(node, Leaf):
            tensor = node.tensor()
            if tensor is not None:
                note(node, tensor.shape, tensor.dtype)
            continue
        if node.args is None:
            continue
        for place, aval in zip(node.parents, _avals(node), strict=False):
            if place is not None and aval is not None and not isinstance(_whole(place), Leaf):
                note(place, *aval)
    for x in outputs.values():
        if not isinstance(x._node, Leaf):
            note(x._node, x.shape, x.dtype)
    return {node: ", ".join(found) for node, found in kinds.items()}


def _avals(node: Any) -> list[tuple[Any, Any] | None]:
    """Return shape and dtype of what each parent of a node is, where that is known."""
    if node.op.family == "function":
        return [(one.shape, one.dtype) for one in node.args[0].inputs if one is not None]
    return [
        (a.shape, a.dtype) if hasattr(a, "shape") and hasattr(a, "dtype") else None
        for a in node.args
    ]


def _item(node: Any, kinds: Mapping[Any, str]) -> Item:
    custom = node.op.family == "function"
    item = Item("function" if custom else "op", node.op.called, kind_of=kinds.get(node, ""))
    item.settings = ", ".join(f"{key}={_setting(value)}" for key, value in node.params.items())
    if node.op.name != node.op.called:
        item.hint.append(f"op {node.op.name}")
    if node in origins and origins[node][0] is not None:
        item.hint.append(f"called at {origins[node][0]}")
    if node.args is None:
        item.hint.append("freed by a backward pass")
    return item


def _arguments(node: Any, items: Mapping[Any, Item], names: Mapping[int, str]) -> list[Item | str]:
    """Return what a call was made with, in order; absent arguments are left out."""
    custom = node.op.family == "function"
    given = [None] * len(node.parents) if custom or node.args is None else node.args
    found: list[Item | str] = []
    for a, parent in zip(given, node.parents, strict=False):
        if parent is not None:
            found.append(items[_whole(parent)])
        elif id(a) in names:
            found.append(names[id(a)])
        elif isinstance(a, (bool, int, float, complex)):
            found.append(f"{a:.4g}" if isinstance(a, float) else str(a))
        elif a is not None:
            found.append(_kind(a.shape, a.dtype) if hasattr(a, "shape") else "constant")
    return found


def _setting(value: Any) -> str:
    if hasattr(value, "itemsize"):
        return str(of(value)).rpartition(".")[2]
    text = _key(value) if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 32 else f"{text[:31]}…"


def _key(value: tuple[Any, ...]) -> str:
    """Return a tuple as text, indices as they are written between brackets."""
    if not any(isinstance(one, slice) or one is Ellipsis for one in value):
        return repr(value)
    return f"[{', '.join(map(_index, value))}]"


def _index(one: Any) -> str:
    if one is Ellipsis:
        return "..."
    if not isinstance(one, slice):
        return repr(one)
    ends = [("" if end is None else str(end)) for end in (one.start, one.stop)]
    return ":".join(ends if one.step in (None, 1) else [*ends, str(one.step)])


def _saved(node: Any) -> list[Any]:
    """Return what a node keeps for its backward rule: tensors, arrays, packed ones."""
    if node.args is None:
        return []
    if node.op.family == "function":
        kept = node.args[0].kept
        slots = () if kept is None else kept.slots
        return [
            one for one in (getattr(slot, "_tensor", None) for slot in slots) if one is not None
        ]
    found = [a for a in node.args if isinstance(a, (Tensor, Packed))]
    if node.out is not None and node.op.outputs != 1:
        found += [out for i, out in enumerate(node.out) if node.op.keeps(i)]
    elif node.out is not None and -1 in node.op.saves:
        found.append(node.out)
    return found


def _array(one: Any) -> Any:
    data = one._data if isinstance(one, Tensor) else one
    while isinstance(data, Boxed):
        data = data.inner._data
    return data if is_array(data) and not isinstance(data, Aval) else None


def _size(one: Any) -> int:
    data = _array(one)
    return 0 if data is None else int(data.nbytes)


def _memory(one: Any) -> dict[int, int]:
    """Return the memory under a tensor or array, by the identity of its owner, with its bytes."""
    data = _array(one)
    if data is None:
        return {}
    while getattr(data, "base", None) is not None and hasattr(data.base, "nbytes"):
        data = data.base
    return {id(data): int(data.nbytes)}
