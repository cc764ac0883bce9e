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
    lines = chance.randint(6, 12) if wait_for == "step" else 2
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


#: The loader of each life of a run, the last one of which ends by itself.
LIVES = {
    "a loader of one's own": ["own"] * 5,
    "no worker": ["0"] * 5,
    "one worker": ["1"] * 5,
    "two workers": ["2"] * 5,
    "workers that come and go": ["2", "0", "1", "2", "0"],
}


@pytest.mark.parametrize("lives", LIVES)
def test_a_killed_run_ends_with_the_bits_of_one_that_was_never_killed(lives, tmp_path):
    *killed_ones, last = LIVES[lives]
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole = finished(tmp_path / "whole", last)
    chance = random.Random(lives)
    spans = [killed(tmp_path / "broken", workers, chance) for workers in killed_ones]
    assert 0 < spans[-1][0] < spans[-1][1] < STEPS  # it did go on from checkpoints
    assert any(begin % 6 for begin, _ in spans)  # in mid-epoch
    assert finished(tmp_path / "broken", last) == whole
    kept = [path.name for path in weft.io.list_checkpoints(tmp_path / "broken" / "checkpoints")]
    assert kept == ["step-0000000075.safetensors", "step-0000000080.safetensors"]


def test_the_number_of_workers_changes_no_bit(tmp_path):
    ends = []
    for workers in "012":
        folder = tmp_path / workers
        folder.mkdir()
        ends.append(finished(folder, workers))
    assert ends[0] == ends[1] == ends[2]
