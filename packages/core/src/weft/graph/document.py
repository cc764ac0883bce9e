"""What a graph says, as plain immutable records: inputs, nodes in the order they run, outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

__all__ = ["MOST_NAME", "Block", "Graph", "Input", "Node", "Operand", "Output", "Ref", "is_name"]

MOST_NAME = 256

#: An operand: the name of a value, a number, or None where an optional one is absent.
Operand: TypeAlias = "str | int | float | None"


class Ref(NamedTuple):
    """A setting that is read from a value while the graph runs."""

    value: str


def is_name(text: str) -> bool:
    """Whether a value, a dim or an output may be called so: printable, and not too long."""
    return isinstance(text, str) and 0 < len(text) <= MOST_NAME and text.isprintable()


@dataclass(frozen=True, slots=True)
class Input:
    """An input: a dim is its size, a name that stands for one size in all inputs, or None for any.

    `shape` is None where even the number of dims is open.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True, slots=True)
class Output:
    """An output: what it is called, and the value that it is."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Block:
    """Nodes within a node: a branch of `if`, or the body of `loop`, with values of its own."""

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One call: the function's name, what it reads, the names of what it gives, its settings.

    Attributes:
        op: a name of `weft.graph.functions()`, or `if` or `loop`.
        inputs: its operands.
        outputs: the names of its results; None for one that nobody wants.
        settings: its settings, as the function takes them; a :class:`Ref` is read from a value.
        blocks: the branches or the body, by name.
    """

    op: str
    inputs: tuple[Operand, ...]
    outputs: tuple[str | None, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("settings", "blocks"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def reads(self) -> Iterator[str]:
        """Yield the names of the values that it reads, in its blocks too."""
        yield from (name for name in self.inputs if isinstance(name, str))
        yield from (one.value for one in self.settings.values() if isinstance(one, Ref))
        for block in self.blocks.values():
            for node in block.nodes:
                yield from node.reads()
            yield from block.outputs

    def defines(self) -> Iterator[str]:
        """Yield the names of the values that it gives, and of those in its blocks."""
        yield from (name for name in self.outputs if name is not None)
        for block in self.blocks.values():
            yield from block.inputs
            for node in block.nodes:
                yield from node.defines()

    def __getstate__(self) -> tuple[Any, ...]:  # Python cannot pickle a read-only mapping
        return self.op, self.inputs, self.outputs, dict(self.settings), dict(self.blocks)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(Node.__slots__, state, strict=True):
            object.__setattr__(self, name, value)
        self.__post_init__()


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole graph.

    Attributes:
        inputs: what the module is called with, in order.
        nodes: each uses inputs, weights and the values of nodes before it.
        outputs: what the module returns, in order.
        parameters: the names of the weights that are trained; the others are buffers.
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]
    parameters: frozenset[str]
