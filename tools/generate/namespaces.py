"""Writes which function is offered where: the table that loads op modules, and nn's functions."""

from __future__ import annotations

import inspect
from collections import defaultdict
from pathlib import Path
from typing import Any

from tools.generate.catalogue import SOURCE

_BY = "by `nox -s generate`; do not edit"
#: The namespaces whose functions load their op module when first used.
LAZY = ("weft", "weft.linalg", "weft.fft", "weft.special", "weft.signal.windows")
_FUNCTIONAL = "weft.nn.functional"


def files(loaded: Any) -> dict[Path, str]:
    """Return the text of each generated module."""
    return {
        SOURCE / "weft" / "_names.py": names(loaded),
        SOURCE / "weft" / "nn" / "_functions.py": _functional(loaded),
    }


def offered(loaded: Any, space: str) -> dict[str, Any]:
    """Return the entries of a namespace by the name they have there.

    Raises:
        ValueError: two functions are offered under one name.
    """
    found: dict[str, Any] = {}
    for entry in loaded.public.values():
        for place in entry.places:
            holder, _, name = place.rpartition(".")
            if holder != space:
                continue
            if name in found:
                raise ValueError(f"{place} is both {found[name].key} and {entry.key}")
            found[name] = entry
    return dict(sorted(found.items()))


def methods(loaded: Any) -> dict[str, Any]:
    """Return the entries that are tensor methods by the method's name, in-place forms included."""
    found: dict[str, Any] = {}
    for entry in loaded.public.values():
        for method in entry.methods:
            writing = (f"{method}_",) if f"{method}_" in entry.in_place_names else ()
            for name in (method, *writing):
                if name in found:
                    raise ValueError(f"Tensor.{name} is both {found[name].key} and {entry.key}")
                found[name] = entry
    return dict(sorted(found.items()))


def _home(entry: Any) -> str:
    return str(entry.module).removeprefix("weft.ops.")


def names(loaded: Any) -> str:
    """Return the module that says in which file each function and each method is."""
    lines = [
        f'"""Which op module to load for a name that is used. Generated {_BY}."""',
        "",
        "# One table, however long: it is looked up whole and read by nobody, and every file more",
        "# would cost `import weft` its time.",
        "",
        "#: For each namespace, its names, as ``module:function`` below ``weft.ops``.",
        "FUNCTIONS = {",
    ]
    for space in LAZY:
        table = {n: f"{_home(e)}:{e.name}" for n, e in offered(loaded, space).items()}
        if space == "weft":
            for entry in loaded.public.values():
                for name in entry.in_place_names:
                    table.setdefault(name, f"{_home(entry)}:{name}")
        lines += [f'    "{space}": {{']
        lines += [f'        "{name}": "{place}",' for name, place in sorted(table.items())]
        lines += ["    },"]
    lines += ["}", "", "#: The tensor's methods, and the op module of each.", "METHODS = {"]
    lines += [f'    "{name}": "{_home(entry)}",' for name, entry in methods(loaded).items()]
    return "\n".join([*lines, "}", ""])


def _functional(loaded: Any) -> str:
    """Return the module of ``weft.nn``'s functions, which are loaded with it."""
    by_module: dict[str, list[str]] = defaultdict(list)
    listed = offered(loaded, _FUNCTIONAL)
    for name, entry in listed.items():
        by_module[entry.module].append(name if name == entry.name else f"{entry.name} as {name}")
    lines = [f'"""The functions of ``weft.nn.functional``. Generated {_BY}."""', ""]
    for module in sorted(by_module):
        lines += [f"from {module} import (", *(f"    {n}," for n in sorted(by_module[module])), ")"]
    lines[1:1] = ["", "from weft._core.catalogue import in_place"]
    writing = sorted(
        {
            f"{name}_"
            for name, entry in listed.items()
            if f"{name}_" in entry.in_place_names and f"{name}_" not in listed
        }
    )
    lines += ["", *(f'{name} = in_place["{name}"]' for name in writing)]
    lines += ["", "__all__ = ["]
    lines += [f'    "{name}",' for name in sorted([*listed, *writing])]
    return "\n".join([*lines, "]", ""])


def signature(entry: Any) -> str:
    """Return the signature that pages show: without NumPy's spellings, which all ops take."""
    own = inspect.signature(entry.function, follow_wrapped=False)
    shown = []
    for p in own.parameters.values():
        if p.name in ("axis", "keepdims") and repr(p.default) == "<unset>":
            continue
        default = p.empty if repr(p.default) == "<unset>" else p.default
        shown.append(p.replace(annotation=inspect.Parameter.empty, default=default))
    while shown and shown[-1].kind is inspect.Parameter.VAR_POSITIONAL and not shown[-1].name:
        shown.pop()
    return str(inspect.Signature(shown))
