"""The kernel of cross products."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import Placeholder, T, kernel, ptr, simd

#: Elements between those of one vector, if that is known before; else 0.
APART = Placeholder("APART")


@kernel(loose=False, overlap=True)
def cross(begin, end, x: ptr(T), y: ptr(T), out: ptr(T), apart):
    """A step is a vector: step s is that at place s % apart of block s // apart."""
    if APART == 1:
        for s in simd(begin, end):
            x0 = x[3 * s]
            x1 = x[3 * s + 1]
            x2 = x[3 * s + 2]
            y0 = y[3 * s]
            y1 = y[3 * s + 1]
            y2 = y[3 * s + 2]
            out[3 * s] = x1 * y2 - x2 * y1
            out[3 * s + 1] = x2 * y0 - x0 * y2
            out[3 * s + 2] = x0 * y1 - x1 * y0
    else:
        s = begin
        while s < end:
            block = s // apart
            place = s - block * apart
            many = min(apart - place, end - s)
            one = x + (3 * block * apart + place)
            other = y + (3 * block * apart + place)
            to = out + (3 * block * apart + place)
            for j in simd(many):
                x0 = one[j]
                x1 = one[apart + j]
                x2 = one[2 * apart + j]
                y0 = other[j]
                y1 = other[apart + j]
                y2 = other[2 * apart + j]
                to[j] = x1 * y2 - x2 * y1
                to[apart + j] = x2 * y0 - x0 * y2
                to[2 * apart + j] = x0 * y1 - x1 * y0
            s = s + many
