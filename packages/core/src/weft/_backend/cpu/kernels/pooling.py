"""Kernels of pooling: the largest and the mean of windows, and how their cotangents go back.

A plane is (depth, height, width), with ones for the dims that are not there. Plain arrays are
(planes, depth, height, width); those whose channels lie last are (n, depth, height, width,
channels). Windows hold at least one element; where no other steps within them are told, all that
lies between their ends.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    I,
    Placeholder,
    T,
    U,
    function,
    i32,
    kernel,
    local,
    ptr,
    select,
    simd,
    static,
)

#: What nothing is smaller than.
LOW = Placeholder("LOW")
#: The type that elements are computed in.
V = Placeholder("V")
#: Steps from one window to the next within a row, and a window's width; 0 where not known before.
STEP = Placeholder("STEP")
WIDE = Placeholder("WIDE")
#: Elements that a row may have, padding included.
ROW = 4096
#: Channels that are looked at together.
BLOCK = 256


@function
def larger(a, b):
    """The larger of two; NaN if one is; the first of equal ones."""
    return select(b > a or b != b, b, a)


@kernel
def window_max(
    begin, end, x: ptr(T), out: ptr(T), depth, height, width, out_depth, out_height, out_width,
    kd, kh, kw, sd, sh, sw, pd, ph, pw,
):  # fmt: skip
    """The largest of each window; a step is a row of the result."""
    line = local(V, ROW)
    found = local(V, ROW)
    step = STEP if STEP > 0 else sw
    for j in range(ROW):
        line[j] = LOW
    for s in range(begin, end):
        plane = s // (out_depth * out_height)
        z = s // out_height - plane * out_depth
        y = s - s // out_height * out_height
        z0 = max(z * sd - pd, 0)
        z1 = min(z * sd - pd + kd, depth)
        y0 = max(y * sh - ph, 0)
        y1 = min(y * sh - ph + kh, height)
        middle = line + pw
        for dz in range(z0, z1):
            for dy in range(y0, y1):
                row = x + ((plane * depth + dz) * height + dy) * width
                if dz == z0 and dy == y0:
                    for j in simd(0, width):
                        middle[j] = row[j]
                else:
                    for j in simd(0, width):
                        middle[j] = larger(middle[j], row[j])
        to = out + s * out_width
        if WIDE > 0:
            for j in simd(0, out_width):
                best = line[j * step]
                for k in static(1, WIDE):
                    best = larger(best, line[j * step + k])
                to[j] = best
        else:
            for j in simd(0, out_width):
                found[j] = line[j * step]
            for k in range(1, kw):
                for j in simd(0, out_width):
                    found[j] = larger(found[j], line[j * step + k])
            for j in simd(0, out_width):
                to[j] = found[j]


@kernel
def window_places(
    begin, end, x: ptr(T), values: ptr(T), places: ptr(I), depth, height, width, out_depth,
    out_height, out_width, kd, kh, kw, sd, sh, sw, pd, ph, pw, ed, eh, ew,
):  # fmt: skip
    """The largest of each window and where in its plane it is; a step is a row of the result.

    Elements of a window are ``ed``, ``eh`` and ``ew`` apart.
    """
    best = local(V, ROW)
    where = local(i32, ROW)
    step = STEP if STEP > 0 else sw
    for s in range(begin, end):
        plane = s // (out_depth * out_height)
        z = s // out_height - plane * out_depth
        y = s - s // out_height * out_height
        own = x + plane * depth * height * width
        for j in simd(0, out_width):
            best[j] = LOW
            where[j] = -1
        for tap in range(kd * kh):
            dz = z * sd - pd + tap // kh * ed
            dy = y * sh - ph + tap % kh * eh
            if dz >= 0 and dz < depth and dy >= 0 and dy < height:
                first = (dz * height + dy) * width - pw
                for k in range(kw):
                    shift = k * ew
                    lo = (max(pw - shift, 0) + step - 1) // step
                    hi = min((width - 1 + pw - shift + step) // step, out_width)
                    for j in simd(lo, hi):
                        at = i32(first + shift + j * step)
                        v = own[at]
                        have = best[j]
                        better = v > have or (v != v and have == have) or where[j] < 0
                        best[j] = select(better, v, have)
                        where[j] = select(better, at, where[j])
        largest = values + s * out_width
        to = places + s * out_width
        for j in simd(0, out_width):
            largest[j] = best[j]
            to[j] = where[j]


@kernel
def window_max_last(
    begin, end, x: ptr(T), out: ptr(T), channels, depth, height, width, out_depth, out_height,
    out_width, kd, kh, kw, sd, sh, sw, pd, ph, pw,
):  # fmt: skip
    """The largest of each window where channels lie last; a step is a row of the result."""
    for s in range(begin, end):
        n = s // (out_depth * out_height)
        z = s // out_height - n * out_depth
        y = s - s // out_height * out_height
        z0 = max(z * sd - pd, 0)
        z1 = min(z * sd - pd + kd, depth)
        y0 = max(y * sh - ph, 0)
        y1 = min(y * sh - ph + kh, height)
        for i in range(out_width):
            x0 = max(i * sw - pw, 0)
            x1 = min(i * sw - pw + kw, width)
            to = out + (s * out_width + i) * channels
            for dz in range(z0, z1):
                for dy in range(y0, y1):
                    for dx in range(x0, x1):
                        own = x + (((n * depth + dz) * height + dy) * width + dx) * channels
                        if dz == z0 and dy == y0 and dx == x0:
                            for c in simd(0, channels):
                                to[c] = own[c]
                        else:
                            for c in simd(0, channels):
                                to[c] = larger(to[c], own[c])


@kernel
def window_places_last(
    begin, end, x: ptr(T), values: ptr(T), places: ptr(I), channels, depth, height, width,
    out_depth, out_height, out_width, kd, kh, kw, sd, sh, sw, pd, ph, pw,
):  # fmt: skip
    """The same where channels lie last."""
    best = local(V, BLOCK)
    where = local(i32, BLOCK)
    for s in range(begin, end):
        n = s // (out_depth * out_height)
        z = s // out_height - n * out_depth
        y = s - s // out_height * out_height
        for i in range(out_width):
            for block in range(0, channels, BLOCK):
                many = min(channels - block, BLOCK)
                own = x + (n * depth * height * width * channels + block)
                for c in simd(0, many):
                    best[c] = LOW
                    where[c] = -1
                for dz in range(max(z * sd - pd, 0), min(z * sd - pd + kd, depth)):
                    for dy in range(max(y * sh - ph, 0), min(y * sh - ph + kh, height)):
                        for dx in range(max(i * sw - pw, 0), min(i * sw - pw + kw, width)):
                            at = (dz * height + dy) * width + dx
                            seen = own + at * channels
                            for c in simd(0, many):
                                v = seen[c]
                                have = best[c]
                                better = v > have or (v != v and have == have) or where[c] < 0
                                best[c] = select(better, v, have)
                                where[c] = select(better, i32(at), where[c])
                largest = values + ((s * out_width + i) * channels + block)
                to = places + ((s * out_width + i) * channels + block)
                for c in simd(0, many):
                    largest[c] = best[c]
                    to[c] = where[c]


@function
def counted(at, step, pad, size, length, include):
    """How many elements of a dim count in the window that has a number."""
    start = at * step - pad
    stop = start + size
    first = select(include != 0, start, max(start, 0))
    return min(stop, select(include != 0, length + pad, length)) - first


@kernel
def window_mean(
    begin, end, x: ptr(T), out: ptr(T), depth, height, width, out_depth, out_height, out_width,
    kd, kh, kw, sd, sh, sw, pd, ph, pw, include, divisor: C,
):  # fmt: skip
    """The mean of each window, or its sum over ``divisor``; a step is a row of the result."""
    line = local(C, ROW)
    found = local(C, ROW)
    step = STEP if STEP > 0 else sw
    for j in range(ROW):
        line[j] = 0
    for s in range(begin, end):
        plane = s // (out_depth * out_height)
        z = s // out_height - plane * out_depth
        y = s - s // out_height * out_height
        z0 = max(z * sd - pd, 0)
        z1 = min(z * sd - pd + kd, depth)
        y0 = max(y * sh - ph, 0)
        y1 = min(y * sh - ph + kh, height)
        middle = line + pw
        for dz in range(z0, z1):
            for dy in range(y0, y1):
                row = x + ((plane * depth + dz) * height + dy) * width
                if dz == z0 and dy == y0:
                    for j in simd(0, width):
                        middle[j] = row[j]
                else:
                    for j in simd(0, width):
                        middle[j] = middle[j] + row[j]
        rows = counted(z, sd, pd, kd, depth, include) * counted(y, sh, ph, kh, height, include)
        to = out + s * out_width
        if WIDE == 0:
            for j in simd(0, out_width):
                found[j] = line[j * step]
            for k in range(1, kw):
                for j in simd(0, out_width):
                    found[j] = found[j] + line[j * step + k]
        for j in simd(0, out_width):
            if WIDE > 0:
                total = line[j * step]
                for k in static(1, WIDE):
                    total = total + line[j * step + k]
            else:
                total = found[j]
            many = rows * counted(j, step, pw, kw, width, include)
            to[j] = total / select(divisor != 0.0, divisor, C(i32(many)))


@kernel
def plane_mean(begin, end, x: ptr(T), out: ptr(T), size, divisor: C):
    """The mean of each plane as a whole; a step is a plane."""
    for s in range(begin, end):
        plane = x + s * size
        total = C(0)
        for i in range(size):
            total += plane[i]
        out[s] = total / divisor


@kernel
def plane_spread(begin, end, g: ptr(T), out: ptr(T), size, divisor: C):
    """Each cotangent spread over a plane as a whole; a step is a plane."""
    for s in range(begin, end):
        plane = out + s * size
        share = g[s] / divisor
        for i in simd(0, size):
            plane[i] = share


@kernel
def window_spread(
    begin, end, g: ptr(T), out: ptr(U), depth, height, width, out_depth, out_height, out_width,
    kd, kh, kw, sd, sh, sw, pd, ph, pw, include, divisor: C,
):  # fmt: skip
    """Each mean's cotangent spread over its window; a step is a plane."""
    line = local(C, ROW)
    step = STEP if STEP > 0 else sw
    for plane in range(begin, end):
        to = out + plane * depth * height * width
        for j in simd(0, depth * height * width):
            to[j] = 0
        for z in range(out_depth):
            for y in range(out_height):
                rows = counted(z, sd, pd, kd, depth, include) * counted(
                    y, sh, ph, kh, height, include
                )
                from_g = g + ((plane * out_depth + z) * out_height + y) * out_width
                for j in simd(0, (out_width - 1) * step + kw + pw + width):
                    line[j] = 0
                for j in range(out_width):
                    many = rows * counted(j, step, pw, kw, width, include)
                    share = from_g[j] / select(divisor != 0.0, divisor, C(i32(many)))
                    for k in range(kw):
                        line[j * step + k] = line[j * step + k] + share
                middle = line + pw
                for dz in range(max(z * sd - pd, 0), min(z * sd - pd + kd, depth)):
                    for dy in range(max(y * sh - ph, 0), min(y * sh - ph + kh, height)):
                        row = to + (dz * height + dy) * width
                        for j in simd(0, width):
                            row[j] = row[j] + middle[j]


@kernel
def window_mean_last(
    begin, end, x: ptr(T), out: ptr(T), channels, depth, height, width, out_depth, out_height,
    out_width, kd, kh, kw, sd, sh, sw, pd, ph, pw, include, divisor: C,
):  # fmt: skip
    """The mean of each window where channels lie last; a step is a row of the result."""
    sums = local(C, BLOCK)
    for s in range(begin, end):
        n = s // (out_depth * out_height)
        z = s // out_height - n * out_depth
        y = s - s // out_height * out_height
        rows = counted(z, sd, pd, kd, depth, include) * counted(y, sh, ph, kh, height, include)
        for i in range(out_width):
            many = rows * counted(i, sw, pw, kw, width, include)
            by = select(divisor != 0.0, divisor, C(i32(many)))
            for block in range(0, channels, BLOCK):
                wide = min(channels - block, BLOCK)
                own = x + (n * depth * height * width * channels + block)
                for c in simd(0, wide):
                    sums[c] = 0
                for dz in range(max(z * sd - pd, 0), min(z * sd - pd + kd, depth)):
                    for dy in range(max(y * sh - ph, 0), min(y * sh - ph + kh, height)):
                        for dx in range(max(i * sw - pw, 0), min(i * sw - pw + kw, width)):
                            seen = own + ((dz * height + dy) * width + dx) * channels
                            for c in simd(0, wide):
                                sums[c] = sums[c] + seen[c]
                to = out + ((s * out_width + i) * channels + block)
                for c in simd(0, wide):
                    to[c] = sums[c] / by


@kernel
def window_spread_last(
    begin, end, g: ptr(T), out: ptr(U), channels, blocks, depth, height, width, out_depth,
    out_height, out_width, kd, kh, kw, sd, sh, sw, pd, ph, pw, include, divisor: C,
):  # fmt: skip
    """Each mean's cotangent spread, channels last; a step is BLOCK channels of one n."""
    share = local(C, BLOCK)
    for s in range(begin, end):
        n = s // blocks
        block = (s - n * blocks) * BLOCK
        wide = min(channels - block, BLOCK)
        to = out + (n * depth * height * width * channels + block)
        for at in range(depth * height * width):
            for c in simd(0, wide):
                to[at * channels + c] = 0
        for z in range(out_depth):
            for y in range(out_height):
                rows = counted(z, sd, pd, kd, depth, include) * counted(
                    y, sh, ph, kh, height, include
                )
                for i in range(out_width):
                    many = rows * counted(i, sw, pw, kw, width, include)
                    by = select(divisor != 0.0, divisor, C(i32(many)))
                    at_g = ((n * out_depth + z) * out_height + y) * out_width + i
                    from_g = g + (at_g * channels + block)
                    for c in simd(0, wide):
                        share[c] = from_g[c] / by
                    for dz in range(max(z * sd - pd, 0), min(z * sd - pd + kd, depth)):
                        for dy in range(max(y * sh - ph, 0), min(y * sh - ph + kh, height)):
                            for dx in range(max(i * sw - pw, 0), min(i * sw - pw + kw, width)):
                                there = to + ((dz * height + dy) * width + dx) * channels
                                for c in simd(0, wide):
                                    there[c] = there[c] + share[c]
