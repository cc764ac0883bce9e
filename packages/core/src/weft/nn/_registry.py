"""Registry: the dict of a module's parameters, buffers or children, mirrored as attributes.

PyTorch keeps parameters in `_parameters` and finds them through `__getattr__`, which costs a
failed lookup and a Python call each time. Here the registry is still the truth, with the same
names and a real dict's interface, but every change is written through to the owner's `__dict__`,
so `self.weight` is an ordinary attribute lookup. Code that writes `module._parameters["weight"]`
directly, as weight normalisation and functional calls do, stays right.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_MISSING = object()


class Registry(dict[str, T]):
    """A dict whose entries are attributes of the module that owns it.

    The owner is held weakly: a strong reference would make each module a cycle, and a deleted
    model's memory would wait for the garbage collector.
    """

    __slots__ = ("_owner",)

    def __init__(self, owner: object, entries: Mapping[str, T] | None = None) -> None:
        super().__init__()
        self._owner = weakref.ref(owner)
        if entries:
            self.update(entries)

    def belongs_to(self, owner: object) -> bool:
        """Whether changes are written through to `owner`."""
        return self._owner() is owner

    def release(self) -> None:
        """Remove the mirrored attributes from the owner; used before the registry is replaced."""
        attributes = self._attributes()
        for name, value in self.items():
            if attributes.get(name, _MISSING) is value:
                del attributes[name]

    def _attributes(self) -> dict[str, Any]:
        owner = self._owner()
        return {} if owner is None else owner.__dict__

    def __setitem__(self, name: str, value: T) -> None:
        super().__setitem__(name, value)
        self._attributes()[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._attributes().pop(name, None)

    def pop(self, name: str, *default: Any) -> Any:
        if name in self:
            value = self[name]
            del self[name]
            return value
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, T]:
        name, value = super().popitem()
        self._attributes().pop(name, None)
        return name, value

    def clear(self) -> None:
        attributes = self._attributes()
        for name in self:
            attributes.pop(name, None)
        super().clear()

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *sources: Any, **entries: T) -> None:
        for name, value in dict(*sources, **entries).items():
            self[name] = value

    def __ior__(self, other: Any) -> Registry[T]:  # type: ignore[override, misc]  # dict overloads it
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        """Copy and pickle as a plain dict: a copy belongs to no module until one adopts it."""
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, T]:
        from copy import deepcopy

        return deepcopy(dict(self), memo)
