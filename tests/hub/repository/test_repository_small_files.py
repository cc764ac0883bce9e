"""The small files of a repository come together, and each is what the repository lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import weft_hub
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.repository.repository_server import Repositories, serving
from tests.hub.repository.sentences import files_of, write_repository

SMALL = {
    "tokenizer_config.json": b'{"do_lower_case": true}',
    "modules.json": json.dumps(
        [
            {"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]
    ).encode(),
    "sentence_bert_config.json": b'{"max_seq_length": 8}',
    "config_sentence_transformers.json": b"{}",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    with serving() as repositories:
        monkeypatch.setenv("HF_ENDPOINT", repositories.url)
        monkeypatch.setenv("WEFT_HUB_RETRIES", "0")
        yield repositories


def entered(server: Repositories, folder: Path, **others: bytes) -> str:
    """Enter a sentence encoder with many small files, and return its name."""
    write_repository(folder)
    sha = server.commit("lab/sentences", {**files_of(folder), **SMALL, **others})
    return f"hf:lab/sentences@{sha}"


def read(server: Repositories) -> list[str]:
    """Return the small files that were asked for, in order of their names."""
    files = [path.split("/", 5)[-1] for path in server.asked if "/resolve/" in path]
    return sorted(path for path in files if path not in ("config.json", "model.safetensors"))


def test_small_files_are_asked_for_at_the_same_time(server: Repositories, tmp_path: Path) -> None:
    name = entered(server, tmp_path / "repository")
    server.together = 6  # none of them is answered before
    model = weft_hub.load(name)
    assert server.peak >= 6
    files = read(server)
    assert len(files) == len(set(files)) >= 6  # each once
    with no_sockets_and_no_processes():
        again = weft_hub.load(name, offline=True)
    sentences = ["a man plays", "rain"]
    assert again.preprocess(sentences)[0].tolist() == model.preprocess(sentences)[0].tolist()


def test_files_that_were_pruned_come_together_too(
    server: Repositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("WEFT_HUB_CACHE", str(cache))
    name = entered(server, tmp_path / "repository")
    weft_hub.load(name)
    for blob in (cache / "blobs").iterdir():
        blob.unlink()
    server.asked.clear()
    server.together, server.peak = 6, 0
    weft_hub.load(name)
    assert server.peak >= 6
    files = read(server)
    assert len(files) == len(set(files))


def test_bytes_that_are_not_those_that_are_listed_are_refused(
    server: Repositories, tmp_path: Path
) -> None:
    name = entered(server, tmp_path / "repository")
    path = f"/lab/sentences/resolve/{name.partition('@')[2]}/tokenizer_config.json"
    server.files[path] = SMALL["tokenizer_config.json"][::-1]  # of the same length
    with pytest.raises(
        weft_hub.DigestMismatchError, match=r"tokenizer_config\.json.*of git's blob"
    ):
        weft_hub.load(name)


def test_small_files_at_another_host_come_together_and_without_the_token(
    server: Repositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-secret")
    name = entered(server, tmp_path / "repository")
    commit = name.partition("@")[2]
    with serving() as elsewhere:
        for path, content in SMALL.items():
            elsewhere.files[f"/kept/{path}"] = content
            here = f"/lab/sentences/resolve/{commit}/{path}"
            server.redirects[here] = f"{elsewhere.url}/kept/{path}"
        model = weft_hub.load(name)
        assert sorted(elsewhere.asked) == sorted(f"/kept/{path}" for path in SMALL)
        assert elsewhere.authorized == []
    assert server.authorized
    assert model.card.task == "sentence-embedding"
