"""The tape's nodes: what one op's call leaves behind for the backward pass."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

#: Numbers nodes in the order they are made. A node's number is above those of all it depends on,
#: so the backward pass visits nodes in falling order and needs no sort of its own.
next_sequence = itertools.count().__next__


class Version:
    """Counts in-place writes to memory that a tensor and all its views share."""

    __slots__ = ("count", "viewed", "writer")

    def __init__(self) -> None:
        self.count = 0
        self.viewed = False  # whether an op has made a view of the memory
        self.writer = ""

    def bump(self, writer: str) -> None:
        """Count one write by the op called ``writer``."""
        self.count += 1
        self.writer = writer


class Node:
    """One recorded call. ``parents`` holds, for each argument, the node its gradient flows to."""

    __slots__ = (
        "__weakref__",
        "args",
        "hooks",
        "op",
        "out",
        "params",
        "parents",
        "sequence",
        "versions",
    )

    op: Any
    params: dict[str, Any]
    parents: Sequence[Any]
    args: Sequence[Any] | None  # saved tensors, Unsaved stand-ins and scalars; None once freed
    out: Any  # raw data of the output if the op saves it: no cycle through the output tensor
    versions: tuple[tuple[Any, int], ...]  # (saved tensor or output's version, count when saved)
    hooks: list[Any] | None
    sequence: int

    @property
    def name(self) -> str:
        """The op's name, as error messages and graph drawings show it."""
        return str(self.op.name)

    def __repr__(self) -> str:
        return f"<{self.name} node {self.sequence}>"


class Leaf:
    """Where a gradient ends: adds it to ``.grad`` of a tensor that the user made."""

    __slots__ = ("__weakref__", "hooks", "sequence", "tensor")

    parents = ()
    name = "leaf"

    def __init__(self, tensor_ref: Any) -> None:
        self.tensor = tensor_ref  # weak: a leaf nobody can read needs no gradient
        self.hooks: list[Any] | None = None
        self.sequence = next_sequence()

    def __repr__(self) -> str:
        return f"<leaf node {self.sequence}>"


class Pick:
    """One output of a node with several: passes its gradient on to that place."""

    __slots__ = ("__weakref__", "hooks", "index", "node", "sequence")

    name = "pick"

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index
        self.hooks: list[Any] | None = None
        self.sequence = next_sequence()

    @property
    def parents(self) -> tuple[Node]:
        return (self.node,)

    def __repr__(self) -> str:
        return f"<output {self.index} of {self.node!r}>"
