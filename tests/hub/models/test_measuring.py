"""Measuring a model and an entry's metrics again, on a stage whose task tells figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome
from weft_hub.measuring import measure, remeasure, tolerance_of

Command = Callable[..., Outcome]
DATA = b"[[1, 2], [3, 4]]"


def metric(command: str, value: float = 8.0, name: str = "sum") -> dict[str, Any]:
    return {"name": name, "value": value, "data": "two numbers", "command": command}


@pytest.fixture
def task(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The task of the stage, which can now tell figures and be measured on a data set."""
    import hub_stage_models

    rows = stage.root / "rows.json"
    rows.write_bytes(DATA)
    found = type(hub_stage_models.sums)
    table = {
        "name": "rows.json",
        "size": len(DATA),
        "sha256": sha256(DATA),
        "sources": [rows.as_uri()],
    }

    def measured(
        self: Any, model: Any, data_set: str, files: dict[str, Path], *, limit: int | None = None
    ) -> dict[str, Any]:
        assert data_set == "rows"
        read = json.loads(files["rows.json"].read_text())[:limit]
        if limit == 0:
            raise ValueError("limit must be at least 1, got 0")
        return {"samples": len(read), "figures": {"mean": sum(map(sum, read)) / len(read)}}

    monkeypatch.setattr(
        found, "figures", lambda self, result: {"sum": result["sum"]}, raising=False
    )
    monkeypatch.setattr(found, "data_sets", lambda self: {"rows": (table,)}, raising=False)
    monkeypatch.setattr(found, "measure", measured, raising=False)
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "numbers.json").write_text("[1, 2]")
    return folder


def stated(stage: Stage, root: Path) -> float:
    """Return what the model of the stage gives for the numbers."""
    stage.entry("a/known", line_weights())
    result = stage.hub().load("a/known", progress=False)
    return round(result(result.preprocess(root / "numbers.json")).item(), 3)


def test_a_figure_of_a_run_is_measured_again(stage: Stage, task: Any, root: Path) -> None:
    value = stated(stage, root)
    stage.entry(
        "a/line", line_weights(), metrics=[metric("weft-hub run a/line numbers.json", value)]
    )
    (one,) = remeasure(stage.hub(), "a/line", root, progress=False)
    assert (one.got, one.agrees, one.why) == (value, True, "")


def test_a_figure_that_is_no_longer_so_is_told(stage: Stage, task: Any, root: Path) -> None:
    value = stated(stage, root) + 0.75
    stage.entry(
        "a/line", line_weights(), metrics=[metric("weft-hub run a/line numbers.json", value)]
    )
    (one,) = remeasure(stage.hub(), "a/line", root, progress=False)
    assert one.got == value - 0.75
    assert not one.agrees


def test_a_metric_that_fails_does_not_hide_the_others(stage: Stage, task: Any, root: Path) -> None:
    value = stated(stage, root)
    stage.entry(
        "a/line",
        line_weights(),
        metrics=[
            metric("weft-hub run a/line nowhere.json", value),
            metric("weft-hub run a/line numbers.json", value),
            metric("weft-hub run a/line numbers.json", value, "smu"),
        ],
    )
    missing, good, unknown = remeasure(stage.hub(), "a/line", root, progress=False)
    assert missing.got is None and "no file nowhere.json" in missing.why
    assert good.agrees
    assert unknown.got is None and "did you mean 'sum'?" in unknown.why


@pytest.mark.parametrize(
    "command",
    [
        "python -c 'import os'",
        "weft-hub cache prune",
        "weft-hub run a/other numbers.json",
        "weft-hub run a/line numbers.json numbers.json",
        "weft-hub run a/line ../numbers.json",
        "weft-hub run a/line /etc/passwd",
        "weft-hub run a/line numbers.json; touch harm",
        "weft-hub run a/line 'unclosed",
        "weft-hub measure a/line",
        "weft-hub",
    ],
)
def test_a_command_that_is_something_else_is_refused(
    stage: Stage, task: Any, root: Path, command: str
) -> None:
    stage.entry("a/line", line_weights(), metrics=[metric(command)])
    with no_sockets_and_no_processes():
        (one,) = remeasure(stage.hub(), "a/line", root, progress=False)
    assert one.got is None and not one.agrees
    assert one.why.startswith("a/line: ") and "\n" not in one.why
    assert not (root / "harm").exists()


def test_a_model_is_measured_on_a_data_set_that_is_verified_and_cached(
    stage: Stage, task: Any
) -> None:
    stage.entry("a/line", line_weights())
    found = measure(stage.hub(), "a/line", "rows", progress=False)
    assert (found.samples, found.figures) == (2, {"mean": 5.0})
    assert (stage.cache / "blobs" / sha256(DATA)).exists()
    assert measure(stage.hub(), "a/line", "rows", limit=1, progress=False).figures == {"mean": 3.0}


def test_a_data_set_that_was_changed_is_refused(stage: Stage, task: Any) -> None:
    stage.entry("a/line", line_weights())
    (stage.root / "rows.json").write_bytes(DATA.replace(b"1", b"9"))
    with pytest.raises(weft_hub.DigestMismatchError):
        measure(stage.hub(), "a/line", "rows", progress=False)


def test_an_unknown_data_set_is_answered_with_the_nearest(stage: Stage, task: Any) -> None:
    stage.entry("a/line", line_weights())
    with pytest.raises(weft_hub.MeasureError, match="'row'; did you mean 'rows'"):
        measure(stage.hub(), "a/line", "row", progress=False)


def test_a_task_without_figures_and_data_sets_says_so(stage: Stage, root: Path) -> None:
    stage.entry("a/line", line_weights(), metrics=[metric("weft-hub run a/line numbers.json")])
    (one,) = remeasure(stage.hub(), "a/line", root, progress=False)
    assert "figures(result)" in one.why
    with pytest.raises(weft_hub.MeasureError, match=r"data_sets\(\)"):
        measure(stage.hub(), "a/line", "rows", progress=False)


def test_what_the_task_refuses_is_one_error(stage: Stage, task: Any) -> None:
    stage.entry("a/line", line_weights())
    with pytest.raises(weft_hub.MeasureError, match="measured on rows: limit must be at least 1"):
        measure(stage.hub(), "a/line", "rows", limit=0, progress=False)


@pytest.mark.parametrize(
    ("value", "tolerance"), [(0.717, 0.005), (0.9934, 0.0005), (220.9, 0.5), (1.0, 0.01), (0, 5)]
)
def test_five_units_of_the_last_digit_are_near_enough(value: float, tolerance: float) -> None:
    one = weft_hub.Metric(name="n", value=value, data="d", command="c")
    assert tolerance_of(one) == pytest.approx(tolerance)


def test_the_command_prints_both_figures_and_ends_with_1_if_they_differ(
    stage: Stage, task: Any, command: Command, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = stated(stage, root)
    good = metric("weft-hub run a/line numbers.json", value)
    stage.entry("a/line", line_weights(), metrics=[good])
    monkeypatch.chdir(root)
    code, out, err = command("measure", "a/line", "--quiet")
    assert (code, err) == (0, "")
    assert out == f"sum on two numbers\n  {value:g} stated, {value:g} now: agrees\n"
    told = json.loads(command("measure", "a/line", "--json", "--quiet").out)
    assert told["metrics"][0]["measured"] == value
    stage.entry(
        "a/off",
        line_weights(),
        metrics=[{**good, "value": value + 0.75, "command": "weft-hub run a/off numbers.json"}],
    )
    code, out, err = command("measure", "a/off", "--root", root, "--quiet")
    assert code == 1 and "DIFFERS" in out


def test_the_command_measures_on_a_data_set(stage: Stage, task: Any, command: Command) -> None:
    stage.entry("a/line", line_weights())
    code, out, err = command("measure", "a/line", "--data", "rows", "--quiet")
    assert (code, err) == (0, "")
    assert out == "a/line on rows, 2 samples\n  mean = 5\n"
    told = json.loads(command("measure", "a/line", "--data", "rows", "--json", "--quiet").out)
    assert told == {"model": "a/line", "data": "rows", "samples": 2, "figures": {"mean": 5.0}}
    code, out, err = command("measure", "a/line", "--data", "rosw")
    assert (code, out) == (1, "") and "did you mean 'rows'?" in err and err.count("\n") == 1


def test_extra_files_are_handed_to_the_task(
    stage: Stage, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {}

    def attach(self: Any, model: Any, files: dict[str, Path]) -> None:
        given.update({name: path.read_bytes() for name, path in files.items()})

    monkeypatch.setattr(task, "attach", attach, raising=False)
    stage.entry("a/line", line_weights())
    stage.hub().load("a/line", progress=False)
    assert given == {"weights.safetensors": line_weights()}


def test_extra_files_that_do_not_fit_are_one_typed_error(
    stage: Stage, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attach(self: Any, model: Any, files: dict[str, Path]) -> None:
        raise ValueError("vocab.txt has 3 pieces,\nbut the model has vectors for 4")

    monkeypatch.setattr(task, "attach", attach, raising=False)
    stage.entry("a/line", line_weights())
    with pytest.raises(
        weft_hub.WeightsError, match=r"do not fit the task sums: vocab.txt has 3"
    ) as e:
        stage.hub().load("a/line", progress=False)
    assert "\n" not in str(e.value)
