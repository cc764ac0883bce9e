"""Loading: installed code builds the model, verified numbers fill it, failures are typed."""

from __future__ import annotations

import copy
import json
import pickle
import struct
from importlib import metadata

import pytest

import weft
import weft_hub
from hub.attacks.stage import PACKAGE, Stage, checkpoint, line_weights
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import nothing_taken


def tensors(**tensors: tuple[list[int], list[float]]) -> bytes:
    """Return a safetensors file of float32 tensors, each given as its shape and numbers."""
    header: dict[str, object] = {}
    data = b""
    for name, (shape, numbers) in tensors.items():
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
        offsets = [len(data), len(data) + len(packed)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        data += packed
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_a_model_comes_filled_in_eval_mode_with_card_preprocess_and_labels(
    stage: Stage, tmp_path
) -> None:
    stage.entry("a/line", line_weights((2.0, -1.0), 0.5), preprocess={"scale": 10.0})
    model = stage.hub().load("a/line")
    assert not model.training
    assert model.card == stage.hub().info("a/line")
    assert model.labels == ("sum",)
    numbers = tmp_path / "numbers.json"
    numbers.write_text("[1, 2]")
    assert model.preprocess(numbers).tolist() == [10.0, 20.0]
    assert model(weft.tensor([3.0, 4.0])).tolist() == [2.5]


def test_labels_of_the_entry_itself_are_taken_as_they_are(stage: Stage) -> None:
    stage.entry("a/line", line_weights(), labels=["one", "two"])
    assert stage.hub().load("a/line").labels == ("one", "two")


def test_settings_of_the_entry_reach_the_factory(stage: Stage) -> None:
    content = tensors(weight=([1, 3], [1.0, 2.0, 3.0]), bias=([1], [0.0]))
    build = {"kind": "factory", "package": PACKAGE, "factory": "line", "settings": {"inputs": 3}}
    stage.entry("a/line", content, build=build)
    assert stage.hub().load("a/line")(weft.tensor([1.0, 1.0, 1.0])).tolist() == [6.0]


def test_two_loads_share_no_memory(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    first, second = stage.hub().load("a/line"), stage.hub().load("a/line")
    with weft.no_grad():
        first.weight[...] = 9.0
    assert second.weight.tolist() == [[1.0, 1.0]]
    assert stage.hub().load("a/line").weight.tolist() == [[1.0, 1.0]]


def test_a_deep_copy_of_a_model_shares_its_card_and_not_its_numbers(stage: Stage) -> None:
    stage.entry("a/line", line_weights((2.0, -1.0), 0.5), preprocess={"scale": 10.0})
    model = stage.hub().load("a/line")
    copied = copy.deepcopy(model)
    assert copied.card is model.card
    with weft.no_grad():
        copied.weight.zero_()
    assert model(weft.tensor([3.0, 4.0])).tolist() == [2.5]
    assert copied(weft.tensor([3.0, 4.0])).tolist() == [0.5]


def test_a_loaded_model_can_be_trained_and_the_cache_stays_as_it_was(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    model = stage.hub().load("a/line")
    model(weft.tensor([3.0, 4.0])).sum().backward()
    assert model.weight.grad.tolist() == [[3.0, 4.0]]


def test_the_second_load_opens_no_socket_and_starts_no_process(stage_pip: Stage) -> None:
    stage = stage_pip
    wheel = stage.wheel("stage-weights", "1.0", {"w/line.bin": line_weights()})
    stage.entry("a/line", line_weights(), sources=[stage.pip_uri(wheel, "w/line.bin")])
    stage.hub().load("a/line")
    with no_sockets_and_no_processes():
        assert stage.hub().load("a/line").weight.tolist() == [[1.0, 1.0]]
        assert stage.hub(offline=True).load("a/line").weight.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (tensors(weight=([1, 2], [1.0, 1.0])), "bias"),
        (tensors(weight=([1, 2], [1.0, 1.0]), bias=([1], [0.0]), more=([1], [0.0])), "more"),
        (tensors(weight=([2, 1], [1.0, 1.0]), bias=([1], [0.0])), "weight"),
        (b"this is no safetensors file", "not a readable safetensors file"),
        (line_weights()[:-1], "not a readable safetensors file"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_what_differs(
    stage: Stage, content: bytes, says: str
) -> None:
    stage.entry("a/line", content)
    with pytest.raises(weft_hub.WeightsError) as caught:
        stage.hub().load("a/line")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "a/line" in str(caught.value)


@pytest.mark.parametrize("content", [{"weight": 3.5}, {"epoch": 1}, [1, 2], "text"])
def test_a_checkpoint_that_holds_other_things_than_tensors_by_name_is_refused(
    stage: Stage, content: object
) -> None:
    stage.entry("a/line", checkpoint(pickle.dumps(content, protocol=2)), format="pytorch")
    with pytest.raises(weft_hub.WeightsError, match="must hold tensors by name"):
        stage.hub().load("a/line")


def test_a_package_that_is_not_installed_is_named_before_anything_is_downloaded(
    stage: Stage,
) -> None:
    build = {"kind": "factory", "package": "weft-smell", "factory": "nose"}
    stage.entry("a/line", line_weights(), build=build)
    with pytest.raises(weft_hub.MissingPackageError, match="python -m pip install weft-smell"):
        stage.hub().load("a/line")
    assert nothing_taken(stage)


def test_a_factory_that_the_package_lacks_is_named_with_the_nearest(stage: Stage) -> None:
    build = {"kind": "factory", "package": PACKAGE, "factory": "lines"}
    stage.entry("a/line", line_weights(), build=build)
    with pytest.raises(weft_hub.BuildError, match="did you mean 'line'"):
        stage.hub().load("a/line")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": "smus"}, "did you mean 'sums'"),
        ({"preprocess": {"scael": 1}}, "unknown settings"),
        ({"build": {"kind": "factory", "package": PACKAGE, "factory": "line",
                    "settings": {"depth": 3}}}, "depth"),
    ],
)  # fmt: skip
def test_what_the_package_does_not_know_is_a_build_error(
    stage: Stage, changes: dict[str, object], says: str
) -> None:
    stage.entry("a/line", line_weights(), **changes)
    with pytest.raises(weft_hub.BuildError, match=says):
        stage.hub().load("a/line")


def test_a_task_that_nobody_registers_is_one_plain_error(stage: Stage) -> None:
    stage.entry("a/line", line_weights(), task="smell-detection")
    with pytest.raises(weft_hub.MissingPackageError, match="task 'smell-detection'"):
        stage.hub().load("a/line")


def test_a_package_that_cannot_be_imported_is_one_plain_error(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    module = stage.site / "hub_stage_models.py"
    module.write_text("import a_module_that_nobody_has\n")
    with pytest.raises(weft_hub.MissingPackageError, match="a_module_that_nobody_has"):
        stage.hub().load("a/line")


def test_one_of_our_packages_with_another_version_is_one_plain_sentence(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"weft-hub": "0.2.0", "weft-vision": "0.1.0"}
    monkeypatch.setattr(metadata, "version", versions.__getitem__)
    build = {"kind": "factory", "package": "weft_vision", "factory": "mobilenet_v2"}
    stage.entry("a/line", line_weights(), build=build)
    with pytest.raises(weft_hub.VersionMismatchError) as caught:
        stage.hub().load("a/line")
    assert str(caught.value) == (
        "all weft packages must have the same version, but weft-hub 0.2.0, weft-vision 0.1.0 are "
        "installed; run `python -m pip install weft-hub==0.2.0 weft-vision==0.2.0`"
    )


def test_every_error_of_the_package_is_a_hub_error() -> None:
    errors = [getattr(weft_hub, name) for name in weft_hub.__all__ if name.endswith("Error")]
    assert len(errors) > 10
    assert all(issubclass(error, weft_hub.HubError) for error in errors)
