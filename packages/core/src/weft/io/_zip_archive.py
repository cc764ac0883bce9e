"""A zip archive over memory whose members are looked at, and never extracted.

Python's zipfile reads the directory; this module then trusts none of what it says. Members that are
stored as they are, which is all that PyTorch writes, are handed out as slices of the archive.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import warnings
import zlib
from typing import TYPE_CHECKING

from ._checksums import crc32
from ._memory import Region
from .errors import FormatError, Part, UnsafeCheckpointError, shown

if TYPE_CHECKING:
    import zipfile

__all__ = ["ZipArchive"]

# zipfile reads the directory at once and makes a large object for each entry.
MAX_DIRECTORY_BYTES = 32 << 20
# Weights hardly shrink. Small members may shrink well; a large one that shrinks a hundredfold is
# made to fill memory.
MAX_RATIO = 100
SMALL_BYTES = 1 << 20
MAX_INFLATED_BYTES = 4 << 30  # of one archive
_STORED, _DEFLATED = 0, 8
_LOCAL_HEADER = struct.Struct("<4sHHHHHLLLHH")
_HIDDEN = re.compile(r"[\\\x00-\x1f\x7f]|^[A-Za-z]:/").search
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # classic, strong, and with its directory hidden


class ZipArchive:
    """The members of a zip archive, each checked before it is named.

    Raises:
        FormatError: it is no zip archive, or a damaged one.
        UnsafeCheckpointError: it has a member whose name leads outside, a link, a name twice, an
            encrypted member, members that overlap, or one that inflates out of proportion.
    """

    def __init__(self, memory: memoryview, origin: str) -> None:
        self._memory = memory
        self._origin = origin
        self._inflated = 0
        if bytes(memory[:4]) != b"PK\x03\x04":
            raise FormatError(f"{origin}: a zip archive begins with 'PK', this one does not")
        directory, self._end = self._read_directory()
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._starts: dict[str, int] = {}  # of the members' data
        for info in directory:
            self._require_harmless(info)
            if not info.is_dir():
                self._members[info.filename] = info
        self._require_apart()

    @property
    def names(self) -> list[str]:
        """The members' names, without folders."""
        return list(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """Return how many bytes a member has once it is read."""
        return self._members[name].file_size

    def region(self, name: str, *, check_crc: bool) -> Region:
        """Return a member's bytes: a slice of the archive, or a copy if they were deflated.

        Args:
            name: one of `names`.
            check_crc: compare a stored member with its checksum, which reads all of it. A deflated
                one is always compared. A checksum of 0 means that the writer left it out.
        """
        info = self._members[name]
        start = self._starts[name]
        if info.compress_type == _STORED:
            region = Region(self._memory, start, info.file_size)
        else:
            region = self._inflate(info, start)
            check_crc = True
        if check_crc and info.CRC and crc32(region.data) != info.CRC:
            raise FormatError(
                f"{self._origin}: {shown(name)} does not match its CRC-32 {info.CRC:#010x}; "
                "the file is damaged: fetch it again"
            )
        return region

    def _read_directory(self) -> tuple[list[zipfile.ZipInfo], int]:
        import zipfile  # here: it loads bz2 and lzma, for which `import weft` need not wait

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd extra fields: the checks below decide
                archive = zipfile.ZipFile(_BoundedReader(self._memory, self._origin))
            return archive.infolist(), archive.start_dir
        except (
            zipfile.BadZipFile,
            NotImplementedError,  # a version of the format that zipfile does not know
            ValueError,
            OverflowError,
            struct.error,
            EOFError,
            IndexError,
        ) as error:
            if isinstance(error, FormatError | UnsafeCheckpointError):
                raise
            raise FormatError(
                f"{self._origin}: the zip archive cannot be read ({error}); "
                "the file is cut short or damaged: fetch it again"
            ) from error

    def _require_harmless(self, info: zipfile.ZipInfo) -> None:
        name = info.orig_filename  # filename is cut at a NUL
        where = Part(self._origin, "the zip member", name)
        if name in self._members:
            raise UnsafeCheckpointError(
                f"{where} stands twice in the archive; which one a reader gets would be chance"
            )
        parts = name.removesuffix("/").split("/")
        hidden = _HIDDEN(name) or name != info.filename
        if hidden or any(part in ("", ".", "..") for part in parts):
            raise UnsafeCheckpointError(
                f"{where} has a name that leads outside of the archive or hides; nothing was "
                "extracted"
            )
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeCheckpointError(
                f"{where} is a link or a special file (mode {mode:#o}); nothing was extracted"
            )
        if info.flag_bits & _ENCRYPTED:
            raise UnsafeCheckpointError(
                f"{where} is encrypted; PyTorch writes no such file. Decrypt it first"
            )
        if info.compress_type not in (_STORED, _DEFLATED):
            raise FormatError(
                f"{where} is compressed by method {info.compress_type}; stored (0, as PyTorch "
                "writes) and deflated (8) are read"
            )
        if info.compress_type == _STORED and info.compress_size != info.file_size:
            raise FormatError(
                f"{where} is stored as it is, yet announces {info.compress_size} bytes in the "
                f"archive and {info.file_size} outside of it; the file is damaged"
            )
        if info.file_size > max(SMALL_BYTES, MAX_RATIO * info.compress_size):
            raise UnsafeCheckpointError(
                f"{where} inflates {info.compress_size} bytes to {info.file_size}, more than "
                f"{MAX_RATIO} times; it was not inflated"
            )

    def _require_apart(self) -> None:
        """Refuse members that overlap each other or the directory."""
        end, before = 0, ""
        for info in sorted(self._members.values(), key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise UnsafeCheckpointError(
                    f"{self._origin}: the zip members {shown(before)} and {shown(info.filename)} "
                    "overlap; nothing was read"
                )
            start = self._starts[info.filename] = self._data_start(info)
            end, before = start + info.compress_size, info.filename
            if end > self._end:
                raise FormatError(
                    f"{self._origin}: the zip member {shown(info.filename)} ends at byte {end}, "
                    f"after the archive's directory begins ({self._end}); the file is damaged"
                )

    def _data_start(self, info: zipfile.ZipInfo) -> int:
        """Return where a member's data begin, after its own header, which must name the member."""
        start = info.header_offset
        where = Part(self._origin, "the zip member", info.filename)
        if not 0 <= start <= self._end - _LOCAL_HEADER.size:
            raise FormatError(f"{where} begins at byte {start}, outside of the archive's data")
        fields = _LOCAL_HEADER.unpack_from(self._memory, start)
        signature, method = fields[0], fields[3]
        name_size, extra_size = int(fields[9]), int(fields[10])
        name_start = start + _LOCAL_HEADER.size
        name = bytes(self._memory[name_start : name_start + name_size])
        expected = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
        if signature != b"PK\x03\x04" or name != expected or method != info.compress_type:
            raise FormatError(
                f"{where} has a header of its own at byte {start} that says {shown(name)}, method "
                f"{method}; the file is damaged, or made to look different to different readers"
            )
        return name_start + name_size + extra_size

    def _inflate(self, info: zipfile.ZipInfo, start: int) -> Region:
        where = f"{self._origin}: the zip member {shown(info.filename)}"
        self._inflated += info.file_size
        if self._inflated > MAX_INFLATED_BYTES:
            raise UnsafeCheckpointError(
                f"{where} brings what the archive inflates to {self._inflated} bytes, more than "
                f"{MAX_INFLATED_BYTES}; save it uncompressed, as torch.save does"
            )
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One byte more than is announced, to see whether more would come.
            data = inflater.decompress(
                self._memory[start : start + info.compress_size], info.file_size + 1
            )
        except zlib.error as error:
            raise FormatError(f"{where} cannot be inflated ({error}); it is damaged") from error
        if len(data) != info.file_size or not inflater.eof:
            raise UnsafeCheckpointError(
                f"{where} announces {info.file_size} bytes but inflates to another size"
            )
        return Region(memoryview(bytearray(data)), 0, len(data))


class _BoundedReader(io.RawIOBase):
    """The archive as a file for zipfile, which lets no single read take more than the bound."""

    def __init__(self, memory: memoryview, origin: str) -> None:
        self._memory = memory
        self._origin = origin
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._memory)}[whence]
        if base + offset < 0:
            raise ValueError(f"seek to {base + offset}")
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = max(0, len(self._memory) - self._position)
        size = left if size is None or size < 0 else min(size, left)
        if size > MAX_DIRECTORY_BYTES:
            raise UnsafeCheckpointError(
                f"{self._origin}: the zip archive's directory has {size} bytes, more than "
                f"{MAX_DIRECTORY_BYTES}; no checkpoint has so many members"
            )
        data = bytes(self._memory[self._position : self._position + size])
        self._position += size
        return data
