"""Adding what a backward pass brings to the ``.grad`` of leaves."""

from __future__ import annotations

import threading
from typing import Any

from weft._backend import add_into, ndarray, np
from weft._backend.libraries import is_array
from weft._core.boxed import Boxed
from weft._core.errors import GradError
from weft._core.hooks import changed_by
from weft._core.node import Leaf
from weft._core.tensor import Tensor, extra_of, version_of, wrap

#: A leaf takes the one of its address while a gradient is added to it.
_LOCKS = tuple(threading.Lock() for _ in range(16))


def added(tensor: Tensor, g: Any) -> bool:
    """Add an array to the array of a ``.grad`` that is there already; whether that was so."""
    extra = tensor._extra
    if extra is None or extra.grad is None or extra.post_accumulate or type(g) is not ndarray:
        return False
    held = extra.grad
    data = held._data
    if type(data) is not ndarray or data.dtype is not g.dtype or held._node is not None:
        return False
    with _LOCKS[id(tensor) >> 6 & 15]:  # another thread may be adding to the same leaf
        np.add(data, g, data)
        version_of(held).writes.bump("backward")
    return True


def accumulate(tensor: Tensor, g: Tensor, create_graph: bool, owned: bool = False) -> None:
    """Add a cotangent to a tensor's ``.grad``, into the same memory unless that is recorded.

    Args:
        tensor: the leaf.
        g: the cotangent.
        create_graph: whether the pass is recorded.
        owned: whether nothing else can hold g's memory.
    """
    with _LOCKS[id(tensor) >> 6 & 15]:  # another thread may be adding to the same leaf
        extra = extra_of(tensor)
        held = extra.grad
        if held is None:
            # The cotangent may be shared with another leaf or the user's own; .grad is written to.
            plain = type(g._data) is ndarray and g._node is None
            if owned:
                extra.grad = g
            else:
                extra.grad = wrap(g._data.copy()) if plain else _for_leaf(tensor, g).clone()
        elif create_graph or not (is_array(held._data) and type(held._data) is type(g._data)):
            extra.grad = held + _for_leaf(tensor, g)
        elif type(held._data) is not ndarray:
            held.add_(g)  # as below, on another device
        else:
            # into the memory: whoever holds .grad, such as an optimizer, keeps seeing the gradient
            add_into(held._data, g._data)
            version_of(held).writes.bump("backward")
    if extra.post_accumulate:
        for hook in tuple(extra.post_accumulate.values()):
            hook(tensor)


def accumulate_hooked(node: Leaf, g: Tensor, create_graph: bool) -> None:
    """Add to the ``.grad`` of a leaf whose node may have hooks of its own."""
    tensor = node.tensor()
    if tensor is None:
        return
    (given,) = gradients = (g,)
    for hook in tuple(node.hooks.before.values()):
        (given,) = gradients = changed_by(hook, gradients, hook(gradients), exact=False)
    if given is not None:
        accumulate(tensor, given, create_graph)
    for hook in tuple(node.hooks.after.values()):
        hook((), gradients)


def _for_leaf(tensor: Tensor, g: Tensor) -> Tensor:
    """Return a cotangent, unless a transform ends before the leaf that it is for."""
    box = g._data
    if isinstance(box, Boxed) and box.confined:
        own = tensor._data
        if not isinstance(own, Boxed) or own.level < box.level:
            raise GradError(
                f"backward: inside {box.transform} it would add to .grad of a tensor from outside "
                f"what is known inside only; take the gradient with weft.func.grad or "
                f"weft.autograd.grad and return it, or run backward on what {box.transform} returns"
            )
    return g
