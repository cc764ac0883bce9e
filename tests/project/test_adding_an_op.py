"""The guide's new op, added to a copy of weft: one file by hand, all else generated and tested."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.documents import code_blocks

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guide" / "contributing.md"
ADDED = Path("packages/core/src/weft/ops/log_cosh.py")
COPIED = ("packages/core", "tools", "tests/core", "tests/__init__.py", "docs/api")
TRIAL = """
import math, weft
x = weft.tensor([0.0, 1.0, -20.0], requires_grad=True)
y = weft.log_cosh(x)
y.sum().backward()
assert abs(y[1].item() - math.log(math.cosh(1))) < 1e-6
assert abs(x.grad[1].item() - math.tanh(1)) < 1e-6
assert weft.tensor([1.0]).log_cosh_().tolist() == y[1:2].tolist()
assert weft.ones(2, 3, device="meta").log_cosh().shape == (2, 3)
"""


def files(root: Path) -> dict[Path, bytes]:
    """Return every file below a folder with its content, caches left out."""
    return {
        path.relative_to(root): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            skipped = shutil.ignore_patterns("__pycache__", ".*_cache")
            shutil.copytree(source, target, ignore=skipped)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    """Run Python on a copy's sources; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder / "packages/core/src"), str(folder)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_op_of_the_guide_is_one_file_by_hand(copy: Path) -> None:
    block = next(b for b in code_blocks(PAGE) if "def log_cosh" in b.text)
    before = files(copy)
    (copy / ADDED).write_text(block.text, encoding="utf-8")
    written = run(copy, "-m", "tools.generate")
    after = files(copy)
    changed = {path for path in after if before.get(path) != after[path]}
    generated = {Path(line.partition(": ")[2]) for line in written.splitlines() if ": " in line}
    assert changed - generated == {ADDED}
    run(copy, "-c", TRIAL)
    checks = [
        f"tests/core/test_{n}.py" for n in ("catalogue", "derivative_rules", "batching_rules")
    ]
    tested = run(copy, "-m", "pytest", "-q", *checks, "-k", "log_cosh")
    assert " passed" in tested
    assert int(tested.split(" passed")[0].split()[-1]) > 30
