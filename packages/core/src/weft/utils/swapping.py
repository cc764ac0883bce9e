"""Exchanging what two tensors are, so that who holds one of them has the other."""

from __future__ import annotations

from weakref import ref

from weft import Tensor
from weft._core.node import Leaf

__all__ = ["swap_tensors"]

_SLOTS = ("_data", "_extra", "_node", "_version")


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Exchange two tensors in place: data, gradients, hooks, and attributes of their own.

    Args:
        t1: a tensor.
        t2: another of the same class.

    Raises:
        TypeError: they are no tensors, or of different classes.
        RuntimeError: one is the result of a recorded computation, which would lose its place.

    Source: PyTorch's `torch.utils.swap_tensors`.

    Example:
        >>> a, b = weft.zeros(2), weft.ones(3)
        >>> weft.utils.swap_tensors(a, b)
        >>> a, b
        (tensor([1., 1., 1.]), tensor([0., 0.]))
    """
    if not isinstance(t1, Tensor) or not isinstance(t2, Tensor):
        raise TypeError(
            f"swap_tensors expects two tensors, got {type(t1).__name__} and {type(t2).__name__}"
        )
    if type(t1) is not type(t2):
        raise TypeError(
            f"swap_tensors expects tensors of one class, got {type(t1).__name__} and "
            f"{type(t2).__name__}"
        )
    for tensor in (t1, t2):
        if tensor.grad_fn is not None:
            raise RuntimeError(
                f"swap_tensors: a tensor of shape {tuple(tensor.shape)} is the result of "
                f"{tensor.grad_fn.name()}; swap leaves, or detach it first"
            )
    for name in _SLOTS:
        first, second = getattr(t1, name), getattr(t2, name)
        setattr(t1, name, second)
        setattr(t2, name, first)
    for new, old in ((t1, t2), (t2, t1)):
        if isinstance(new._node, Leaf):  # where its gradient goes
            new._node.tensor = ref(new)
        version = new._version
        if version is not None and version.base is not None and version.base() is old:
            version.base = ref(new)  # of which views were made
    own = getattr(t1, "__dict__", None)
    if own is not None:
        t1.__dict__, t2.__dict__ = t2.__dict__, own
