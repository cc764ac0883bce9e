"""A module with the attribute ``enabled``, which reads and turns one of the engine's switches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType

from weft._backend.cpu import switches


class Switched(ModuleType):
    """A module whose ``enabled`` is a switch."""

    #: Its name in ``switches``.
    _turns: str

    @property
    def enabled(self) -> bool:
        """Whether this part of the engine may be used."""
        return bool(getattr(switches, self._turns))

    @enabled.setter
    def enabled(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"{self.__name__}.enabled: expected a bool, got {value!r}")
        setattr(switches, self._turns, value)


def give(module: str, switch: str) -> None:
    """Give a module the attribute ``enabled``."""
    found = sys.modules[module]
    found.__class__ = Switched
    found._turns = switch  # type: ignore[attr-defined]  # it is of that class now


@contextlib.contextmanager
def turned(switch: str, value: bool) -> Iterator[None]:
    """Turn a switch within a block, for all threads."""
    before = getattr(switches, switch)
    setattr(switches, switch, bool(value))
    try:
        yield
    finally:
        setattr(switches, switch, before)
