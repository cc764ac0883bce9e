"""Processes that are started afresh, not forked, learn of the alias before they import anything."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def install_here() -> None:
    """Install the alias in the process that unpickles this."""
    import_module("weft.compat.torch").install()


class _Installing:
    """Unpickled, it installs the alias."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return install_here, ()


def tell_spawned_processes() -> None:
    """Put the alias into what `multiprocessing` sends a process first, before it runs the program.

    The new process unpickles that, then imports the main module, which says ``import torch``. What
    `multiprocessing` does not know of it leaves alone, so that nothing else changes.
    """
    from multiprocessing import spawn

    prepared = spawn.get_preparation_data

    def prepared_with_alias(name: str) -> dict[str, Any]:
        return {**prepared(name), "weft.compat.torch": _Installing()}

    spawn.get_preparation_data = prepared_with_alias
