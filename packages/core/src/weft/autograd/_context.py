"""The context of one call of a custom function: what its forward leaves to its backward."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from weft._core.errors import GradError
from weft._core.node import Version
from weft._core.saving import Packed, packed
from weft._core.tensor import Tensor, detached_version, version_of, wrap


class FunctionCtx:
    """What ``forward`` or ``setup_context`` writes to, and ``backward`` and ``jvp`` read.

    Any attribute may be set on it; tensors are better given to :meth:`save_for_backward`.

    Attributes:
        needs_input_grad: for each positional argument of ``apply`` whether it needs a gradient.
        materialize_grads: whether a missing gradient is passed on as zeros, or as None.
    """

    def __init__(self, function: Any, needs_input_grad: tuple[bool, ...]) -> None:
        self._function = function
        self.needs_input_grad = needs_input_grad
        self.materialize_grads = True
        self._to_save: tuple[Tensor | None, ...] | None = None  # until the call is recorded
        self._to_save_forward: tuple[Tensor | None, ...] | None = None
        self._dirty: tuple[Any, ...] = ()
        self._non_differentiable: tuple[Any, ...] = ()
        self._kept: Any = None  # weak: what the node keeps, once the call is recorded
        self._shown: tuple[Any, ...] | None = None  # what saved_tensors is for the moment

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``backward``, which reads them from ``saved_tensors``.

        Args:
            tensors: arguments or results of the call, or others; None is kept as None.

        Raises:
            TypeError: one of them is no tensor.
        """
        self._to_save = self._checked("save_for_backward", tensors)

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for ``jvp``, which reads them from ``saved_tensors``.

        Args:
            tensors: arguments or results of the call, or others; None is kept as None.

        Raises:
            TypeError: one of them is no tensor.
        """
        self._to_save_forward = self._checked("save_for_forward", tensors)

    def _checked(self, what: str, tensors: tuple[Any, ...]) -> tuple[Any, ...]:
        for position, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"{what}: expected tensors or None, got {type(tensor).__name__} in place "
                    f"{position}; set what is no tensor as an attribute of ctx"
                )
        return tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which arguments ``forward`` wrote to in place; it must return each of them.

        Raises:
            TypeError: one of them is no tensor.
        """
        for position, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"mark_dirty: expected tensors, got {type(tensor).__name__} in place {position}"
                )
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which results have no gradient; integer results need no mark."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether ``backward`` gets zeros (True, the default) or None for a missing one."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept; in ``jvp`` what ``save_for_forward`` did.

        Raises:
            GradError: the graph was freed, or a tensor was overwritten since.
        """
        if self._shown is not None:
            return self._shown
        if self._to_save is not None:
            return self._to_save
        kept = None if self._kept is None else self._kept()
        if kept is None and self._kept is None:
            return ()
        if kept is None:
            raise GradError(
                f"{self.name()}: the saved tensors were freed by an earlier backward; pass "
                f"retain_graph=True to that one"
            )
        return tuple(slot.read(self._function) for slot in kept.slots)

    def name(self) -> str:
        """Return the node's name: the function's with ``Backward``."""
        return f"{self._function.__name__}Backward"


class _Nothing:
    """The place of a None among the saved tensors."""

    def read(self, function: Any) -> None:
        return None


class _Slot:
    """One saved tensor, as hooks on saved tensors keep it, and how often it was written."""

    __slots__ = ("_count", "_node", "_output", "_tensor", "_writes")

    def __init__(self, tensor: Tensor, node: Any, output: int | None) -> None:
        if output is not None:  # without its place in the graph, which would be a cycle
            plain = wrap(tensor._data)
            plain._version = detached_version(tensor)
            tensor = plain
        self._tensor = packed(tensor)
        self._writes = version_of(tensor).writes
        self._count = self._writes.count
        self._node = None if output is None else weakref.ref(node)
        self._output = output

    def read(self, function: Any) -> Tensor:
        """Return the tensor, in its place in the graph."""
        if isinstance(self._tensor, Packed):
            out = self._tensor.unpack()
        elif self._writes.count != self._count:
            raise GradError(
                f"backward: {function.__name__} needs a tensor that was since overwritten in place "
                f"by {self._writes.writer} ({self._writes.count - self._count} write(s) after it "
                f"was saved); clone it before {function.__name__}, or use the op that does not "
                f"write in place"
            )
        else:
            out = self._tensor
        if self._output is None or self._node is None:
            return out
        again = wrap(out._data)
        again._version = Version(self._writes)
        again._node = self._node().place(self._output)  # type: ignore[union-attr]  # it asks
        return again


class Kept:
    """What a node keeps of its call; freed with the graph, and the saved tensors with it."""

    __slots__ = ("__weakref__", "slots")

    def __init__(self, ctx: FunctionCtx, node: Any, outputs: Sequence[Any]) -> None:
        places = {id(out): i for i, out in enumerate(outputs) if isinstance(out, Tensor)}
        self.slots = tuple(
            _Nothing() if t is None else _Slot(t, node, places.get(id(t)))
            for t in ctx._to_save or ()
        )
