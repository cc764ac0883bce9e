"""A Sphinx extension: our docstrings are plain text with `code`, and this makes them its markup.

It also leaves out of the page of Tensor the methods that are ops: each op has its entry on the page
of its module, where its methods are named. The forms that write in place are named together.

A function of `weft.nn.functional` that only adds `inplace` to an op says so in one line that names
the op; here it is shown with the op's own description.

In reStructuredText `|x|`, `*size` and `add_` mean things (a substitution, the start of emphasis, a
link) that no author of a formula or a name has in mind. So outside of code they are escaped, and
code between single backticks becomes a literal. Blocks that are indented code, doctests and
directives are left as they are.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

# Spans that are markup already: literals, roles, strong text, and links with a target.
_CODE = re.compile(r"``.+?``|:[\w:]+:`[^`]+`|`[^`]+ <[^`]+>`_+|\*\*[^*\s][^*]*\*\*")
_ADDS_TO_AN_OP = re.compile(r"The op `(\w+)`; with (.*)")
_SPECIAL = re.compile(r"\\|\*|\||(?<=\w)_(?!\w)|\[(?=[\w#]+\]_)")


def as_restructured_text(lines: list[str]) -> list[str]:
    """Return a docstring's lines with everything escaped that is meant as it stands."""
    found = []
    literal_indent: int | None = None  # of the line that opened a literal block or directive
    in_doctest = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            in_doctest = False
            found.append(line)
            continue
        if literal_indent is not None and indent > literal_indent:
            found.append(line)
            continue
        literal_indent = None
        in_doctest = in_doctest or line.lstrip().startswith(">>>")
        if in_doctest:
            found.append(line)
            continue
        if line.rstrip().endswith("::") or line.lstrip().startswith(".. "):
            literal_indent = indent
        found.append(line if line.lstrip().startswith(".. ") else _escaped(line))
    return found


def _escaped(line: str) -> str:
    line = _joined_ticks(line)
    parts, start = [], 0
    for code in _CODE.finditer(line):
        parts += [_plain(line[start : code.start()]), code[0]]
        start = code.end()
    return "".join([*parts, _plain(line[start:])])


def _joined_ticks(line: str) -> str:
    """Double the backticks of single-backtick code."""
    return re.sub(r"(?<![`\w:])`([^`\n<]+)`(?![`_])", lambda match: f"``{match[1]}``", line)


def _plain(text: str) -> str:
    return _SPECIAL.sub(lambda match: "\\" + match[0], text)


def with_the_op(lines: list[str]) -> list[str]:
    """Return the lines, with the description of the op in place of its name."""
    adds = _ADDS_TO_AN_OP.fullmatch(lines[0]) if lines else None
    if adds is None:
        return lines
    op = inspect.getdoc(getattr(import_module("weft.nn._functions"), adds[1])) or ""
    first, _, rest = op.partition("\n")
    return [first, "", f"With {adds[2]}", *rest.split("\n"), *lines[1:]]


def _process(app: Any, what: str, name: str, subject: Any, options: Any, lines: list[str]) -> None:
    if name == "weft.Tensor":
        lines += in_place_forms(subject)
    lines[:] = as_restructured_text(with_the_op(lines))


def _skip(app: Any, what: str, name: str, subject: Any, skip: bool, options: Any) -> bool | None:
    is_op = str(getattr(subject, "__module__", "")).startswith("weft.ops.")
    if what != "class":
        return None
    return True if is_op or is_in_place_form(name, subject) else None


def is_in_place_form(name: str, subject: Any) -> bool:
    """Whether a method is an op's form that writes into self, such as `add_`."""
    return name.endswith("_") and (inspect.getdoc(subject) or "").startswith("In-place form of ")


def in_place_forms(tensor: type) -> list[str]:
    """Return lines that name the in-place forms together: each has only its op to say of it."""
    found = [name for name, method in vars(tensor).items() if is_in_place_form(name, method)]
    names = ", ".join(f"`{name}`" for name in sorted(found))
    return ["", f"Ops that also write into the tensor itself: {names}.", ""]


def setup(app: Any) -> dict[str, bool]:
    """Connect before napoleon, which turns our sections (Args, Returns) into fields."""
    app.connect("autodoc-process-docstring", _process, priority=100)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
