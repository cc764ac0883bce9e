"""Writes the modules that say which function is offered where, and the stub of the tensor class."""

from __future__ import annotations

import inspect
from collections import defaultdict
from pathlib import Path
from typing import Any

from tools.generate.catalogue import OPS, SOURCE

_BY = "by `nox -s generate`; do not edit"


def files(loaded: Any) -> dict[Path, str]:
    """Return the text of each generated module."""
    entries = [e for e in loaded.public.values() if e.namespaces]
    weft = [e for e in entries if "weft" in e.namespaces]
    functional = [e for e in entries if "weft.nn.functional" in e.namespaces]
    return {
        OPS / "__init__.py": _module(
            f'"""Every op, each in one file. Generated {_BY}."""', entries
        ),
        SOURCE / "weft" / "_functions.py": _module(
            f'"""The functions of the namespace ``weft``. Generated {_BY}."""', weft
        ),
        SOURCE / "weft" / "nn" / "_functions.py": _module(
            f'"""The functions of ``weft.nn.functional``. Generated {_BY}."""', functional
        ),
    }


def _module(first_line: str, entries: list[Any]) -> str:
    by_module: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        by_module[entry.module].append(entry.name)
    lines = [first_line, ""]
    for module in sorted(by_module):
        lines += [f"from {module} import ("]
        lines += [f"    {name}," for name in sorted(by_module[module])]
        lines += [")"]
    names = sorted(name for group in by_module.values() for name in group)
    lines += ["", "__all__ = ["]
    lines += [f'    "{name}",' for name in names]
    lines += ["]", ""]
    return "\n".join(lines)


def signature(entry: Any) -> str:
    """Return the signature that pages show: without NumPy's spellings, which all ops take."""
    own = inspect.signature(entry.function)
    shown = []
    for p in own.parameters.values():
        if repr(p.default) == "<unset>":
            continue
        shown.append(p.replace(annotation=inspect.Parameter.empty))
    while shown and shown[-1].kind is inspect.Parameter.VAR_POSITIONAL and not shown[-1].name:
        shown.pop()
    return str(inspect.Signature(shown))
