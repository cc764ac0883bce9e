"""The header of a safetensors file: read with every rule of the format checked, and written.

A file is eight bytes of little-endian length N, N bytes of JSON (padded with spaces so that the
data begins on a multiple of 8), and the data. Nothing here touches a tensor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from ._dtypes import ITEM_BITS, SAFETENSORS, SAFETENSORS_ORDER
from .errors import FormatError, shown

__all__ = ["Header", "HeaderTooLarge", "TensorInfo", "build_header", "parse_header"]

MAX_HEADER_BYTES = 100_000_000  # the format's own bound
# Python needs some 60 bytes for each bracket, colon and comma of JSON: without this bound a header
# of 100 MB made of "[[[[" would take gigabytes. A tensor has about 12: room for 300,000 tensors.
MAX_PUNCTUATION = 4_000_000
MAX_DIMENSIONS = 64  # NumPy's
MAX_BYTES = 2**62
_METADATA = "__metadata__"
_FIELDS = ("data_offsets", "dtype", "shape")


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a header says of one tensor; `start` and `stop` count from the first byte of data."""

    dtype: str  # weft's name
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """Bytes that the tensor's elements take."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Header:
    """A whole header: tensors in the order of their data, metadata, and where the data starts."""

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    data_start: int


def parse_header(memory: memoryview, origin: str) -> Header:
    """Read the header at the beginning of `memory`, which is a whole file.

    Raises:
        FormatError: any rule of the format is broken; the message says which and where.
    """
    try:
        return _parse(memory)
    except _Broken as broken:
        raise FormatError(f"{origin}: not a valid safetensors file: {broken}") from None


class HeaderTooLarge(Exception):
    """What is to be written takes a header beyond the format's bounds."""


class _Broken(Exception):
    """Carries the broken rule up to the one place that knows the file's name."""


def _parse(memory: memoryview) -> Header:
    if len(memory) < 8:
        raise _Broken(f"it begins with 8 bytes of header length, but has {len(memory)} in all")
    length = int.from_bytes(memory[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise _Broken(
            f"a header may have {MAX_HEADER_BYTES} bytes, but the first 8 bytes "
            f"{shown(bytes(memory[:8]))} announce {length}; is it a file of another format?"
        )
    if length > len(memory) - 8:
        raise _Broken(
            f"a header of {length} bytes is announced, but {len(memory) - 8} follow; "
            "the file is cut short, or of another format"
        )
    document = _parse_json(bytes(memory[8 : 8 + length]))
    metadata = _checked_metadata(document.pop(_METADATA, {}))
    infos = [(name, _checked_info(name, entry)) for name, entry in document.items()]
    infos.sort(key=lambda item: (item[1].start, item[1].stop))
    _require_exact_cover(infos, len(memory) - 8 - length)
    return Header(dict(infos), metadata, 8 + length)


def _parse_json(raw: bytes) -> dict[str, object]:
    """Parse a header's text, refusing all that Python's parser takes beyond JSON."""
    if raw[:1] != b"{":
        raise _Broken(f"the header begins with {{, but this one with {shown(raw[:8])}")
    punctuation = _punctuation(raw)
    if punctuation > MAX_PUNCTUATION:
        raise _Broken(
            f"the header may have {MAX_PUNCTUATION} brackets, colons and commas, enough for "
            f"300,000 tensors, but has {punctuation}"
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Broken(f"the header is UTF-8, but {error.reason} at byte {error.start}") from None
    text = text.rstrip(" ")  # the padding; nothing else may follow the closing brace
    try:
        document = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_bounded_integer,
        )
    except json.JSONDecodeError as error:
        raise _Broken(f"the header is JSON, but {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise _Broken("the header is JSON nested far deeper than the format's 3 levels") from None
    assert isinstance(document, dict)  # it begins with "{"
    return document


def _punctuation(raw: bytes) -> int:
    return sum(raw.count(sign) for sign in (b"{", b"[", b":", b","))


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add returns None: the filter lets only repeats pass
        raise _Broken(f"the key {shown(twice)} stands twice in one object of the header")
    return found


def _refuse_number(literal: str) -> NoReturn:
    raise _Broken(f"the header holds whole numbers alone, but {shown(literal)} stands in it")


def _bounded_integer(literal: str) -> int:
    if len(literal) > 20:
        raise _Broken(f"the header holds 64-bit numbers, but {shown(literal)} stands in it")
    if literal == "-0":  # which other readers take for a floating-point number
        _refuse_number(literal)
    return int(literal)


def _checked_metadata(entry: object) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise _Broken(f"{_METADATA} is an object of strings, but here it is {shown(entry)}")
    for key, value in entry.items():
        if not isinstance(value, str):
            raise _Broken(f"{_METADATA} holds strings, but {shown(key)} is {shown(value)}")
        _require_text(key)
        _require_text(value)
    return entry


def _require_text(text: str) -> None:
    r"""Refuse half of a surrogate pair, which JSON can escape (\ud800) but UTF-8 cannot hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _Broken(f"{shown(text)} holds half of a surrogate pair") from None


def _checked_info(name: str, entry: object) -> TensorInfo:
    _require_text(name)
    if not isinstance(entry, dict) or sorted(entry) != list(_FIELDS):
        raise _Broken(
            f"tensor {shown(name)} is described by exactly {', '.join(_FIELDS)}, "
            f"but here by {shown(entry)}"
        )
    code = entry["dtype"]
    if not isinstance(code, str) or code not in SAFETENSORS:
        raise _Broken(
            f"tensor {shown(name)} has dtype {shown(code)}, which is none of the format's: "
            + " ".join(SAFETENSORS)
        )
    shape = _naturals(name, "shape", entry["shape"])
    if len(shape) > MAX_DIMENSIONS:
        raise _Broken(
            f"tensor {shown(name)} has {len(shape)} dimensions, more than {MAX_DIMENSIONS}"
        )
    offsets = _naturals(name, "data_offsets", entry["data_offsets"])
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Broken(
            f"tensor {shown(name)} has data_offsets [begin, end] with begin <= end, "
            f"but here they are {shown(list(offsets))}"
        )
    start, stop = offsets
    bits = ITEM_BITS[SAFETENSORS[code]]
    if math.prod(size for size in shape if size) * bits > 8 * MAX_BYTES:
        raise _Broken(f"tensor {shown(name)} has a shape beyond any memory: {shown(list(shape))}")
    needed = math.prod(shape) * bits
    if needed != 8 * (stop - start):
        raise _Broken(
            f"tensor {shown(name)}, {code} of shape {shown(list(shape))}, takes "
            f"{needed / 8:.16g} bytes, but its data_offsets {list(offsets)} span {stop - start}"
        )
    return TensorInfo(SAFETENSORS[code], shape, start, stop)


def _naturals(name: str, field: str, value: object) -> tuple[int, ...]:
    # type() and not isinstance: JSON's true is a bool, which is an int.
    if not isinstance(value, list) or not all(type(n) is int and 0 <= n < 2**63 for n in value):
        raise _Broken(
            f"tensor {shown(name)} has a {field} of whole numbers from 0, "
            f"but here it is {shown(value)}"
        )
    return tuple(value)


def _require_exact_cover(infos: list[tuple[str, TensorInfo]], size: int) -> None:
    """Refuse tensors that overlap or leave bytes which no one would look at."""
    end, before = 0, "the header"
    for name, info in infos:
        if info.start != end:
            kind = "overlaps" if info.start < end else "leaves a hole after"
            raise _Broken(
                f"tensor {shown(name)} begins at byte {info.start} of the data and {kind} "
                f"{before}, which ends at byte {end}"
            )
        end, before = info.stop, f"tensor {shown(name)}"
    if end != size:
        what = "the file is cut short" if end > size else "no tensor owns the rest"
        raise _Broken(f"its tensors take {end} bytes, but {size} bytes of data follow; {what}")


def build_header(
    tensors: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str] | None
) -> tuple[bytes, list[str]]:
    """Return the bytes before the data, and the tensors' names in the order of their data.

    The order depends on names and dtypes alone: widest dtype first, which keeps every tensor on a
    multiple of its own item size, then by name.

    Args:
        tensors: name -> (the format's dtype code, shape).
        metadata: written as it is, keys sorted.

    Raises:
        HeaderTooLarge: no reader would take it.
    """
    document: dict[str, object] = {}
    if metadata:
        document[_METADATA] = dict(sorted(metadata.items()))
    order = sorted(tensors, key=lambda name: (-SAFETENSORS_ORDER[tensors[name][0]], name))
    end = 0
    for name in order:
        code, shape = tensors[name]
        start, end = end, end + math.prod(shape) * ITEM_BITS[SAFETENSORS[code]] // 8
        document[name] = {"dtype": code, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES or _punctuation(text) > MAX_PUNCTUATION:
        raise HeaderTooLarge(
            f"the header may have {MAX_HEADER_BYTES} bytes with {MAX_PUNCTUATION} brackets, "
            f"colons and commas, but names and metadata take {len(text)} with {_punctuation(text)}"
        )
    return len(text).to_bytes(8, "little") + text, order
