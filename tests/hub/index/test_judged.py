"""A long entry is judged once, and again whenever anything of what it was judged by is another."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import weft_hub
from hub.attacks.stage import Stage, sha256
from weft_hub.card import Card
from weft_hub.index import _judged, _reading
from weft_hub.index._judged import Judged
from weft_hub.index._shelves import Texts, read_texts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere each entry is judged")

COUNT = 150


class Counted:
    """An entry of many files in a stage, and how often it was judged."""

    def __init__(self, stage: Stage) -> None:
        self.name = "a/many"
        contents = [b"%d" % n for n in range(COUNT)]
        self.files = [
            {
                "name": f"{n}.bin",
                "role": "extra" if n else "weights",
                "format": "other" if n else "pytorch",
                "size": len(content),
                "sha256": sha256(content),
                "sources": [f"file:{n}.bin", f"https://one.example/{n}.bin"],
            }
            for n, content in enumerate(contents)
        ]
        self.folder = stage.entry(self.name, b"x", files=self.files)
        for n, content in enumerate(contents):
            (self.folder / f"{n}.bin").write_bytes(content)
        self.kept = stage.root / "entries"
        self.judged = 0

    def judge(self, texts: Texts, name: str) -> Card:
        """Judge, and count it."""
        self.judged += 1
        return _reading.judge(texts, name)

    def card(self) -> Card:
        """Return the entry, as a process that begins would."""
        _judged._recent.clear()
        return Judged(self.kept).card(read_texts(self.folder), self.name, self.judge)

    @property
    def record(self) -> Path:
        """The one file that is kept."""
        (path,) = self.kept.iterdir()
        return path


@pytest.fixture
def counted(stage: Stage) -> Counted:
    return Counted(stage)


def test_what_was_judged_is_given_again_and_is_the_same(counted: Counted) -> None:
    first = counted.card()
    assert [counted.card() for _ in range(3)] == [first] * 3
    assert counted.judged == 1
    assert first == _reading.judge(read_texts(counted.folder), counted.name)
    assert len(first.files) == COUNT and first.files[7].sources[1] == "https://one.example/7.bin"


def test_a_hub_keeps_it_beside_what_it_verified(stage: Stage, tmp_path: Path) -> None:
    entry = Counted(stage)
    stage.hub().info(entry.name)
    (kept,) = (tmp_path / "verified" / "entries").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_hub_that_always_verifies_keeps_nothing(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEFT_HUB_VERIFY", "always")
    stage.hub().info(Counted(stage).name)
    assert not (tmp_path / "verified" / "entries").exists()


def test_a_short_entry_is_judged_each_time(stage: Stage) -> None:
    stage.entry("a/line", b"x")
    kept = stage.root / "entries"
    Judged(kept).card(read_texts(stage.index / "a" / "line"), "a/line", _reading.judge)
    assert not kept.exists()


@pytest.mark.parametrize("file", ["model.toml", "card.md"])
def test_another_text_is_judged(counted: Counted, file: str) -> None:
    before = counted.card()
    path = counted.folder / file
    path.write_text(path.read_text("utf-8").replace("model", "Model"), "utf-8")
    after = counted.card()
    assert counted.judged == 2 and after != before


def test_a_wrong_entry_is_refused_each_time(counted: Counted) -> None:
    counted.card()
    path = counted.folder / "model.toml"
    path.write_text(f"unknown = 1\n{path.read_text('utf-8')}", "utf-8")
    for _ in range(2):
        with pytest.raises(weft_hub.RegistryError, match="unknown key"):
            counted.card()
    assert counted.judged == 3 and counted.record.exists()


def test_other_code_judges_anew(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    counted.card()
    monkeypatch.setattr(_judged, "_code", lambda: "another version")
    counted.card()
    monkeypatch.setattr(_judged, "_code", lambda: None)  # inside an archive, say
    counted.card()
    assert counted.judged == 3


def test_the_code_is_told_by_the_files_that_judge() -> None:
    code = _judged._code()
    assert code is not None
    for file in ("_reading.py", "model.schema.json", "validate.py", "card.py", "hf.py"):
        assert re.search(rf"/{re.escape(file)}', \d+, \d+", code), file


def other_digests(record: Path) -> None:
    text = record.read_text("ascii").replace(sha256(b"3"), sha256(b"4"))
    record.write_text(text, "ascii")


def cut_off(record: Path) -> None:
    record.write_bytes(record.read_bytes()[:-200])


def of_another_shape(record: Path) -> None:
    written = json.dumps({"card": {}, "files": [[1], [2, 3]]}).encode()
    record.write_bytes(sha256(written).encode() + b"\n" + written)


def nested_without_end(record: Path) -> None:
    written = b"[" * 200_000
    record.write_bytes(sha256(written).encode() + b"\n" + written)


def written_by_others(record: Path) -> None:
    record.chmod(0o666)


def a_link(record: Path) -> None:
    os.replace(record, record.with_name("elsewhere"))
    record.symlink_to("elsewhere")


def a_folder(record: Path) -> None:
    record.unlink()
    record.mkdir()


def a_pipe(record: Path) -> None:
    record.unlink()
    os.mkfifo(record)


@pytest.mark.parametrize(
    "harm",
    [
        other_digests,
        cut_off,
        of_another_shape,
        nested_without_end,
        written_by_others,
        a_link,
        a_folder,
        a_pipe,
    ],
)
def test_what_is_strange_about_it_is_not_used(
    counted: Counted, harm: Callable[[Path], None]
) -> None:
    right = counted.card()
    harm(counted.record)
    assert counted.card() == right
    assert counted.judged == 2


def test_a_folder_that_others_can_write_gets_nothing(counted: Counted) -> None:
    counted.kept.mkdir(mode=0o777)
    counted.kept.chmod(0o777)
    counted.card()
    assert list(counted.kept.iterdir()) == []


def test_where_nothing_can_be_kept_each_is_judged(counted: Counted) -> None:
    counted.kept.write_text("not a folder")
    counted.card()
    counted.card()
    assert counted.judged == 2


def test_what_json_cannot_say_is_judged_each_time(counted: Counted) -> None:
    path = counted.folder / "model.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("[preprocess]\n", "[preprocess]\nday = 2026-01-31\n"), "utf-8")
    assert counted.card().preprocess["day"].year == 2026
    counted.card()
    assert counted.judged == 2 and not counted.kept.exists()


def test_only_so_many_are_kept(counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_judged, "_MOST_KEPT", 3)
    for n in range(6):
        (counted.folder / "card.md").write_text(f"# Card {n}\n", "utf-8")
        counted.card()
    assert len(list(counted.kept.iterdir())) == 3
    counted.card()
    assert counted.judged == 6
