"""Docstrings are plain text with `code`: the API pages show them as they stand."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import weft
import weft.nn.functional
from docs.api.docstrings import as_restructured_text, in_place_forms, with_the_op
from docs.api.signatures import is_part, readable, with_inplace

PAGES = Path(__file__).resolve().parents[2] / "docs" / "api"

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


def test_every_name_of_weft_is_on_a_page() -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PAGES.rglob("*.rst"))
    shown = set(re.findall(r"\w+", pages))
    names = [name for name in weft.__all__ if not isinstance(getattr(weft, name), ModuleType)]
    assert [name for name in names if name not in shown and not name.startswith("__")] == []


def test_a_function_that_adds_inplace_to_an_op_is_described_by_the_op() -> None:
    lines = with_the_op(["The op `relu`; with `inplace` the result is written into `input`."])
    assert lines[0] == inspect.getdoc(weft.relu).partition("\n")[0]
    assert lines[2] == "With `inplace` the result is written into `input`."
    assert "Args:" in lines


def test_other_docstrings_are_not_touched() -> None:
    assert with_the_op(["As the op `relu`."]) == ["As the op `relu`."]
    assert with_the_op([]) == []


def test_a_signature_says_inplace_where_the_function_takes_it() -> None:
    functional = weft.nn.functional
    assert with_inplace("(input)", functional.relu) == "(input, inplace=False)"
    assert with_inplace("(input, dim)", functional.softmax) == "(input, dim)"


def test_signatures_read_as_written() -> None:
    assert readable("(a: ~typing.Any = <factory>)") == "(a: Any = ...)"
    assert (
        readable("(x, *_size: Any, size: Any = <unset>, out=None)") == "(x, *size: Any, out=None)"
    )
    assert readable("(*_size, size=None)") == "(*size)"


def test_private_parts_of_a_class_are_told_from_public_bases() -> None:
    assert all(is_part(base) for base in weft.nn.Module.__bases__)
    assert not is_part(weft.nn.Module)
    assert not is_part(object)


def test_every_attribute_of_a_tensor_has_a_docstring() -> None:
    members = vars(weft.Tensor).items()
    bare = [name for name, one in members if not name.startswith("_") and not inspect.getdoc(one)]
    assert bare == []


def test_forms_that_write_in_place_are_named_together() -> None:
    text = " ".join(in_place_forms(weft.Tensor))
    assert "`add_`" in text
    assert "`requires_grad_`" not in text
