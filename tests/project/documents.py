"""Read the project's Markdown: its code blocks, and what it puts between backticks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"(<!--(?P<said>[^\n]*?)-->\n)?"
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```",
    re.DOTALL | re.MULTILINE,
)
_TICKED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of code: where it begins, its language, and why it is not run, if so."""

    path: Path
    line: int
    language: str
    text: str
    no_run: str | None


def code_blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page in order."""
    page = path.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(page):
        said = (match["said"] or "").strip()
        reason = said.removeprefix("no-run:").strip() if said.startswith("no-run") else None
        line = page.count("\n", 0, match.start("text")) + 1
        indent = len(match["indent"])
        text = "".join(row[indent:] for row in match["text"].splitlines(keepends=True))
        found.append(Block(path, line, match["language"].strip(), text, reason))
    return found


def ticked(path: Path) -> list[str]:
    """Return what stands between single backticks outside of code blocks."""
    page = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return _TICKED.findall(page)
