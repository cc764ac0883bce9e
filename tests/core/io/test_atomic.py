"""A save is whole or not at all: the disk full, the process killed, at every moment of it."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.io import _atomic

OLD = {"w": weft.zeros(1000), "epoch": 1}
NEW = {"w": weft.ones(1000), "v": weft.ones(7)[2:5], "epoch": 2}
SAVES: dict[str, Callable[[Any, Any], None]] = {
    "weft": weft.save,
    "pytorch": weft.io.save_pytorch,
    "safetensors": lambda value, path: weft.io.save_safetensors({"w": value["w"]}, path),
}


@pytest.fixture(params=["nameless", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return how unfinished files are kept: without a name, or under an unfinished one."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    else:
        descriptor, name = _atomic._open_unfinished(tmp_path / "x")
        os.close(descriptor)
        if name is not None:
            name.unlink()
            pytest.skip("this file system has no files without a name")
    return str(request.param)


@pytest.fixture(params=SAVES)
def save(request: pytest.FixtureRequest) -> Callable[[Any, Any], None]:
    return SAVES[request.param]


@pytest.fixture
def path(tmp_path: Path, save: Callable[[Any, Any], None]) -> Path:
    """Return the path of an older checkpoint."""
    save(OLD, tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def only(path: Path) -> bool:
    """Whether the folder holds this file and no other."""
    return os.listdir(path.parent) == [path.name]


class FailingFile:
    """A file whose n-th call of the system fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail_at: int) -> None:
        self.calls = 0
        self._fail_at = fail_at
        monkeypatch.setattr(_atomic, "FlowingFile", self._open)
        fsync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda fd: self._count() or fsync(fd))

    def _open(self, descriptor: int) -> Any:
        import io

        outer = self

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:
                outer._count()
                return super().write(data)

        return io.BufferedWriter(Raw(descriptor, "wb"), buffer_size=64)

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self._fail_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_at_any_write_leaves_the_old_file(path, save, way, monkeypatch):
    before = path.read_bytes()
    fail_at = 0
    while True:
        fail_at += 1
        with monkeypatch.context() as patch:
            file = FailingFile(patch, fail_at)
            try:
                save(NEW, path)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                assert error.filename == str(path)
                assert "No space left" in str(error)
            else:
                break
        assert path.read_bytes() == before, fail_at
        assert only(path), fail_at
    assert fail_at == file.calls > 3  # the last flushes the folder, after the new file is there
    assert path.read_bytes() != before
    assert only(path)


LIMITED = """
import resource, sys
import weft
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    weft.save({"w": weft.ones(100_000)}, sys.argv[1])
except OSError as error:
    print(error.errno, error.filename)
"""


def test_a_limit_on_the_size_of_files_leaves_the_old_file(tmp_path):
    path = tmp_path / "checkpoint"
    weft.save(OLD, path)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(errno.EFBIG), str(path)]
    assert path.read_bytes() == before
    assert only(path)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000


def test_a_full_disk_leaves_the_old_file(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this process may not mount a small file system")
    try:
        weft.save(OLD, small / "checkpoint")
        with pytest.raises(OSError, match="No space left") as caught:
            weft.save({"w": weft.ones(1_000_000)}, small / "checkpoint")
        assert caught.value.filename == str(small / "checkpoint")
        assert weft.load(small / "checkpoint")["epoch"] == 1
        assert only(small / "checkpoint")
    finally:
        subprocess.run(["umount", str(small)], check=True)


KILLED = """
import io, os, signal, sys
import weft
from weft.io import _atomic

named, at, path = sys.argv[1] == "named", int(sys.argv[2]), sys.argv[3]
if named and hasattr(os, "O_TMPFILE"):
    del os.O_TMPFILE
calls = 0

def count():
    global calls
    calls += 1
    if calls == at:
        os.kill(os.getpid(), signal.SIGKILL)

class Raw(io.FileIO):
    def write(self, data):
        count()
        return super().write(data)

_atomic.FlowingFile = lambda descriptor: io.BufferedWriter(Raw(descriptor, "wb"), 64)
fsync, replace = os.fsync, os.replace
os.fsync = lambda descriptor: (count(), fsync(descriptor))
os.replace = lambda one, other: (count(), replace(one, other), count())
weft.save({"w": weft.ones(1000), "v": weft.ones(7)[2:5], "epoch": 2}, path)
print("saved")
"""


def test_a_process_killed_at_any_moment_leaves_the_old_file_or_the_new(tmp_path, way):
    path = tmp_path / "checkpoint"
    weft.save(OLD, path)
    kept = {path.read_bytes()}
    weft.save(NEW, path)
    kept.add(path.read_bytes())
    outcomes = set()
    for at in (1, 3, 4, 5, 6, 9):
        weft.save(OLD, path)
        command = [sys.executable, "-c", KILLED, way, str(at), str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL or done.stdout == "saved\n", done.stderr
        assert path.read_bytes() in kept
        outcomes.add((done.returncode, weft.load(path)["epoch"]))
        if way == "nameless" and at < 5:  # the file has had no name yet
            assert only(path)
        weft.save(OLD, path)  # removes what was left
        assert only(path), at
    assert (-signal.SIGKILL, 1) in outcomes
    assert outcomes & {(-signal.SIGKILL, 2), (0, 2)}


SAVING = """
import sys
import weft
epoch = 2
print("ready", flush=True)
while True:
    weft.save({"w": weft.full((300_000,), float(epoch)), "epoch": epoch}, sys.argv[1])
    epoch += 1
"""


@pytest.mark.slow
def test_a_process_killed_at_random_moments_leaves_a_whole_file(tmp_path):
    path = tmp_path / "checkpoint"
    weft.save({"w": weft.ones(300_000), "epoch": 1}, path)
    rng = random.Random(5)
    for _ in range(15):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.random() * 0.2)
        process.kill()
        process.wait()
        process.stdout.close()
        loaded = weft.load(path)
        assert loaded["w"].unique().tolist() == [float(loaded["epoch"])]
        weft.save({"w": weft.ones(300_000), "epoch": 1}, path)
        assert only(path)


def test_an_error_in_the_body_leaves_nothing(tmp_path, way):
    path = tmp_path / "file"
    with pytest.raises(ZeroDivisionError), _atomic.written_atomically(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_a_file_that_another_process_writes_is_not_taken_for_a_leftover(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    path = tmp_path / "file"
    with _atomic.written_atomically(path) as slow:
        slow.write(b"slow")
        with _atomic.written_atomically(path) as quick:
            quick.write(b"quick")
        assert path.read_bytes() == b"quick"
    assert path.read_bytes() == b"slow"
    assert os.listdir(tmp_path) == ["file"]


def test_leftovers_of_this_file_alone_are_removed(tmp_path):
    other = [tmp_path / name for name in (".other.0123456789abcdef.partial", ".file.x.partial")]
    stale = tmp_path / ".file.0123456789abcdef.partial"
    for name in (*other, stale):
        name.write_bytes(b"half")
    weft.save([], tmp_path / "file")
    assert not stale.exists()
    assert all(name.exists() for name in other)


def test_a_link_is_followed(tmp_path, way):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "checkpoint", tmp_path / "latest"
    weft.save(OLD, target)
    link.symlink_to(target)
    weft.save(NEW, link)
    assert link.is_symlink()
    assert weft.load(target)["epoch"] == 2
    assert only(target)


def test_a_file_takes_no_folders_devices_or_pipes_place(tmp_path):
    with pytest.raises(IsADirectoryError):
        weft.save([], tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pass the file object"):
        weft.save([], tmp_path / "pipe")
    with pytest.raises(OSError, match="pass the file object"):
        weft.save([], "/dev/null")


def test_an_absent_folder_is_told_with_the_path(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        weft.save([], tmp_path / "absent" / "file")
    assert caught.value.filename == str(tmp_path / "absent" / "file")


def test_a_new_file_is_readable_as_the_umask_has_it(tmp_path, way):
    before = os.umask(0o027)
    try:
        weft.save([], tmp_path / "file")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_where_a_file_may_not_be_named_later_its_bytes_are_copied(tmp_path, monkeypatch):
    def refuse(*args: object, **settings: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    weft.save(NEW, tmp_path / "file")
    assert weft.load(tmp_path / "file")["epoch"] == 2
    assert os.listdir(tmp_path) == ["file"]
