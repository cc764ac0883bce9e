"""weft-hub's own client behind a mirror: one setting, and the files come from there."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weft
import weft_hub
from hub.attacks.signer import new_key, private_pem, public_pem
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.conftest import Outcome
from tests.hub.serve.mirrors import ask, serving
from weft_hub._files.identity import identity_of
from weft_hub.serve import Mirror
from weft_hub.signing import KeySigner, sign_document
from weft_hub.sources.mirror import MirrorSource

SMALL = line_weights()
LARGE = random.Random(5).randbytes(20_000_001)  # more than one piece of a download


@pytest.fixture
def asked() -> list[str]:
    """The access log of the mirror."""
    return []


@pytest.fixture
def mirror(stage: Stage, asked: list[str]) -> Iterator[Mirror]:
    """A mirror of two models, whose other sources are gone."""
    for name, data in (("ns/small", SMALL), ("ns/large", LARGE)):
        form = "safetensors" if name == "ns/small" else "pytorch"
        folder = stage.entry(name, data, format=form)
        stage.hub().download(name, progress=False)
        for path in folder.glob("weights.*"):
            path.unlink()
    with serving(stage, log=asked.append) as running:
        yield running


def client(stage: Stage, tmp_path: Path) -> weft_hub.Hub:
    return weft_hub.Hub(cache=tmp_path / "client", index=stage.index)


def test_a_model_comes_from_the_mirror_and_works(
    mirror: Mirror,
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[str],
) -> None:
    monkeypatch.setenv("WEFT_HUB_MIRROR", f"{mirror.url}/")
    hub = client(stage, tmp_path)
    model = hub.load("ns/small", progress=False)
    assert model(weft.tensor([1.0, 2.0])).item() == 3.0
    assert hub.download("ns/large", progress=False).files["weights.pth"].read_bytes() == LARGE
    ranges = [line for line in asked if f"/blobs/{sha256(LARGE)}" in line]
    assert all(" 206 " in line or " 200 " in line for line in ranges)
    asked.clear()
    hub.load("ns/small", progress=False)
    assert asked == []  # what is cached is not asked for


def test_without_the_setting_the_mirror_is_not_asked(
    mirror: Mirror, stage: Stage, tmp_path: Path, asked: list[str]
) -> None:
    with pytest.raises(weft_hub.SourceError):
        client(stage, tmp_path).download("ns/small", progress=False)
    assert asked == []


def test_offline_the_mirror_is_not_asked(
    mirror: Mirror,
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: list[str],
) -> None:
    monkeypatch.setenv("WEFT_HUB_MIRROR", mirror.url)
    with pytest.raises(weft_hub.HubError):
        client(stage, tmp_path).download("ns/small", progress=False, offline=True)
    assert asked == []


def test_what_the_mirror_lacks_comes_from_the_source(
    mirror: Mirror, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_MIRROR", mirror.url)
    stage.entry("ns/later", line_weights((2.0, 2.0)))
    got = client(stage, tmp_path).download("ns/later", progress=False)
    assert got.files["weights.safetensors"].read_bytes() == line_weights((2.0, 2.0))


def test_a_mirror_that_is_not_there_is_passed_over(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening
        monkeypatch.setenv("WEFT_HUB_MIRROR", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        waits: list[float] = []
        monkeypatch.setattr("time.sleep", waits.append)
        stage.entry("ns/small", SMALL)
        got = client(stage, tmp_path).download("ns/small", progress=False)
    assert got.files["weights.safetensors"].read_bytes() == SMALL
    assert waits == []


def test_a_mirror_that_lies_is_found_out(
    mirror: Mirror,
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The digest decides, so a mirror need not be trusted."""
    path = stage.cache / "blobs" / sha256(SMALL)
    other = bytes([SMALL[0] ^ 1]) + SMALL[1:]
    monkeypatch.setattr(type(mirror.blobs), "_is_whole", _believe)
    path.chmod(0o644)
    path.write_bytes(other)
    assert ask(mirror, f"/blobs/{sha256(SMALL)}").body == other
    monkeypatch.setenv("WEFT_HUB_MIRROR", mirror.url)
    with pytest.raises(weft_hub.HubError, match="SHA-256"):
        client(stage, tmp_path).download("ns/small", progress=False)
    assert not list((tmp_path / "client").glob("blobs/*"))


def _believe(blobs: object, file: weft_hub.File) -> bool:
    """Stand in for the mirror's own check: this mirror gives out whatever it has."""
    path = blobs._cache.blob(file.sha256)  # type: ignore[attr-defined]  # a mirror that lies
    blobs._verified[file.sha256] = identity_of(os.stat(path))  # type: ignore[attr-defined]  # likewise
    return True


@pytest.mark.parametrize(
    "address", ["mirror.example", "ftp://mirror.example", "http://a:b@mirror.example", "http://x?y"]
)
def test_a_mirror_is_an_address(
    command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("WEFT_HUB_MIRROR", address)
    outcome = command("list")
    assert (outcome.code, outcome.out) == (1, "")
    assert "WEFT_HUB_MIRROR must be an address such as" in outcome.err


def test_an_entry_may_not_name_a_mirror(stage: Stage) -> None:
    stage.entry("ns/small", SMALL, sources=["mirror:http://127.0.0.1:1"])
    with pytest.raises(weft_hub.RegistryError, match="mirror"):
        stage.hub().info("ns/small")
    assert "WEFT_HUB_MIRROR" in (MirrorSource("http://a.example").check("mirror:x") or "")


def test_the_index_and_its_files_come_from_a_mirror(
    mirror: Mirror, stage: Stage, tmp_path: Path
) -> None:
    digest = json.loads(ask(mirror, "/").body)["index_sha256"]
    place = f"{mirror.url}/index.json#sha256={digest}"
    hub = weft_hub.Hub(cache=tmp_path / "client", index=place)
    assert hub.list() == ["ns/large", "ns/small"]
    assert hub.info("ns/small").text == (stage.index / "ns/small/card.md").read_text("utf-8")
    got = hub.download("ns/small", progress=False)
    assert got.files["weights.safetensors"].read_bytes() == SMALL


def test_an_index_that_was_signed_is_taken_from_a_mirror_by_its_key(
    mirror: Mirror, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    pinned = tmp_path / "key.pem"
    pinned.write_bytes(public_pem(key))
    monkeypatch.setenv("WEFT_HUB_INDEX_KEY", str(pinned))
    document = ask(mirror, "/index.json").body
    for signer, taken in ((key, True), (new_key(), False)):
        statement = sign_document(document, KeySigner(private_pem(signer)))
        with serving(stage, document=document, statement=statement) as signed:
            hub = weft_hub.Hub(cache=tmp_path / str(taken), index=f"{signed.url}/index.json")
            if taken:
                assert hub.list() == ["ns/large", "ns/small"]
            else:
                with pytest.raises(weft_hub.SignatureError):
                    hub.list()
