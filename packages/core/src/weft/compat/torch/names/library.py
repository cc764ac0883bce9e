"""``torch.library``: custom ops whose signature is given as a schema, and older names.

Packages add rules to ops that they compiled against PyTorch, such as torchvision's. weft has none
of these ops, so that the rules are left where they are, not refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft import library

__all__ = [
    "Library",
    "custom_op",
    "define",
    "impl",
    "impl_abstract",
    "register_autograd",
    "register_fake",
]


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


def _is_elsewhere(op: Any) -> bool:
    """Return whether ``op`` names an op that was not defined in weft."""
    try:
        library.get(op)
    except KeyError:
        return isinstance(op, str)
    except TypeError:
        return False
    return False


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, **settings: Any) -> Any:
    """Give an op its shape rule; a rule of an op that is not here is left as it is."""
    if not _is_elsewhere(op):
        return library.register_fake(op, func)
    return (lambda rule: rule) if func is None else func


impl_abstract = register_fake


def register_autograd(op: Any, backward: Callable[..., Any], /, **settings: Any) -> None:
    """Give an op its derivative; a rule of an op that is not here is dropped."""
    if not _is_elsewhere(op):
        settings.pop("lib", None)
        library.register_autograd(op, backward, **settings)


class Library:
    """A namespace of ops that are described by schemas: what is put into it has no use here."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, *args: Any, **settings: Any) -> str:
        """Return the name that a schema begins with."""
        return schema.partition("(")[0]

    def impl(self, op_name: Any, fn: Any, *args: Any, **settings: Any) -> None:
        """Do nothing: there is no such op."""


def define(*args: Any, **settings: Any) -> None:
    """Do nothing: ops by schemas have no use here; `custom_op` defines ops."""


def impl(*args: Any, **settings: Any) -> Any:
    """Return a decorator that leaves a kernel as it is."""
    return lambda kernel: kernel
