"""Whether a WAV file holds all the samples that its header promises.

libsndfile reads a WAV file that was cut short without a word, as if the rest had never been.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

# A program that writes to a pipe cannot go back to fill in the size, and leaves one of these.
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)


def missing_bytes(file: BinaryIO) -> int:
    """How many bytes of samples a RIFF/WAVE file lacks; 0 for any other kind of file.

    Args:
        file: open for reading at any place; where it stands afterwards is not defined.
    """
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return 0
    end = file.seek(0, 2)
    position = 12
    while position + 8 <= end:
        file.seek(position)
        name, size = struct.unpack("<4sI", file.read(8))
        position += 8
        if name == b"data":
            if size in _UNKNOWN_SIZES:
                return 0
            return max(position + size - end, 0)
        position += size + size % 2  # chunks start at even places
    return 0
