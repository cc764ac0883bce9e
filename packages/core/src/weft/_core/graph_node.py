"""What a node of the recorded graph shows of itself: ``tensor.grad_fn`` and what it leads to."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from typing import Any

from weft._core.errors import GradError

_metadata: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
#: How rules call their arguments, and what users know them by.
_SHOWN = {"x": "self", "y": "other"}


class GraphNode:
    """A place in the graph of recorded ops: what ``tensor.grad_fn`` is.

    Attributes:
        parents: for each argument of the call the node its gradient flows to, or None.
        hooks: the hooks of the gradient that arrives here, or None.
    """

    __slots__ = ()

    parents: Any
    hooks: Any

    def name(self) -> str:
        """Return the node's name as PyTorch writes it, such as ``"MulBackward0"``."""
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each argument the node its gradient flows to, and which output of that it was."""
        return tuple((None, 0) if p is None else p.edge for p in self.parents)

    @property
    def edge(self) -> tuple[Any, int]:
        """The node that users know for this place, and the number of its output."""
        return self, 0

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary of the user's own, kept as long as the node."""
        return _metadata.setdefault(self, {})

    def _sequence_nr(self) -> int:
        return self.sequence  # type: ignore[attr-defined, no-any-return]  # a slot of each kind

    def register_hook(self, fn: Callable[[tuple[Any, ...], tuple[Any, ...]], Any]) -> Any:
        """Call ``fn(grad_inputs, grad_outputs)`` after each run of this node.

        Args:
            fn: takes the gradients by the call's arguments and by its results, None where there
                is none; may return a tuple of others to pass on.

        Returns:
            RemovableHandle: removes it.
        """
        from weft._core.hooks import enter

        return enter(self._hook_tables().after, fn)

    def register_prehook(self, fn: Callable[[tuple[Any, ...]], Any]) -> Any:
        """Call ``fn(grad_outputs)`` before each run of this node, after the tensors' own hooks.

        Args:
            fn: takes the gradients by the call's results, None where there is none; may return a
                tuple of others.

        Returns:
            RemovableHandle: removes it.
        """
        from weft._core.hooks import enter

        return enter(self._hook_tables().before, fn)

    def _hook_tables(self) -> Any:
        from weft._core.hooks import own_hooks

        return own_hooks(self)


def shown_name(name: str) -> str:
    """Return an op's name as PyTorch writes that of its node: mul gives MulBackward0."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[._:]+", name)) + "Backward0"


def saved(node: Any, name: str) -> Any:
    """Return what a node keeps under a name such as ``_saved_self``: an argument or a setting.

    Raises:
        AttributeError: it has nothing of that name.
        GradError: the graph was freed.
    """
    wanted = name.removeprefix("_saved_")
    op = node.op
    if wanted in node.params:
        return node.params[wanted]
    if node.args is None:
        raise GradError(
            f"{name}: the graph through {op.called} was freed by an earlier backward; pass "
            f"retain_graph=True to that one"
        )
    if wanted == "result" and -1 in op.saves and op.outputs == 1:
        return node.saved_output()
    code = op.kernel.__code__
    names = getattr(op.kernel, "tensors", code.co_varnames[1 : code.co_argcount])
    for place, own in enumerate(names):
        if wanted in (own, _SHOWN.get(own)) and place in op.saves:
            value = node.args[place]
            return value.unpack() if hasattr(value, "unpack") else value
    raise AttributeError(f"{node.name()} saves nothing called {name}")
