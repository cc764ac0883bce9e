"""Hold a model card to its sections, line by line: no Markdown parser that a text could hang."""

from __future__ import annotations

from pathlib import Path

from weft_hub._contribution.scaffold import CARD_SECTIONS, TODO

_MOST_BYTES = 1 << 20


def card_problems(path: Path) -> list[str]:
    """Return what the card at `path` lacks, each as `FILE:LINE: text`."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return [f"{path}:1: the card has more than {_MOST_BYTES} bytes"]
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []  # the reader of the entry says why
    wrong = []
    lines = text.splitlines()
    found: dict[str, int] = {}  # the sections and their lines
    filled: set[str] = set()
    title, section, in_code = 0, "", False
    for number, line in enumerate(lines, 1):
        if TODO in line:
            wrong.append(f"{path}:{number}: is not filled in yet: {line.strip()[:80]}")
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and line.startswith("# ") and not title:
            title = number
        elif not in_code and line.startswith("## "):
            section = line[3:].strip()
            if section in found:
                wrong.append(f"{path}:{number}: the section `## {section}` is there twice")
            found[section] = number
            continue
        if line.strip():
            filled.add(section)
    if not title:
        wrong.append(f"{path}:1: the card must start with a title, such as `# MobileNetV2`")
    if in_code:
        wrong.append(f"{path}:{len(lines)}: a block of code is not closed")
    for name, says in CARD_SECTIONS.items():
        if name not in found:
            wrong.append(f"{path}:1: the section `## {name}` is missing: {says}")
        elif name not in filled:
            wrong.append(f"{path}:{found[name]}: the section `## {name}` is empty: {says}")
    return wrong
