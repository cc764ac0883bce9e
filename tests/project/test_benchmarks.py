"""The measuring harness is fair and says what it did; no test here looks at how fast a thing is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import machine, tables
from benchmarks.__main__ import benchmark_names
from benchmarks.measure import compare, compare_processes, row_of

ROOT = Path(__file__).resolve().parents[2]


def test_rivals_are_called_in_turns_and_equally_often_by_round() -> None:
    calls: list[str] = []
    row = compare(
        "two rivals",
        baseline="b",
        rounds=3,
        round_s=0.0,
        a=lambda: calls.append("a"),
        b=lambda: calls.append("b"),
    )
    # With no time for a turn every rival is called once in each, after its warming up.
    assert calls[-6:] == ["a", "b"] * 3
    assert set(row.seconds) == {"a", "b"}
    assert row.samples == 3


def test_a_row_holds_medians_and_quartiles() -> None:
    row = row_of("x", {"weft": [1.0, 2.0, 9.0], "torch": [4.0, 4.0, 4.0]}, baseline="torch")
    assert row.seconds == {"weft": 2.0, "torch": 4.0}
    assert row.quartiles["weft"] == (1.0, 9.0)


def test_fresh_processes_report_their_own_time() -> None:
    row = compare_processes("fixed", baseline="one", rounds=2, one="print(1.0)", two="print(3.0)")
    assert row.seconds == {"one": 1.0, "two": 3.0}
    assert row.samples == 2


def test_a_table_shows_ratios_to_the_baseline_and_the_settings() -> None:
    row = row_of("add", {"weft": [1e-6], "torch": [4e-6]}, baseline="torch")
    text = tables.markdown(
        {
            "benchmark": "some_ops",
            "measured": "2026-01-31T12:00:00+00:00",
            "machine": {"processor": "a processor", "torch": "2.13.0"},
            "settings": machine.settings(2),
            "rows": [json.loads(json.dumps(row.__dict__))],
        }
    )
    assert "| what | weft | torch | weft / torch |" in text
    assert "| add | 1 µs (1 µs-1 µs) | 4 µs (4 µs-4 µs) | 0.25 |" in text
    assert "`OMP_NUM_THREADS=2`" in text
    assert "`MALLOC_TRIM_THRESHOLD_=" in text
    assert "a processor" in text


def test_a_row_of_bytes_is_shown_in_bytes() -> None:
    row = row_of("a step", {"weft": [3 << 20], "torch": [6 << 20]}, baseline="torch", unit="B")
    result = {"benchmark": "memory", "measured": "now", "machine": {}, "settings": {}}
    text = tables.markdown({**result, "rows": [json.loads(json.dumps(row.__dict__))]})
    assert "| a step | 3 MiB (3 MiB-3 MiB) | 6 MiB (6 MiB-6 MiB) | 0.50 |" in text
    assert "A ratio below 1 needs less memory." in text


def test_the_machine_is_described_with_every_library() -> None:
    found = machine.describe()
    assert found["weft"] != "not installed"
    assert set(machine.LIBRARIES) < set(found)
    assert found["processor"]


def test_every_benchmark_module_is_listed_and_measures_something() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == benchmark_names()
    assert "import_time" in benchmark_names()
    for name in benchmark_names():
        text = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
        assert "def rows()" in text, f"benchmarks/{name}.py has no rows()"
        assert "main(rows)" in text, f"benchmarks/{name}.py does not end with main(rows)"


def test_a_committed_result_names_its_machine_and_settings() -> None:
    for path in (ROOT / "benchmarks" / "results").glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        assert result["rows"], path.name
        assert result["machine"]["processor"], path.name
        assert result["settings"]["OMP_NUM_THREADS"], path.name
        assert tables.markdown(result) == path.with_suffix(".md").read_text(encoding="utf-8")
