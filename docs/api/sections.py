"""A Sphinx extension: the directive `sections` documents a package's public names by their modules.

    .. sections:: weft.nn
       :first: module containers

makes a section of each file that defines names of the package's `__all__`, under the first sentence
of that file's docstring: the files named in `:first:`, then the others by name, errors last. So a
page has headings without a list of names kept by hand.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from importlib import import_module
from typing import Any

from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from signatures import is_part
from sphinx.util.docutils import SphinxDirective


def by_module(package: str, first: list[str]) -> dict[str, list[str]]:
    """Return the public names of a package, gathered by the file that defines them, in order."""
    root = import_module(package)
    found: dict[str, list[str]] = defaultdict(list)
    for name in root.__all__:
        subject = getattr(root, name)
        if inspect.isclass(subject) or inspect.isroutine(subject):
            inside = subject.__module__.removeprefix(f"{package}.").partition(".")[0]
            found[inside].append(name)
    unknown = [name for name in first if name not in found]
    if unknown:
        raise ValueError(f"sections: {package} has no public names of {', '.join(unknown)}")
    rank = {name: place for place, name in enumerate(first)}
    order = sorted(found, key=lambda m: (rank.get(m, len(first)), "errors" in m, m.strip("_")))
    return {module: sorted(found[module], key=str.lower) for module in order}


def as_text(package: str, first: list[str]) -> list[str]:
    """Return the sections as reStructuredText."""
    root = import_module(package)
    lines: list[str] = []
    found = by_module(package, first)
    hidden = [
        module
        for module, names in found.items()
        if module.startswith("_") and all(inspect.isroutine(getattr(root, n)) for n in names)
    ]
    for module, names in found.items():
        lone = hidden == [module]  # of several such files the names tell them apart
        title = "Functions" if lone else module.strip("_").replace("_", " ").capitalize()
        about = (import_module(f"{package}.{module}").__doc__ or "").partition("\n")[0]
        lines += [title, "-" * len(title), "", about.replace("`", "``"), ""]
        for name in names:
            subject = getattr(root, name)
            kind = "function"
            if inspect.isclass(subject):
                kind = "exception" if issubclass(subject, BaseException) else "class"
            lines += [f".. auto{kind}:: {package}.{name}"]
            if any(is_part(base) for base in getattr(subject, "__bases__", ())):
                lines += ["   :inherited-members:"]
            lines += [""]
    return lines


class Sections(SphinxDirective):
    """Parse the sections where the directive stands, below the page's own heading."""

    required_arguments = 1
    option_spec = {"first": directives.unchanged}  # noqa: RUF012 - docutils reads a plain dict

    def run(self) -> list[Any]:
        """Return the nodes of the sections."""
        package = self.arguments[0]
        lines = as_text(package, self.options.get("first", "").split())
        return self.parse_content_to_nodes_of(StringList(lines, source=f"sections of {package}"))

    def parse_content_to_nodes_of(self, lines: StringList) -> list[Any]:
        """Parse lines that were made here, titles included."""
        self.content = lines
        return self.parse_content_to_nodes(allow_section_headings=True)


def setup(app: Any) -> dict[str, bool]:
    """Offer the directive."""
    app.add_directive("sections", Sections)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
