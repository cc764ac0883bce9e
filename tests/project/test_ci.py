""".ci/run runs every step, fails when one fails, and closes with the test runner's summary.

The sessions themselves are what .ci/run is for, and this test is part of one; so a recorder stands
in for Python and nox here, and only the script's own doing is tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands in for the Python of the environment that .ci/run makes, which it asks for `-m pip` and
# `-m nox` alone.
RECORDER = """#!/bin/sh
[ "$2" = pip ] && exit 0
shift 2
echo "$2 $3 $4 $5" >> calls
case "$2 $5" in
  "tests ") printf '\\033[32m====== \\033[1m12 passed\\033[0m, ' &&
    printf '1 skipped in 3.45s ======\\033[0m\\n' ;;
  "parity ") echo '===== 4 passed in 1.00s =====' ;;
esac
echo "nox > Session $2 ended."
[ "$2 $5" != "$FAILING" ]
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason=".ci/run is a script for bash")


def run(tmp_path: Path, failing: str = "") -> tuple[int, list[str], list[str]]:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    python = tmp_path / ".nox" / "ci" / "tools" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(RECORDER)
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=tmp_path,
        env=os.environ | {"FAILING": f"{failing} "},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    calls = (tmp_path / "calls").read_text().splitlines()
    return done.returncode, done.stdout.splitlines(), [call.strip() for call in calls]


def test_every_step_runs_and_the_last_line_is_pytests_summary(tmp_path: Path) -> None:
    status, lines, calls = run(tmp_path)
    assert status == 0
    assert calls == [
        "tests",
        "lint",
        "types",
        "layers",
        "generate -- --check",
        "governance",
        "docs",
        "parity",
    ]
    assert lines[-1] == "====== 12 passed, 1 skipped in 3.45s ======"


@pytest.mark.parametrize("failing", ["tests", "docs", "parity"])
def test_a_step_that_fails_fails_the_run_and_stops_no_other(tmp_path: Path, failing: str) -> None:
    status, lines, calls = run(tmp_path, failing)
    assert status == 1
    assert len(calls) == 8
    (said,) = [line for line in lines if "FAILED" in line]
    assert said.startswith(failing)
    assert lines[-1] == "====== 12 passed, 1 skipped in 3.45s ======"


def test_the_tests_run_by_the_command_that_the_readme_gives() -> None:
    command = "python -m pip install nox && python -m nox -s tests"
    assert f"\n{command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'step tests bash -c "{command}"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_script_can_be_executed() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
