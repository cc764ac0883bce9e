"""``torch.library``: custom ops whose signature is given as a schema, and older names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft import library
from weft.library import register_fake

__all__ = ["custom_op", "impl_abstract"]

impl_abstract = register_fake


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: Any = (),
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Make an op of a function, with as many results as a schema says."""
    outputs = None if schema is None else schema.rpartition("->")[2].count("Tensor")
    return library.custom_op(
        name, fn, mutates_args=mutates_args, device_types=device_types, outputs=outputs
    )
