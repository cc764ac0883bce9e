"""Kernels of pooling to a fixed size: window i of n places in m covers i n / m to (i + 1) n / m.

Windows so differ in length by one, and overlap where n is no multiple of m. A plane is (depth,
height, width), with ones for the dims that are not there; arrays are planes one after another.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    function,
    i32,
    i64,
    kernel,
    local,
    ptr,
    select,
    simd,
)

#: The type that elements are compared in.
V = Placeholder("V")

#: Elements that a row may have.
ROW = 4096


@function
def first_of(i, length, parts):
    """Where a window begins."""
    return i * length // parts


@function
def beyond(i, length, parts):
    """Where it ends."""
    return ((i + 1) * length + parts - 1) // parts


@kernel
def spans_mean(
    begin, end, x: ptr(T), out: ptr(T), depth, height, width, out_depth, out_height, out_width
):
    """The mean of each window; a step is a row of the result."""
    line = local(C, ROW)
    for s in range(begin, end):
        plane = s // (out_depth * out_height)
        z = s // out_height % out_depth
        y = s % out_height
        z0 = first_of(z, depth, out_depth)
        z1 = beyond(z, depth, out_depth)
        y0 = first_of(y, height, out_height)
        y1 = beyond(y, height, out_height)
        for j in simd(width):
            line[j] = 0
        for dz in range(z0, z1):
            for dy in range(y0, y1):
                row = x + ((plane * depth + dz) * height + dy) * width
                for j in simd(width):
                    line[j] = line[j] + row[j]
        to = out + s * out_width
        for i in range(out_width):
            start = first_of(i, width, out_width)
            stop = beyond(i, width, out_width)
            total = C(0)
            for j in range(start, stop):
                total += line[j]
            to[i] = total / C((z1 - z0) * (y1 - y0) * (stop - start))


@kernel
def spans_spread(
    begin, end, g: ptr(T), out: ptr(C), depth, height, width, out_depth, out_height, out_width
):
    """Each mean's cotangent spread over its window; a step is a plane."""
    line = local(C, ROW)
    for plane in range(begin, end):
        to = out + plane * depth * height * width
        for j in simd(depth * height * width):
            to[j] = 0
        for z in range(out_depth):
            z0 = first_of(z, depth, out_depth)
            z1 = beyond(z, depth, out_depth)
            for y in range(out_height):
                y0 = first_of(y, height, out_height)
                y1 = beyond(y, height, out_height)
                row = g + ((plane * out_depth + z) * out_height + y) * out_width
                for j in simd(width):
                    line[j] = 0
                for i in range(out_width):
                    start = first_of(i, width, out_width)
                    stop = beyond(i, width, out_width)
                    share = row[i] / C((z1 - z0) * (y1 - y0) * (stop - start))
                    for j in range(start, stop):
                        line[j] = line[j] + share
                for dz in range(z0, z1):
                    for dy in range(y0, y1):
                        there = to + (dz * height + dy) * width
                        for j in simd(width):
                            there[j] = there[j] + line[j]


@kernel
def spans_places(
    begin, end, x: ptr(T), places: ptr(i64), depth, height, width, out_depth, out_height, out_width
):
    """Where in its plane the largest of each window is: the first NaN, or the first of the largest.

    A step is a row of the result: first the best of each column, then those of the windows.
    """
    line = local(V, ROW)
    rows = local(i32, ROW)
    for s in range(begin, end):
        plane = s // (out_depth * out_height)
        z = s // out_height % out_depth
        y = s % out_height
        own = x + plane * depth * height * width
        to = places + s * out_width
        z0 = first_of(z, depth, out_depth)
        y0 = first_of(y, height, out_height)
        for j in simd(width):
            line[j] = own[(z0 * height + y0) * width + j]
            rows[j] = i32((z0 * height + y0) * width + j)
        for dz in range(z0, beyond(z, depth, out_depth)):
            for dy in range(y0, beyond(y, height, out_height)):
                first = (dz * height + dy) * width
                for j in simd(width):
                    v = own[first + j]
                    have = line[j]
                    better = v > have or (v != v and have == have)
                    line[j] = select(better, v, have)
                    rows[j] = select(better, i32(first + j), rows[j])
        for i in range(out_width):
            start = first_of(i, width, out_width)
            best = line[start]
            where = rows[start]
            for j in range(start + 1, beyond(i, width, out_width)):
                v = line[j]
                at = rows[j]
                alike = v == best or (v != v and best != best)
                better = v > best or (v != v and best == best) or (alike and at < where)
                best = select(better, v, best)
                where = select(better, at, where)
            to[i] = where
