"""Seeded faults against real processes: the whole file or one typed error, and a right cache."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from tests.hub.http import fault_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "forkserver" not in multiprocessing.get_all_start_methods(),
        reason="this system cannot fork",
    ),
]


@pytest.mark.parametrize("seed", range(48))
def test_a_case_ends_with_the_file_or_one_typed_error(seed: int, tmp_path: Path) -> None:
    case = fault_run.run_case(seed, tmp_path)
    assert case.broken == [], case


def test_the_run_would_notice_a_wrong_file_in_the_cache(tmp_path: Path) -> None:
    wrong = tmp_path / "cache" / "blobs" / ("0" * 64)
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"wrong")
    case = fault_run.run_case(0, tmp_path)
    assert any("a wrong file in the cache" in text for text in case.broken)
