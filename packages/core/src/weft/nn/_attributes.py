"""What Module does when its attributes are set, deleted or missing.

These are functions and no methods so that subclasses may use any name of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft._core.errors import did_you_mean
from weft.nn._registry import Registry

if TYPE_CHECKING:
    from weft.nn.module import Module

REGISTRIES = ("_parameters", "_buffers", "_modules")


def registry_of(module: Module, which: str, kind: str) -> Registry[Any]:
    """The module's registry `which`, ready to be written to.

    Raises:
        AttributeError: `Module.__init__` has not run.
    """
    registry = module.__dict__.get(which)
    if registry is None:
        raise AttributeError(
            f"cannot assign a {kind} to {type(module).__name__} before Module.__init__() ran; "
            "call super().__init__() first"
        )
    if type(registry) is not Registry or not registry.belongs_to(module):
        adopt_registries(module)
        registry = module.__dict__[which]
    return registry


def adopt_registries(module: Module) -> None:
    """Make all registries this module's own, mirrored ones; copies and pickles are plain dicts."""
    for which in REGISTRIES:
        module.__dict__[which] = Registry(module, module.__dict__[which])


def replace_registry(module: Module, which: str, entries: dict[str, Any]) -> None:
    """Put other entries, and their attributes, in place of all that a registry holds."""
    old = module.__dict__.get(which)
    if type(old) is Registry and old.belongs_to(module):
        old.release()
    module.__dict__[which] = Registry(module, entries)


def forget(module: Module, name: str, *, except_in: str) -> None:
    """Drop whatever has `name` now, unless it is in the registry `except_in`."""
    attributes = module.__dict__
    if name in attributes[except_in]:
        return
    for which in REGISTRIES:
        attributes[which].pop(name, None)
    attributes.pop(name, None)
    module._non_persistent_buffers_set.discard(name)


def require_none(module: Module, name: str, value: Any, kind: str, expected: str) -> None:
    """Refuse anything but None for a name that is kept for another kind of value.

    Raises:
        TypeError: `value` is not None.
    """
    if value is not None:
        raise TypeError(
            f"cannot assign {type(value).__name__} to {kind} {name!r} of "
            f"{type(module).__name__}: {expected} or None is required; "
            f"`del` the {kind} first to reuse its name"
        )


def check_new_name(module: Module, name: str, kind: str, registry: Registry[Any]) -> None:
    """Refuse a name that nothing can be registered under.

    Raises:
        TypeError: `name` is no string.
        KeyError: it is empty, has a dot, or is an attribute of another kind already.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {kind} must be a string, got {name!r}")
    if "." in name:
        raise KeyError(f"the name of a {kind} must not contain a dot, got {name!r}")
    if name == "":
        raise KeyError(f"the name of a {kind} must not be empty")
    if hasattr(module, name) and name not in registry:
        raise KeyError(f"{type(module).__name__} has an attribute {name!r} already")


class MissingAttributeError(AttributeError):
    """An attribute that a module does not have; the message suggests the nearest name.

    The suggestion is looked for when the message is read: `hasattr` asks often and reads never.
    """

    def __init__(self, module: Module, name: str) -> None:
        super().__init__(f"{type(module).__name__!r} object has no attribute {name!r}")
        self._module = module
        self._name = name

    def __str__(self) -> str:
        known = [n for n in dir(self._module) if self._name.startswith("_") or n[0] != "_"]
        hint = did_you_mean(self._name, known)
        if "_modules" not in self._module.__dict__:
            hint = "; call super().__init__() before using the module"
        return str(self.args[0]) + hint
