"""A kernel: its source, and the functions made of it for the types that were asked for."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Any

from weft._backend import np
from weft._backend.cpu import code_cache, processor, switches
from weft._backend.cpu.addresses import data_offset
from weft._backend.cpu.digests import digest
from weft._backend.cpu.language import source
from weft._backend.cpu.language.intrinsics import T
from weft._backend.cpu.language.types import BY_NAME, ptr

#: What belongs to the translator and lies beside its folder.
_ITS_OTHER_FILES = ("compiler", "processor")


class Kernel:
    """Loops over numbers, compiled when first asked for.

    Attributes:
        name: for people.
        loose: whether sums may be reordered, so that they vectorise.
        overlap: whether arrays may share memory.
        unroll: whether LLVM may unroll loops; what is written out by hand compiles in half the
            time without.
    """

    def __init__(
        self, python: Any, *, loose: bool = True, overlap: bool = False, unroll: bool = True
    ) -> None:
        self.__doc__ = python.__doc__
        self.name: str = python.__name__
        self.python = python
        self.loose, self.overlap, self.unroll = loose, overlap, unroll
        self._made: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def at(self, **given: Any) -> Callable[..., Any]:
        """Return the function for types and numbers: ``function(n, grain, *arguments)``.

        It runs the kernel over ``range(n)``, in several threads if each gets ``grain`` steps or
        more. Arrays give their memory's address: that it is of the right type, size and order is
        the caller's to see to.

        Raises:
            Misread: the kernel is no kernel of the language.
        """
        key = tuple(given.items())
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(given)
        return made

    def text(self, **given: Any) -> str:
        """Return the kernel in LLVM's language, for these types."""
        from weft._backend.cpu import compiler
        from weft._backend.cpu.language.module import module_text

        text = module_text(
            self.tree,
            self.named,
            given,
            loose=self.loose,
            overlap=self.overlap,
            attributes=compiler.attributes(),
        )
        return text.replace("DATA_OFFSET", str(data_offset()))

    @property
    def tree(self) -> ast.FunctionDef:
        """Its syntax tree."""
        return source.parsed(self.python)

    def named(self, name: str) -> Any:
        """Return what a global name of it stands for."""
        return source.named(self.python, name)

    def fingerprint(self) -> bytes:
        """Return bytes that differ when its source does."""
        return source.fingerprint(self.python)

    def key(self, given: dict[str, Any]) -> str:
        """Return the name that its code has on disk: of source, types, processor and versions."""

        parts = (
            self.fingerprint(),
            repr((self.name, self.loose, self.overlap, self.unroll)).encode(),
            *(f"{name}=".encode() + source.told(value) for name, value in sorted(given.items())),
            processor.identity(),
            str(data_offset()).encode(),
            _of_the_language(),
        )
        return f"{self.name}-{digest(parts).hex()[:40]}"

    def _make(self, given: dict[str, Any]) -> Callable[..., Any]:
        from weft._backend.cpu import calls, loader

        key = self.key(given)
        image = code_cache.get(key)
        if image is None:
            from weft._backend.cpu import compiler

            image = compiler.compile(self.text(**given), unroll=self.unroll)
            code_cache.put(key, image)
        made: Callable[..., Any] = calls.function(self.name, loader.place(image, "entry"))
        return made


def usable() -> bool:
    """Whether kernels may be used and can be compiled here."""
    return switches.codegen and not why_unusable()


@functools.cache
def why_unusable() -> str:
    """Return why kernels cannot be compiled here, in one clause; empty if they can."""
    if _llvmlite() is None:
        return "llvmlite, which compiles them, is not installed"
    x = np.array([1.0, 2.0])
    try:
        _twice.at(T=BY_NAME["f64"])(2, 2, x)
    except Exception as error:  # whatever it is, NumPy does the work instead
        return f"a first kernel could not be made: {error}"
    return "" if x.tolist() == [2.0, 4.0] else "a first kernel gave wrong numbers"


def kernel(python: Any = None, **settings: bool) -> Any:
    """Make a kernel of a function: ``@kernel``, or ``@kernel(loose=False)``; see `Kernel`."""
    if python is None:
        return lambda python: Kernel(python, **settings)
    return Kernel(python, **settings)


@functools.cache
def _llvmlite() -> Any:
    """Return where llvmlite is, without importing it; None if it is not installed."""
    return PathFinder.find_spec("llvmlite")


def told_of_files(folder: str, *paths: str) -> list[bytes]:
    """Return bytes that differ when a file of Python in a folder, or one of the paths, does."""
    paths = (*(entry.path for entry in os.scandir(folder) if entry.name.endswith(".py")), *paths)
    told = [(path, os.stat(path)) for path in sorted(paths)]
    # whole paths: some installers give all files one date, and each version a folder
    return [f"{path} {of.st_size} {of.st_mtime_ns}".encode() for path, of in told]


@functools.cache
def _of_the_language() -> bytes:
    """Return bytes that differ with the translator's files and LLVM's version."""
    here = os.path.dirname(__file__)
    beside = [os.path.join(os.path.dirname(here), f"{name}.py") for name in _ITS_OTHER_FILES]
    parts = told_of_files(here, *beside)
    found = _llvmlite()
    if found is not None and found.origin:
        version = os.path.join(os.path.dirname(found.origin), "_version.py")
        if os.path.exists(version):
            with open(version, "rb") as file:
                parts.append(file.read())
    return digest(parts)


@kernel
def _twice(begin: Any, end: Any, x: ptr(T)):  # type: ignore  # noqa: PGH003  # of the language
    for i in range(begin, end):
        x[i] = x[i] * 2
