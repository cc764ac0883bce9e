"""The cache: only verified bytes get in, whatever happens on the way."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights, sha256
from tests.hub.bans import no_powers_over_files, no_sockets_and_no_processes
from tests.hub.conftest import nothing_taken
from weft_hub.cache import Cache, _store
from weft_hub.card import File

CONTENT = b"0123456789" * 1000
FILE = File("weights.bin", "extra", "other", len(CONTENT), sha256(CONTENT), ())


def fill(cache: Cache, content: bytes = CONTENT) -> Path:
    with cache.workspace(FILE, True) as work:
        return cache.store(FILE, io.BytesIO(content), work)


def test_a_blob_is_named_by_its_digest_and_holds_the_bytes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    path = fill(cache)
    assert path == tmp_path / "blobs" / FILE.sha256
    assert path.read_bytes() == CONTENT
    assert cache.find(FILE) == path
    assert cache.entries() == [(FILE.sha256, len(CONTENT))]


@pytest.mark.parametrize("cut", [0, 1, len(CONTENT) // 2, len(CONTENT) - 1])
def test_a_truncated_stream_is_refused_with_both_sizes(tmp_path: Path, cut: int) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(weft_hub.SizeMismatchError, match=f"10000 bytes, but {cut} came"):
        fill(cache, CONTENT[:cut])
    assert cache.find(FILE) is None
    assert cache.entries() == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_stream_that_never_ends_is_stopped_after_one_byte_too_many(tmp_path: Path) -> None:
    class Endless:
        given = 0

        def read(self, count: int = -1, /) -> bytes:
            assert count > 0
            self.given += count
            return b"x" * count

    endless = Endless()
    cache = Cache(tmp_path)
    with (
        cache.workspace(FILE, True) as work,
        pytest.raises(weft_hub.SizeMismatchError, match="at least 10001 came"),
    ):
        cache.store(FILE, endless, work)
    assert endless.given == len(CONTENT) + 1


def test_one_changed_bit_is_refused_with_both_digests(tmp_path: Path) -> None:
    changed = bytearray(CONTENT)
    changed[777] ^= 1
    with pytest.raises(weft_hub.DigestMismatchError) as caught:
        fill(Cache(tmp_path), bytes(changed))
    assert FILE.sha256 in str(caught.value)
    assert sha256(bytes(changed)) in str(caught.value)
    assert Cache(tmp_path).entries() == []


def test_a_stream_that_breaks_is_the_fault_of_its_source_not_of_the_cache(tmp_path: Path) -> None:
    class Breaks:
        def read(self, count: int = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    cache = Cache(tmp_path)
    with (
        cache.workspace(FILE, True) as work,
        pytest.raises(weft_hub.SourceError, match="Input/output error"),
    ):
        cache.store(FILE, Breaks(), work, source="file:///disk")


def test_a_full_disk_is_one_cache_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_store, "FLUSHED_BYTES", 1)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(weft_hub.CacheError, match=r"No space left on device.*WEFT_HUB_CACHE"):
        fill(Cache(tmp_path))
    assert Cache(tmp_path).entries() == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_blob_cannot_be_written_through_its_snapshot(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    snapshot = stage.hub().download("a/line")
    path = snapshot.files["weights.safetensors"]
    with no_powers_over_files(), pytest.raises(PermissionError):
        path.open("r+b")


@pytest.mark.parametrize("damage", ["shorter", "one bit", "a folder"])
def test_a_damaged_blob_is_named_set_aside_and_fetched_again(
    stage: Stage, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    content = line_weights()
    stage.entry("a/line", content)
    hub = stage.hub()
    hub.download("a/line")
    blob = hub.cache.blob(sha256(content))
    spoil(blob, damage)
    with caplog.at_level(logging.WARNING, "weft_hub"):
        snapshot = hub.download("a/line")
    assert snapshot.files["weights.safetensors"].read_bytes() == content
    assert str(blob) in caplog.text
    assert (stage.cache / "damaged" / sha256(content)).exists()


@pytest.mark.parametrize("damage", ["shorter", "one bit"])
def test_a_damaged_blob_is_an_error_when_only_the_network_could_replace_it(
    stage_pip: Stage, damage: str
) -> None:
    stage = stage_pip
    content = line_weights()
    wheel = stage.wheel("stage-weights", "1.0", {"w/line.safetensors": content})
    stage.entry("a/line", content, sources=[stage.pip_uri(wheel, "w/line.safetensors")])
    stage.hub().download("a/line")
    blob = stage.hub().cache.blob(sha256(content))
    spoil(blob, damage)
    with (
        no_sockets_and_no_processes(),
        pytest.raises(weft_hub.DamagedBlobError, match=r"damaged.*weft-hub download a/line"),
    ):
        stage.hub(offline=True).download("a/line")


def spoil(blob: Path, damage: str) -> None:
    content = bytearray(blob.read_bytes())
    blob.unlink()
    if damage == "a folder":
        blob.mkdir()
    elif damage == "shorter":
        blob.write_bytes(content[:-1])
    else:
        content[len(content) // 2] ^= 4
        blob.write_bytes(content)


def test_a_read_only_cache_serves_what_it_has(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    stage.hub().download("a/line")
    with read_only(stage.cache), no_powers_over_files(), no_sockets_and_no_processes():
        assert stage.hub().download("a/line").files["weights.safetensors"].is_file()


def test_a_read_only_cache_without_the_file_is_one_plain_error(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    stage.cache.mkdir()
    with (
        read_only(stage.cache),
        no_powers_over_files(),
        pytest.raises(weft_hub.CacheError, match=r"Permission denied.*WEFT_HUB_CACHE") as caught,
    ):
        stage.hub().download("a/line")
    assert str(stage.cache) in str(caught.value)
    assert nothing_taken(stage)


def test_a_cache_that_is_a_file_is_one_plain_error(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    stage.cache.write_text("not a folder")
    with pytest.raises(weft_hub.CacheError, match="cannot write in the cache"):
        stage.hub().download("a/line")


class read_only:
    """Take the right to write from a folder and all below it for the time of a block."""

    def __init__(self, root: Path) -> None:
        self.folders = [root, *(path for path in root.rglob("*") if path.is_dir())]

    def __enter__(self) -> None:
        for folder in self.folders:
            folder.chmod(0o555)

    def __exit__(self, *_: object) -> None:
        for folder in self.folders:
            folder.chmod(0o755)


def test_the_snapshot_has_the_files_by_their_own_names_and_the_ref_names_it(stage: Stage) -> None:
    content = line_weights()
    stage.entry("a/line", content)
    snapshot = stage.hub().download("a/line")
    assert snapshot.folder.parent == stage.cache / "snapshots" / "a" / "line"
    assert [path.name for path in snapshot.folder.iterdir()] == ["weights.safetensors"]
    assert snapshot.files["weights.safetensors"].read_bytes() == content
    assert (stage.cache / "refs" / "a" / "line").read_text() == f"{snapshot.folder.name}\n"


def test_a_cache_that_is_moved_elsewhere_still_has_whole_snapshots(
    stage: Stage, tmp_path: Path
) -> None:
    stage.entry("a/line", line_weights())
    stage.hub().download("a/line")
    moved = stage.cache.rename(tmp_path / "elsewhere")
    with no_sockets_and_no_processes():
        hub = weft_hub.Hub(cache=moved, index=stage.index, offline=True)
        assert hub.download("a/line").files["weights.safetensors"].read_bytes() == line_weights()


def test_without_links_a_snapshot_holds_copies(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(os, "link", refuse)
    stage.entry("a/line", line_weights())
    path = stage.hub().download("a/line").files["weights.safetensors"]
    assert not path.is_symlink()
    assert path.read_bytes() == line_weights()


def test_two_versions_of_an_entry_have_two_snapshots(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    first = stage.hub().download("a/line")
    changed = line_weights(bias=1.0)
    for path in sorted((stage.index / "a" / "line").iterdir()):
        path.unlink()
    (stage.index / "a" / "line").rmdir()
    stage.entry("a/line", changed, version="1.0.1")
    second = stage.hub().download("a/line")
    assert first.folder != second.folder
    assert first.files["weights.safetensors"].read_bytes() == line_weights()
    assert second.files["weights.safetensors"].read_bytes() == changed
