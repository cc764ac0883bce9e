"""What a tensor inside a transform holds, for whoever debugs one."""

from __future__ import annotations

from weft._core.boxed import Boxed
from weft._core.tensor import Tensor


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """Return the tensor inside one that a transform hands to its function, to look at.

    Computing with it bypasses the transform, whose result is then wrong.

    Args:
        tensor: any tensor. Of ``vmap`` it holds all examples, the batch dim first; of ``jvp`` the
            value. One of ``grad`` or ``vjp`` holds itself.
        recurse: whether to go on until no transform is left, or to take off the innermost only.

    Returns:
        Tensor: (...).
    """
    while isinstance(tensor._data, Boxed):
        tensor = tensor._data.inner
        if not recurse:
            break
    return tensor
