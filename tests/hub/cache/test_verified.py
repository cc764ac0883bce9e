"""A verified file is hashed again as soon as anybody may have written to it, and not before."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

import weft_hub
from hub.attacks.stage import sha256
from weft_hub.cache import Cache, _book, _small_finds, _store, _verified
from weft_hub.cache._links import Links
from weft_hub.cache._pruning import prune
from weft_hub.cache._small_finds import find_small
from weft_hub.cache._verified import Verified
from weft_hub.card import Card, File
from weft_hub.settings import Settings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere each load hashes")

CONTENT = b"0123456789" * 1000
OTHER = b"9876543210" * 1000
FILE = File("weights.bin", "extra", "other", len(CONTENT), sha256(CONTENT), ())


class Counted:
    """A cache with a memory, and how often it hashed a file."""

    def __init__(self, root: Path) -> None:
        self.hashed = 0
        self.memory = root / "verified"
        self.cache = Cache(root / "cache", Verified(self.memory))
        with self.cache.workspace(FILE, True) as work:
            self.blob = self.cache.store(FILE, io.BytesIO(CONTENT), work)

    def hashes(self) -> int:
        """Find the file, and return how often it was hashed for that."""
        before = self.hashed
        assert self.cache.find(FILE) == self.blob
        return self.hashed - before


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted(tmp_path)
    hash_file = _store.sha256_of

    def count(path: Path) -> str:
        made.hashed += 1
        return hash_file(path)

    monkeypatch.setattr(_store, "sha256_of", count)
    monkeypatch.setattr(_verified, "_YOUNG_NS", 0)
    return made


def test_a_file_is_hashed_once(counted: Counted) -> None:
    assert [counted.hashes() for _ in range(3)] == [1, 0, 0]
    again = Cache(counted.cache.root, Verified(counted.memory))  # as another process would
    assert again.find(FILE) == counted.blob and counted.hashed == 1


def test_without_a_memory_each_find_hashes(counted: Counted) -> None:
    counted.cache.verified = None
    assert [counted.hashes() for _ in range(3)] == [1, 1, 1]


def test_a_file_that_is_too_young_is_not_remembered(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_verified, "_YOUNG_NS", 3_600_000_000_000)
    assert [counted.hashes() for _ in range(2)] == [1, 1]


def written_in_place(blob: Path) -> None:
    blob.chmod(0o644)
    with blob.open("r+b") as stream:
        stream.write(OTHER)
    blob.chmod(0o444)


def written_and_dated_back(blob: Path) -> None:
    before = blob.stat()
    written_in_place(blob)
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert blob.stat().st_mtime_ns == before.st_mtime_ns


def exchanged(blob: Path) -> None:
    before = blob.stat()
    other = blob.with_name("other")
    other.write_bytes(OTHER)
    shutil.copystat(blob, other)
    os.replace(other, blob)
    assert blob.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("change", [written_in_place, written_and_dated_back, exchanged])
def test_whatever_was_written_to_is_hashed_again_and_refused(
    counted: Counted, change: Callable[[Path], None]
) -> None:
    assert [counted.hashes() for _ in range(2)] == [1, 0]
    change(counted.blob)
    with pytest.raises(weft_hub.DamagedBlobError, match="SHA-256"):
        counted.cache.find(FILE)
    assert counted.hashed == 2


def test_a_link_to_other_bytes_is_refused(counted: Counted) -> None:
    assert counted.hashes() == 1
    elsewhere = counted.blob.with_name("elsewhere")
    os.replace(counted.blob, elsewhere)
    counted.blob.symlink_to(elsewhere)
    with pytest.raises(weft_hub.DamagedBlobError, match="not a regular file"):
        counted.cache.find(FILE)


def test_a_file_that_others_can_write_is_hashed_each_time(counted: Counted) -> None:
    counted.blob.chmod(0o464)
    assert [counted.hashes() for _ in range(2)] == [1, 1]


def test_a_record_that_others_can_write_counts_for_nothing(counted: Counted) -> None:
    assert [counted.hashes() for _ in range(2)] == [1, 0]
    (record,) = counted.memory.iterdir()
    record.chmod(0o666)
    assert counted.hashes() == 1
    counted.memory.chmod(0o777)
    record.unlink()
    assert [counted.hashes() for _ in range(2)] == [1, 1]


@pytest.mark.parametrize("text", ["", "1 2 3 4", "\xff\xfe", "0 " * 5000])
def test_a_record_that_says_something_else_counts_for_nothing(counted: Counted, text: str) -> None:
    assert counted.hashes() == 1
    (record,) = counted.memory.iterdir()
    record.write_text(text, encoding="latin-1")
    assert [counted.hashes() for _ in range(2)] == [1, 0]


def test_the_same_blob_in_another_cache_is_another_file(counted: Counted, tmp_path: Path) -> None:
    assert counted.hashes() == 1
    shutil.copytree(counted.cache.root, tmp_path / "copy")
    copy = Cache(tmp_path / "copy", counted.cache.verified)
    assert copy.find(FILE) is not None and counted.hashed == 2
    assert counted.hashes() == 0
    assert len(list(counted.memory.iterdir())) == 2


def test_where_nothing_can_be_noted_each_find_hashes(counted: Counted) -> None:
    counted.memory.write_text("not a folder")
    assert [counted.hashes() for _ in range(2)] == [1, 1]


def test_what_is_pruned_is_forgotten(counted: Counted) -> None:
    assert counted.hashes() == 1
    prune(counted.cache, max_size=0)
    assert list(counted.memory.iterdir()) == []


def test_looking_after_the_cache_hashes_everything(counted: Counted) -> None:
    assert counted.hashes() == 1
    assert counted.cache.verify(FILE.sha256) is None and counted.hashed == 2


def test_the_setting_is_read(tmp_path: Path) -> None:
    folder = {"WEFT_HUB_CACHE": "c", "WEFT_HUB_VERIFIED": str(tmp_path)}
    assert Settings.from_environment(folder).verified == tmp_path
    assert Settings.from_environment({**folder, "WEFT_HUB_VERIFY": "always"}).verified is None
    with pytest.raises(weft_hub.SettingError, match="'sometimes'"):
        Settings.from_environment({**folder, "WEFT_HUB_VERIFY": "sometimes"})


# ---- many files


def many(counted: Counted, count: int) -> list[File]:
    """Store files in the cache, and return what an index says of them."""
    files = []
    for n in range(count):
        content = b"%d" % n * 100
        files.append(File(f"{n}.bin", "extra", "other", len(content), sha256(content), ()))
        with counted.cache.workspace(files[-1], True) as work:
            counted.cache.store(files[-1], io.BytesIO(content), work)
    return files


def test_many_files_are_remembered_in_one_that_is_read_once(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = many(counted, 50)
    for file in files:
        assert not counted.cache.known([file])
        counted.cache.find(file)
    assert counted.hashed == 50
    assert len(list(counted.memory.iterdir())) == 1
    opened: list[str] = []

    def count(path: str, *more: Any) -> IO[Any]:
        opened.append(path)
        return open(path, *more)  # its caller closes it

    monkeypatch.setattr(_book, "open", count, raising=False)
    again = Cache(counted.cache.root, Verified(counted.memory))
    assert again.known(files) == {file.sha256 for file in files}
    assert all(again.find(file) == again.blob(file.sha256) for file in files)
    assert counted.hashed == 50
    assert len(opened) == 1


@pytest.mark.parametrize("local", [True, False], ids=["this machine's disk", "a network disk"])
@pytest.mark.parametrize("change", [written_in_place, written_and_dated_back, exchanged])
def test_of_many_files_the_one_that_was_written_to_is_not_known(
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
    local: bool,
    change: Callable[[Path], None],
) -> None:
    monkeypatch.setattr(os, "major", lambda device: int(local))
    files = many(counted, 5)
    assert find_small(counted.cache, files) == ({file.sha256 for file in files}, [])
    assert counted.cache.known(files) == {file.sha256 for file in files}
    change(counted.cache.blob(files[3].sha256))
    counted.cache.blob(files[1].sha256).unlink()
    left = {files[n].sha256 for n in (0, 2, 4)}
    assert counted.cache.known(files) == left
    assert find_small(counted.cache, files) == (left, [files[1]])


def test_a_link_among_many_files_is_not_known(counted: Counted) -> None:
    files = many(counted, 3)
    find_small(counted.cache, files)
    blob = counted.cache.blob(files[1].sha256)
    os.replace(blob, blob.with_name("elsewhere"))
    blob.symlink_to("elsewhere")
    left = {files[n].sha256 for n in (0, 2)}
    assert counted.cache.known(files) == left
    assert find_small(counted.cache, files) == (left, [])


def test_many_small_files_are_noted_by_one_write(counted: Counted) -> None:
    files = many(counted, 5)
    find_small(counted.cache, files[:1])
    (record,) = counted.memory.iterdir()
    before = record.stat().st_ino
    find_small(counted.cache, files)
    assert record.stat().st_ino == before
    again = Cache(counted.cache.root, Verified(counted.memory))
    assert again.known(files) == {file.sha256 for file in files}


def test_many_small_files_that_are_too_young_are_not_noted(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_verified, "_YOUNG_NS", 3_600_000_000_000)
    files = many(counted, 5)
    assert len(find_small(counted.cache, files)[0]) == 5
    assert counted.cache.known(files) == set()


def test_large_files_are_left_to_others(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_small_finds, "AT_ONCE_BYTES", 10)
    assert find_small(counted.cache, many(counted, 5)) == (set(), [])


# ---- the links of a snapshot


def linked(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> tuple[Card, Path, list[str]]:
    """Make a snapshot, and return its entry, its folder, and which links are looked at later."""
    entry = card(many(counted, 4))
    for _ in range(3):
        folder = counted.cache.link(entry)
    looked: list[str] = []
    link = Links._link

    def look(self: Links, file: File) -> bool:
        looked.append(file.name)
        return link(self, file)

    monkeypatch.setattr(Links, "_link", look)
    return entry, folder, looked


def card(files: list[File]) -> Card:
    """Return an entry of these files."""
    data = {
        **{key: key for key in ("task", "summary", "license", "provenance")},
        **{"name": "a/many", "version": "1.0.0", "authors": ["us"], "files": []},
        "build": {"kind": "factory", "package": "none", "factory": "none"},
    }
    made = Card.from_data(data, text="", folder=Path())
    return replace(made, files=tuple(files))


def test_links_are_looked_at_until_nobody_changed_their_folder(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, folder, looked = linked(counted, monkeypatch)
    assert counted.cache.link(entry) == folder and looked == []
    (folder / "2.bin").unlink()
    assert counted.cache.link(entry) == folder and len(looked) == 4
    assert (folder / "2.bin").read_bytes() == b"2" * 100


def test_a_link_that_was_exchanged_is_mended(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, folder, looked = linked(counted, monkeypatch)
    (folder / "other").symlink_to("elsewhere")
    os.replace(folder / "other", folder / "2.bin")
    counted.cache.link(entry)
    assert len(looked) == 4 and (folder / "2.bin").read_bytes() == b"2" * 100


def test_copies_in_place_of_links_are_looked_at_each_time(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, folder, looked = linked(counted, monkeypatch)
    (folder / "2.bin").unlink()
    (folder / "2.bin").write_bytes(b"2" * 100)
    for _ in range(3):
        counted.cache.link(entry)
    assert len(looked) == 12
    (folder / "2.bin").write_bytes(b"!" * 100)  # changes the file and not the folder
    counted.cache.link(entry)
    assert (folder / "2.bin").read_bytes() == b"2" * 100


def test_a_snapshot_that_others_can_write_is_looked_at_each_time(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, folder, looked = linked(counted, monkeypatch)
    folder.chmod(0o777)
    for _ in range(2):
        counted.cache.link(entry)
    assert len(looked) == 8


def test_what_another_process_verified_meanwhile_is_known(counted: Counted) -> None:
    files = many(counted, 6)
    other = Cache(counted.cache.root, Verified(counted.memory))
    for mine, theirs in zip(files[::2], files[1::2], strict=True):
        counted.cache.find(mine)
        other.find(theirs)
    assert counted.hashed == 6
    for cache in (counted.cache, other):
        assert cache.known(files) == {file.sha256 for file in files}


def test_the_memory_does_not_grow_with_every_change(
    counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_book, "_SPARE_LINES", 4)
    files = many(counted, 3)
    for _ in range(20):
        for file in files:
            os.utime(counted.cache.blob(file.sha256))
            assert not counted.cache.known([file])
            counted.cache.find(file)
            assert counted.cache.known([file]) == {file.sha256}
    (record,) = counted.memory.iterdir()
    assert len(record.read_text("ascii").split("\n")) <= 2 * len(files) + 4 + 1


@pytest.mark.parametrize("cut", [1, 8, 40, 70])
def test_a_line_that_was_cut_off_harms_only_itself(counted: Counted, cut: int) -> None:
    first, second, third = many(counted, 3)
    counted.cache.find(first)
    counted.cache.find(second)
    (record,) = counted.memory.iterdir()
    record.write_bytes(record.read_bytes()[:-cut])
    again = Cache(counted.cache.root, Verified(counted.memory))
    assert again.known([first, second]) == {first.sha256}
    again.find(third)
    assert again.known([first, second, third]) == {first.sha256, third.sha256}


def test_a_link_in_place_of_the_memory_is_not_followed(counted: Counted, tmp_path: Path) -> None:
    assert [counted.hashes() for _ in range(2)] == [1, 0]
    (record,) = counted.memory.iterdir()
    os.replace(record, tmp_path / "elsewhere")
    record.symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    assert counted.hashes() == 1
    assert (tmp_path / "elsewhere").read_bytes() == before
