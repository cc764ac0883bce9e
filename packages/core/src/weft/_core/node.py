"""The tape's nodes: what one op's call leaves behind for the backward pass."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from weft._core.graph_node import GraphNode, saved, shown_name

#: Numbers nodes in the order they are made. A node's number is above those of all it depends on,
#: so the backward pass visits nodes in falling order and needs no sort of its own.
next_sequence = itertools.count().__next__


class Writes:
    """Counts the in-place writes to one memory, and names the last writer."""

    __slots__ = ("count", "seen", "unchecked", "writer")

    seen: int  # unset until the memory is first handed out; see weft._core.made
    unchecked: int  # unset until somebody writes through `.data`

    def __init__(self) -> None:
        self.count = 0
        self.writer = ""

    def bump(self, writer: str) -> None:
        """Count one write by the op called ``writer``."""
        self.count += 1
        self.writer = writer

    def so_far(self) -> int:
        """Return the count for who saves nothing for a backward pass, `.data`'s with it."""
        return self.count + getattr(self, "unchecked", 0)


class UncheckedWrites(Writes):
    """The count of a tensor's `.data`: the backward pass of the tensor does not ask for it.

    As in PyTorch, whose users write through `.data` what is not to be noticed. What was made of the
    tensor's values has to notice.
    """

    __slots__ = ("root",)

    def __init__(self, of: Writes) -> None:
        super().__init__()
        self.root: Writes = of.root if isinstance(of, UncheckedWrites) else of

    @property
    def seen(self) -> int:
        """How often the memory was handed out, through the tensor and all its `.data`."""
        return self.root.seen

    @seen.setter
    def seen(self, count: int) -> None:
        self.root.seen = count

    def bump(self, writer: str) -> None:
        """Count one write by the op called ``writer``."""
        super().bump(writer)
        self.root.unchecked = getattr(self.root, "unchecked", 0) + 1

    def so_far(self) -> int:
        """Return the number of writes to the memory, through the tensor and all its `.data`."""
        return self.root.so_far()


class Version:
    """What a tensor and all its views share: a write through one is a write to each, recorded.

    A detached tensor shares the memory, and so the count of writes, but not this.
    """

    __slots__ = ("base", "known", "writes")

    known: Any  # unset until others than views may know the memory; see weft._core.moving

    def __init__(self, writes: Writes | None = None) -> None:
        self.base: Any = None  # weak: the tensor of which an op first made a view
        self.writes = Writes() if writes is None else writes


class Node(GraphNode):
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
    hooks: Any  # None, or weft._core.hooks.Hooks
    sequence: int

    def name(self) -> str:
        """Return the node's name as PyTorch writes it, such as ``"MulBackward0"``."""
        return shown_name(self.op.called)

    def saved_output(self) -> Any:
        """Return the result that the op saved, in its place in the graph."""
        from weft._core.tensor import wrap

        if hasattr(self.out, "unpack"):  # packed by hooks on saved tensors
            out = self.out.unpack()
        else:
            out = wrap(self.out)
        out._node = self
        return out

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_"):
            return saved(self, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<{self.name()} node {self.sequence}>"


class Leaf(GraphNode):
    """Where a gradient ends: adds it to ``.grad`` of a tensor that the user made."""

    __slots__ = ("__weakref__", "hooks", "sequence", "tensor")

    parents = ()

    def __init__(self, tensor_ref: Any) -> None:
        self.tensor = tensor_ref  # weak: a leaf nobody can read needs no gradient
        self.hooks = None
        self.sequence = next_sequence()

    def name(self) -> str:
        """Return what PyTorch calls the end of a path."""
        return "AccumulateGrad"

    @property
    def variable(self) -> Any:
        """The tensor whose ``.grad`` this adds to, or None if nobody holds it any more."""
        return self.tensor()

    def _hook_tables(self) -> Any:
        from weft._core.hooks import hooks_of

        return hooks_of(self)

    def __repr__(self) -> str:
        return f"<leaf node {self.sequence}>"


class Pick(GraphNode):
    """One output of a node with several: passes its gradient on to that place."""

    __slots__ = ("__weakref__", "hooks", "index", "node", "sequence")

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index
        self.hooks = None
        self.sequence = next_sequence()

    def name(self) -> str:
        """Return the name of the node whose output it is."""
        return self.node.name()

    @property
    def edge(self) -> tuple[Node, int]:
        """The node whose output it is, and which one."""
        return self.node, self.index

    @property
    def parents(self) -> tuple[Node]:
        return (self.node,)

    def __repr__(self) -> str:
        return f"<output {self.index} of {self.node!r}>"
