"""Hooks on what the tape saves: a tensor is packed when a node saves it, unpacked when it is read.

A node whose tensors were packed holds :class:`Packed` objects in their place, and an op record of
its own whose backward rule unpacks them first. The tape itself knows nothing of it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from weft._core import watching
from weft._core.errors import GradError
from weft._core.modes import here
from weft._core.op import Op
from weft._core.tensor import Tensor, detached_version, wrap

Pack = Callable[[Tensor], Any]
Unpack = Callable[[Any], Tensor]


class Packed:
    """A saved tensor as a pair of hooks keeps it.

    Attributes:
        held: what ``pack`` returned.
        node: the place in the graph of the tensor that was saved, which unpacking gives back.
        shape: the tensor's shape.
        dtype: its data's dtype.
    """

    __slots__ = ("_unpack", "dtype", "held", "node", "shape")

    def __init__(self, tensor: Tensor, pack: Pack, unpack: Unpack) -> None:
        self.node = tensor._node
        self.shape, self.dtype = tensor._data.shape, tensor._data.dtype
        self._unpack = unpack
        self.held = pack(detached(tensor))

    def unpack(self) -> Tensor:
        """Return the tensor at its place in the graph.

        Raises:
            TypeError: the unpack hook returned no tensor.
        """
        made = self._unpack(self.held)
        if not isinstance(made, Tensor):
            raise TypeError(
                f"saved_tensors_hooks: unpack_hook must return a weft.Tensor, it returned "
                f"{type(made).__name__} {made!r:.60}"
            )
        out = wrap(made._data)
        out._version = made._version
        out._node = self.node
        return out


def detached(x: Tensor) -> Tensor:
    """Return the same memory without its place in the graph, as pack hooks get a tensor."""
    out = wrap(x._data)
    out._version = detached_version(x)
    return out


def push_hooks(pack: Pack, unpack: Unpack) -> None:
    """Pack what nodes of this thread save from now on, until :func:`pop_hooks`.

    Args:
        pack: called with each tensor that is saved, detached; returns anything.
        unpack: called with that; returns the tensor.

    Raises:
        GradError: :func:`refuse_hooks` has forbidden it.
    """
    if here.hooks_refused is not None:
        raise GradError(here.hooks_refused)
    here.saving = (*here.saving, (pack, unpack))  # of it the last counts
    if len(here.saving) == 1:
        watching.watch(_pack_saved)


def pop_hooks() -> None:
    """Undo the latest :func:`push_hooks`."""
    here.saving = here.saving[:-1]
    if not here.saving:
        watching.unwatch(_pack_saved)


def top_hooks() -> tuple[Pack, Unpack] | None:
    """Return the pair of hooks that is in force in this thread, or None."""
    return here.saving[-1] if here.saving else None


def refuse_hooks(message: str | None) -> str | None:
    """Make :func:`push_hooks` raise with this message, None to allow it; return the one before.

    Raises:
        GradError: hooks are in force.
    """
    if message is not None and here.saving:
        raise GradError(message)
    before = here.hooks_refused
    here.hooks_refused = message
    return before


def packed(x: Tensor) -> Tensor | Packed:
    """Return what to save of a tensor: itself, or what this thread's hooks make of it."""
    return Packed(x, *here.saving[-1]) if here.saving else x


def _pack_saved(op: Op, args: tuple[Any, ...], params: dict[str, Any], result: Any) -> None:
    node = watching.node_of(result)
    if node is None or not op.saves or node.args is None or op.family == "function":
        return  # a custom function packs what it saves itself
    pack, unpack = here.saving[-1]
    node.args = tuple(Packed(a, pack, unpack) if isinstance(a, Tensor) else a for a in node.args)
    # results without their node, which holds what is packed: that would be a cycle
    if not isinstance(result, Tensor):
        node.out = tuple(
            Packed(detached(out), pack, unpack) if op.keeps(i) else own
            for i, (out, own) in enumerate(zip(result, node.out, strict=True))
        )
    elif -1 in op.saves and node.out is not None:
        node.out = Packed(detached(result), pack, unpack)
    node.versions = ()  # what the hooks keep is theirs; writes to the tensor itself do not matter
    node.op = _unpacking(op)


@functools.lru_cache(maxsize=4096)
def _unpacking(op: Op) -> Op:
    """Return the op's record with a backward rule that unpacks what it reads."""

    def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> Any:
        args = tuple(a.unpack() if type(a) is Packed else a for a in args)
        out = tuple(map(_output, out)) if op.outputs != 1 else _output(out)
        return op.vjp(needs, g, out, *args, **params)  # type: ignore[operator]  # it was recorded

    return dataclasses.replace(op, vjp=vjp)


def _output(out: Any) -> Any:
    """Return an output whose data is packed, unpacked, where it stands in the graph."""
    if not isinstance(out, Tensor) or type(out._data) is not Packed:
        return out
    made = out._data.unpack()
    made._node = out._node
    return made
