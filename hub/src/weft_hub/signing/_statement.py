"""The statement: which files were signed, by name and digest (in-toto, OpenSSF Model Signing 1.0).

A name in a statement is never opened. Files are found by walking the folder, and their names are
then looked up here, so that a name that climbs out of the folder has nothing to act on; it is
refused all the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from weft_hub.signing._bundle import MOST_BYTES
from weft_hub.signing._json import item, parse, require, shown
from weft_hub.signing.errors import (
    MalformedSignatureError,
    SignedNamesError,
    UnsupportedSignatureError,
)

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
MOST_FILES = 100_000
HASHES = {"sha256": 32, "blake2b": 64}
"""The digests that can be verified, by OMS's name, which hashlib shares, and size in bytes."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\\\\\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MOST_NAME = 4096


@dataclass(frozen=True)
class Statement:
    """What was signed.

    Attributes:
        name: what the signer called the whole; it tells nothing more.
        hash: the name of the digest, one of `HASHES`.
        files: the digest of each file in hexadecimal digits, by its path from the folder.
        ignored: paths that the signer left out, with everything below them.
    """

    name: str
    hash: str
    files: Mapping[str, str]
    ignored: tuple[str, ...] = ()

    def payload(self) -> bytes:
        """Return the statement as JSON, the files in the order of their names' code points."""
        names = sorted(self.files)
        whole = hashlib.sha256(b"".join(bytes.fromhex(self.files[name]) for name in names))
        serialization = {"method": "files", "hash_type": self.hash, "allow_symlinks": False}
        if self.ignored:
            serialization["ignore_paths"] = list(self.ignored)
        data = {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.name, "digest": {"sha256": whole.hexdigest()}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "serialization": serialization,
                "resources": [
                    {"name": name, "algorithm": self.hash, "digest": self.files[name]}
                    for name in names
                ],
            },
        }
        return json.dumps(data, separators=(",", ":"), sort_keys=True).encode()


def read_statement(payload: bytes, what: str) -> Statement:
    """Parse the payload of a bundle whose signature was verified.

    Raises:
        MalformedSignatureError: it is not the JSON of a statement, or contradicts itself.
        UnsupportedSignatureError: it states something else, or by means that are not known here.
        SignedNamesError: it names a file twice, or outside of the folder.
    """
    top = parse(payload, what, most_bytes=MOST_BYTES, most_containers=2 * MOST_FILES)
    require(item(top, "_type", str, what), STATEMENT_TYPE, f"{what}: the statement's type")
    require(item(top, "predicateType", str, what), PREDICATE_TYPE, f"{what}: the predicate's type")
    predicate = item(top, "predicate", dict, what)
    serialization = item(predicate, "serialization", dict, what)
    require(item(serialization, "method", str, what), "files", f"{what}: the method")
    algorithm = item(serialization, "hash_type", str, what)
    if algorithm not in HASHES:
        raise UnsupportedSignatureError(
            f"{what}: the digests must be {' or '.join(HASHES)}, but are {shown(algorithm)}"
        )
    item(serialization, "allow_symlinks", bool, what)
    files = _files(item(predicate, "resources", list, what), algorithm, what)
    name = _whole(item(top, "subject", list, what), files, what)
    return Statement(name, algorithm, files, _ignored(serialization, what))


def check_name(name: str, what: str) -> str:
    """Return `name` if it is a plain path below a folder, with `/` between its parts.

    Raises:
        SignedNamesError: it is not.
    """
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") for part in parts)
    if not plain or _UNSAFE.search(name) or len(name) > _MOST_NAME or re.match("[A-Za-z]:", name):
        raise SignedNamesError(
            f"{what}: {shown(name)} must be a plain path below the folder: no '..', no empty "
            "part, no drive, no backslash, no control character"
        )
    return name


def _files(resources: list[Any], algorithm: str, what: str) -> dict[str, str]:
    if not 0 < len(resources) <= MOST_FILES:
        raise MalformedSignatureError(
            f"{what} must list 1 to {MOST_FILES} files, but lists {len(resources)}"
        )
    files: dict[str, str] = {}
    for resource in resources:
        name = check_name(item(resource, "name", str, what), what)
        require(
            item(resource, "algorithm", str, what), algorithm, f"{what}: the digest of {name!r}"
        )
        digest = item(resource, "digest", str, what)
        if not re.fullmatch(f"[0-9a-f]{{{2 * HASHES[algorithm]}}}", digest):
            raise MalformedSignatureError(
                f"{what}: the {algorithm} of {name!r} must be {2 * HASHES[algorithm]} lower-case "
                f"hexadecimal digits, but is {shown(digest)}"
            )
        if name in files:
            raise SignedNamesError(f"{what} lists {name!r} twice")
        files[name] = digest
    return files


def _whole(subject: list[Any], files: Mapping[str, str], what: str) -> str:
    """Check the digest of all digests, in the order that the signer listed the files in."""
    if len(subject) != 1:
        raise MalformedSignatureError(f"{what} must have one subject, but has {len(subject)}")
    name: str = item(subject[0], "name", str, what)
    stated = item(item(subject[0], "digest", dict, what), "sha256", str, what)
    whole = hashlib.sha256(b"".join(map(bytes.fromhex, files.values()))).hexdigest()
    if stated != whole:
        raise MalformedSignatureError(
            f"{what} contradicts itself: its subject has SHA-256 {shown(stated)}, but the files "
            f"that it lists make {whole}"
        )
    return name


def _ignored(serialization: Mapping[str, Any], what: str) -> tuple[str, ...]:
    if "ignore_paths" not in serialization:
        return ()
    return plain_paths(item(serialization, "ignore_paths", list, what), what)


def plain_paths(paths: Iterable[Any], what: str) -> tuple[str, ...]:
    """Return paths to ignore, each checked: `.` would let everything through."""
    found = []
    for path in paths:
        if not isinstance(path, str):
            raise MalformedSignatureError(f"{what}: a path must be a string, but is {shown(path)}")
        found.append(check_name(path.removesuffix("/"), f"{what}: a path to ignore"))
    return tuple(sorted(set(found)))
