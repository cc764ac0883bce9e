"""Kernels of sampling at points: where each point lies, what it is made of, and the ways back.

A block of points is looked at once for all channels. Of each point's neighbours (taps) it is kept
where they are in a channel's plane, -1 beyond the image, and with what share they count. What is
asked of a plane is then a gather and a product for each tap, side by side for all points.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    Placeholder,
    T,
    floor,
    function,
    i32,
    i64,
    kernel,
    ptr,
    rint,
    select,
    simd,
    static,
    thread,
)

#: 0 linear, 1 nearest, 2 cubic.
MODE = Placeholder("MODE")
#: Beyond the border: 0 zeros, 1 the border, 2 the reflection.
PADDING = Placeholder("PADDING")
#: Whether -1 and 1 are the middles of the outermost elements.
CORNERS = Placeholder("CORNERS")
#: How many spatial dims there are, 2 or 3.
DIMS = Placeholder("DIMS")
#: Taps of a point.
TAPS = Placeholder("TAPS")
#: Points of a block.
BLOCK = 128
_A = -0.75  # the cubic filter's parameter, as in interpolate


@function
def placed(at, length):
    """A coordinate from -1 to 1 as a place from 0 to length - 1."""
    if CORNERS:
        to = (at + 1.0) * ((length - 1.0) * 0.5)
    else:
        to = ((at + 1.0) * length - 1.0) * 0.5
    return to


@function
def by_coordinate(length):
    """How far a place moves with its coordinate."""
    return 0.5 * (length - 1.0 if CORNERS else length)


@function
def inside(at, length):
    """A place brought back as the padding says, and what its derivative is multiplied by."""
    place = at
    slope = at * 0.0 + 1.0
    if PADDING == 2:
        low = length * 0.0 - (0.0 if CORNERS else 0.5)
        span = length - (1.0 if CORNERS else 0.0)
        away = abs(at - low)
        turned = floor(away / span)
        rest = away - turned * span
        even = floor(turned * 0.5) * 2.0 == turned
        alone = span == 0.0
        place = select(alone, low, (rest if even else span - rest) + low)
        slope = select((at < low) == even, -1.0, slope)
        slope = select(alone, 0.0, slope)
    if PADDING > 0:
        most = length - 1.0
        free = (place > 0.0) and (place < most)
        slope = select(free, slope, 0.0)
        place = select(place > 0.0, place, 0.0)  # NaN is brought to 0 too
        place = select(place < most, place, most)
    return place, slope


@function
def cubic(s, tap):
    """The share of one of four taps, and its derivative by the place."""
    if tap == 0 or tap == 3:
        t = s + 1.0 if tap == 0 else 2.0 - s
        share = ((_A * t - 5.0 * _A) * t + 8.0 * _A) * t - 4.0 * _A
        slope = (3.0 * _A * t - 10.0 * _A) * t + 8.0 * _A
    else:
        t = s if tap == 1 else 1.0 - s
        share = ((_A + 2.0) * t - (_A + 3.0)) * t * t + 1.0
        slope = (3.0 * (_A + 2.0) * t - 2.0 * (_A + 3.0)) * t
    return share, slope if tap < 2 else -slope


@function
def whole(place, length):
    """A whole place as a number, and whether it is in the image; 0 where it is not."""
    there = (place >= 0.0) and (place <= length - 1.0)
    return i32(select(there, place, 0.0)), there


@function
def linear_share(s, side):
    return s if side == 1 else 1.0 - s


@function
def tapped(points, many, at: ptr(i32), by: ptr(T), depth, height, width):
    """Write the taps of a block's points: where they are, their shares, and these by x, y and z.

    Each of these has BLOCK places for each tap, and stands behind the one before.
    """
    wide = T(width)
    high = T(height)
    deep = T(depth)
    for j in simd(many):
        x = placed(points[j * DIMS], wide)
        y = placed(points[j * DIMS + 1], high)
        if MODE == 2:
            left = floor(x)
            top = floor(y)
            for q in static(4):
                place_y, _ = inside(top + (q - 1.0), high)
                row, row_there = whole(place_y, high)
                share_y, slope_y = cubic(y - top, q)
                for r in static(4):
                    place_x, _ = inside(left + (r - 1.0), wide)
                    column, column_there = whole(place_x, wide)
                    share_x, slope_x = cubic(x - left, r)
                    to = (q * 4 + r) * BLOCK + j
                    at[to] = select(row_there and column_there, row * i32(width) + column, -1)
                    by[to] = share_x * share_y
                    by[16 * BLOCK + to] = slope_x * share_y * by_coordinate(wide)
                    by[32 * BLOCK + to] = share_x * slope_y * by_coordinate(high)
        elif MODE == 1:
            place_x, _ = inside(x, wide)
            place_y, _ = inside(y, high)
            column, column_there = whole(rint(place_x), wide)
            row, row_there = whole(rint(place_y), high)
            there = row_there and column_there
            number = row * i32(width) + column
            if DIMS == 3:
                place_z, _ = inside(placed(points[j * DIMS + 2], deep), deep)
                layer, layer_there = whole(rint(place_z), deep)
                there = there and layer_there
                number = layer * i32(height * width) + number
            at[j] = select(there, number, -1)
            by[j] = 1.0
        else:
            place_x, by_x = inside(x, wide)
            place_y, by_y = inside(y, high)
            by_x = by_x * by_coordinate(wide)
            by_y = by_y * by_coordinate(high)
            left = floor(place_x)
            top = floor(place_y)
            front = left
            place_z = left
            by_z = left
            if DIMS == 3:
                place_z, by_z = inside(placed(points[j * DIMS + 2], deep), deep)
                by_z = by_z * by_coordinate(deep)
                front = floor(place_z)
            for p in static(DIMS - 1):  # of two dims there is one layer
                for q in static(2):
                    row, row_there = whole(top + q, high)
                    share_y = linear_share(place_y - top, q)
                    for r in static(2):
                        column, column_there = whole(left + r, wide)
                        share_x = linear_share(place_x - left, r)
                        there = row_there and column_there
                        number = row * i32(width) + column
                        to = (p * 4 + q * 2 + r) * BLOCK + j
                        share_z = share_x * 0.0 + 1.0
                        if DIMS == 3:
                            layer, layer_there = whole(front + p, deep)
                            share_z = linear_share(place_z - front, p)
                            there = there and layer_there
                            number = layer * i32(height * width) + number
                            along = share_x * share_y * by_z
                            by[3 * TAPS * BLOCK + to] = along if p == 1 else -along
                        at[to] = select(there, number, -1)
                        by[to] = share_x * share_y * share_z
                        across = share_y * share_z * by_x
                        down = share_x * share_z * by_y
                        by[TAPS * BLOCK + to] = across if r == 1 else -across
                        by[2 * TAPS * BLOCK + to] = down if q == 1 else -down


@kernel
def sample(
    begin, end, image: ptr(T), grid: ptr(T), out: ptr(T), places: ptr(i32), shares: ptr(T),
    channels, points, blocks, depth, height, width,
):  # fmt: skip
    """A step is a block of one image's points, for all channels.

    ``places`` and ``shares`` are memory of each thread's own: TAPS * BLOCK, and that times
    DIMS + 1.
    """
    at = places + thread() * TAPS * BLOCK
    by = shares + thread() * TAPS * BLOCK * (DIMS + 1)
    size = depth * height * width
    for s in range(begin, end):
        n = s // blocks
        first = (s - n * blocks) * BLOCK
        many = min(BLOCK, points - first)
        tapped(grid + (n * points + first) * DIMS, many, at, by, depth, height, width)
        for c in range(n * channels, (n + 1) * channels):
            plane = image + c * size
            to = out + c * points + first
            for j in simd(many):
                total = T(0)
                for t in static(TAPS):
                    k = at[t * BLOCK + j]
                    value = plane[max(k, 0)]
                    total += select(k < 0, T(0), value) * by[t * BLOCK + j]
                to[j] = total


@kernel
def image_slopes(
    begin, end, g: ptr(T), grid: ptr(T), out: ptr(T), places: ptr(i32), shares: ptr(T),
    channels, points, blocks, depth, height, width, parts,
):  # fmt: skip
    """Add what each point's cotangent gives to its taps; a step is a part of one image's channels.

    ``out`` is zero before.
    """
    at = places + thread() * TAPS * BLOCK
    by = shares + thread() * TAPS * BLOCK * (DIMS + 1)
    size = depth * height * width
    for s in range(begin, end):
        n = s // parts
        part = s - n * parts
        low = n * channels + part * channels // parts
        high = n * channels + (part + 1) * channels // parts
        for block in range(blocks):
            first = block * BLOCK
            many = min(BLOCK, points - first)
            tapped(grid + (n * points + first) * DIMS, many, at, by, depth, height, width)
            for c in range(low, high):
                plane = out + c * size
                own = g + c * points + first
                for j in range(many):
                    value = own[j]
                    for t in static(TAPS):
                        k = i64(at[t * BLOCK + j])
                        if k >= 0:
                            plane[k] = plane[k] + value * by[t * BLOCK + j]


@kernel
def grid_slopes(
    begin, end, g: ptr(T), image: ptr(T), grid: ptr(T), out: ptr(T), places: ptr(i32),
    shares: ptr(T), sums: ptr(T), channels, points, blocks, depth, height, width,
):  # fmt: skip
    """The cotangents of points; a step is a block. ``sums``: DIMS * BLOCK for each thread."""
    at = places + thread() * TAPS * BLOCK
    by = shares + thread() * TAPS * BLOCK * (DIMS + 1)
    total = sums + thread() * DIMS * BLOCK
    size = depth * height * width
    for s in range(begin, end):
        n = s // blocks
        first = (s - n * blocks) * BLOCK
        many = min(BLOCK, points - first)
        tapped(grid + (n * points + first) * DIMS, many, at, by, depth, height, width)
        for j in simd(DIMS * BLOCK):
            total[j] = 0
        for c in range(n * channels, (n + 1) * channels):
            plane = image + c * size
            own = g + c * points + first
            for j in simd(many):
                x = T(0)
                y = T(0)
                z = T(0)
                for t in static(TAPS):
                    k = at[t * BLOCK + j]
                    value = plane[max(k, 0)]
                    value = select(k < 0, T(0), value)
                    x += value * by[(TAPS + t) * BLOCK + j]
                    y += value * by[(2 * TAPS + t) * BLOCK + j]
                    if DIMS == 3:
                        z += value * by[(3 * TAPS + t) * BLOCK + j]
                total[j] = total[j] + own[j] * x
                total[BLOCK + j] = total[BLOCK + j] + own[j] * y
                if DIMS == 3:
                    total[2 * BLOCK + j] = total[2 * BLOCK + j] + own[j] * z
        to = out + (n * points + first) * DIMS
        for j in range(many):
            for d in static(DIMS):
                to[j * DIMS + d] = total[d * BLOCK + j]
