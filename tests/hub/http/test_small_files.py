"""Small files: through memory, a request each, and nothing wrong or half-written afterwards."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, sha256
from tests.hub.conftest import nothing_taken
from tests.hub.http.faults import Fault, Served, serving
from tests.hub.serve.mirrors import serving as mirroring
from weft_hub._http import waiting
from weft_hub._transfer.small import LEAST_FILES
from weft_hub.cache._part import Part
from weft_hub.cache._small_part import AT_ONCE_BYTES

CONTENT = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_WAIT_S", 0.01)


def fetched(stage: Stage, server: Served, content: bytes = CONTENT) -> bytes:
    stage.entry("a/line", content, sources=[f"{server.url}/w"])
    return stage.hub().download("a/line").files["weights.safetensors"].read_bytes()


@pytest.mark.parametrize("size", [1, len(CONTENT), AT_ONCE_BYTES])
def test_a_small_file_makes_no_part_on_the_disk(
    stage: Stage, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a part was made")

    monkeypatch.setattr(Part, "__init__", refuse)
    content = os.urandom(size)
    with serving({"/w": content}) as server:
        assert fetched(stage, server, content) == content
        assert len(server.asked) == 1


@pytest.mark.parametrize("at", [0, 1, 5000, len(CONTENT) - 1])
def test_a_connection_that_breaks_is_asked_again(stage: Stage, at: int) -> None:
    with serving({"/w": CONTENT}) as server:
        server.script(Fault("close", at))
        assert fetched(stage, server) == CONTENT
        assert len(server.asked) == 2
    assert list(stage.cache.glob("tmp/*")) == []


@pytest.mark.parametrize(
    ("served", "error"),
    [
        (CONTENT + b"?", weft_hub.SizeMismatchError),
        (CONTENT[:-1], weft_hub.SizeMismatchError),
        (b"?" * len(CONTENT), weft_hub.DigestMismatchError),
    ],
)
def test_other_bytes_are_refused_and_leave_nothing(
    stage: Stage, served: bytes, error: type[weft_hub.HubError]
) -> None:
    with serving({"/w": served}) as server, pytest.raises(error):
        fetched(stage, server)
    assert nothing_taken(stage)


@pytest.mark.parametrize("count", [3, 20])
def test_a_mirror_is_asked_at_most_once_whether_it_is_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    files = {f"{n}.bin": bytes([n]) * (100 + n) for n in range(count)}
    entry = [
        {
            "name": name,
            "role": "extra" if n else "weights",
            "format": "other" if n else "pytorch",
            "size": len(content),
            "sha256": sha256(content),
            "sources": ["https://nowhere.invalid/file"],
        }
        for n, (name, content) in enumerate(files.items())
    ]
    stage.entry("a/line", CONTENT, files=entry)
    blobs = {f"/blobs/{sha256(content)}": content for content in files.values()}
    monkeypatch.setenv("WEFT_HUB_CONNECTIONS", "1")
    with serving(blobs) as server:
        monkeypatch.setenv("WEFT_HUB_MIRROR", server.url)
        got = stage.hub().download("a/line").files
        paths = [asked.path for asked in server.asked]
    assert {name: Path(path).read_bytes() for name, path in got.items()} == files
    # Where many are asked for, whether they come says it.
    assert sorted(paths) == sorted([*blobs, *["/index.json.sha256"] * (count < LEAST_FILES)])


def test_the_end_of_an_answer_does_not_wait_for_its_beginning(stage: Stage) -> None:
    with mirroring(stage) as mirror:
        assert mirror._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
