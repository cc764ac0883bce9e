"""What the language is written in: Python functions, read for their source and never run."""

from __future__ import annotations

import ast
import functools
import inspect
import marshal
import textwrap
import types
from collections.abc import Callable
from typing import Any


class Function:
    """A function of the language: put in place wherever a kernel calls it.

    Its arithmetic is done as written: sums are not reordered, unless it is loose. It ends in its
    only ``return``.

    One that is ``apart`` is compiled once, for each types of its arguments, and called: for what is
    long and called from several places. It returns nothing and knows of no threads.
    """

    def __init__(
        self, python: Callable[..., Any], *, loose: bool = False, apart: bool = False
    ) -> None:
        self.loose, self.apart = loose, apart
        self.__doc__ = python.__doc__
        self.name = python.__name__
        self.python = python

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"{self.name} is of the kernel language: kernels alone call it")

    @functools.cached_property
    def parsed(self) -> ast.FunctionDef:
        """Its syntax tree."""
        return parsed(self.python)

    def named(self, name: str) -> Any:
        """Return what a global name of it stands for."""
        return named(self.python, name)


class Overload:
    """Functions of one name, one for each type of their first argument."""

    def __init__(self, **by_type: Function) -> None:
        self.by_type = by_type


def function(python: Any = None, **settings: bool) -> Any:
    """Make a function of the language: ``@function``, or ``@function(loose=True, apart=True)``."""
    if python is None:
        return lambda python: Function(python, **settings)
    return Function(python, **settings)


def overload(**by_type: Function) -> Overload:
    """Join functions under one name by the type of their first argument: ``f32=...``."""
    return Overload(**by_type)


def parsed(python: Callable[..., Any]) -> ast.FunctionDef:
    """Return a function's syntax tree."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(python))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


def named(python: Any, name: str) -> Any:
    """Return what a name stands for that a function does not bind itself.

    Raises:
        NameError: nothing has this name.
    """
    if python.__closure__ and name in python.__code__.co_freevars:
        return python.__closure__[python.__code__.co_freevars.index(name)].cell_contents
    if name in python.__globals__:
        return python.__globals__[name]
    raise NameError(f"{python.__name__}: no {name!r} in the kernel language here")


def fingerprint(python: Any) -> bytes:
    """Return bytes that differ when a function differs, or a thing of the language it names."""
    seen: dict[int, None] = {}
    parts: list[bytes] = []

    def add(thing: Any) -> None:
        if isinstance(thing, Overload):
            for kind, one in thing.by_type.items():
                parts.append(kind.encode())
                add(one)
        elif isinstance(thing, (Function, types.FunctionType)):
            function = thing.python if isinstance(thing, Function) else thing
            if id(function) in seen:
                return
            seen[id(function)] = None
            code: Any = function.__code__
            parts.append(marshal.dumps((code.co_code, code.co_varnames, code.co_names)))
            parts.append(repr(code.co_consts).encode() if _plain(code.co_consts) else b"?")
            how = [getattr(thing, name, None) for name in ("loose", "apart")]
            parts.append(repr(how).encode())
            parts.append(repr(getattr(function, "__annotations__", {})).encode())
            for name in (*code.co_names, *code.co_freevars):
                try:
                    value = named(function, name)
                except NameError:
                    continue  # an attribute, or a name of the specialisation
                if isinstance(value, (Function, Overload)):
                    add(value)
                elif isinstance(value, (bool, int, float, tuple)):
                    parts.append(f"{name}={value!r}".encode())

    add(python)
    return b"\0".join(parts)


def told(value: Any) -> bytes:
    """Return bytes that differ when a thing that a kernel is given does."""
    if isinstance(value, (Function, Overload)):
        return fingerprint(value)
    return repr(value).encode()


def _plain(constants: tuple[Any, ...]) -> bool:
    return not any(isinstance(c, types.CodeType) for c in constants)
