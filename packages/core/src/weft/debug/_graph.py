"""Drawing the tape: the ops behind a tensor, as text and as SVG."""

from __future__ import annotations

import copy
import inspect
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from weft._core.callsite import user_frame
from weft._core.errors import GradError
from weft._core.tensor import Tensor
from weft.debug import _svg, _text
from weft.debug._folding import folded
from weft.debug._reading import Item, Reading, read


class Graph:
    """A drawing of a tape; it holds names and shapes, and keeps no tensor alive.

    ``str`` and ``repr`` are the text, and notebooks show the picture.

    Attributes:
        ops: how many calls the tape holds.
        leaves: how many leaves they lead to.
        kept_bytes: what the tape keeps for the backward pass: each memory once, and not that of the
            leaves, which are there anyway.
    """

    def __init__(self, reading: Reading, title: str, max_items: int) -> None:
        self.ops, self.leaves = reading.ops, reading.leaves
        self.kept_bytes = reading.kept_bytes
        self._items: list[Item] = reading.items
        self._max_items = max_items
        parts = [
            _count(self.ops, "op"),
            _count(self.leaves, "leaf", "leaves"),
            f"{_text.bytes_of(self.kept_bytes)} kept for backward",
        ]
        if reading.packed:
            parts.append(f"{reading.packed} saved tensors with hooks or checkpoints")
        if reading.freed:
            parts.append("a backward pass has freed some of it")
        self.title = f"{title}: {', '.join(parts)}"

    def text(self, max_items: int | None = None) -> str:
        """Return the drawing as text, the outputs first.

        Args:
            max_items: how many ops and leaves to show; more are folded, and a note says so.
        """
        items, note = self._folded(max_items)
        return "\n".join(line for line in (self.title, _text.drawn(items), note) if line)

    def svg(self, max_items: int | None = None) -> str:
        """Return the drawing as an SVG picture, the outputs last.

        Args:
            max_items: how many ops and leaves to show; more are folded, and a note says so.
        """
        items, note = self._folded(max_items)
        return _svg.drawn(items, self.title, note)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file, and return its path.

        Args:
            path: ends in ``.svg`` for the picture, in ``.txt`` or ``.md`` for the text.

        Raises:
            ValueError: it ends otherwise.
        """
        target = Path(path)
        kind = target.suffix.lower()
        if kind == ".svg":
            content = self.svg()
        elif kind in (".txt", ".md"):
            content = f"```text\n{self.text()}\n```\n" if kind == ".md" else f"{self.text()}\n"
        else:
            raise ValueError(
                f"save: the path must end in .svg for a picture or in .txt or .md for text, got "
                f"{str(path)!r}"
            )
        target.write_text(content, encoding="utf-8")
        return target

    def _folded(self, max_items: int | None) -> tuple[list[Item], str]:
        # folding joins the items anew, which must not be seen by the next drawing
        limit = self._max_items if max_items is None else max_items
        if len(self._items) <= limit:
            return self._items, ""
        again: dict[int, Item] = {}
        for item in self._items:
            twin = again[id(item)] = copy.copy(item)
            twin.arguments = [
                again[id(one)] if isinstance(one, Item) else one for one in item.arguments
            ]
        return folded(list(again.values()), limit)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_svg_(self) -> str:
        return self.svg()


def graph(
    outputs: Tensor | Sequence[Tensor] | Mapping[str, Tensor],
    params: Any = None,
    *,
    max_items: int = 200,
) -> Graph:
    """Draw the tape behind a tensor: the ops that a backward pass from it goes through.

    Each op shows its name, the numbers and settings of the call, shape and dtype of its result, and
    how many bytes it keeps for its backward rule. Leaves have the names that ``params`` gives them,
    else those of the variables of the calling function that hold them.

    Args:
        outputs: a tensor that needs gradient, several, or several by name.
        params: names of leaves: a ``weft.nn.Module``, a mapping of names to tensors, or pairs of
            name and tensor such as ``named_parameters()`` gives.
        max_items: how many ops and leaves a drawing shows; the rest is folded, with a note.

    Returns:
        Graph: the drawing; ``print`` it, show it in a notebook, or ``save`` it.

    Raises:
        GradError: an output needs no gradient, so that there is no tape behind it.

    Example:
        >>> x = weft.ones(3, requires_grad=True)
        >>> loss = (x * 2).exp().sum()
        >>> print(weft.debug.graph(loss))
        loss: 3 ops, 1 leaf, 12 B kept for backward
        loss = sum(dim=(0,), keepdim=False)  float32()
        exp                                  float32(3,)  saves 12 B
        mul(·, 2)                            float32(3,)
        x                                    float32(3,)  leaf
    """
    if max_items < 2:
        raise ValueError(f"graph: max_items must be at least 2, got {max_items}")
    variables = _variables(user_frame(sys._getframe(1)))
    named = _outputs(outputs, variables)
    for name, x in named.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"graph: expected a weft.Tensor, got {type(x).__name__} for {name}")
        if x._node is None:
            raise GradError(
                f"graph: {name}, of shape {tuple(x.shape)}, needs no gradient, so there is no tape "
                f"behind it: nothing it was computed from has requires_grad, or it was computed "
                f"under no_grad"
            )
    names = {**_names_of_variables(variables), **_names(params)}
    return Graph(read(named, names), ", ".join(named), max_items)


def _variables(frame: FrameType | None) -> dict[str, Any]:
    """Return the variables of a frame."""
    if frame is None:
        return {}
    held = frame.f_locals
    found = {name: value for name, value in held.items() if name != "_"}
    # Before Python 3.13 a function's frame keeps this copy of its variables, and so what was in
    # them, until it ends.
    if sys.version_info < (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        held.clear()
    return found


def _outputs(outputs: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(outputs, Mapping):
        return dict(outputs)
    several = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    called = {id(value): name for name, value in variables.items() if isinstance(value, Tensor)}
    names = [called.get(id(x), "output" if len(several) == 1 else "") for x in several]
    return {
        name or f"output {i}": x for i, (name, x) in enumerate(zip(names, several, strict=True))
    }


def _names(params: Any) -> dict[int, str]:
    """Return what the user calls leaves, by the id of the tensor."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        params = params.named_parameters()
    pairs: Iterable[Any] = params.items() if isinstance(params, Mapping) else params
    return {id(tensor): str(name) for name, tensor in pairs}


def _names_of_variables(variables: Mapping[str, Any]) -> dict[int, str]:
    """Return the names of the variables that hold leaves, or modules whose parameters they are."""
    names: dict[int, str] = {}
    for name, value in variables.items():
        if hasattr(type(value), "named_parameters"):
            for inner, tensor in value.named_parameters():
                names.setdefault(id(tensor), f"{name}.{inner}")
    for name, value in variables.items():
        if isinstance(value, Tensor):
            names[id(value)] = name
    return names


def _count(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"
