"""Two worlds of imported modules: those that know PyTorch, and those that got weft as ``torch``.

A module keeps what it imported. So what was imported with the real ``torch`` is laid aside while
the alias stands, and what was imported under the alias is laid aside after it: a package that is
used in both is imported once for each.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType

from weft.compat.torch._finder import is_torch

#: What is never laid aside: ours, and Python's own, though PyTorch puts functions into some of it.
_STAY = frozenset(
    {"weft", "weft_vision", "weft_audio", "weft_hub", "__main__", *sys.stdlib_module_names}
)


def _package(name: str) -> str:
    return name.partition(".")[0]


def _knows_torch(module: ModuleType) -> bool:
    """Return whether a module's names hold a module, class or function of torch."""
    try:
        values = list(vars(module).values())
    except TypeError:  # an object in a module's place that has no names
        return False
    home: object
    for value in values:
        if isinstance(value, ModuleType):
            home = value.__name__
        elif isinstance(value, type) or type(value).__name__ == "function":
            home = getattr(value, "__module__", None)
        else:
            continue
        if isinstance(home, str) and is_torch(home):
            return True
    return False


def take_out(candidates: Iterable[str], also: Iterable[str] = ()) -> dict[str, ModuleType]:
    """Take torch, and every package among ``candidates`` that knows it, out of ``sys.modules``.

    Args:
        candidates: names of modules that may be taken.
        also: packages to take whether they know torch or not.

    Returns:
        What was taken, by name.
    """
    names = [name for name in candidates if isinstance(sys.modules.get(name), ModuleType)]
    packages = {"torch", *also}
    for name in names:
        package = _package(name)
        if package not in packages and package not in _STAY and _knows_torch(sys.modules[name]):
            packages.add(package)
    return {name: sys.modules.pop(name) for name in names if _package(name) in packages}
