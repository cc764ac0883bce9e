"""Finding, among a module's hooks before forward, those that compute one of its tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weft.nn.module import Module


def pre_hooks(module: Module) -> dict[int, Any]:
    """The hooks before forward by their ids; a module without any gets no table for them."""
    own = module.__dict__.get("_call_hooks")
    return {} if own is None else own.pre


def found(module: Module, kind: Any, name: str) -> Any:
    """The hook of a kind that computes the tensor `name`, or None."""
    return next(hooks_of(module, kind, name), None)


def hooks_of(module: Module, kind: Any, name: str) -> Iterator[Any]:
    """The hooks of a kind that compute the tensor `name`."""
    for hook in list(pre_hooks(module).values()):
        if isinstance(hook, kind) and _name_of(hook) == name:
            yield hook


def _name_of(hook: Any) -> str:
    name: Any = getattr(hook, "name", None) or getattr(hook, "_tensor_name", "")
    return str(name)


def remove_hook(module: Module, hook: object) -> None:
    """Take a hook out; without any other, calls are as quick again as before."""
    table = pre_hooks(module)
    for key in [key for key, held in table.items() if held is hook]:
        del table[key]
    own = module.__dict__.get("_call_hooks")
    if own is not None and not any(getattr(own, table) for table in type(own).__slots__):
        del module.__dict__["_call_hooks"]
