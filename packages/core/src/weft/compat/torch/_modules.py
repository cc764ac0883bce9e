"""The modules that stand for torch's under the alias: each finds its names in weft's modules."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from weft._core.errors import did_you_mean
from weft.compat.torch._places import find

#: Where readers find what is different and what is absent.
PAGE = "docs/guide/migration.md"


def absent(name: str, near: str = "") -> str:
    """Return the sentence about a name of torch that weft does not have."""
    join = " Its" if near else "; its"  # what is near ends in a question mark
    return f"weft has no {name}{near}{join} page {PAGE} lists what differs from PyTorch"


class Stand(ModuleType):
    """A module of torch, as far as weft has it.

    A name is looked for in the modules that stand behind this one, then among its submodules.
    Assigned values stay here, but for settings, which go on to the module that has them.
    """

    def __init__(self, name: str, places: tuple[str, ...]) -> None:
        super().__init__(name, f"weft in the place of {name}.")
        vars(self)["_places"] = places

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [entry for entry in dir(self) if not entry.startswith("_")]
        if name == self.__name__:
            return self  # torch.torch, which is in PyTorch by accident and in others' annotations
        if name.startswith("__") and name != "__version__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        for place in self._places:
            try:
                value = getattr(import_module(place), name)
            except AttributeError:
                continue
            if isinstance(value, ModuleType):
                break
            if callable(value):
                vars(self)[name] = value
            return value
        inner = f"{self.__name__}.{name}"
        if find(inner) is not None:
            return import_module(inner)
        raise AttributeError(absent(inner, did_you_mean(name, dir(self))))

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Stand) and any(
            not isinstance(getattr(import_module(place), name, value), ModuleType)
            for place in self._places
        ):
            # an import binds torch.nn.utils.weight_norm, a module; the function goes before it
            return
        if not (name.startswith("_") or callable(value) or isinstance(value, ModuleType)):
            for place in self._places:
                module = import_module(place)
                if hasattr(module, name):
                    setattr(module, name, value)
                    return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        names = {name for name in vars(self) if not name.startswith("_")}
        for place in self._places:
            module = import_module(place)
            names.update(getattr(module, "__all__", None) or _public(module))
        return sorted(names)


def _public(module: ModuleType) -> list[str]:
    """Return the public names of a module that lists none itself."""
    values = ((name, getattr(module, name, None)) for name in dir(module))
    return [name for name, value in values if name[0] != "_" and not isinstance(value, ModuleType)]
