"""A Sphinx extension: signatures and bases read as a person would write them.

Autodoc writes a dataclass's default that is made anew for each object as `~typing.Any]=<factory>`,
and says of every class without another base that its base is `object`. And the pages of the ops
give the signatures of ops; the form of an op in `weft.nn.functional` may take `inplace` besides.
"""

from __future__ import annotations

import inspect
import re
from typing import Any


def readable(signature: str) -> str:
    """Return a signature without autodoc's marks of shortening and of factories.

    Of ``*_size, size=<unset>``, a shape given as ints or by name, only ``*size`` is shown.
    """
    signature = re.sub(
        r"\*_(\w+)(: [^,]+)?, \1(: [^=,]+)?\s*=\s*(<unset>|None)", r"*\1\2", signature
    )
    return re.sub(r"\s*=\s*<factory>", " = ...", signature.replace("~typing.", ""))


def with_inplace(signature: str, function: Any) -> str:
    """Return an op's signature with `inplace` at its end, if this form of the op takes it."""
    taken = "inplace" in inspect.signature(function).parameters
    if not taken or "inplace" in signature or not signature.endswith(")"):
        return signature
    return f"{signature[:-1]}, inplace=False)"


def _process(
    app: Any, what: str, name: str, subject: Any, options: Any, signature: Any, returns: Any
) -> tuple[Any, Any]:
    if not signature:
        return signature, returns
    if name.startswith("weft.nn.functional."):
        signature = with_inplace(signature, subject)
    return readable(signature), returns


def _public_bases(app: Any, name: str, subject: Any, options: Any, bases: list[Any]) -> None:
    """Leave out bases that only split a class over files; `sections` shows what they define."""
    bases[:] = [base for base in bases if not is_part(base)] or [object]


def is_part(base: Any) -> bool:
    """Whether a base class is one of our private parts of a public class."""
    module = str(getattr(base, "__module__", ""))
    return module.startswith("weft") and module.rpartition(".")[2].startswith("_")


def _without_object(app: Any, doctree: Any) -> None:
    from docutils import nodes  # here, so that the tests of this file need no Sphinx

    for paragraph in list(doctree.findall(nodes.paragraph)):
        if paragraph.astext() == "Bases: object":
            paragraph.parent.remove(paragraph)


def setup(app: Any) -> dict[str, bool]:
    """Connect to what autodoc tells and to each page when it has been read."""
    app.connect("autodoc-process-signature", _process)
    app.connect("autodoc-process-bases", _public_bases)
    app.connect("doctree-read", _without_object)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
