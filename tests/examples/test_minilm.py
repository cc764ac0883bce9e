"""The sentence example from its command line, with a small encoder in place of MiniLM."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


def test_sentences_are_compared(
    run_example: Callable[..., str], small_bert: Path, tmp_path: Path
) -> None:
    said = run_example(
        *("minilm.py", "A man plays the guitar.", "the guitars", "Rain."),
        *("--data", small_bert, "--output", tmp_path),
    )
    rows = [re.findall(r"-?\d\.\d{3}", line) for line in said.splitlines()[1:]]
    assert [len(row) for row in rows] == [3, 3, 3]
    assert [row[i] for i, row in enumerate(rows)] == ["1.000"] * 3
    assert (tmp_path / "cosines.svg").exists()
