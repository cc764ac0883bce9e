"""The client's other verbs: state dicts, preprocessing, settings, copies of a loaded model."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import weft
import weft_hub
from hub.attacks.stage import PACKAGE, Stage, checkpoint, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import nothing_taken


def test_a_state_dict_comes_without_the_package_that_builds_the_model(stage: Stage) -> None:
    build = {"kind": "factory", "package": "weft-smell", "factory": "nose"}
    stage.entry("a/line", line_weights((2.0, -1.0), 0.5), build=build)
    state = stage.hub().load_state_dict("a/line")
    assert {name: value.tolist() for name, value in state.items()} == {
        "weight": [[2.0, -1.0]],
        "bias": [0.5],
    }


def test_preprocessing_needs_no_weights(stage: Stage, tmp_path: Path) -> None:
    stage.entry("a/line", line_weights(), preprocess={"scale": 10.0})
    numbers = tmp_path / "numbers.json"
    numbers.write_text("[1, 2]")
    with no_sockets_and_no_processes():
        prepare = stage.hub().preprocess("a/line")
    assert prepare(numbers).tolist() == [10.0, 20.0]
    assert nothing_taken(stage)


def test_preprocessing_that_the_task_does_not_know_is_a_build_error(stage: Stage) -> None:
    stage.entry("a/line", line_weights(), preprocess={"scael": 1})
    with pytest.raises(weft_hub.BuildError, match="unknown settings"):
        stage.hub().preprocess("a/line")


def test_a_loaded_model_pickles_whatever_its_task_returns(stage: Stage, tmp_path: Path) -> None:
    build = {"kind": "factory", "package": PACKAGE, "factory": "line", "settings": {"inputs": 2}}
    stage.entry("a/line", line_weights((2.0, -1.0), 0.5), preprocess={"scale": 10.0}, build=build)
    model = stage.hub().load("a/line")
    again = pickle.loads(pickle.dumps(model))
    assert not again.training
    assert again.card == model.card
    assert again.labels == model.labels
    assert again(weft.tensor([3.0, 4.0])).tolist() == [2.5]
    numbers = tmp_path / "numbers.json"
    numbers.write_text("[1, 2]")
    assert again.preprocess(numbers).tolist() == [10.0, 20.0]
    with pytest.raises(TypeError):
        again.card.preprocess["scale"] = 1.0  # still read-only
    with pytest.raises(TypeError):
        again.card.build.settings["inputs"] = 3


def test_a_deep_copy_has_its_own_numbers_and_the_same_preprocessing(
    stage: Stage, tmp_path: Path
) -> None:
    stage.entry("a/line", line_weights(), preprocess={"scale": 10.0})
    model = stage.hub().load("a/line")
    copied = copy.deepcopy(model)
    with weft.no_grad():
        copied.weight.zero_()
    assert model.weight.tolist() == [[1.0, 1.0]]
    numbers = tmp_path / "numbers.json"
    numbers.write_text("[1, 2]")
    assert copied.preprocess(numbers).tolist() == [10.0, 20.0]


def test_preprocessing_has_the_attributes_of_what_the_task_returns() -> None:
    prepare = weft_hub.preprocess("vision/mobilenet-v2")
    assert (prepare.resize, prepare.crop) == (256, 224)
    again = pickle.loads(pickle.dumps(prepare))
    assert (again.resize, again.crop) == (256, 224)
    with pytest.raises(AttributeError, match="sharpen"):
        prepare.sharpen  # noqa: B018 - the look-up is what is tested


def test_a_cached_file_that_is_damaged_is_still_found_out_on_load(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    hub = stage.hub()
    hub.load("a/line")
    blob = hub.cache.blob(sha256(line_weights()))
    blob.chmod(0o644)
    blob.write_bytes(line_weights(bias=1.0))
    assert hub.load("a/line").bias.tolist() == [0.0]  # fetched again
    assert (stage.cache / "damaged" / sha256(line_weights())).exists()


# ---- PyTorch's verbs


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(line_weights((2.0, -1.0), 0.5))
    return path


def test_a_state_dict_from_an_address_is_verified_and_cached(weights: Path) -> None:
    digest = sha256(weights.read_bytes())
    state = weft_hub.load_state_dict_from_url(weights.as_uri(), sha256=digest.upper())
    assert state["weight"].tolist() == [[2.0, -1.0]]
    weights.unlink()
    with no_sockets_and_no_processes():
        again = weft_hub.load_state_dict_from_url(weights.as_uri(), sha256=digest, offline=True)
    assert again["bias"].tolist() == [0.5]


def test_a_state_dict_with_another_digest_is_refused(weights: Path) -> None:
    with pytest.raises(weft_hub.DigestMismatchError):
        weft_hub.load_state_dict_from_url(weights.as_uri(), sha256="0" * 64)
    assert not list((weft_hub.get_dir() / "blobs").glob("*"))


@pytest.mark.parametrize("digest", ["", "8d3f1a02", "g" * 64, None])
def test_the_whole_digest_is_required(weights: Path, digest: str) -> None:
    with pytest.raises(weft_hub.SettingError, match="the whole SHA-256"):
        weft_hub.load_state_dict_from_url(weights.as_uri(), sha256=digest)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://h/w.safetensors", "no known scheme"),
        ("file:../w.safetensors", "leaves the folder"),
        ("file:///nowhere/w.safetensors", "No such file"),
        ("file:///nowhere/w.txt", "ends in '.txt'"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_plain_error(url: str, says: str) -> None:
    with pytest.raises(weft_hub.HubError, match=says) as caught:
        weft_hub.load_state_dict_from_url(url, sha256="0" * 64)
    assert "\n" not in str(caught.value)


def test_a_pickle_from_an_address_is_read_by_the_allow_list(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> object:
            return (exec, ("raise SystemExit",))

    path = tmp_path / "w.pth"
    path.write_bytes(checkpoint(pickle.dumps(Harm())))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(weft_hub.UnsafeWeightsError):
        weft_hub.load_state_dict_from_url(path.as_uri(), sha256=digest)


def test_the_folder_can_be_set_and_read(tmp_path: Path) -> None:
    before = weft_hub.get_dir()
    weft_hub.set_dir(tmp_path / "other")
    assert weft_hub.get_dir() == tmp_path / "other" != before
    assert weft_hub.Hub().cache.root == tmp_path / "other"


def test_the_import_stays_light() -> None:
    """`import weft_hub` loads nothing that only some calls need."""
    heavy = ["weft", "requests", "tqdm", "packaging.licenses", "platformdirs", "cryptography"]
    code = (
        f"import sys, json, weft_hub; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
