"""Input that the fuzz found, or that was found beside it: once an error of no type, or an hour."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from hub.attacks.stage import Stage, line_weights
from weft_hub import Hub, RegistryError, SignatureError, SourceError
from weft_hub._files.wheel import UnpackedMember, open_member
from weft_hub._texts.nearest import nearest
from weft_hub._texts.toml_lines import places_of
from weft_hub.card import Card
from weft_hub.index import document, judge
from weft_hub.index._shelves import Texts
from weft_hub.signing._bundle import read_bundle

NAME = "a/line"


@pytest.fixture
def toml(tmp_path: Path) -> str:
    """The text of a right entry."""
    folder = Stage(tmp_path).entry(NAME, line_weights())
    return (folder / "model.toml").read_text("utf-8")


def judged(text: str, *, base: str | None = None) -> Card:
    return judge(Texts(text, "# A card\n", "it", None, base=base), NAME)


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(RegistryError) as caught:
        judged(text)
    assert all(one.isprintable() and len(one) <= 800 for one in caught.value.problems)
    return caught.value.problems


def test_a_number_of_thousands_of_digits_is_no_toml(toml: str) -> None:
    [problem] = problems(toml.replace("schema = 1", f"schema = {'9' * 5_000}"))
    assert "not TOML" in problem


def test_a_number_beyond_64_bits_is_refused_and_not_printed(toml: str) -> None:
    [problem] = problems(toml.replace("schema = 1", f"schema = 0x{'f' * 5_000}"))
    assert problem == "it/model.toml:1: schema: must be a number of 64 bits, but has 20000"


def test_a_table_deeper_than_python_walks_is_refused(toml: str) -> None:
    [problem] = problems(toml.replace("scale = 1.0", "a." * 250 + "a = 1"))
    assert "preprocess: is nested more than 50 deep" in problem


def test_a_key_of_very_many_parts_is_refused_before_it_is_parsed(toml: str) -> None:
    [problem] = problems(toml + "a." * 100_000 + "a = 1\n")
    assert "a key has more than 300 parts" in problem


def test_a_line_of_many_numbers_is_no_key_of_many_parts(toml: str) -> None:
    text = toml.replace("scale = 1.0", f"scale = 1.0\nmean = [{', '.join(['0.5'] * 400)}]")
    assert len(judged(text).preprocess["mean"]) == 400


def test_a_way_to_build_that_is_no_text_is_one_problem(toml: str) -> None:
    [problem] = problems(toml.replace('kind = "factory"', "kind = {a = 1}"))
    assert "build.kind: must be one of 'factory'" in problem


def test_of_very_many_problems_the_first_are_told(toml: str) -> None:
    listed = problems("".join(f"key{k} = 1\n" for k in range(20_000)) + toml)
    assert len(listed) == 101
    assert listed[-1].endswith("and more, which are not listed")


def test_a_long_key_and_a_long_source_are_cut_in_the_message(toml: str) -> None:
    problems("k" * 200_000 + " = 1\n" + toml)
    problems(toml.replace("file:weights", "file:" + "w" * 200_000 + "/../x"))


def test_many_equal_sources_are_each_said_to_be_there_twice(toml: str) -> None:
    listed = ", ".join(['"file:weights.safetensors"'] * 30_000)
    found = problems(toml.replace('"file:weights.safetensors"', listed))
    assert "files[0].sources[1]: 'file:weights.safetensors' is there twice" in found[0]
    assert len(found) == 101


def test_half_a_surrogate_pair_in_a_document_is_refused(toml: str) -> None:
    with pytest.raises(RegistryError, match="must be text that can be shown"):
        judged(toml.replace("file:weights", "file:\ud800"), base="https://h/i")


def test_an_entry_beyond_a_million_characters_is_not_read(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    folder = stage.entry(NAME, line_weights())
    (folder / "model.toml").write_text("#" * 1_000_001)
    (folder / "card.md").write_text("x" * 1_000_001)
    with pytest.raises(RegistryError, match="it has more than 1000000 characters"):
        stage.hub().info(NAME)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_card_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    folder = stage.entry(NAME, line_weights())
    (folder / "card.md").unlink()
    os.mkfifo(folder / "card.md")
    hub: Hub = stage.hub()
    with pytest.raises(RegistryError, match="it is not a regular file"):
        hub.info(NAME)


def test_a_name_that_no_address_can_hold_as_it_is_becomes_one(toml: str) -> None:
    text = toml.replace("file:weights.safetensors", "file:é %41.bin")
    [file] = judged(text, base="https://h/i").files
    assert file.sources == ("https://h/i/a/line/%C3%A9%20%41.bin",)


def test_arrays_in_arrays_are_scanned_each_bracket_once() -> None:
    places = places_of("a = [[[1], [2]], [[3]]]\nb = [[\n4],\n[5]]\n")
    assert places[("a", 0, 1, 0)] == places[("a", 1, 0)] == 1
    assert (places[("b",)], places[("b", 0, 0)], places[("b", 1)]) == (2, 3, 4)


def test_a_document_of_many_or_deep_or_large_faults_is_refused_in_few_words() -> None:
    deep = "[" * 900 + "]" * 900
    for text in (
        json.dumps({"schema": 1, "serial": 1, "entries": [7] * 20_000}),
        f'{{"schema": 1, "serial": {deep}, "entries": []}}',
        f'{{"schema": 1, "serial": -{"9" * 4_000}, "entries": []}}',
        '{"schema": 1, "serial": 1, "entries": [' + "{},\n  " * 20_000 + "{}]}",
        "[" + "[]," * 4_000_000 + "[]]",
    ):
        with pytest.raises(RegistryError) as caught:
            document.read(text.encode(), "it")
        assert len(caught.value.problems) <= 101
        assert len(str(caught.value)) < 100_000


@pytest.mark.parametrize("read", [lambda data: document.read(data, "it"),
                                  lambda data: read_bundle(data, "it")])  # fmt: skip
def test_one_key_twice_among_very_many_is_found_in_one_pass(read) -> None:
    keys = "".join(f'"{k}":0,' for k in range(200_000))
    with pytest.raises((RegistryError, SignatureError), match="'199999'"):
        read(f'{{{keys}"199999":0}}'.encode())


def test_nothing_is_near_a_name_that_is_too_long_for_one() -> None:
    assert nearest("a" * 201, ["a" * 200]) == ()
    assert nearest("a" * 200, ["a" * 201]) == ()


def wheel(path: Path, *, at: int, value: bytes) -> Path:
    """Return a wheel with other bytes at a place counted from its end."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m", b"content")
    data = bytearray(path.read_bytes())
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


def test_a_wheel_whose_directory_lies_before_its_beginning_is_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path / "w.whl", at=-22 + 16, value=b"\xff\xff\x00\x00")
    with (
        pytest.raises(SourceError, match="is not a readable wheel"),
        open_member(path, "m", size=7) as stream,
    ):
        stream.read()


def test_asked_for_all_a_wheel_is_read_no_further_than_the_index_says() -> None:
    class Stream(io.BytesIO):
        def read(self, count: int | None = -1, /) -> bytes:
            assert count == 7, f"asked for {count}: room is made for what the archive claims"
            return super().read(count)

    assert UnpackedMember(Stream(b"content and more"), "it", 7).read() == b"content"


def test_an_error_of_whoever_reads_a_member_stays_that_error(tmp_path: Path) -> None:
    path = wheel(tmp_path / "w.whl", at=0, value=b"")
    with pytest.raises(OSError, match="disk full"), open_member(path, "m", size=7):
        raise OSError("disk full")
