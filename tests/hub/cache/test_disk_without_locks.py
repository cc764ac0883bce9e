"""On a disk that has no locks the cache works, and nobody takes the work of another away."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.http.faults import Fault, serving

fcntl = pytest.importorskip("fcntl", reason="this system has no flock to take away")

LARGE = os.urandom(300_000)


@pytest.fixture(params=["ENOLCK", "EOPNOTSUPP"])
def without_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    code = getattr(errno, request.param)

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.usefixtures("without_locks")
def test_a_model_is_fetched_and_loaded(stage: Stage) -> None:
    stage.entry("a/line", line_weights(bias=2.0))
    assert stage.hub().load("a/line").bias.item() == 2.0
    assert stage.hub(offline=True).load("a/line").bias.item() == 2.0
    assert list(stage.cache.glob("tmp/*")) == []


@pytest.mark.usefixtures("without_locks")
def test_several_that_fetch_one_file_do_not_disturb_each_other(stage: Stage) -> None:
    got: list[bytes] = []

    def fetch() -> None:
        path = stage.hub().download("a/line", progress=False).files["weights.safetensors"]
        got.append(Path(path).read_bytes())

    with serving({"/w": LARGE}) as server:
        server.pause_s = 0.02
        stage.entry("a/line", LARGE, sources=[f"{server.url}/w"])
        threads = [threading.Thread(target=fetch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert got == [LARGE] * 4
    assert stage.hub().cache.verify(sha256(LARGE)) is None
    assert list(stage.cache.glob("tmp/*")) == []


@pytest.mark.usefixtures("without_locks")
def test_wrong_bytes_are_refused_and_leave_nothing(stage: Stage) -> None:
    with serving({"/w": b"?" * len(LARGE)}) as server:
        server.script(Fault("close", 1000))
        stage.entry("a/line", LARGE, sources=[f"{server.url}/w"])
        with pytest.raises(weft_hub.DigestMismatchError):
            stage.hub().download("a/line")
    assert stage.hub().cache.entries() == []
    assert list(stage.cache.glob("tmp/*")) == []


def test_another_failure_of_a_lock_is_one_error(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    stage.entry("a/line", line_weights())
    with pytest.raises(weft_hub.CacheError, match="cannot lock a file in the cache"):
        stage.hub().load("a/line")
