"""What `weft.save` keeps in a safetensors header beside the tensors: version, structure, checksums.

Metadata of safetensors maps text to text. The keys of ours begin with "weft."; all others are the
user's. Every bit of a file is under a checksum: each tensor's bytes under its own, the header's
content under "weft.header".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._checksums import crc32
from ._safetensors_header import Header
from ._structure_reading import parsed
from .errors import FormatError, WeightsError, shown

__all__ = ["VERSION", "Contents", "contents_of", "metadata_for"]

VERSION = 1
_PREFIX = "weft."
_CHECKSUM_DIGITS = 8  # a CRC-32 in hexadecimal


@dataclass(frozen=True, slots=True)
class Contents:
    """What a header says beside dtypes and shapes."""

    structure: Any  # a node, see _structure
    checksums: dict[str, str] | None  # name -> CRC-32; None in a file that others wrote
    metadata: dict[str, str]  # the user's


def metadata_for(
    structure: object,
    tensors: Mapping[str, tuple[str, tuple[int, ...]]],
    checksums: Mapping[str, str],
    metadata: Mapping[str, str] | None,
    origin: str,
) -> dict[str, str]:
    """Return the metadata of a file.

    Args:
        structure: the node of the whole object.
        tensors: name -> (weft's dtype name, shape) of what is stored.
        checksums: name -> CRC-32 of its bytes.
        metadata: the user's.
        origin: who asks.

    Raises:
        WeightsError: a key of the user's begins with "weft.".
    """
    for key in metadata or {}:
        if isinstance(key, str) and key.startswith(_PREFIX):
            raise WeightsError(
                f"{origin}: keys of metadata that begin with {_PREFIX!r} are the format's own, but "
                f"one is {shown(key)}; name it otherwise"
            )
    found = {
        "format": "pt",  # as other programs call it: names and layouts of tensors are PyTorch's
        **(metadata or {}),
        f"{_PREFIX}version": str(VERSION),
        f"{_PREFIX}structure": _text(structure),
        f"{_PREFIX}checksums": _text(dict(sorted(checksums.items()))),
    }
    found[f"{_PREFIX}header"] = _checksum(tensors, found)
    return found


def contents_of(header: Header, origin: str) -> Contents:
    """Return what a header says; for a file of other programs, a dict of its tensors.

    Raises:
        FormatError: it is damaged, or of a newer version.
    """
    ours = {key: text for key, text in header.metadata.items() if key.startswith(_PREFIX)}
    rest = {key: text for key, text in header.metadata.items() if key not in ours}
    if not ours:
        return Contents({"dict": {name: {"tensor": name} for name in header.tensors}}, None, rest)
    version = ours.get(f"{_PREFIX}version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise FormatError(
            f"{origin}: a file of weft.save has a version, but here it is "
            f"{shown(version or None)}; the file is damaged"
        )
    if int(version) > VERSION:
        raise FormatError(
            f"{origin}: this file has version {version} of weft.save's format, and {VERSION} is "
            "the newest that this weft reads; update weft. weft.io.load_safetensors reads its "
            "tensors by name"
        )
    described = {name: (info.dtype, info.shape) for name, info in header.tensors.items()}
    told = header.metadata.get(f"{_PREFIX}header")
    found = _checksum(described, {k: t for k, t in header.metadata.items() if k != "weft.header"})
    if told != found:
        raise FormatError(
            f"{origin}: the header does not match its checksum ({shown(told)}, but it has "
            f"{found}); the file is damaged"
        )
    checksums = parsed(ours.get(f"{_PREFIX}checksums", ""), origin)
    structure = parsed(ours.get(f"{_PREFIX}structure", ""), origin)
    if not isinstance(checksums, dict) or checksums.keys() != header.tensors.keys():
        raise FormatError(f"{origin}: each tensor has a checksum, but here {shown(checksums)}")
    return Contents(structure, checksums, {k: t for k, t in rest.items() if (k, t) != _FORMAT})


def checksum(data: memoryview) -> str:
    """Return the CRC-32 of a tensor's bytes."""
    return f"{crc32(data):0{_CHECKSUM_DIGITS}x}"


def _checksum(
    tensors: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str]
) -> str:
    content = [
        [[name, dtype, list(shape)] for name, (dtype, shape) in sorted(tensors.items())],
        sorted(metadata.items()),
    ]
    return checksum(memoryview(_text(content).encode("ascii")))


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


_FORMAT = ("format", "pt")
