"""Asking for gradients, running backward, hooks."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from weft._core.boxed import Boxed
from weft._core.errors import GradError
from weft._core.hooks import RemovableHandle, enter, hooks_of
from weft._core.inference import is_inference
from weft._core.modes import here
from weft._core.node import Leaf
from weft._core.tensor import Tensor, extra_of
from weft.transforms import tape


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Ask, or ask no more, for this leaf's gradient; return self.

    Raises:
        GradError: it is not a leaf, its dtype has no gradient, or it was made in
            ``inference_mode`` and is now outside of it.
    """
    if not requires_grad:
        if self._node is not None and not isinstance(self._node, Leaf):
            raise GradError(
                "requires_grad_(False): this tensor was computed by an op; use .detach()"
            )
        self._node = None
        return self
    if self.dtype.category < 2:
        raise GradError(
            f"requires_grad_: only floating and complex tensors have gradients, this one is "
            f"{self.dtype}"
        )
    if is_inference(self) and not (here.inference or here.differentiating):
        raise GradError(
            f"requires_grad_: this tensor of shape {tuple(self.shape)} was made in inference_mode "
            f"and cannot require grad outside of it; clone() it first"
        )
    if self._node is None:
        self._node = Leaf(weakref.ref(self))
    return self


def _requires_grad(self: Tensor) -> bool:
    """Whether ops on this tensor are recorded for a backward pass; may be set on a leaf."""
    return self._node is not None


def _set_requires_grad(self: Tensor, value: bool) -> None:
    requires_grad_(self, value)


def is_leaf(self: Tensor) -> bool:
    """Whether no recorded op computed this tensor: the gradients of leaves are kept."""
    return self._node is None or isinstance(self._node, Leaf)


def _grad(self: Tensor) -> Tensor | None:
    """Return the gradient that backward passes have added up, or None; may be set."""
    return None if self._extra is None else self._extra.grad


def _set_grad(self: Tensor, value: Tensor | None) -> None:
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(f"grad: expected a weft.Tensor or None, got {type(value).__name__}")
        if tuple(value.shape) != tuple(self.shape) or value.dtype is not self.dtype:
            raise ValueError(
                f"grad: expected shape {tuple(self.shape)} and {self.dtype}, got "
                f"{tuple(value.shape)} and {value.dtype}"
            )
    extra_of(self).grad = value


def _grad_fn(self: Tensor) -> Any:
    """Return the record of the op that computed this tensor, or None."""
    return None if self._node is None or isinstance(self._node, Leaf) else self._node.edge[0]


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to ``.grad`` of the leaves this tensor was computed from its gradients by them.

    Args:
        gradient: the cotangent, of this tensor's shape; may be None if it has one element.
        retain_graph: keep what nodes saved, for another backward.
        create_graph: record the backward pass, for gradients of gradients.
        inputs: the leaves to accumulate into; all if None.

    Raises:
        GradError: it needs no gradient, or its graph was freed.
    """
    tape.backward((self,), (gradient,), retain_graph, create_graph, None, inputs)


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call ``hook(gradient)`` when this tensor's gradient is known; a result replaces it.

    Args:
        hook: takes the gradient; returns another of its shape and dtype, or None. Several run in
            the order in which they were registered, each on what the one before returned.

    Returns:
        RemovableHandle: ``handle.remove()`` removes the hook, as does the end of ``with handle:``.

    Raises:
        GradError: the tensor needs no gradient.
    """
    if self._node is None:
        raise GradError(
            "register_hook: this tensor requires no gradient, so no backward pass comes by; call "
            "requires_grad_() on it, or on what it is computed from, first"
        )
    return enter(hooks_of(self._node).tensor, hook)


def register_post_accumulate_grad_hook(
    self: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Call ``hook(self)`` each time a backward pass has added to this leaf's ``.grad``.

    Raises:
        GradError: the tensor is not a leaf that requires grad.
    """
    if not isinstance(self._node, Leaf):
        raise GradError(
            "register_post_accumulate_grad_hook: only a leaf that requires grad accumulates a "
            "gradient; use register_hook"
        )
    extra = extra_of(self)
    if extra.post_accumulate is None:
        extra.post_accumulate = {}
    return enter(extra.post_accumulate, hook)


def _retains_grad(self: Tensor) -> bool:
    """Whether `retain_grad` was called on this tensor, which is no leaf."""
    return self._extra is not None and self._extra.retains_grad


def detach_(self: Tensor) -> Tensor:
    """Cut this tensor itself from its graph; return self.

    Raises:
        GradError: it is a view: its base would still be recorded.
    """
    data = self._data
    if isinstance(data, Boxed):
        base = None if self._version is None else self._version.base
        if base is not None and base() is not self:
            raise GradError("detach_: a view cannot be detached in place; use detach()")
        self._data = data.detached()  # what the transforms know of its slopes goes too
    elif not is_leaf(self) and self._version is not None and data.base is not None:
        raise GradError("detach_: a view cannot be detached in place; use detach()")
    self._node = None
    return self


def retain_grad(self: Tensor) -> None:
    """Keep the gradient of a tensor that is not a leaf in its ``.grad`` too."""
    if self._node is None:
        raise GradError("retain_grad: this tensor requires no gradient")
    if is_leaf(self) or extra_of(self).retains_grad:
        return
    extra_of(self).retains_grad = True
    me = weakref.ref(self)

    def keep(gradient: Tensor) -> None:
        tensor = me()
        if tensor is not None:
            held = extra_of(tensor).grad
            extra_of(tensor).grad = gradient if held is None else held + gradient

    hooks_of(self._node).retain = keep


METHODS: dict[str, Any] = {
    "backward": backward,
    "detach_": detach_,
    "register_hook": register_hook,
    "register_post_accumulate_grad_hook": register_post_accumulate_grad_hook,
    "requires_grad_": requires_grad_,
    "retain_grad": retain_grad,
}
PROPERTIES: dict[str, Any] = {
    "grad_fn": _grad_fn,
    "is_leaf": is_leaf,
    "retains_grad": _retains_grad,
}
WRITABLE: dict[str, Any] = {
    "grad": (_grad, _set_grad),
    "requires_grad": (_requires_grad, _set_requires_grad),
}
