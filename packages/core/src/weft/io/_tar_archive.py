"""A tar archive over memory: its regular members by name, as slices. Nothing is extracted."""

from __future__ import annotations

from ._memory import Region
from .errors import FormatError, UnsafeCheckpointError, shown

__all__ = ["BLOCK", "is_tar", "tar_members"]

BLOCK = 512
MAX_MEMBERS = 64  # a checkpoint has four, and a note before each
_REGULAR = (b"0", b"\0")
_NOTES = (b"x", b"g")  # of a member's time and owner, as Python's tarfile writes them


def is_tar(memory: memoryview) -> bool:
    """Whether these bytes begin as a tar archive of POSIX does."""
    return bytes(memory[257:262]) == b"ustar"


def tar_members(memory: memoryview, origin: str) -> dict[str, Region]:
    """Return the members of the archive that `memory` is.

    Raises:
        FormatError: it is damaged or cut short.
        UnsafeCheckpointError: a member is a link or special file, has a name that leads outside or
            stands twice, or is renamed by a note.
    """
    found: dict[str, Region] = {}
    position = 0
    for _ in range(MAX_MEMBERS):
        header = bytes(memory[position : position + BLOCK])
        if not header.strip(b"\0"):
            return found
        name, size, kind = _parsed(header, position, origin)
        start, position = position + BLOCK, position + BLOCK + -(-size // BLOCK) * BLOCK
        if start + size > len(memory):
            raise FormatError(
                f"{origin}: the tar member {shown(name)} has {size} bytes, but "
                f"{len(memory) - start} are left; the file is cut short"
            )
        if kind in _NOTES:
            note = bytes(memory[start : start + min(size, BLOCK)])
            if size > BLOCK or any(key in note for key in (b"path=", b"size=")):
                raise UnsafeCheckpointError(
                    f"{origin}: a note in the tar archive renames or resizes a member: "
                    f"{shown(note)}; PyTorch writes none such, and nothing was extracted"
                )
            continue
        if kind == b"5":
            continue
        if kind not in _REGULAR:
            raise UnsafeCheckpointError(
                f"{origin}: the tar member {shown(name)} is a link or a special file "
                f"({shown(kind)}); nothing was extracted"
            )
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or name in found:
            raise UnsafeCheckpointError(
                f"{origin}: the tar member {shown(name)} stands twice, or has a name that leads "
                "outside of the archive; nothing was extracted"
            )
        found[name] = Region(memory, start, size)
    raise FormatError(f"{origin}: the tar archive has more than {MAX_MEMBERS} members")


def _parsed(header: bytes, position: int, origin: str) -> tuple[str, int, bytes]:
    """Return name, size and type of the member whose header this is."""
    where = f"{origin}: the tar header at byte {position}"
    if len(header) < BLOCK or header[257:262] != b"ustar":
        raise FormatError(f"{where} is none; the file is damaged or cut short")
    told = _octal(header[148:156])
    # The sum is of the header with spaces in the place of the sum.
    if told != sum(header[:148]) + sum(header[156:]) + 8 * ord(" "):
        raise FormatError(f"{where} does not match its sum {told}; the file is damaged")
    size = _octal(header[124:136])
    if size is None:
        raise FormatError(f"{where} has the size {shown(header[124:136])}, which is none")
    name = (header[345:500].rstrip(b"\0") + b"/" + header[:100].rstrip(b"\0")).lstrip(b"/")
    if header[:1] == b"/" or header[345:346] == b"/":
        name = b"/" + name
    return name.decode("latin-1").removeprefix("./"), size, header[156:157]


def _octal(field: bytes) -> int | None:
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else None
