"""``python -m tools.pictures [--check]``: write, or compare, the pictures of the guide.

A picture is made by the Python block of its page that draws it, so page and picture cannot part.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "guide"
#: The pictures: the page, and the name under which a block of it leaves the drawing.
PICTURES = {
    GUIDE / "assets" / "graph.svg": (GUIDE / "debugging.md", "drawing"),
    GUIDE / "assets" / "gamma-draws.svg": (GUIDE / "distributions.md", "drawing"),
}


def drawn(page: Path, name: str) -> str:
    """Return the SVG of the variable ``name`` after running the block of the page that sets it.

    Raises:
        ValueError: no block of the page sets it.
    """
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if re.search(rf"^{name} = ", block, re.MULTILINE):
            scope: dict[str, Any] = {"__name__": "__page__"}
            exec(compile(block, str(page), "exec"), scope)
            return str(scope[name].svg())
    raise ValueError(f"{page}: no Python block sets {name}")


def main() -> int:
    """Write the pictures; with ``--check`` only say which differ, and exit 1 if some do."""
    parser = argparse.ArgumentParser(prog="python -m tools.pictures", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    stale = []
    for path, (page, name) in PICTURES.items():
        svg = drawn(page, name)
        if not path.exists() or path.read_text(encoding="utf-8") != svg:
            stale.append(path)
            if not check:
                path.write_text(svg, encoding="utf-8")
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
