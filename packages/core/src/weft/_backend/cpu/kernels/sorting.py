"""Kernels that sort, and that find the first few or the k-th, along rows.

An element becomes a whole number that has its order (its key), and the key with the element's place
behind it one number of 64 bits: no two are equal, so that any way of sorting them is a stable one.
NaNs are equal to each other and the largest, and so are the two zeros equal.

Rows of numbers of 64 bits keep keys and places apart.
"""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import (
    Placeholder,
    T,
    bits,
    function,
    i32,
    i64,
    kernel,
    local,
    ptr,
    select,
    simd,
    static,
    thread,
    u32,
    u64,
)

#: What elements are: "f" floats, "i" signed, "u" unsigned or truths.
KIND = Placeholder("KIND")
#: Whether the order falls.
DOWN = Placeholder("DOWN")
#: Rows this short are sorted by insertion.
FEW = 40
#: Elements that are looked at together when the first few are searched.
BLOCK = 64


@function
def key_of(x):
    """The number of 32 bits that has an element's order."""
    if KIND == "f":
        raw = bits(u32, x + 0.0)  # of -0 that is 0
        turned = raw ^ select(raw >> 31 != 0, u32(0xFFFFFFFF), u32(0x80000000))
        key = select(x != x, u32(0xFFFFFFFF), turned)
    if KIND == "i":
        key = bits(u32, i32(x)) ^ u32(0x80000000)
    if KIND == "u":
        key = u32(x)
    if DOWN:
        key = ~key
    return key


@function
def wide_key_of(x):
    """The same of elements of 64 bits."""
    if KIND == "f":
        raw = bits(u64, x + 0.0)
        turned = raw ^ select(raw >> 63 != 0, ~u64(0), (u64(1) << 63))
        key = select(x != x, ~u64(0), turned)
    if KIND == "i":
        key = bits(u64, x) ^ (u64(1) << 63)
    if KIND == "u":
        key = u64(x)
    if DOWN:
        key = ~key
    return key


@function
def in_order(first, spare, counts, n):
    """Sort n keyed places by their keys; return where they then are: first or spare."""
    a = first
    b = spare
    if n <= FEW:
        for i in range(1, n):
            now = a[i]
            j = i
            while j > 0 and a[max(j - 1, 0)] > now:
                a[j] = a[j - 1]
                j -= 1
            a[j] = now
    else:
        for i in simd(0, 1024):
            counts[i] = 0
        for i in range(n):
            w = a[i]
            for digit in static(4):
                at = i64((w >> (32 + 8 * digit)) & 255) + 256 * digit
                counts[at] = counts[at] + 1
        for digit in static(4):
            own = counts + 256 * digit
            if own[i64((a[0] >> (32 + 8 * digit)) & 255)] != n:  # else all have the same digit
                total = 0
                for i in range(256):
                    many = own[i]
                    own[i] = total
                    total += many
                for i in range(n):
                    w = a[i]
                    d = i64((w >> (32 + 8 * digit)) & 255)
                    at = own[d]
                    own[d] = at + 1
                    b[at] = w
                a, b = b, a
    return a


@kernel
def argsort_rows(begin, end, x: ptr(T), out: ptr(i64), scratch: ptr(u64), n):
    """Places in order; a step is a row. Scratch: 2 n for each thread."""
    counts = local(i64, 1024)
    own = scratch + thread() * (2 * n)
    for r in range(begin, end):
        row = x + r * n
        for i in simd(0, n):
            own[i] = (u64(key_of(row[i])) << 32) | u64(i)
        ordered = in_order(own, own + n, counts, n)
        to = out + r * n
        for i in simd(0, n):
            to[i] = i64(ordered[i] & 0xFFFFFFFF)


@kernel
def argsort_wide_rows(begin, end, x: ptr(T), out: ptr(i64), scratch: ptr(u64), n):
    """The same of elements of 64 bits. Scratch: 4 n for each thread."""
    counts = local(i64, 2048)
    own = scratch + thread() * (4 * n)
    for r in range(begin, end):
        row = x + r * n
        keys = own
        spare_keys = own + n
        places = own + 2 * n
        spare = own + 3 * n
        for i in simd(0, n):
            keys[i] = wide_key_of(row[i])
            places[i] = u64(i)
        for i in simd(0, 2048):
            counts[i] = 0
        for i in range(n):
            w = keys[i]
            for digit in static(8):
                at = i64((w >> (8 * digit)) & 255) + 256 * digit
                counts[at] = counts[at] + 1
        for digit in static(8):
            mine = counts + 256 * digit
            if mine[i64((keys[0] >> (8 * digit)) & 255)] != n:
                total = 0
                for i in range(256):
                    many = mine[i]
                    mine[i] = total
                    total += many
                for i in range(n):
                    w = keys[i]
                    d = i64((w >> (8 * digit)) & 255)
                    at = mine[d]
                    mine[d] = at + 1
                    spare_keys[at] = w
                    spare[at] = places[i]
                keys, spare_keys = spare_keys, keys
                places, spare = spare, places
        to = out + r * n
        for i in simd(0, n):
            to[i] = i64(places[i])


@kernel
def top_rows(begin, end, x: ptr(T), out: ptr(i64), scratch: ptr(u64), n, k, room):
    """Places of the first k in order; a step is a row. Scratch: 2 room for each thread.

    Candidates are gathered until there is no more room, then sorted and all but k dropped; from
    then on what does not come before the k-th is passed over, a block at a time.
    """
    counts = local(i64, 1024)
    keys = local(u32, BLOCK)
    for r in range(begin, end):
        row = x + r * n
        kept = scratch + thread() * (2 * room)
        spare = kept + room
        many = 0
        limit = u32(0xFFFFFFFF)
        full = 0
        base = 0
        while base < n:
            stop = min(n - base, BLOCK)
            block = row + base
            hits = 0
            if stop == BLOCK:
                for i in simd(0, BLOCK):
                    key = key_of(block[i])
                    keys[i] = key
                    hits = hits | i64(key < limit)
            else:
                hits = 1
                for i in range(stop):
                    keys[i] = key_of(block[i])
            if hits != 0 or full == 0:
                for i in range(stop):
                    kept[many] = (u64(keys[i]) << 32) | u64(base + i)
                    many += select(full == 0 or keys[i] < limit, 1, 0)
            if many + BLOCK > room:
                ordered = in_order(kept, spare, counts, many)
                for j in range(k):
                    kept[j] = ordered[j]
                many = k
                limit = u32(kept[k - 1] >> 32)
                full = 1
            base += BLOCK
        ordered = in_order(kept, spare, counts, many)
        to = out + r * k
        for j in simd(0, k):
            to[j] = i64(ordered[j] & 0xFFFFFFFF)


@kernel
def top_few_rows(begin, end, x: ptr(T), out: ptr(i64), scratch: ptr(u64), n, k):
    """The same for a small k. Scratch: 2 (n + 1) for each thread.

    The row goes by BLOCK lanes, whose best are found side by side. Of the lanes' best the k-th is a
    bound: at least k elements come up to it, and few do.
    """
    counts = local(i64, 1024)
    best = local(u32, BLOCK)
    keys = local(u32, BLOCK)
    for r in range(begin, end):
        row = x + r * n
        kept = scratch + thread() * (2 * n + 2)
        for i in simd(0, BLOCK):
            best[i] = 0xFFFFFFFF
        for base in range(0, n - BLOCK + 1, BLOCK):
            for i in simd(0, BLOCK):
                best[i] = min(best[i], key_of(row[base + i]))
        bound = u32(0)
        taken = 0
        while taken < k:
            bound = u32(0xFFFFFFFF)
            for i in simd(0, BLOCK):
                bound = min(bound, best[i])
            for i in simd(0, BLOCK):
                equal = best[i] == bound
                taken += i64(equal)
                best[i] = select(equal, u32(0xFFFFFFFF), best[i])
        many = 0
        for base in range(0, n, BLOCK):
            stop = min(n - base, BLOCK)
            hits = 0
            if stop == BLOCK:
                for i in simd(0, BLOCK):
                    key = key_of(row[base + i])
                    keys[i] = key
                    hits = hits | i64(key <= bound)
            else:
                hits = 1
                for i in range(stop):
                    keys[i] = key_of(row[base + i])
            if hits != 0:
                for i in range(stop):
                    kept[many] = (u64(keys[i]) << 32) | u64(base + i)
                    many += select(keys[i] <= bound, 1, 0)
        ordered = in_order(kept, kept + n + 1, counts, many)
        to = out + r * k
        for j in simd(0, k):
            to[j] = i64(ordered[j] & 0xFFFFFFFF)


@kernel
def kth_rows(begin, end, x: ptr(T), out: ptr(i64), scratch: ptr(u64), n, k):
    """The place of the k-th in order, from 0; a step is a row. Scratch: n for each thread."""
    counts = local(i64, 256)
    own = scratch + thread() * n
    for r in range(begin, end):
        row = x + r * n
        for i in simd(0, n):
            own[i] = (u64(key_of(row[i])) << 32) | u64(i)
        many = n
        rank = k
        shift = 56
        while many > 1:
            for i in simd(0, 256):
                counts[i] = 0
            for i in range(many):
                d = i64((own[i] >> u64(shift)) & 255)
                counts[d] = counts[d] + 1
            digit = 0
            while counts[digit] <= rank:
                rank -= counts[digit]
                digit += 1
            left = 0
            for i in range(many):
                w = own[i]
                own[left] = w
                left += i64(i64((w >> u64(shift)) & 255) == digit)
            many = left
            shift -= 8
        out[r] = i64(own[0] & 0xFFFFFFFF)


#: Whether a value goes behind those that equal it.
RIGHT = Placeholder("RIGHT")


@kernel
def search(begin, end, x: ptr(T), y: ptr(T), out: ptr(i64), n, count):
    """The place of each value in its sorted row; a step is a value, ``count`` of them a row."""
    low = local(i64, BLOCK)
    s = begin
    while s < end:
        r = s // count
        stop = min(min(end, r * count + count) - s, BLOCK)
        row = x + r * n
        values = y + s
        to = out + s
        for i in simd(0, BLOCK):
            low[i] = 0
        many = n
        while many > 1:  # the same steps for all, so that they are taken side by side
            half = many >> 1
            for i in simd(0, stop):
                at = low[i] + half
                before = row[at - 1]
                value = values[i]
                if RIGHT:
                    beyond = not (before > value)
                else:
                    beyond = not (before >= value)
                low[i] = select(beyond, at, low[i])
            many -= half
        for i in simd(0, stop):
            at = low[i]
            value = values[i]
            if RIGHT:
                beyond = not (row[at] > value)
            else:
                beyond = not (row[at] >= value)
            to[i] = select(beyond, at + 1, at)
        s += stop
