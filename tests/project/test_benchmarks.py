"""The measuring harness is fair and says what it did; no test here looks at how fast a thing is."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import chart, first_call, machine, page, peak_memory, profiles, tables
from benchmarks.__main__ import benchmark_names, modules_with_cases
from benchmarks.measure import compare, compare_processes, row_of
from benchmarks.rivals import turns
from benchmarks.rivals.case import cases_of
from benchmarks.rivals.results import arrays_of, disagreement, store, stored

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


def test_a_networks_profile_shows_where_its_time_goes(tmp_path: Path) -> None:
    name = "MLP of width 64, batch 8, training step"
    found = profiles.profiled(name, tmp_path, seconds=0.0)
    assert sum(found["shares"].values()) == pytest.approx(1)
    assert {"affine", "affine backward"} <= {row["name"] for row in found["rows"]}
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gz", ".svg"]
    result = {"measured": "2020-02-02T02:02", "clock": "clock time", "networks": [found]}
    result |= {"machine": machine.describe(), "settings": machine.settings(2)}
    text = profiles.markdown(result)
    assert f"| {name} |" in text
    assert "| `affine` | op |" in text
    page = f"before\n{profiles._BEGIN}\nold\n{profiles._END}\nafter\n"
    shown = profiles.on_page(page, result)
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter\n")
    assert f"| {name} |" in shown
    assert "old" not in shown


def test_the_page_on_profiling_shows_the_committed_profiles() -> None:
    path = profiles.RESULTS / "networks.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    assert {one["what"] for one in result["networks"]} == set(cases_of("benchmarks.networks"))
    assert profiles.markdown(result) == path.with_suffix(".md").read_text(encoding="utf-8")
    page = profiles.PAGE.read_text(encoding="utf-8")
    assert profiles.on_page(page, result) == page


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


def _text_of(*rows: object) -> str:
    result = {"benchmark": "some", "measured": "now", "machine": {}, "settings": {}}
    return tables.markdown({**result, "rows": [json.loads(json.dumps(r.__dict__)) for r in rows]})


def test_a_table_ends_with_the_geometric_mean_of_its_ratios() -> None:
    text = _text_of(
        row_of("a", {"weft": [1.0], "torch": [2.0]}, baseline="torch"),
        row_of("b", {"weft": [1.0], "torch": [8.0]}, baseline="torch"),
        row_of("c", {"torch": [8.0]}, baseline="torch"),
    )
    assert "| **geometric mean** |  |  | 0.25 |" in text


def test_rows_stand_under_their_own_heading() -> None:
    first = row_of("a", {"weft": [1.0], "torch": [2.0]}, baseline="torch")
    second = dataclasses.replace(first, table="As shipped")
    text = _text_of(first, second)
    assert text.index("| a |") < text.index("## As shipped") < text.rindex("| a |")


def test_a_rival_that_failed_is_told_with_its_reason() -> None:
    row = row_of("a", {"torch": [2.0]}, baseline="torch")
    text = _text_of(dataclasses.replace(row, failed={"weft": "TypeError: no such thing"}))
    assert "- a, weft: TypeError: no such thing" in text


def test_processes_as_shipped_get_none_of_the_settings(monkeypatch) -> None:
    for name, value in machine.settings(2).items():
        monkeypatch.setenv(name, value)
    left = machine.shipped()
    assert not {"OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"} & set(left)
    assert "PATH" in left


def test_cases_have_names_of_their_own_and_load_no_library() -> None:
    program = (
        "import sys\n"
        "from benchmarks.__main__ import modules_with_cases\n"
        "from benchmarks.rivals.case import cases_of\n"
        "print(sum(len(cases_of(name)) for name in modules_with_cases()))\n"
        "print(sorted({'weft', 'torch', 'jax', 'onnxruntime'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, loaded = done.stdout.splitlines()
    assert int(count) > 200
    assert loaded == "[]"


def test_every_case_has_weft_and_its_baseline() -> None:
    for name in modules_with_cases():
        for case in cases_of(name).values():
            assert {"weft", turns.BASELINE} <= set(case.makers), case.what


#: Rivals that need no library but weft: in each its process, and one that fails.
CASES = """
import os
from benchmarks.rivals.case import Case

def process(lib):
    return lambda: lib.tensor([float(os.getpid())])

def broken(lib):
    raise ValueError("out of order")

def ending(lib):
    os._exit(3)

def small(lib):
    x = lib.ones(3)
    return lambda: x + x

def cases():
    yield Case("who", {"weft": process, "weft again": process})
    yield Case("sum", {"weft": small, "weft broken": broken})
    yield Case("end", {"weft": ending})
    yield Case("after", {"weft": small})
    yield Case("large", {"weft": lambda lib: lambda: lib.ones(2**24) + 1.0})
"""


@pytest.fixture
def some_cases(tmp_path, monkeypatch) -> str:
    (tmp_path / "some_cases.py").write_text(CASES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), before])))
    return "some_cases"


def test_rivals_of_one_library_share_a_process_that_is_not_this_one(some_cases) -> None:
    case = cases_of(some_cases)["who"]
    with turns.Rivals(some_cases) as rivals:
        ((_, first),) = rivals.prepared(case, ("weft", False))[0]
        ((_, second),) = rivals.prepared(case, ("weft again", False))[0]
    assert first[0] == second[0] != os.getpid()


def test_a_failing_rival_is_told_and_the_others_are_measured(some_cases) -> None:
    who, total, end, after, _ = turns.measured(some_cases, shipped=False, rounds=2)
    assert who.samples == total.samples == 2
    assert set(who.seconds) == {"weft", "weft again"}
    assert set(total.seconds) == {"weft"}
    assert total.failed == {"weft broken": "ValueError: out of order"}
    assert end.failed == {"weft": "the process ended with status 3"}
    assert set(after.seconds) == {"weft"}


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the peak is read from Linux's /proc"
)
def test_the_peak_of_a_process_covers_what_a_call_adds(some_cases) -> None:
    above = peak_memory.peak_of("weft", some_cases, "large", above=True)
    assert 64 * 2**20 <= above < peak_memory.peak_of("weft", some_cases, "large", above=False)


def test_a_first_call_is_measured_in_two_processes_with_one_folder() -> None:
    program = (
        "import os\n"
        "folder = os.environ['SOME_FOLDER']\n"
        "print(float(os.path.exists(folder)))\n"
        "os.makedirs(folder, exist_ok=True)\n"
        "{{'warm': {warm}}}\n"
    )
    rival = first_call.Rival(program, "SOME_FOLDER")
    assert first_call.first_calls(rival, warm=True) == (0.0, 1.0)


def test_the_programs_of_first_calls_run_with_weft() -> None:
    first, second = first_call.first_calls(first_call.rivals()["weft"], warm=True)
    assert np.isfinite([first, second]).all()


def test_results_come_back_from_a_file_as_they_were(tmp_path) -> None:
    result = (np.arange(6.0).reshape(2, 3), [np.ones(4)])
    store(tmp_path / "results.npz", result)
    back = stored(tmp_path / "results.npz")
    assert [shape for shape, _ in back] == [(2, 3), (4,)]
    assert not disagreement(back, arrays_of(result), tolerance=0.0)


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        ([np.array([1.0, 2.5])], "result 1 differs by 0.2"),
        ([np.array([1.0, np.nan])], "result 1 differs by nan"),
        ([np.array([[1.0, 2.0]])], r"result 1 is (1, 2) instead of (2,)"),
        ([np.array([1.0, 2.0])] * 2, "2 results instead of 1"),
    ],
)
def test_results_that_differ_are_told_apart(got, reason) -> None:
    said = disagreement(arrays_of(got), arrays_of([np.array([1.0, 2.0])]), tolerance=1e-3)
    assert said.startswith(reason)


def test_agreeing_about_nothing_is_no_agreement() -> None:
    assert disagreement([], [], tolerance=1.0)


def test_the_guides_page_and_its_picture_are_what_the_results_give() -> None:
    for path, text in page.written(page.load()).items():
        assert path.read_text(encoding="utf-8") == text, "run `python -m benchmarks.page`"


def test_every_benchmark_has_a_section_on_the_page() -> None:
    assert set(benchmark_names()) <= set(page.SECTIONS)


def test_the_page_names_every_row_where_pytorch_is_faster() -> None:
    rows = [
        row_of("quick", {"weft": [1.0], "torch": [2.0]}, baseline="torch"),
        row_of("slow", {"weft": [3.0], "torch": [2.0]}, baseline="torch"),
        dataclasses.replace(
            row_of("shipped", {"weft": [9.0], "torch": [2.0]}, baseline="torch"),
            table=turns.SHIPPED,
        ),
    ]
    on = {"processor": "a processor", "processors usable": "2", "weft": "1.0"}
    result = {
        "measured": "2026-01-31T12:00:00+00:00",
        "machine": on,
        "settings": {"OMP_NUM_THREADS": "2"},
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    text = page.page({"tape": result})
    assert "- slow: 1.50" in text
    assert "- quick" not in text
    assert "- shipped" not in text
    assert "| **all** | 2 | 0.87 | 1 |" in text


def test_a_bar_ends_at_its_ratio_and_says_it() -> None:
    one = chart.drawn({"group": [chart.Bar("a < b", 4.0), chart.Bar("c", 0.25)]}, title="t")
    root = ElementTree.fromstring(one)
    space = "{http://www.w3.org/2000/svg}"
    slower, faster = root.iter(f"{space}rect")
    assert slower.get("fill") == chart.SLOWER
    assert faster.get("fill") == chart.FASTER
    # On a logarithmic scale four times as long and a quarter as long are equally far from 1.
    assert float(slower.get("width", 0)) == pytest.approx(float(faster.get("width", 0)), abs=0.2)
    said = [text.text for text in root.iter(f"{space}text")]
    assert {"a < b", "4.00", "0.25", "group"} <= set(said)
