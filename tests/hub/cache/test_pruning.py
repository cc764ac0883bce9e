"""The cache is kept small: by name, by age, by size, and never under a process that uses it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.bans import no_powers_over_files
from tests.hub.conftest import Outcome
from weft_hub._texts.quantities import parse_age, parse_size, show_size
from weft_hub.cache import Cache, _leases
from weft_hub.cache._pruning import blobs_of, prune, remove
from weft_hub.cache._uses import last_uses

Command = Callable[..., Outcome]
DAY_S = 86400.0
SIZE = len(line_weights())


@pytest.fixture(autouse=True)
def nobody_uses_anything() -> Iterator[None]:
    """This process gives up its leases, as if another one had filled the cache and ended."""
    yield
    _leases._end_all()


def fill(stage: Stage, count: int = 3) -> list[str]:
    """Download models a/m0, a/m1, ..., each a day longer unused than the one before it."""
    digests = []
    for index in range(count):
        content = line_weights(bias=float(index))
        stage.entry(f"a/m{index}", content)
        stage.hub().download(f"a/m{index}")
        digests.append(sha256(content))
        used = 1_000_000_000 - index * DAY_S
        os.utime(stage.cache / "used" / digests[-1], (used, used))
    _leases._end_all()
    return digests


def left(stage: Stage) -> set[str]:
    blobs = {path.name for path in (stage.cache / "blobs").iterdir()}
    for link in stage.cache.glob("snapshots/*/*/*/*"):
        assert link.resolve().name in blobs, "a snapshot has a hole"
    for ref in stage.cache.glob("refs/*/*"):
        model = ref.relative_to(stage.cache / "refs")
        assert (stage.cache / "snapshots" / model / ref.read_text().strip()).is_dir()
    return blobs


def test_a_model_is_removed_with_its_files_its_snapshots_and_its_ref(
    stage: Stage, command: Command
) -> None:
    first, second = fill(stage, 2)
    code, out, err = command("cache", "remove", "a/m0")
    assert (code, err) == (0, "")
    assert first in out and "(a/m0)" in out and "was removed" in out
    assert left(stage) == {second}
    assert not (stage.cache / "refs" / "a" / "m0").exists()
    assert not (stage.cache / "used" / first).exists()
    assert command("download", "a/m0").code == 0


def several(stage: Stage, name: str, contents: list[bytes]) -> list[str]:
    """Download a model of several files, and return their digests."""
    files = [
        {
            "name": f"{n}.bin",
            "role": "extra" if n else "weights",
            "format": "other" if n else "pytorch",
            "size": len(content),
            "sha256": sha256(content),
            "sources": [f"file:{n}.bin"],
        }
        for n, content in enumerate(contents)
    ]
    folder = stage.entry(name, b"x", files=files)
    for n, content in enumerate(contents):
        (folder / f"{n}.bin").write_bytes(content)
    stage.hub().download(name)
    _leases._end_all()
    return [sha256(content) for content in contents]


def test_the_use_of_several_files_together_is_noted_once(stage: Stage) -> None:
    digests = several(stage, "a/several", [b"one", b"two", b"three"])
    (marker,) = (stage.cache / "used").iterdir()
    os.utime(marker, (1e9, 1e9))
    assert last_uses(stage.cache) == dict.fromkeys(digests, 1e9)
    stage.hub().download("a/several")
    _leases._end_all()
    assert min(last_uses(stage.cache).values()) > 1e9
    assert len(list((stage.cache / "used").iterdir())) == 1


def test_the_last_use_of_a_shared_file_counts(stage: Stage, command: Command) -> None:
    shared = several(stage, "a/first", [b"shared", b"mine"])[0]
    (first,) = (stage.cache / "used").iterdir()
    _, theirs = several(stage, "a/second", [b"shared", b"theirs"])
    os.utime(first, (1e9, 1e9))
    assert command("cache", "prune", "--older-than", "30d").code == 0
    assert left(stage) == {shared, theirs}
    assert last_uses(stage.cache).keys() >= {shared, theirs}
    assert command("cache", "prune", "--max-size", 0).code == 0
    assert left(stage) == set() and not any((stage.cache / "used").iterdir())


@pytest.mark.parametrize("text", ["", "nothing that is one", "\xff\n" * 100])
def test_a_note_that_says_something_else_is_no_use_of_a_file(stage: Stage, text: str) -> None:
    several(stage, "a/several", [b"one", b"two"])
    (marker,) = (stage.cache / "used").iterdir()
    marker.write_text(text, "latin-1")
    known = {blob.sha256: blob.used_s for blob in blobs_of(stage.hub().cache)}
    for digest, used_s in known.items():
        assert used_s == (stage.cache / "blobs" / digest).stat().st_mtime


def test_a_file_is_removed_by_the_start_of_its_digest(stage: Stage, command: Command) -> None:
    first, second = fill(stage, 2)
    assert command("cache", "remove", first[:12]).code == 0
    assert left(stage) == {second}


def test_a_file_that_another_model_shares_stays(stage: Stage, command: Command) -> None:
    stage.entry("a/one", line_weights())
    stage.entry("a/two", line_weights())
    for name in ("a/one", "a/two"):
        stage.hub().download(name)
    _leases._end_all()
    assert command("cache", "remove", "a/one").code == 0
    assert left(stage) == {sha256(line_weights())}
    assert command("cache", "remove", "a/two").code == 0
    assert left(stage) == set()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (["a/m9"], "did you mean 'a/m0'"),
        (["deadbeef"], "no model and no file called 'deadbeef'"),
        (["a/m0", "a/nothing"], "no model and no file called 'a/nothing'"),
        (["../../etc"], "no model and no file"),
        (["abc"], "at least 8 digits"),
    ],
)
def test_what_is_not_there_is_one_line_and_removes_nothing(
    stage: Stage, command: Command, what: list[str], says: str
) -> None:
    fill(stage, 1)
    before = left(stage)
    code, out, err = command("cache", "remove", *what)
    assert (code, out) == (1, "")
    assert says in err and err.count("\n") == 1
    assert left(stage) == before


def test_the_least_recently_used_go_until_the_rest_fits(stage: Stage, command: Command) -> None:
    newest, middle, oldest = fill(stage)
    data = json.loads(command("cache", "prune", "--max-size", 2 * SIZE, "--json").out)
    assert [row["sha256"] for row in data["removed"]] == [oldest]
    assert (data["freed"], data["size"]) == (SIZE, 2 * SIZE)
    assert left(stage) == {newest, middle}
    assert command("cache", "prune", "--max-size", 0).code == 0
    assert left(stage) == set()


def test_what_was_not_used_for_long_goes(stage: Stage) -> None:
    newest, middle, _ = fill(stage)
    done = prune(stage.hub().cache, older_than_s=1.5 * DAY_S, now_s=1_000_000_000)
    assert len(done.blobs) == 1
    assert left(stage) == {newest, middle}


def test_using_a_model_makes_it_the_newest_and_leaves_the_blob_as_it_is(stage: Stage) -> None:
    *_, oldest = fill(stage)
    before = (stage.cache / "blobs" / oldest).stat()
    stage.hub().load("a/m2")
    _leases._end_all()
    prune(stage.hub().cache, max_size=SIZE)
    assert left(stage) == {oldest}
    assert (stage.cache / "blobs" / oldest).stat().st_mtime_ns == before.st_mtime_ns


def test_a_dry_run_says_the_same_and_removes_nothing(stage: Stage, command: Command) -> None:
    digests = fill(stage)
    said = json.loads(command("cache", "prune", "--max-size", 0, "--dry-run", "--json").out)
    assert left(stage) == set(digests)
    assert "would be removed" in command("cache", "remove", "a/m0", "--dry-run").out
    assert left(stage) == set(digests)
    done = json.loads(command("cache", "prune", "--max-size", 0, "--json").out)
    assert {**said, "dry_run": False} == done


def test_prune_without_a_limit_asks_for_one(stage: Stage, command: Command) -> None:
    code, _, err = command("cache", "prune")
    assert code == 1
    assert "WEFT_HUB_CACHE_LIMIT" in err and err.count("\n") == 1


def test_the_limit_of_the_environment_is_kept_after_each_fetch(
    stage: Stage, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = fill(stage)
    monkeypatch.setenv("WEFT_HUB_CACHE_LIMIT", f"{2 * SIZE}")
    content = line_weights(bias=9.0)
    stage.entry("a/new", content)
    assert command("download", "a/new").code == 0
    assert left(stage) == {sha256(content), digests[0]}
    monkeypatch.setenv("WEFT_HUB_CACHE_LIMIT", "a lot")
    code, _, err = command("list")
    assert code == 1
    assert "WEFT_HUB_CACHE_LIMIT must be a size such as" in err and "'a lot'" in err


def test_damaged_files_and_old_work_of_killed_processes_go_and_young_work_stays(
    stage: Stage,
) -> None:
    (digest,) = fill(stage, 1)
    cache = stage.hub().cache
    (stage.cache / "damaged").mkdir()
    (stage.cache / "damaged" / digest).write_bytes(b"123")
    for age, name in (
        (2 * DAY_S, f"{digest}-old"),
        (10.0, f"{digest}-new"),
        (2 * DAY_S, "check-x"),
    ):
        work = stage.cache / "tmp" / name
        work.mkdir(parents=True)
        (work / "partial").write_bytes(b"12345")
        os.utime(work, (2e9 - age, 2e9 - age))
    done = prune(cache, max_size=1 << 30, now_s=2e9)
    assert done.other_bytes == 3 + 5 + 5
    assert [path.name for path in (stage.cache / "tmp").iterdir()] == [f"{digest}-new"]
    assert left(stage) == {digest}


def test_copies_of_a_disk_without_links_count_and_go(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(os, "symlink", refuse)
        patched.setattr(os, "link", refuse)
        fill(stage, 1)
    (blob,) = blobs_of(stage.hub().cache)
    assert blob.size == 2 * SIZE
    remove(stage.hub().cache, ["a/m0"])
    assert not list(stage.cache.glob("snapshots/*/*/*"))
    assert left(stage) == set()


def test_a_cache_that_cannot_be_written_is_used_and_not_pruned(stage: Stage) -> None:
    (digest,) = fill(stage, 1)
    shutil.rmtree(stage.cache / "uses")
    folders = [stage.cache, *(path for path in stage.cache.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    for file in (stage.cache / "locks").iterdir():
        file.chmod(0o444)
    try:
        with no_powers_over_files():
            assert stage.hub().load("a/m0") is not None
            with pytest.raises(weft_hub.CacheError, match="cannot lock the cache"):
                prune(stage.hub().cache, max_size=0)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert left(stage) == {digest}


# ---- other processes

HOLD = """
import sys, weft_hub
snapshot = weft_hub.Hub().download(sys.argv[1])
print(snapshot.folder, flush=True)
sys.stdin.read()
"""


def holder(stage: Stage, name: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, name],
        env=stage.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip()
    return process


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_nothing_that_a_living_process_uses_is_taken(
    stage: Stage, command: Command, end: str
) -> None:
    used, other, _ = fill(stage)
    process = holder(stage, "a/m0")
    try:
        done = command("cache", "prune", "--max-size", 0)
        assert done.code == 1
        assert "running processes use 1 file of it" in done.err
        assert f"{used}  is used by a running process and stays" in done.out
        assert left(stage) == {used}
        refused = command("cache", "remove", "a/m0")
        assert refused.code == 1
        assert "is used by a running process, so nothing was removed" in refused.err
        assert other not in left(stage)
        if end == "killed":
            process.send_signal(signal.SIGKILL)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
    assert command("cache", "remove", "a/m0").code == 0
    assert left(stage) == set()
    assert list((stage.cache / "uses").glob("[!.]*")) == []


def test_the_lease_of_a_parent_outlives_its_forked_child(stage: Stage) -> None:
    (used,) = fill(stage, 1)
    hub = stage.hub()
    hub.download("a/m0")
    child = os.fork()
    if child == 0:
        _leases._end_all()  # what the interpreter does at its end
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    script = (
        "import sys; from pathlib import Path; from weft_hub.cache import Cache; "
        "from weft_hub.cache._pruning import prune; "
        "print(prune(Cache(Path(sys.argv[1])), max_size=0))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(stage.cache)],
        env=stage.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"kept_in_use=('{used}',)" in ended.stdout
    assert left(stage) == {used}


def test_who_begins_to_use_a_model_waits_until_nobody_prunes(stage: Stage) -> None:
    (used,) = fill(stage, 1)
    cache = stage.hub().cache
    done = threading.Event()
    waiting = threading.Thread(target=lambda: (_leases.hold(cache, [used]), done.set()))
    with _leases.pruning(cache):
        waiting.start()
        while not any(used in path.read_text() for path in (stage.cache / "uses").glob("[!.]*")):
            pass  # its digest is there before it waits
        assert not done.wait(0.3)
    waiting.join(60)
    assert done.is_set()


LOOP = """
import sys, weft_hub
hub = weft_hub.Hub(offline=True)
for turn in range(int(sys.argv[2])):
    path = hub.download(sys.argv[1]).files["weights.safetensors"]
    assert len(path.read_bytes()) == int(sys.argv[3])
"""
PRUNE = """
import sys
from pathlib import Path
from weft_hub.cache._pruning import prune
from weft_hub.cache import Cache
for turn in range(int(sys.argv[2])):
    prune(Cache(Path(sys.argv[1])), max_size=0)
"""


@pytest.mark.slow
def test_processes_that_load_and_processes_that_prune_never_meet(stage: Stage) -> None:
    fill(stage)
    commands = [
        *([LOOP, f"a/m{index % 3}", "60", str(SIZE)] for index in range(4)),
        *([PRUNE, str(stage.cache), "60"] for _ in range(2)),
    ]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", *command],
            env=stage.environment(), stderr=subprocess.PIPE, text=True,
        )
        for command in commands
    ]  # fmt: skip
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    left(stage)


# ---- quantities


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("0", 0),
        ("512", 512),
        ("20GB", 20 * 10**9),
        ("1.5 GiB", 3 << 29),
        ("2kb", 2000),
        ("1T", None),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, bytes_: int | None) -> None:
    if bytes_ is None:
        with pytest.raises(ValueError, match="must be a size such as"):
            parse_size(text)
    else:
        assert parse_size(text) == bytes_


@pytest.mark.parametrize("text", ["", "-1GB", "GB", "1e9", "1GB 2GB", "٣GB", "1" * 16])
def test_what_is_no_size_is_refused_with_what_came(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)


def test_ages_have_a_unit() -> None:
    assert parse_age("30d") == 30 * DAY_S
    assert parse_age("90 s") == 90.0
    assert parse_age("2W") == 14 * DAY_S
    with pytest.raises(ValueError, match="'30'"):
        parse_age("30")


def test_sizes_are_shown_with_a_unit() -> None:
    assert [show_size(n) for n in (0, 1023, 1024, 3 << 20, 5 << 30)] == [
        "0 B", "1023 B", "1.0 KiB", "3.0 MiB", "5.0 GiB"
    ]  # fmt: skip


def test_a_cache_that_is_not_there_has_nothing_to_prune(tmp_path: Path) -> None:
    assert prune(Cache(tmp_path / "none"), max_size=0, dry_run=True).blobs == ()
