"""A run that SIGKILL ends goes on from its checkpoint, to the bits of one never killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import weft

PROGRAM = Path(__file__).with_name("killed_run.py")
STEPS = 80  # the epochs have 6
KILLS = 4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


def started(folder: Path, workers: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), str(STEPS), workers],
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(folder: Path, workers: str) -> bytes:
    """Let a run go on to its end; return the bytes of what it trained."""
    with started(folder, workers) as process:
        process.communicate(timeout=120)
    assert process.returncode == 0
    return (folder / "final.safetensors").read_bytes()


def killed(folder: Path, workers: str, chance: random.Random) -> tuple[int, int]:
    """Start a run and kill it a while later; return the steps that it began and ended at."""
    wait_for = chance.choice(["step", "saving"])  # between saves or within one
    lines = chance.randint(4, 9) if wait_for == "step" else chance.randint(2, 3)
    at = []
    with started(folder, workers) as process:
        assert process.stdout is not None
        for line in process.stdout:
            word, number = line.split()
            at.append(int(number))
            lines -= word == wait_for
            if not lines:
                break
        time.sleep(chance.uniform(0, 0.01))
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return at[0], at[-1]


@pytest.mark.parametrize("workers", ["own"])
def test_a_killed_run_ends_with_the_bits_of_one_that_was_never_killed(workers, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole = finished(tmp_path / "whole", workers)
    chance = random.Random(workers)
    lives = [killed(tmp_path / "broken", workers, chance) for _ in range(KILLS)]
    assert 0 < lives[-1][0] < lives[-1][1] < STEPS  # it did go on from checkpoints
    assert any(end % 6 for _, end in lives)  # in mid-epoch
    assert finished(tmp_path / "broken", workers) == whole
    kept = [path.name for path in weft.io.list_checkpoints(tmp_path / "broken" / "checkpoints")]
    assert kept == ["step-0000000075.safetensors", "step-0000000078.safetensors"]
