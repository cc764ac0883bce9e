"""Hooks on tensors' gradients and on nodes.

Nothing here is on the way of a backward pass without hooks: a tensor's hooks are a record in the
node's slot ``hooks``, and a node's own hooks are run by an op record that this one node then has.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

from weft._core.errors import DTypeError, ShapeError
from weft._core.tensor import Tensor

_numbers = itertools.count()


class RemovableHandle:
    """What registering a hook returns: removes it, by ``remove()`` or at the end of a ``with``."""

    __slots__ = ("__weakref__", "_hooks", "id")

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.id = next(_numbers)
        self._hooks = hooks

    def remove(self) -> None:
        """Remove the hook; a second call does nothing. A pass that has begun still calls it."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


class Handles:
    """Removes several hooks together."""

    __slots__ = ("handles",)

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Remove them all; a second call does nothing."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> Handles:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def enter(hooks: dict[int, Any], hook: Any) -> RemovableHandle:
    """Put a hook behind those in a table and return its handle."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


class Run:
    """One backward pass, as hooks that wait for several gradients see it.

    Attributes:
        roots: pairs of a node and its cotangent, where the pass began.
        needed: the nodes it visits, or None if it visits all that the roots lead to.
    """

    __slots__ = ("__weakref__", "_reached", "needed", "roots")

    def __init__(self, roots: list[tuple[Any, Any]], needed: set[Any] | None) -> None:
        self.roots = roots
        self.needed = needed
        self._reached: set[Any] | None = None

    def visits(self, node: Any) -> bool:
        """Whether the pass computes the gradient at a node."""
        if self._reached is None:
            self._reached = set()
            stack = [root for root, _ in self.roots]
            while stack:
                at = stack.pop()
                if at not in self._reached:
                    self._reached.add(at)
                    stack.extend(p for p in at.parents if p is not None)
        return node in self._reached and (self.needed is None or node in self.needed)


class RunHook:
    """A tensor hook that is told which backward pass it is called in."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Any, Run], None]) -> None:
        self.function = function


class Hooks:
    """The hooks of one tensor's gradient, in a node's slot ``hooks``.

    Attributes:
        tensor: those of ``register_hook``, by number, in the order in which they run.
        retain: puts the gradient in ``.grad`` of a result; runs after the others.
        before: pre-hooks of the node itself, if it is a leaf's.
        after: hooks of the node itself, if it is a leaf's.
    """

    __slots__ = ("after", "before", "retain", "tensor")

    def __init__(self) -> None:
        self.tensor: dict[int, Any] = {}
        self.retain: Callable[[Any], None] | None = None
        self.before: dict[int, Any] = {}
        self.after: dict[int, Any] = {}

    def run(self, g: Any, run: Run) -> Any:
        """Return the gradient after the tensor's hooks, those registered when the call began."""
        for hook in tuple(self.tensor.values()):
            if type(hook) is RunHook:
                hook.function(g, run)
                continue
            changed = hook(g)
            if changed is not None:
                check(changed, g, hook)
                g = changed
        if self.retain is not None:
            self.retain(g)
        return g


def hooks_of(node: Any) -> Hooks:
    """Return the record of a node's hooks, made on first use."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks  # type: ignore[no-any-return]  # the slot is untyped: None on the plain path


def check(changed: Any, g: Any, hook: Any) -> None:
    """Raise where a hook returned what cannot stand in the gradient's place."""
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(changed, Tensor):
        raise TypeError(
            f"hook {name!r}: expected to return a weft.Tensor or None, got {type(changed).__name__}"
        )
    if g is None:
        return
    if tuple(changed.shape) != tuple(g.shape):
        raise ShapeError(
            f"hook {name!r} changed the shape of the gradient from {tuple(g.shape)} to "
            f"{tuple(changed.shape)}; what it returns must have the gradient's shape"
        )
    if changed.dtype is not g.dtype:
        raise DTypeError(
            f"hook {name!r} changed the dtype of the gradient from {g.dtype} to {changed.dtype}; "
            f"what it returns must have the gradient's dtype"
        )


def changed_by(hook: Any, gradients: tuple[Any, ...], result: Any, *, exact: bool) -> Any:
    """Return the gradients that a node's hook gave, after checking that they fit."""
    if result is None:
        return gradients
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(result, tuple):
        raise TypeError(
            f"hook {name!r}: a node's hook returns a tuple of gradients or None, got "
            f"{type(result).__name__}"
        )
    if len(result) > len(gradients) or (exact and len(result) != len(gradients)):
        raise RuntimeError(
            f"hook {name!r} returned {len(result)} gradients where the node has {len(gradients)}"
        )
    for new, old in zip(result, gradients, strict=False):
        if new is not None:
            check(new, old, hook)
    return (*result, *(None,) * (len(gradients) - len(result)))


class _NodeHooks:
    """A node's rule with its pre-hooks before it and its hooks after it."""

    def __init__(self, op: Any) -> None:
        self.rule = op.vjp
        self.single = op.outputs == 1
        self.before: dict[int, Any] = {}
        self.after: dict[int, Any] = {}

    def __call__(self, needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> Any:
        outputs = (g,) if self.single else tuple(g)
        for hook in tuple(self.before.values()):
            outputs = changed_by(hook, outputs, hook(outputs), exact=False)
        if self.single and outputs[0] is None:
            inputs: tuple[Any, ...] = (None,) * len(needs)
        else:
            given = outputs[0] if self.single else outputs
            inputs = tuple(self.rule(needs, given, out, *args, **params))
            inputs = tuple(c if n else None for c, n in zip(inputs, needs, strict=True))
        for hook in tuple(self.after.values()):
            inputs = changed_by(hook, inputs, hook(inputs, outputs), exact=True)
        return inputs


def own_hooks(node: Any) -> _NodeHooks:
    """Return the tables of a node's own hooks; a first call gives it an op record of its own."""
    rule = node.op.vjp
    if not isinstance(rule, _NodeHooks):
        rule = _NodeHooks(node.op)
        node.op = dataclasses.replace(node.op, vjp=rule)
    return rule
