"""Models that are files: ONNX and graphs are loaded, run, checked and made like all others."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weft
import weft_hub
from hub.attacks.stage import (
    BUILT_BY_GRAPH,
    BUILT_BY_ONNX,
    LINEAR,
    PACKAGE,
    Stage,
    graph_file,
    onnx_file,
    sha256,
)
from tests.hub.conftest import Outcome

KINDS: dict[str, dict[str, Any]] = {
    "onnx": {"content": onnx_file(), "format": "onnx", "build": BUILT_BY_ONNX},
    "graph": {"content": graph_file([LINEAR]), "build": BUILT_BY_GRAPH},
}
kinds = pytest.mark.parametrize("kind", KINDS)


def enter(stage: Stage, kind: str, **more: Any) -> Path:
    return stage.entry("a/line", **KINDS[kind], **more)


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.json"
    path.write_text(json.dumps([1.5, 2.0]), "utf-8")
    return path


@kinds
def test_it_is_loaded_with_what_every_model_carries(stage: Stage, kind: str, numbers: Path) -> None:
    enter(stage, kind)
    model = stage.hub().load("a/line")
    assert isinstance(model, weft.graph.GraphModule)
    assert not model.training
    assert model.labels == ("sum",)
    assert model.card.build == weft_hub.card.Build(kind, PACKAGE)
    assert model(model.preprocess(numbers)).tolist() == [3.5]


@kinds
def test_commands_take_it(
    stage: Stage, kind: str, numbers: Path, command: Callable[..., Outcome]
) -> None:
    enter(stage, kind)
    ran = command("run", "a/line", numbers)
    assert (ran.code, ran.out.strip()) == (0, "sum 3.5"), ran.err
    shown = command("info", "a/line")
    assert f"built by    its own file ({kind}), for the task of {PACKAGE}" in shown.out
    assert json.loads(command("info", "a/line", "--json").out)["build"] == {
        "kind": kind,
        "package": PACKAGE,
    }
    helped = command("help", "a/line")
    assert helped.code == 0
    assert "It is built by" not in helped.out


@kinds
def test_its_weights_are_read_alone(stage: Stage, kind: str) -> None:
    enter(stage, kind)
    state = stage.hub().load_state_dict("a/line")
    assert state["weight"].tolist() == [[1.0, 1.0]]


@kinds
def test_it_comes_out_of_a_wheel(stage_pip: Stage, kind: str, numbers: Path) -> None:
    content = KINDS[kind]["content"]
    name = "model.onnx" if kind == "onnx" else "model.safetensors"
    wheel = stage_pip.wheel("stage-weights", "1.0", {f"stage_weights/{name}": content})
    source = stage_pip.pip_uri(wheel, f"stage_weights/{name}")
    enter(stage_pip, kind, sources=[source])
    model = stage_pip.hub().load("a/line")
    assert model(model.preprocess(numbers)).tolist() == [3.5]


@kinds
def test_a_damaged_file_is_never_read(stage: Stage, kind: str) -> None:
    folder = enter(stage, kind)
    (weights,) = folder.glob("weights.*")
    weights.write_bytes(bytes([weights.read_bytes()[0] ^ 1]) + weights.read_bytes()[1:])
    with pytest.raises(weft_hub.HubError) as caught:
        stage.hub().load("a/line")
    assert "SHA-256" in str(caught.value)


@kinds
def test_another_file_is_refused_by_name(stage: Stage, kind: str) -> None:
    settings = {**KINDS[kind], "content": b"no model at all"}
    stage.entry("a/line", **settings)
    with pytest.raises(weft_hub.WeightsError, match=r"a/line: weights\.\w+ is refused: "):
        stage.hub().load("a/line")


def test_weights_without_a_graph_are_no_model(stage: Stage) -> None:
    from hub.attacks.stage import line_weights

    stage.entry("a/line", line_weights(), build=BUILT_BY_GRAPH)
    with pytest.raises(weft_hub.WeightsError, match="only weights"):
        stage.hub().load("a/line")


def test_operators_that_nobody_reads_are_all_named(stage: Stage) -> None:
    import onnx

    model = onnx.load_model_from_string(onnx_file())
    model.graph.node[0].op_type = "Bernoulli"
    content = model.SerializeToString()
    stage.entry("a/line", content, format="onnx", build=BUILT_BY_ONNX)
    with pytest.raises(weft_hub.WeightsError, match=r"Bernoulli \(1\)"):
        stage.hub().load("a/line")


def test_data_in_other_files_are_those_of_the_entry(stage: Stage, numbers: Path) -> None:
    content = onnx_file("more.bin")
    data = weft.tensor([2.0, 4.0]).numpy().tobytes()
    files = [
        {"name": "weights.onnx", "role": "weights", "format": "onnx", "size": len(content),
         "sha256": sha256(content), "sources": ["file:weights.onnx"]},
        {"name": "more.bin", "role": "extra", "format": "other", "size": len(data),
         "sha256": sha256(data), "sources": ["file:more.bin"]},
    ]  # fmt: skip
    folder = stage.entry("a/line", content, format="onnx", build=BUILT_BY_ONNX, files=files)
    (folder / "more.bin").write_bytes(data)
    model = stage.hub().load("a/line")
    assert model(model.preprocess(numbers)).tolist() == [11.0]


def test_without_the_package_onnx_nothing_is_fetched(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(stage, "onnx")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "onnx" else found(name)
    )
    with pytest.raises(weft_hub.MissingPackageError, match=r"pip install 'weft\[onnx\]'"):
        stage.hub().load("a/line")
    assert not list(stage.cache.rglob("blobs/*"))


@kinds
def test_a_contribution_is_made_and_checked(
    stage: Stage, kind: str, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    file = tmp_path / ("line.onnx" if kind == "onnx" else "line.safetensors")
    file.write_bytes(KINDS[kind]["content"])
    into = tmp_path / "new"
    made = command(
        "new", "a/line", "--into", into, "--file", file, "--task", "sums", "--package", PACKAGE
    )
    assert made.code == 0, made.err
    text = (into / "a" / "line" / "model.toml").read_text("utf-8")
    assert f'kind = "{kind}"' in text
    assert "factory" not in text
    checked = command("check", into / "a" / "line", "--json")
    findings = {one["part"]: one for one in json.loads(checked.out)["entries"][0]["findings"]}
    assert findings["rest"]["state"] == "skipped"  # what is still to be written
    enter(stage, kind)
    checked = command("check", stage.index / "a" / "line", "--json", "--private")
    findings = {one["part"]: one for one in json.loads(checked.out)["entries"][0]["findings"]}
    assert findings["build"]["state"] == "ok", findings
    counts = "1 nodes, 2 parameters" if kind == "onnx" else "1 nodes, 3 parameters"
    assert counts in findings["build"]["text"]
    assert findings["weights"]["state"] == "ok"


def test_a_factory_for_a_file_that_is_a_model_is_refused(
    stage: Stage, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    file = tmp_path / "line.onnx"
    file.write_bytes(onnx_file())
    made = command("new", "a/line", "--into", tmp_path, "--file", file, "--factory", "line")
    assert made.code != 0
    assert "line.onnx is a model by itself, so no factory builds it" in made.err
    assert not (tmp_path / "a").exists()
