"""The header of a safetensors file: every rule, and a sentence for each broken one."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest

import weft

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def file_of(header: object, data: bytes = b"", *, text: str | bytes | None = None) -> bytes:
    """Return a file with the given header, whatever it is, and data."""
    raw = json.dumps(header) if text is None else text
    raw = raw.encode() if isinstance(raw, str) else raw
    return struct.pack("<Q", len(raw)) + raw + data


@pytest.fixture
def refused(tmp_path: Path):
    """Return a function that writes bytes, opens them and expects a FormatError with `why`."""

    def check(content: bytes, why: str) -> None:
        path = tmp_path / "broken.safetensors"
        path.write_bytes(content)
        with pytest.raises(weft.io.FormatError, match=re.escape(why)) as caught:
            weft.io.open_safetensors(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    return check


def test_an_empty_file_is_refused(refused):
    refused(b"", "the file is empty")


@pytest.mark.parametrize("size", range(1, 8))
def test_a_file_shorter_than_its_length_field_is_refused(refused, size):
    refused(b"\0" * size, f"has {size} in all")


def test_a_header_longer_than_the_format_allows_is_refused(refused):
    refused(struct.pack("<Q", 100_000_001) + b"{}", "announce 100000001")


def test_a_header_longer_than_the_file_is_refused(refused):
    refused(struct.pack("<Q", 3) + b"{}", "a header of 3 bytes is announced, but 2 follow")


def test_a_header_of_no_bytes_is_refused(refused):
    refused(struct.pack("<Q", 0), "the header begins with {")


def test_space_before_the_header_is_refused(refused):
    refused(file_of(None, text=" {}"), "the header begins with {")


def test_space_after_the_header_is_padding(tmp_path):
    path = tmp_path / "padded.safetensors"
    path.write_bytes(file_of(None, text="{}      "))
    assert list(weft.io.open_safetensors(path)) == []


@pytest.mark.parametrize("tail", ["{}", "x", "\n\t]", "\0"])
def test_anything_else_after_the_header_is_refused(refused, tail):
    refused(file_of(None, text="{}" + tail), "the header is JSON, but")


def test_text_that_is_not_utf8_is_refused(refused):
    refused(file_of(None, text=b'{"\xff": {}}'), "the header is UTF-8, but")


def test_a_name_twice_is_refused(refused):
    entry = json.dumps(ENTRY)
    refused(file_of(None, b"\0" * 8, text=f'{{"a":{entry},"a":{entry}}}'), "'a' stands twice")


def test_a_field_twice_is_refused(refused):
    text = '{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    refused(file_of(None, b"\0" * 8, text=text), "'dtype' stands twice")


def test_a_note_twice_is_refused(refused):
    refused(file_of(None, text='{"__metadata__":{"k":"1","k":"2"}}'), "'k' stands twice")


def test_a_missing_field_is_refused(refused):
    refused(file_of({"a": {"dtype": "F32", "shape": [2]}}), "described by exactly")


def test_an_unknown_field_is_refused(refused):
    refused(file_of({"a": {**ENTRY, "strides": [1]}}, b"\0" * 8), "described by exactly")


@pytest.mark.parametrize("entry", [None, 1, "x", [], [1, 2]])
def test_a_tensor_that_is_no_object_is_refused(refused, entry):
    refused(file_of({"a": entry}), "tensor 'a' is described by exactly")


@pytest.mark.parametrize("dtype", ["F31", "f32", "", 32, None, ["F32"]])
def test_an_unknown_dtype_is_refused_with_the_known_ones(refused, dtype):
    refused(file_of({"a": {**ENTRY, "dtype": dtype}}, b"\0" * 8), "none of the format's: BOOL F4")


@pytest.mark.parametrize("shape", [[-1], [2.0], [True, 2], ["2"], None, {}, [2**63], "2"])
def test_a_shape_of_other_than_natural_numbers_is_refused(refused, shape):
    content = file_of({"a": {**ENTRY, "shape": shape}}, b"\0" * 8)
    refused(content, "whole numbers")


def test_more_dimensions_than_an_array_can_have_are_refused(refused):
    entry = {"dtype": "U8", "shape": [1] * 65, "data_offsets": [0, 1]}
    refused(file_of({"a": entry}, b"\0"), "65 dimensions, more than 64")


@pytest.mark.parametrize("offsets", [[8, 0], [0], [0, 4, 8], [], [-1, 7]])
def test_offsets_that_are_no_span_are_refused(refused, offsets):
    content = file_of({"a": {**ENTRY, "data_offsets": offsets}}, b"\0" * 8)
    refused(content, "data_offsets")


def test_a_size_that_does_not_fit_the_shape_is_refused(refused):
    entry = {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}
    refused(file_of({"a": entry}, b"\0" * 8), "takes 12 bytes, but its data_offsets [0, 8] span 8")


def test_a_shape_whose_product_overflows_64_bits_is_refused(refused):
    entry = {"dtype": "F32", "shape": [2**33, 2**33], "data_offsets": [0, 16]}
    refused(file_of({"a": entry}, b"\0" * 16), "a shape beyond any memory")


def test_an_empty_tensor_with_a_huge_dimension_is_refused(refused):
    entry = {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}
    refused(file_of({"a": entry}), "a shape beyond any memory")


def test_overlapping_tensors_are_refused(refused):
    second = {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}
    refused(file_of({"a": ENTRY, "b": second}, b"\0" * 12), "begins at byte 4 of the data and over")


def test_two_tensors_at_one_place_are_refused(refused):
    refused(file_of({"a": ENTRY, "b": ENTRY}, b"\0" * 8), "tensor 'b' begins at byte 0")


def test_a_hole_before_the_first_tensor_is_refused(refused):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}
    refused(file_of({"a": entry}, b"\0" * 12), "leaves a hole after the header")


def test_a_hole_between_tensors_is_refused(refused):
    second = {"dtype": "F32", "shape": [2], "data_offsets": [12, 20]}
    refused(file_of({"a": ENTRY, "b": second}, b"\0" * 20), "leaves a hole after tensor 'a'")


def test_bytes_that_no_tensor_owns_are_refused(refused):
    refused(file_of({"a": ENTRY}, b"\0" * 9), "tensors take 8 bytes, but 9 bytes of data follow")


def test_a_file_that_is_cut_short_is_refused(refused):
    refused(file_of({"a": ENTRY}, b"\0" * 7), "the file is cut short")


@pytest.mark.parametrize("notes", [None, [], "x", {"k": 1}, {"k": None}, {"k": {"l": "m"}}])
def test_metadata_other_than_strings_is_refused(refused, notes):
    refused(file_of({"__metadata__": notes}), "__metadata__")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1.0", "1e3"])
def test_numbers_that_are_not_whole_are_refused(refused, literal):
    refused(file_of(None, text=f'{{"a":{{"shape":[{literal}]}}}}'), "whole numbers alone")


def test_a_number_of_a_million_digits_is_refused(refused):
    text = '{"a":{"shape":[' + "9" * 1_000_000 + "]}}"
    refused(file_of(None, text=text), "64-bit numbers")


def test_half_of_a_surrogate_pair_is_refused(refused):
    refused(file_of(None, text='{"\\ud800": {}}'), "half of a surrogate pair")


def test_json_nested_without_end_is_refused(refused):
    refused(file_of(None, text='{"a":' + "[" * 200_000 + "]" * 200_000 + "}"), "nested")


def test_json_of_nothing_but_brackets_is_refused_before_it_is_parsed(refused):
    refused(
        file_of(None, text='{"a":[' + "[]," * 2_500_000 + "[]]}"), "brackets, colons and commas"
    )


def test_a_name_with_terminal_escapes_is_shown_escaped(refused):
    refused(file_of({"\x1b[2J\nfine": 1}), r"tensor '\x1b[2J\nfine'")


def test_a_folder_is_refused_by_what_it_is(tmp_path):
    with pytest.raises(weft.io.FormatError, match="this is a folder"):
        weft.io.open_safetensors(tmp_path)


def test_a_missing_file_is_the_systems_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        weft.io.open_safetensors(tmp_path / "none.safetensors")
