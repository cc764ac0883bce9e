"""The recorded graph from outside: nodes, edges, hooks on gradients and on what is saved."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft._core.errors import GradError
from weft._core.graph_node import GraphNode as Node
from weft._core.hooks import Handles, Run, RunHook, enter, hooks_of
from weft._core.tensor import Tensor, version_of
from weft.autograd._saving import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)
from weft.transforms.edges import GradientEdge, get_gradient_edge

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Tell the tape that memory was written to in a way it does not see.

    An op that saved the tensor before then refuses to run backward, as after an in-place op.

    Args:
        tensor: the tensor whose memory was written to, or several.
    """
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        version_of(one).writes.bump("a write that increment_version was told of")


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all"
) -> Handles:
    """Call ``fn`` in each backward pass when the gradients of several tensors are known.

    Args:
        tensors: tensors that need gradient. Those that a pass does not come by are not waited for.
        fn: with ``mode="all"`` takes the list of their gradients, None for those not computed;
            with ``mode="any"`` takes the first that is.
        mode: ``"all"`` or ``"any"``.

    Returns:
        Handles: ``remove()`` removes the hook.

    Raises:
        ValueError: another mode.
        GradError: a tensor needs no gradient; with ``mode="any"`` such are left out.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"register_multi_grad_hook: mode must be 'all' or 'any', got {mode!r}")
    if mode == "all":
        for position, tensor in enumerate(tensors):
            if tensor._node is None:
                raise GradError(
                    f"register_multi_grad_hook: tensor {position} of shape {tuple(tensor.shape)} "
                    f"requires no gradient, so its gradient can never come"
                )
    waiting = _All(tensors, fn) if mode == "all" else _Any(fn)
    return Handles(
        tuple(
            enter(hooks_of(tensor._node).tensor, RunHook(waiting.hook(position)))
            for position, tensor in enumerate(tensors)
            if tensor._node is not None
        )
    )


class _All:
    """Collects the gradients of one set of tensors, for each pass anew."""

    def __init__(self, tensors: Sequence[Tensor], fn: Callable[[Any], None]) -> None:
        self._nodes = [weakref.ref(tensor._node) for tensor in tensors]
        self._fn = fn
        self._held: weakref.WeakKeyDictionary[Run, list[Any]] = weakref.WeakKeyDictionary()

    def hook(self, position: int) -> Callable[[Any, Run], None]:
        def received(g: Any, run: Run) -> None:
            nodes = [ref() for ref in self._nodes]
            held = self._held.get(run)
            if held is None:
                held = self._held[run] = [None] * len(nodes)
            held[position] = g
            awaited = sum(node is not None and run.visits(node) for node in nodes)
            if sum(one is not None for one in held) == awaited:
                del self._held[run]
                self._fn(held)

        return received


class _Any:
    """Passes the first gradient of each pass on."""

    def __init__(self, fn: Callable[[Any], None]) -> None:
        self._fn = fn
        self._seen: weakref.WeakSet[Run] = weakref.WeakSet()

    def hook(self, position: int) -> Callable[[Any, Run], None]:
        def received(g: Any, run: Run) -> None:
            if run not in self._seen:
                self._seen.add(run)
                self._fn(g)

        return received
