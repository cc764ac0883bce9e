"""Kernels whose source is generated text."""

from __future__ import annotations

import ast
from typing import Any

from weft._backend.cpu.language import source
from weft._backend.cpu.language.kernel import Kernel


class TextKernel(Kernel):
    """A kernel of one function's text.

    Args:
        text: the function.
        names: what its global names stand for.
        loose: whether sums may be reordered.
        overlap: whether arrays may share memory.
    """

    def __init__(
        self, text: str, names: dict[str, Any], *, loose: bool = True, overlap: bool = False
    ) -> None:
        (tree,) = ast.parse(text).body
        assert isinstance(tree, ast.FunctionDef)
        self.name = tree.name
        self.source = text
        self.names = names
        self.loose, self.overlap = loose, overlap
        self._made = {}
        self._tree = tree

    @property
    def tree(self) -> ast.FunctionDef:
        """Its syntax tree."""
        return self._tree

    def named(self, name: str) -> Any:
        """Return what a global name of it stands for."""
        if name in self.names:
            return self.names[name]
        raise NameError(f"{self.name}: no {name!r} in the kernel language here")

    def fingerprint(self) -> bytes:
        """Return bytes that differ when its source does, or a function that it calls."""
        said = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        used = [source.told(self.names[name]) for name in sorted(said & self.names.keys())]
        return b"\0".join([self.source.encode(), *used])
