"""Kernels that move numbers to another order in memory."""

from __future__ import annotations

from weft._backend.cpu.language import T, kernel, local, ptr, simd, static

#: Rows and columns of a tile: lines of the cache are read and written whole.
TILE = 16


@kernel
def transposed(begin, end, x: ptr(T), out: ptr(T), rows, columns, across, apart):
    """Write matrices whose columns lie together in memory with their rows together.

    Of ``x`` neighbours in a column are next to each other, neighbours in a row ``across`` apart,
    and matrices ``apart``. A step is a strip of TILE rows; it is done in tiles.
    """
    strips = (rows + (TILE - 1)) // TILE
    whole = columns // TILE * TILE
    tile = local(T, TILE * TILE)
    for step in range(begin, end):
        matrix = step // strips
        top = step % strips * TILE
        bottom = min(top + TILE, rows)
        origin = x + matrix * apart
        target = out + matrix * rows * columns
        if bottom - top == TILE:
            for left in range(0, whole, TILE):
                for j in range(TILE):
                    column = origin + (top + (left + j) * across)
                    for i in static(TILE):
                        tile[j * TILE + i] = column[i]
                for i in range(TILE):
                    row = target + ((top + i) * columns + left)
                    for j in static(TILE):
                        row[j] = tile[j * TILE + i]
        else:
            for i in range(top, bottom):
                for j in simd(whole):
                    target[i * columns + j] = origin[i + j * across]
        for j in range(whole, columns):
            for i in simd(top, bottom):
                target[i * columns + j] = origin[i + j * across]
