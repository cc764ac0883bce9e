"""A module of ``launch`` that loads when first used, for ops too short to import it each time."""

from __future__ import annotations

import importlib
from typing import Any

from weft._backend.cpu import switches


class Launcher:
    """Stands for a module of ``launch``: ``affine = Launcher("affine")``.

    Each of its functions returns None, which asks for the general kernel, where kernels cannot be
    compiled, and none is looked for while they are switched off. Whether they are is asked by
    ``if affine:`` before a call's arguments are made ready for it.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        return switches.codegen

    def __getattr__(self, attribute: str) -> Any:
        if not switches.codegen:
            return _declined  # not kept: the switch may be turned
        from weft._backend.cpu.language import why_unusable

        module = importlib.import_module(f"weft._backend.cpu.launch.{self._name}")
        value = _declined if why_unusable() else getattr(module, attribute)
        setattr(self, attribute, value)  # found without this function from now on
        return value


def _declined(*args: Any, **params: Any) -> None:
    """Ask for the general kernel."""
