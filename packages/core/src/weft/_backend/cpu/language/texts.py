"""Kernels whose source is generated text."""

from __future__ import annotations

import ast
import functools
import importlib
import os
from typing import Any

from weft._backend.cpu.language import source
from weft._backend.cpu.language.kernel import Kernel, told_of_files

_CPU = os.path.dirname(os.path.dirname(__file__))


class Names:
    """What generated kernels may name: a module of kernels, imported when one is compiled.

    A kernel that is taken from disk needs none of them. That they are those it was made of is told
    by the files that they lie in, with all kernels.

    Args:
        module: the module in ``kernels`` whose public names these are.
        more: further names, and what they stand for.
    """

    def __init__(self, module: str, **more: Any) -> None:
        self._module, self._more = module, more

    def also(self, **more: Any) -> Names:
        """Return these names and more."""
        return Names(self._module, **self._more, **more)

    def __getitem__(self, name: str) -> Any:
        if name in self._more:
            return self._more[name]
        module = importlib.import_module(f"weft._backend.cpu.kernels.{self._module}")
        if name not in module.__all__:
            raise KeyError(name)
        return getattr(module, name)

    @functools.cached_property
    def fingerprint(self) -> bytes:
        """Bytes that differ when any of them does."""
        more = [name.encode() + source.told(value) for name, value in sorted(self._more.items())]
        return b"\0".join([*told_of_files(os.path.join(_CPU, "kernels")), *more])


class TextKernel(Kernel):
    """A kernel of one function's text.

    Args:
        name: the function's.
        text: the function.
        names: what its global names stand for.
        loose: whether sums may be reordered.
        overlap: whether arrays may share memory.
    """

    def __init__(
        self, name: str, text: str, names: Names, *, loose: bool = True, overlap: bool = False
    ) -> None:
        self.name = name
        self.source = text
        self.names = names
        self.loose, self.overlap, self.unroll = loose, overlap, True
        self._made = {}

    @functools.cached_property
    def tree(self) -> ast.FunctionDef:
        """Its syntax tree."""
        (tree,) = ast.parse(self.source).body
        assert isinstance(tree, ast.FunctionDef)
        return tree

    def named(self, name: str) -> Any:
        """Return what a global name of it stands for."""
        try:
            return self.names[name]
        except KeyError:
            raise NameError(f"{self.name}: no {name!r} in the kernel language here") from None

    def fingerprint(self) -> bytes:
        """Return bytes that differ when its source does, or a function that it may call."""
        return b"\0".join([self.source.encode(), self.names.fingerprint])
