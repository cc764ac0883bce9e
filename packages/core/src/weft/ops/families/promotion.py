"""Bringing the tensors of one call to one dtype."""

from __future__ import annotations

from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.tensor import Tensor


def promoted(name: str, args: tuple[Any, ...], *, floating: bool = False) -> tuple[Any, ...]:
    """Return ``args`` with every tensor converted to the result type of them all.

    Args:
        name: the op, for messages.
        args: tensors, and other values that are passed through.
        floating: whether integers become the default floating dtype.
    """
    first = None
    alike = not floating
    for a in args:
        if isinstance(a, Tensor):
            own = a._data.dtype
            if first is None:
                first = own
            elif own != first:
                alike = False
    if first is None or alike:
        return args
    wanted = dtypes.result_type(*(a for a in args if isinstance(a, Tensor)))
    if floating and wanted.category < 2:
        wanted = dtypes.get_default_dtype()
    return tuple(converted(a, wanted) if isinstance(a, Tensor) else a for a in args)


def converted(x: Tensor, dtype: dtypes.dtype) -> Tensor:
    """Return ``x`` in ``dtype``; ``x`` itself if it has it already."""
    if x._data.dtype == dtype.numpy:
        return x
    from weft.ops.casting import convert

    return convert(x, dtype=dtype)


def real_only(name: str, x: Any) -> None:
    """Raise a DTypeError if a tensor is complex, for an op that needs an order of its elements."""
    if isinstance(x, Tensor) and x._data.dtype.kind == "c":
        raise DTypeError(
            f"{name}: expected a real tensor, got {dtypes.of(x._data.dtype)}, whose numbers have "
            f"no order; take .real, .abs() or .angle() first"
        )
