"""``python -m tools.generate [--check]``: write, or compare, every generated file."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.generate import catalogue, namespaces, pages, stubs


def main() -> int:
    """Write the files; with ``--check`` only say which differ, and exit 1 if some do."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    loaded = catalogue.load()
    wanted: dict[Path, str] = {
        **namespaces.files(loaded),
        **stubs.files(loaded),
        **pages.files(loaded),
    }
    stale = _settle(wanted, check=check)
    # These ask the package itself, so they come after the tables that the package loads by.
    asked = {pages.FOLDER / f"{name}.rst": _asked(name) for name in ("matrix", "torch_names")}
    stale += _settle(asked, check=check)
    wanted |= asked
    left = [p for p in pages.existing() if p not in wanted]
    for path in left:
        stale.append(path.relative_to(catalogue.ROOT))
        if not check:
            path.unlink()
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path}")
    if check and stale:
        print("run `nox -s generate` and commit what it writes", file=sys.stderr)
        return 1
    print(f"{len(wanted)} generated files are up to date" if not stale else f"{len(stale)} changed")
    return 0


def _settle(wanted: dict[Path, str], *, check: bool) -> list[Path]:
    """Write the files that differ, unless this is a check; return which those are."""
    stale = []
    for path, text in wanted.items():
        if path.suffix in (".py", ".pyi"):
            text = _formatted(text, path.name)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(catalogue.ROOT))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return stale


def _asked(name: str) -> str:
    """Return the page that a module of this package writes, made where ``weft`` is no stand-in."""
    done = subprocess.run(
        [sys.executable, "-m", f"tools.generate.{name}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=catalogue.ROOT,
        env={**os.environ, "PYTHONPATH": str(catalogue.SOURCE)},
    )
    return done.stdout


def _formatted(text: str, name: str) -> str:
    """Return Python text as ruff sorts and formats it, so that the lint session agrees with it."""
    for command in (["check", "--fix-only", "--quiet"], ["format"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", name, "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=catalogue.ROOT,
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    raise SystemExit(main())
