"""`hf:` repositories: numbers and settings come from there, code only from installed packages."""

from __future__ import annotations

import json
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weft
import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome
from tests.hub.repository.repository_server import LARGE, Repositories, serving
from weft_hub._repository.files import Repository
from weft_hub.cache import _leases

_ARCHITECTURE = '''\
"""An architecture for the stage."""

from weft import nn


class Lines:
    task = "sums"
    wanted = ("vocab.txt", "run.py", "../../harm")

    def build(self, config):
        if config.get("inputs", 2) < 1:
            raise ValueError(f"inputs must be at least 1, but is {config['inputs']}")
        return nn.Linear(config.get("inputs", 2), 1)

    def state(self, tensors, config):
        return {name.removeprefix("model."): value for name, value in tensors.items()}

    def preprocess(self, config, files):
        scale = float(files["vocab.txt"].read_text()) if "vocab.txt" in files else 1.0
        return lambda numbers: [scale * number for number in numbers]

    def labels(self, config):
        return ("sum",)


lines = Lines()
'''
CONFIG = json.dumps({"model_type": "stage-line", "inputs": 2}).encode()


@pytest.fixture
def server(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    """A server of repositories, and an installed package that knows one architecture."""
    points = "[weft.architectures]\nstage-line = hub_stage_arch:lines\n"
    stage.write_package(name="hub-stage-arch", points=points)
    (stage.site / "hub_stage_arch.py").write_text(_ARCHITECTURE, "utf-8")
    with serving() as repositories:
        monkeypatch.setenv("HF_ENDPOINT", repositories.url)
        monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
        yield repositories
    sys.modules.pop("hub_stage_arch", None)


def large_line(weight: tuple[float, float] = (1.0, 1.0), bias: float = 0.0) -> bytes:
    """Return the same file as `line_weights`, so large that its SHA-256 is listed."""
    plain = line_weights(weight, bias)
    length = struct.unpack("<Q", plain[:8])[0]
    header = plain[8 : 8 + length] + b" " * LARGE
    return struct.pack("<Q", len(header)) + header + plain[8 + length :]


def test_a_repository_at_a_commit_is_loaded_and_ready(stage: Stage, server: Repositories) -> None:
    weights = large_line((2.0, -1.0), 0.5)
    sha = server.commit("lab/line", {"config.json": CONFIG, "model.safetensors": weights})
    model = stage.hub().load(f"hf:lab/line@{sha}")
    assert not model.training
    assert model(weft.tensor([3.0, 4.0])).tolist() == [2.5]
    assert model.labels == ("sum",)
    assert model.preprocess([1, 2]) == [1.0, 2.0]
    card = model.card
    assert (card.name, card.version, card.license) == ("hf:lab/line", sha, "apache-2.0")
    assert (card.task, card.build.package) == ("sums", "hub-stage-arch")
    assert card.weights.sha256 == sha256(weights)
    assert json.loads(json.dumps(card.as_data()))["authors"] == ["lab"]


def test_the_second_load_of_a_commit_opens_no_socket(stage: Stage, server: Repositories) -> None:
    files = {"config.json": CONFIG, "model.safetensors": large_line(), "vocab.txt": b"10"}
    sha = server.commit("lab/line", files)
    stage.hub().load(f"hf:lab/line@{sha}")
    with no_sockets_and_no_processes():
        assert stage.hub().load(f"hf:lab/line@{sha}").preprocess([1]) == [10.0]
        assert stage.hub(offline=True).load(f"hf:lab/line@{sha}").bias.tolist() == [0.0]


def test_only_listed_kinds_of_files_are_fetched(stage: Stage, server: Repositories) -> None:
    files = {
        "config.json": CONFIG,
        "model.safetensors": large_line(),
        "run.py": b"raise SystemExit",
        "pytorch_model.bin": b"\x80\x04" + b"x" * LARGE,
        "README.md": b"# Hello",
        "onnx/model.safetensors": large_line(),
    }
    sha = server.commit("lab/line", files)
    stage.hub().load(f"hf:lab/line@{sha}")
    fetched = {path.rpartition(f"{sha}/")[2] for path in server.asked if "/resolve/" in path}
    assert fetched == {"config.json", "model.safetensors"}


def test_an_unpinned_revision_warns_and_names_the_commit(
    stage: Stage, server: Repositories
) -> None:
    files = {"config.json": CONFIG, "model.safetensors": large_line()}
    sha = server.commit("lab/line", files, "main", "v1.0")
    for name in ("hf:lab/line", "hf:lab/line@main", "hf:lab/line@v1.0"):
        with pytest.warns(weft_hub.UnpinnedRevisionWarning, match=f"write hf:lab/line@{sha}"):
            assert stage.hub().load(name).card.version == sha


def test_a_branch_that_moved_gives_the_new_commit_and_offline_the_last_one_seen(
    stage: Stage, server: Repositories
) -> None:
    old = server.commit(
        "lab/line", {"config.json": CONFIG, "model.safetensors": large_line()}, "main"
    )
    with pytest.warns(weft_hub.UnpinnedRevisionWarning):
        stage.hub().load("hf:lab/line")
    files = {"config.json": CONFIG, "model.safetensors": large_line(bias=1.0)}
    new = server.commit("lab/line", files, "main")
    with pytest.warns(weft_hub.UnpinnedRevisionWarning):
        assert stage.hub().load("hf:lab/line").bias.tolist() == [1.0]
    with no_sockets_and_no_processes(), pytest.warns(weft_hub.UnpinnedRevisionWarning):
        assert stage.hub(offline=True).load("hf:lab/line").card.version == new
    with no_sockets_and_no_processes():
        assert stage.hub(offline=True).load(f"hf:lab/line@{old}").bias.tolist() == [0.0]


def test_a_sharded_repository_is_joined(stage: Stage, server: Repositories) -> None:
    def one(name: str, numbers: list[float], shape: list[int]) -> bytes:
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
        entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, len(packed)]}
        header = json.dumps({name: entry}).encode()
        return struct.pack("<Q", len(header)) + header + packed

    files = {
        "config.json": CONFIG,
        "model-00001-of-00002.safetensors": one("model.weight", [2.0, 3.0], [1, 2]),
        "model-00002-of-00002.safetensors": one("model.bias", [0.5], [1]),
        "model.safetensors.index.json": json.dumps(
            {
                "weight_map": {
                    "model.weight": "model-00001-of-00002.safetensors",
                    "model.bias": "model-00002-of-00002.safetensors",
                }
            }
        ).encode(),
    }
    server.page_entries = 2  # the list comes in pages
    sha = server.commit("lab/line", files)
    model = stage.hub().load(f"hf:lab/line@{sha}")
    assert model(weft.tensor([1.0, 1.0])).tolist() == [5.5]


def test_a_loaded_repository_pickles(stage: Stage, server: Repositories) -> None:
    files = {"config.json": CONFIG, "model.safetensors": large_line(), "vocab.txt": b"10"}
    sha = server.commit("lab/line", files)
    again = pickle.loads(pickle.dumps(stage.hub().load(f"hf:lab/line@{sha}")))
    assert again.card.version == sha
    assert again.preprocess([2]) == [20.0]


# ---- what is refused


@pytest.mark.parametrize(
    "name",
    [
        "hf:",
        "hf:line",
        "hf:lab/line/more",
        "hf:lab/../line",
        "hf:lab/line@",
        "hf:lab/line@a b",
        "hf:lab/line@../main",
        "hf:lab/line@main?x",
        "hf:-lab/line",
        "hf:lab/line@main\n",
    ],
)
def test_another_spelling_is_refused_before_anything_is_asked(
    stage: Stage, server: Repositories, name: str
) -> None:
    with pytest.raises(weft_hub.SettingError, match="hf:OWNER/NAME@REVISION"):
        stage.hub().load(name)
    assert server.asked == []


def test_a_pinned_name_is_taken_apart() -> None:
    assert str(Repository.parse("hf:a/b")) == "hf:a/b@main"
    assert not Repository.parse("hf:a/b@refs/pr/1").is_pinned
    assert Repository.parse(f"hf:a/b@{'0' * 40}").is_pinned
    assert not Repository.parse(f"hf:a/b@{'0' * 39}").is_pinned


def refused(stage: Stage, server: Repositories, files: dict[str, bytes]) -> weft_hub.HubError:
    sha = server.commit("lab/line", files)
    with pytest.raises(weft_hub.HubError) as caught:
        stage.hub().load(f"hf:lab/line@{sha}")
    assert "\n" not in str(caught.value)
    assert "lab/line" in str(caught.value)
    return caught.value


def config(**changes: object) -> bytes:
    return json.dumps({"model_type": "stage-line", **changes}).encode()


@pytest.mark.parametrize(
    ("files", "error", "says"),
    [
        ({}, weft_hub.WeightsError, "it has no config.json"),
        ({"config.json": CONFIG}, weft_hub.WeightsError, "no safetensors file"),
        ({"config.json": b"{"}, weft_hub.WeightsError, "not JSON"),
        ({"config.json": b"[" * 9999}, weft_hub.WeightsError, "not JSON"),
        ({"config.json": b"[]"}, weft_hub.WeightsError, "must hold a table"),
        (
            {"config.json": config(model_type="stage-lines")},
            weft_hub.UnknownArchitectureError,
            "'stage-lines'; did you mean 'stage-line'",
        ),
        (
            {"config.json": b"{}"},
            weft_hub.UnknownArchitectureError,
            "that its config.json does not name; known are ",
        ),
        (
            {"config.json": config(inputs=0), "model.safetensors": line_weights()},
            weft_hub.BuildError,
            "inputs must be at least 1",
        ),
        (
            {"config.json": config(inputs=1 << 40), "model.safetensors": line_weights()},
            weft_hub.BuildError,
            "which no model has",
        ),
        (
            {"config.json": config(inputs=1 << 20), "model.safetensors": line_weights()},
            weft_hub.BuildError,
            "describes 1048577 parameters, but its weights have only",
        ),
        (
            {"config.json": config(inputs=3), "model.safetensors": line_weights()},
            weft_hub.WeightsError,
            "do not fit",
        ),
        (
            {"config.json": CONFIG, "model.safetensors": b"no safetensors" * 10},
            weft_hub.WeightsError,
            "not a readable safetensors file",
        ),
        (
            {
                "config.json": CONFIG,
                "model.safetensors.index.json": b'{"weight_map": {"a": "../x"}}',
            },
            weft_hub.WeightsError,
            "which are not there",
        ),
        (
            {"config.json": CONFIG, "a.safetensors": line_weights(), "b.safetensors": b"x"},
            weft_hub.WeightsError,
            "a.safetensors, b.safetensors",
        ),
    ],
)
def test_what_a_repository_cannot_give_is_one_plain_error(
    stage: Stage,
    server: Repositories,
    files: dict[str, bytes],
    error: type[weft_hub.HubError],
    says: str,
) -> None:
    found = refused(stage, server, files)
    assert type(found) is error
    assert says in str(found)


def test_a_repository_that_is_not_there_is_said(stage: Stage, server: Repositories) -> None:
    for name in (f"hf:lab/nothing@{'0' * 40}", "hf:lab/nothing@v1"):
        with pytest.raises(weft_hub.MissingAtSourceError) as caught:
            stage.hub().load(name)
        assert str(caught.value).startswith(f"{name}: there is no such repository, or it has no")


def test_offline_a_repository_that_was_never_loaded_is_said(stage: Stage) -> None:
    with (
        no_sockets_and_no_processes(),
        pytest.raises(weft_hub.OfflineError, match="copy the cache"),
    ):
        stage.hub(offline=True).load(f"hf:lab/line@{'0' * 40}")


def test_a_small_file_that_is_not_what_git_names_is_refused(
    stage: Stage, server: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"config.json": CONFIG, "model.safetensors": large_line()}
    sha = server.commit("lab/line", files)
    answer = server.answer

    def swapped(path: str) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = answer(path)
        return status, headers, body.replace(b"2", b"3") if "resolve" in path else body

    monkeypatch.setattr(server, "answer", swapped)
    with pytest.raises(weft_hub.DigestMismatchError, match=r"config\.json"):
        stage.hub().load(f"hf:lab/line@{sha}")


def test_a_file_that_changes_under_its_commit_is_refused_after_the_first_load(
    stage: Stage, server: Repositories
) -> None:
    files = {"config.json": CONFIG, "model.safetensors": large_line()}
    sha = server.commit("lab/line", files)
    stage.hub().load(f"hf:lab/line@{sha}")
    blob = stage.hub().cache.blob(sha256(large_line()))
    blob.unlink()
    server._commits["lab/line"][sha]["model.safetensors"] = large_line(bias=9.0)
    with pytest.raises(weft_hub.HubError, match="SHA-256"):
        stage.hub().load(f"hf:lab/line@{sha}")
    assert not blob.exists()


def test_two_packages_that_claim_one_architecture_are_both_refused(
    stage: Stage, server: Repositories
) -> None:
    points = "[weft.architectures]\nstage-line = somewhere_else:lines\n"
    stage.write_package(name="hub-stage-rival", points=points)
    found = refused(stage, server, {"config.json": CONFIG, "model.safetensors": line_weights()})
    assert isinstance(found, weft_hub.BuildError)
    assert "hub-stage-arch, hub-stage-rival all register" in str(found)


# ---- indexes at an address, over the same server


def test_an_index_at_an_address_serves_a_model_end_to_end(
    stage: Stage, server: Repositories, tmp_path: Path
) -> None:
    from weft_hub.index import Index
    from weft_hub.index import document as index_document

    stage.entry("a/line", line_weights((2.0, -1.0), 0.5))
    data = index_document.write(Index([stage.index]), serial=1)
    server.files["/lab/index.json"] = data
    server.files["/lab/a/line/weights.safetensors"] = line_weights((2.0, -1.0), 0.5)
    address = f"{server.url}/lab/index.json#sha256={sha256(data)}"
    hub = weft_hub.Hub(cache=tmp_path / "new", index=address)
    assert hub.list() == ["a/line"]
    assert hub.load("a/line")(weft.tensor([3.0, 4.0])).tolist() == [2.5]
    with no_sockets_and_no_processes():
        again = weft_hub.Hub(cache=tmp_path / "new", index=address, offline=True)
        assert again.load("a/line").bias.tolist() == [0.5]


def test_a_signed_index_is_refreshed_end_to_end(
    stage: Stage, server: Repositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="signatures need the extra weft-hub[signing]")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from weft_hub.index import Index
    from weft_hub.index import document as index_document
    from weft_hub.signing import KeySigner, sign_document

    def pem(name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return private, public

    ours, public = pem("ours")
    theirs, _ = pem("theirs")

    def publish(serial: int, key: Path) -> None:
        data = index_document.write(Index([stage.index]), serial=serial)
        server.files["/index.json"] = data
        server.files["/index.json.sig"] = sign_document(data, KeySigner(key), name="index.json")

    stage.entry("a/line", line_weights())
    monkeypatch.setenv("WEFT_HUB_INDEX_KEY", str(public))
    hub = weft_hub.Hub(cache=tmp_path / "new", index=f"{server.url}/index.json")
    publish(1, ours)
    assert hub.list() == ["a/line"]
    stage.entry("a/more", line_weights())
    publish(2, theirs)
    with pytest.raises(weft_hub.SignatureError):
        hub.refresh()
    assert hub.list() == ["a/line"]
    publish(2, ours)
    (done,) = hub.refresh()
    assert (done.serial, done.entries, done.changed) == (2, 2, True)
    assert hub.list() == ["a/line", "a/more"]
    publish(1, ours)
    with pytest.raises(weft_hub.RollbackError):
        hub.refresh()


def test_a_state_dict_comes_from_an_address_whose_size_the_server_tells(
    server: Repositories,
) -> None:
    server.files["/w/line.safetensors"] = line_weights(bias=0.5)
    state = weft_hub.load_state_dict_from_url(
        f"{server.url}/w/line.safetensors", sha256=sha256(line_weights(bias=0.5))
    )
    assert state["bias"].tolist() == [0.5]


# ---- looking after what was fetched


def test_the_cache_names_the_repositories_that_its_files_are_of(
    stage: Stage, server: Repositories, command: Callable[..., Outcome]
) -> None:
    first = server.commit("lab/line", {"config.json": CONFIG, "model.safetensors": large_line()})
    stage.hub().load(f"hf:lab/line@{first}")
    shown = command("cache", "list").out
    assert f"hf:lab/line@{first}/config.json" in shown
    assert f"hf:lab/line@{first}/model.safetensors" in shown
    assert "of no model" not in shown
    blobs = json.loads(command("cache", "list", "--json").out)["blobs"]
    assert {tuple(blob["files"]) for blob in blobs} == {
        (f"hf:lab/line@{first}/config.json",),
        (f"hf:lab/line@{first}/model.safetensors",),
    }


@pytest.mark.parametrize("named", ["hf:lab/line", "hf:lab/line@{commit}"])
def test_a_repository_is_removed_by_its_name_and_shared_files_stay(
    stage: Stage, server: Repositories, command: Callable[..., Outcome], named: str
) -> None:
    files = {"config.json": CONFIG, "model.safetensors": large_line()}
    commit = server.commit("lab/line", files, "v1")
    other = server.commit("lab/other", {**files, "model.safetensors": large_line(bias=2.0)})
    stage.hub().load(f"hf:lab/other@{other}")
    with pytest.warns(weft_hub.UnpinnedRevisionWarning):
        stage.hub().load("hf:lab/line@v1")
    _leases._end_all()
    code, out, err = command("cache", "remove", named.format(commit=commit))
    assert (code, err) == (0, "")
    assert f"(hf:lab/line@{commit})" in out
    left = {path.name for path in (stage.cache / "blobs").iterdir()}
    assert left == {sha256(CONFIG), sha256(large_line(bias=2.0))}
    assert not (stage.cache / "repositories" / "lab" / "line").exists()
    assert stage.hub(offline=True).load(f"hf:lab/other@{other}") is not None
    with pytest.raises(weft_hub.OfflineError):
        stage.hub(offline=True).load(f"hf:lab/line@{commit}")


def test_what_is_pruned_of_a_repository_is_fetched_again_and_still_pinned(
    stage: Stage, server: Repositories, command: Callable[..., Outcome]
) -> None:
    commit = server.commit("lab/line", {"config.json": CONFIG, "model.safetensors": large_line()})
    stage.hub().load(f"hf:lab/line@{commit}")
    _leases._end_all()
    out = command("cache", "prune", "--max-size", "0").out
    assert f"2 files (hf:lab/line@{commit})" in out
    assert list((stage.cache / "blobs").iterdir()) == []
    assert stage.hub().load(f"hf:lab/line@{commit}").bias.tolist() == [0.0]


def test_a_name_that_is_nearly_that_of_a_repository_is_suggested(
    stage: Stage, server: Repositories, command: Callable[..., Outcome]
) -> None:
    commit = server.commit("lab/line", {"config.json": CONFIG, "model.safetensors": large_line()})
    stage.hub().load(f"hf:lab/line@{commit}")
    code, _, err = command("cache", "remove", f"hf:lab/lin@{commit}")
    assert code == 1 and f"did you mean 'hf:lab/line@{commit}'" in err


@pytest.mark.parametrize("text", ["", "[]", '{"files": 1}', '{"files": [{}]}', "[" * 100_000])
def test_a_damaged_listing_does_not_stop_whoever_looks_after_the_cache(
    stage: Stage, server: Repositories, command: Callable[..., Outcome], text: str
) -> None:
    commit = server.commit("lab/line", {"config.json": CONFIG, "model.safetensors": large_line()})
    stage.hub().load(f"hf:lab/line@{commit}")
    _leases._end_all()
    (listing,) = stage.cache.glob("repositories/lab/line/*.json")
    listing.write_text(text)
    assert "of no model" in command("cache", "list").out
    assert command("cache", "prune", "--max-size", "0").code == 0
