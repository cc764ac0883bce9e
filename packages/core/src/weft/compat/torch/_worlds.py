"""Two worlds of imported modules: those that know PyTorch, and those that got weft as ``torch``.

A module keeps what it imported. So what was imported with the real ``torch`` is laid aside while
the alias stands, and what was imported under the alias is laid aside after it: a package that is
used in both is imported once for each. Some import torch only once they need it, as transformers
does; what such a package asks for when it is installed tells it apart before.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType

from weft.compat.torch._finder import is_torch

#: What is never laid aside: ours, and Python's own, though PyTorch puts functions into some of it.
_STAY = frozenset(
    {"weft", "weft_vision", "weft_audio", "weft_hub", "__main__", *sys.stdlib_module_names}
)
_COMPILED = tuple(EXTENSION_SUFFIXES)


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


@functools.cache
def _asks_for_torch(package: str) -> bool:
    """Return whether the distribution of that name requires torch, be it for an extra."""
    try:
        required = importlib.metadata.requires(package) or ()
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(re.match(r"torch(?![\w.-])", one) for one in required)


def _is_theirs(package: str, names: list[str]) -> bool:
    """Return whether a package, of which modules were imported, knows torch or will."""
    if any(_knows_torch(sys.modules[name]) for name in names):
        return True
    if not _asks_for_torch(package):
        return False
    # A module that was compiled may refuse a second import, so it has one only where it must.
    files = (getattr(sys.modules[name], "__file__", None) for name in names)
    return not any(file and file.endswith(_COMPILED) for file in files)


def take_out(candidates: Iterable[str], also: Iterable[str] = ()) -> dict[str, ModuleType]:
    """Take torch, and every package among ``candidates`` that knows it, out of ``sys.modules``.

    Args:
        candidates: names of modules that may be taken.
        also: packages to take whether they know torch or not.

    Returns:
        What was taken, by name.
    """
    packages: dict[str, list[str]] = {}
    for name in candidates:
        if isinstance(sys.modules.get(name), ModuleType):
            packages.setdefault(name.partition(".")[0], []).append(name)
    wanted = {"torch", *also}
    return {
        name: sys.modules.pop(name)
        for package, names in packages.items()
        if package in wanted or (package not in _STAY and _is_theirs(package, names))
        for name in names
    }
