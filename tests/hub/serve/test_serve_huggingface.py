"""Hugging Face's real client reads a mirror as it reads its own hub."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.serve.mirrors import ask, serving
from weft_hub.serve import Mirror

SMALL = line_weights()
LARGE = random.Random(11).randbytes(12_000_001)  # more than one piece of the client's
CARD = "# A model\n\nIts card, with an “accent”.\n"


@pytest.fixture
def filled(stage: Stage) -> Stage:
    stage.entry("ns/small", SMALL, card=CARD)
    folder = stage.entry("ns/large", LARGE, format="pytorch")
    extra = b"one\ntwo\n"
    (folder / "vocab.txt").write_bytes(extra)
    with (folder / "model.toml").open("a", encoding="utf-8") as out:
        out.write(
            f'\n[[files]]\nname = "vocab.txt"\nrole = "extra"\nformat = "other"\n'
            f'size = {len(extra)}\nsha256 = "{sha256(extra)}"\nsources = ["file:vocab.txt"]\n'
        )
    for name in ("ns/small", "ns/large"):
        stage.hub().download(name, progress=False)
    return stage


@pytest.fixture
def api(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client in this process, which is sent to the mirror by its own argument."""
    for name in [name for name in os.environ if name.startswith("HF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="the tests group installs it")
    return huggingface_hub.HfApi(endpoint=mirror.url, token=False)


def holds(folder: Path, stage: Stage, name: str) -> None:
    """Assert that a folder has exactly the files of an entry, byte for byte."""
    entry = stage.index / name
    wanted = {
        "README.md": (entry / "card.md").read_bytes(),
        "model.toml": (entry / "model.toml").read_bytes(),
        **{
            path.name: path.read_bytes()
            for path in entry.iterdir()
            if path.name not in ("card.md", "model.toml")
        },
    }
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".cache" not in path.relative_to(folder).parts
    }
    assert sorted(found) == sorted(wanted)
    assert found == wanted


@pytest.mark.slow
def test_the_client_downloads_a_snapshot_and_the_files_are_identical(
    mirror: Mirror, filled: Stage, tmp_path: Path
) -> None:
    code = (
        "from huggingface_hub import snapshot_download\n"
        "for name in ('ns/small', 'ns/large'):\n"
        "    print(snapshot_download(name))\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **kept,
            "HF_ENDPOINT": mirror.url,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    small, large = map(Path, done.stdout.split())
    holds(small, filled, "ns/small")
    holds(large, filled, "ns/large")
    assert small.name == mirror.contents.repositories["ns/small"].commit


def test_a_snapshot_by_each_name_of_the_revision(
    api: Any, mirror: Mirror, filled: Stage, tmp_path: Path
) -> None:
    commit = mirror.contents.repositories["ns/large"].commit
    for number, revision in enumerate(("main", "v1.0.0", "1.0.0", commit)):
        folder = api.snapshot_download(
            "ns/large", revision=revision, cache_dir=tmp_path / f"cache-{number}"
        )
        holds(Path(folder), filled, "ns/large")
        assert Path(folder).name == commit


def test_a_snapshot_into_a_folder_and_by_patterns(api: Any, filled: Stage, tmp_path: Path) -> None:
    api.snapshot_download("ns/large", local_dir=tmp_path / "whole")
    holds(tmp_path / "whole", filled, "ns/large")
    api.snapshot_download("ns/large", local_dir=tmp_path / "part", allow_patterns=["*.txt"])
    found = [path.name for path in (tmp_path / "part").iterdir() if path.is_file()]
    assert found == ["vocab.txt"]


def test_a_second_download_asks_for_no_file_again(
    filled: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="the tests group installs it")
    lines: list[str] = []
    with serving(filled, log=lines.append) as mirror:
        api = huggingface_hub.HfApi(endpoint=mirror.url, token=False)
        first = api.hf_hub_download("ns/large", "weights.pth", cache_dir=tmp_path / "cache")
        assert Path(first).read_bytes() == LARGE
        assert any('"GET /ns/large/resolve/' in line for line in lines)
        lines.clear()
        again = api.hf_hub_download("ns/large", "weights.pth", cache_dir=tmp_path / "cache")
    assert again == first
    assert not any('"GET /ns/large/resolve/' in line for line in lines)


def test_the_client_is_told_what_a_model_is(api: Any, mirror: Mirror) -> None:
    info = api.model_info("ns/large", files_metadata=True)
    assert (info.id, info.sha) == ("ns/large", mirror.contents.repositories["ns/large"].commit)
    assert (info.private, info.gated, info.pipeline_tag) == (False, False, "sums")
    sizes = {one.rfilename: one.size for one in info.siblings}
    assert (sizes["weights.pth"], sizes["vocab.txt"]) == (len(LARGE), 8)
    lfs = next(one.lfs for one in info.siblings if one.rfilename == "weights.pth")
    assert (lfs.sha256, lfs.size) == (sha256(LARGE), len(LARGE))
    assert info.card_data.license == "bsd-3-clause"


def test_the_client_lists_files_paths_and_refs(api: Any) -> None:
    assert api.list_repo_files("ns/small") == ["README.md", "model.toml", "weights.safetensors"]
    tree = {one.path: one for one in api.list_repo_tree("ns/small", recursive=True)}
    assert tree["weights.safetensors"].size == len(SMALL)
    assert tree["weights.safetensors"].lfs.sha256 == sha256(SMALL)
    assert tree["README.md"].lfs is None
    found = api.get_paths_info("ns/small", ["README.md", "nowhere", "weights.safetensors"])
    assert [one.path for one in found] == ["README.md", "weights.safetensors"]
    refs = api.list_repo_refs("ns/small")
    assert [one.name for one in refs.branches] == ["main"]
    assert [one.name for one in refs.tags] == ["v1.0.0"]


def test_the_client_finds_models(api: Any) -> None:
    assert [one.id for one in api.list_models()] == ["ns/large", "ns/small"]
    assert [one.id for one in api.list_models(search="SMALL")] == ["ns/small"]
    assert [one.id for one in api.list_models(author="ns", limit=1)] == ["ns/large"]
    assert [one.id for one in api.list_models(pipeline_tag="sums")] == ["ns/large", "ns/small"]
    assert list(api.list_models(author="other")) == []


def test_the_client_knows_what_is_there(api: Any) -> None:
    assert api.repo_exists("ns/small")
    assert not api.repo_exists("ns/nothing")
    assert api.file_exists("ns/small", "weights.safetensors")
    assert not api.file_exists("ns/small", "nothing")
    assert api.revision_exists("ns/small", "main")
    assert not api.revision_exists("ns/small", "other")


def test_the_client_tells_the_errors_apart(api: Any, tmp_path: Path) -> None:
    from huggingface_hub import errors

    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("ns/nothing")
    with pytest.raises(errors.RevisionNotFoundError):
        api.model_info("ns/small", revision="other")
    with pytest.raises(errors.EntryNotFoundError):
        api.hf_hub_download("ns/small", "nothing", cache_dir=tmp_path)
    with pytest.raises(errors.RepositoryNotFoundError):
        api.hf_hub_download("ns/nothing", "README.md", cache_dir=tmp_path)
    with pytest.raises(errors.RevisionNotFoundError):
        api.hf_hub_download("ns/small", "README.md", revision="a\r\nb", cache_dir=tmp_path)


def test_the_headers_are_those_that_the_client_reads(mirror: Mirror) -> None:
    got = ask(mirror, "/ns/small/resolve/main/weights.safetensors", method="HEAD")
    assert got.headers["X-Repo-Commit"] == mirror.contents.repositories["ns/small"].commit
    assert got.headers["X-Linked-Size"] == str(len(SMALL))
    assert got.headers["X-Linked-ETag"] == got.headers["ETag"] == f'"{sha256(SMALL)}"'


def test_a_revision_changes_with_anything_of_the_entry(filled: Stage, mirror: Mirror) -> None:
    before = mirror.contents.repositories
    (filled.index / "ns/small/card.md").write_text("# Another card\n", "utf-8")
    with serving(filled) as changed:
        after = changed.contents.repositories
        gone = ask(changed, f"/api/models/ns/small/revision/{before['ns/small'].commit}")
    assert after["ns/small"].commit != before["ns/small"].commit
    assert after["ns/large"].commit == before["ns/large"].commit
    assert (gone.status, gone.headers["X-Error-Code"]) == (404, "RevisionNotFound")
    assert "error" in json.loads(gone.body)
