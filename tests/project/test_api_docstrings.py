"""Docstrings are plain text with `code`: the API pages show them as they stand."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

from docs.api.docstrings import as_restructured_text

PACKAGES = ["weft", "weft_vision", "weft_audio", "weft_hub", "weft_steward"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("the greatest |x|", r"the greatest \|x\|"),
        ("*size: one length an axis", r"\*size: one length an axis"),
        ("a * b, in place by add_", r"a \* b, in place by add\_"),
        ("`x * y` and ``a_`` stay", "``x * y`` and ``a_`` stay"),
        ("see :func:`weft.exp` for x_", r"see :func:`weft.exp` for x\_"),
        ("a **bold** word", "a **bold** word"),
        ("my_name stays, a_b_ does not", r"my_name stays, a_b\_ does not"),
        (r"a\b", r"a\\b"),
        (".. note:: *this*", ".. note:: *this*"),
        ("", ""),
    ],
)
def test_a_line_is_shown_as_it_was_written(written: str, shown: str) -> None:
    assert as_restructured_text([written]) == [shown]


def test_code_is_left_alone() -> None:
    lines = [
        "Example:",
        "    >>> x * y  # *args",
        "    tensor(|1|)",
        "",
        "As here::",
        "",
        "    a * b_",
        "",
        "a * b",
    ]
    assert as_restructured_text(lines) == [*lines[:-1], r"a \* b"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package: str) -> None:
    bare = []
    root = import_module(package)
    modules = [root]
    for found in pkgutil.iter_modules(root.__path__, f"{package}."):
        if not found.name.rpartition(".")[2].startswith("_"):
            modules.append(import_module(found.name))
    for module in modules:
        for name in getattr(module, "__all__", ()):
            subject = getattr(module, name)
            documented = inspect.isclass(subject) or inspect.isroutine(subject)
            if documented and not inspect.getdoc(subject):
                bare.append(f"{module.__name__}.{name}")
    assert bare == []
