"""A kernel that brings channels next to each other: (N, C, places) to (N, places, C).

As :func:`copy_turned` of ``copying``, for matrices without gaps, in longer strips: several cache
lines of a channel are read in turn, so that the processor sees them coming and few pages are open.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import Placeholder, T, kernel, local, ptr, simd, static

#: The side of the squares that are turned at once.
TILE = 16
#: Places in a strip.
STRIP = Placeholder("STRIP")


@kernel
def turn(begin, end, x: ptr(T), out: ptr(T), places, channels, strips):
    """Turn strips of STRIP places; a step is a strip of one matrix."""
    tile = local(T, TILE * TILE)
    for s in range(begin, end):
        matrix = s // strips
        first = (s - matrix * strips) * STRIP
        many = min(places - first, STRIP)
        source = x + (matrix * places * channels + first)
        to = out + (matrix * places + first) * channels
        for j in range(0, channels, TILE):
            stop = min(channels - j, TILE)
            for p in range(0, many, TILE):
                wide = min(many - p, TILE)
                if wide == TILE and stop == TILE:
                    for k in static(TILE):
                        column = source + ((j + k) * places + p)
                        for i in simd(0, TILE):
                            tile[k * TILE + i] = column[i]
                    for i in range(TILE):
                        row = to + ((p + i) * channels + j)
                        for k in simd(0, TILE):
                            row[k] = tile[k * TILE + i]
                else:
                    for i in range(wide):
                        for k in range(stop):
                            to[(p + i) * channels + j + k] = source[(j + k) * places + p + i]
