"""``alias`` and ``install``: the imports of torch are served by weft, for a block or for good."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType

from weft.compat.torch._finder import TorchFinder
from weft.compat.torch._spawned import tell_spawned_processes
from weft.compat.torch._worlds import take_out

_lock = threading.RLock()
_depth = 0
_finder = TorchFinder()
#: What was imported under the alias before: a later block goes on with it.
_inside: dict[str, ModuleType] = {}


def _enter(afresh: Iterable[str]) -> dict[str, ModuleType]:
    """Put the world with weft in the place of the one with torch; return what was laid aside."""
    outside = take_out(list(sys.modules), afresh)
    sys.modules.update(_inside)
    _inside.clear()
    sys.meta_path.insert(0, _finder)
    return outside


def _leave(outside: dict[str, ModuleType], before: set[str], afresh: Iterable[str]) -> None:
    """Lay aside what was imported for weft, and put back what was there before."""
    sys.meta_path.remove(_finder)
    packages = {name.partition(".")[0] for name in outside}
    new = [name for name in sys.modules if name not in before or name in outside]
    _inside.update(take_out(new, {*afresh, *packages}))
    sys.modules.update(outside)


@contextmanager
def alias(*, afresh: Iterable[str] = ()) -> Iterator[ModuleType]:
    """Serve ``import torch`` (and ``torch.nn``, …) by weft within a block.

    Packages that were imported with the real torch before are imported once more inside, for
    weft; after the block each name is again what it was. What the block's code imported goes on
    working after it, but for imports of torch that run inside functions later: those want the
    block too, or `install`.

    Which modules are imported is a property of the process: while one thread is in the block, the
    others see the alias too.

    Args:
        afresh: packages to import once more though no module of theirs names torch (einops finds
            torch by ``sys.modules``, and remembers it).

    Yields:
        The module that stands for ``torch``.

    Examples:
        >>> with weft.compat.torch.alias():
        ...     import torch
        ...
        ...     layer = torch.nn.Linear(2, 1)
        >>> type(layer) is weft.nn.Linear
        True
    """
    global _depth
    packages = tuple(afresh)
    with _lock:
        _depth += 1
        if outermost := _depth == 1:
            before = set(sys.modules)
            outside = _enter(packages)
    try:
        yield importlib.import_module("torch")
    finally:
        with _lock:
            _depth -= 1
            if outermost:
                _leave(outside, before, packages)


def install() -> ModuleType:
    """Serve ``import torch`` by weft from here on, in the whole process.

    Call it before anything that imports torch. Processes that `multiprocessing` starts from this
    one (the workers of a `DataLoader`, by any start method) are served too.

    Returns:
        The module that stands for ``torch``.
    """
    global _depth
    with _lock:
        _depth += 1
        if _depth == 1:
            _enter(())
            tell_spawned_processes()
    return importlib.import_module("torch")
