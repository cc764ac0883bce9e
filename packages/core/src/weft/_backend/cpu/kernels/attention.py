"""Attention by blocks of queries: of the weights only those of one block are ever there."""

from __future__ import annotations

from weft._backend.cpu.kernels.dropout import words_of
from weft._backend.cpu.kernels.mathematics import exp, log
from weft._backend.cpu.kernels.products import add_block, add_turned_block, turned
from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    U,
    f64,
    function,
    i64,
    kernel,
    local,
    ptr,
    simd,
    thread,
    u32,
    u64,
)

INFINITY = float("inf")
#: Queries that are dealt with at once, and keys where a derivative is taken.
BLOCK, KEYS = 32, 256
#: Whether query i sees the keys 0 to i only.
CAUSAL = Placeholder("CAUSAL")
#: Whether there is a mask; and whether it is of truths, which say what is seen, not added.
MASKED = Placeholder("MASKED")
CHOSEN = Placeholder("CHOSEN")
#: Whether weights are dropped.
DROPPED = Placeholder("DROPPED")
#: Whether elements are narrower than what they are computed in: blocks are then converted first.
NARROW = Placeholder("NARROW")


@function
def widened(to, x, step, rows, width):
    """Put rows of x, so many elements apart, into ``to`` without gaps, as they are computed."""
    for i in range(rows):
        row = x + i * step
        own = to + i * width
        for d in simd(width):
            own[d] = row[d]


@function
def rounded(to, step, x, rows, width):
    """Undo it."""
    for i in range(rows):
        row = to + i * step
        own = x + i * width
        for d in simd(width):
            row[d] = own[d]


@function
def factors(to, words, seed, first, count, limit, factor):
    """Put into ``to`` what dropout multiplies the elements from number ``first`` on by."""
    words_of(words, seed, first // 4, (first + count + 3) // 4 - first // 4)
    own = words + first % 4
    least = u32(limit)
    for j in simd(count):
        to[j] = factor if (own[j] >> 8) >= least else 0.0


@function
def scores(s, q, q_step, keys_turned, keys, m, n, width, scale, mask, mask_row, mask_column):
    """Put the scaled and masked scores of m queries with n keys into s, rows ``keys`` apart."""
    for i in range(m):
        row = s + i * keys
        for j in simd(n):
            row[j] = 0.0
    add_block(s, keys, q, q_step, keys_turned, keys, m, width, n)
    for i in range(m):
        row = s + i * keys
        if MASKED and CHOSEN:
            chosen = mask + i * mask_row
            for j in simd(n):
                row[j] = row[j] * scale if chosen[j * mask_column] else -INFINITY
        elif MASKED:
            given = mask + i * mask_row
            for j in simd(n):
                row[j] = row[j] * scale + given[j * mask_column]
        else:
            for j in simd(n):
                row[j] = row[j] * scale


@kernel(unroll=False)
def attention_forward(
    begin,
    end,
    q: ptr(T),
    k: ptr(T),
    v: ptr(T),
    mask: ptr(U),
    seed: ptr(u64),
    out: ptr(T),
    sums: ptr(C),
    scratch: ptr(C),
    strides: ptr(i64),
    heads,
    group,
    rows,
    keys,
    width,
    depth,
    chunks,
    space,
    scale: C,
    together,
    limit,
    kept: f64,
):
    """Steps are the chunks of queries of all heads; ``sums`` gets the log of each row's sum.

    ``strides`` holds those of batch, head and row of q, k, v, out, and batch, head, row and column
    of mask. Each thread has ``space`` elements of scratch: (width + BLOCK) keys, and of narrow
    elements depth keys and (width + depth) BLOCK more. Of dropout ``seed`` holds a key for each
    ``together`` of the batch, ``limit`` is what a word must reach, and ``kept`` what is left
    multiplied by.
    """
    words = local(u32, KEYS + 8)
    own_factors = local(C, KEYS)
    factor: C = kept
    keys_turned = scratch + thread() * space
    s = keys_turned + width * keys
    wide_values = s + BLOCK * keys
    wide_queries = wide_values + keys * depth
    wide_out = wide_queries + BLOCK * width
    span = ((rows + chunks - 1) // chunks + BLOCK - 1) // BLOCK * BLOCK
    held = -1
    for step in range(begin, end):
        unit = step // chunks
        first = step % chunks * span
        last = min(first + span, rows)
        batch = unit // heads
        head = unit % heads
        own = head // group
        q_rows = q + batch * strides[0] + head * strides[1]
        v_rows = v + batch * strides[6] + own * strides[7]
        out_rows = out + batch * strides[9] + head * strides[10]
        mask_rows = mask + batch * strides[12] + head * strides[13]
        if batch * heads + own != held:
            turned(keys_turned, k + batch * strides[3] + own * strides[4], strides[5], keys, width)
            if NARROW:
                widened(wide_values, v_rows, strides[8], keys, depth)
            held = batch * heads + own
        for at in range(first, last, BLOCK):
            m = min(last - at, BLOCK)
            n = min(keys, at + m) if CAUSAL else keys
            masks = mask_rows + at * strides[14]
            if NARROW:
                widened(wide_queries, q_rows + at * strides[2], strides[2], m, width)
                queries = wide_queries
                query_step = width
                values = wide_values
                value_step = depth
                to_rows = wide_out
                to_step = depth
            else:
                queries = q_rows + at * strides[2]
                query_step = strides[2]
                values = v_rows
                value_step = strides[8]
                to_rows = out_rows + at * strides[11]
                to_step = strides[11]
            scores(
                s, queries, query_step, keys_turned, keys, m, n, width, scale, masks, strides[14],
                strides[15],
            )  # fmt: skip
            for i in range(m):
                row = s + i * keys
                seen = min(keys, at + i + 1) if CAUSAL else keys
                top = -INFINITY
                for j in range(seen):
                    top = max(top, row[j])
                if CAUSAL or MASKED:
                    top = 0.0 if top == -INFINITY else top  # a query that sees nothing
                total = 0.0
                for j in range(seen):
                    e = exp(row[j] - top)
                    row[j] = e
                    total += e
                for j in simd(seen, n):
                    row[j] = 0.0
                inverse = 1.0 / total
                logarithm = top + log(total)
                if CAUSAL or MASKED:
                    inverse = 0.0 if total == 0.0 else inverse
                    logarithm = INFINITY if total == 0.0 else logarithm
                for j in simd(seen):
                    row[j] = row[j] * inverse
                if DROPPED:
                    for j0 in range(0, seen, KEYS):
                        many = min(seen - j0, KEYS)
                        element = ((batch % together * heads + head) * rows + at + i) * keys + j0
                        own_seed = seed + batch // together * 3
                        factors(own_factors, words, own_seed, element, many, limit, factor)
                        part = row + j0
                        for j in simd(many):
                            part[j] = part[j] * own_factors[j]
                sums[unit * rows + at + i] = logarithm
                to = to_rows + i * to_step
                for j in simd(depth):
                    to[j] = 0.0
            add_block(to_rows, to_step, s, keys, values, value_step, m, n, depth)
            if NARROW:
                rounded(out_rows + at * strides[11], strides[11], wide_out, m, depth)


@kernel(unroll=False)
def attention_backward(
    begin,
    end,
    g: ptr(T),
    q: ptr(T),
    k: ptr(T),
    v: ptr(T),
    mask: ptr(U),
    seed: ptr(u64),
    out: ptr(T),
    sums: ptr(C),
    to_q: ptr(C),
    to_k: ptr(C),
    to_v: ptr(C),
    scratch: ptr(C),
    strides: ptr(i64),
    heads,
    group,
    rows,
    keys,
    width,
    depth,
    space,
    scale: C,
    together,
    limit,
    kept: f64,
):
    """Steps are the heads of keys and values, with all the heads of queries that share them.

    ``strides`` as before, then those of g, to_q, to_k and to_v. Each thread has ``space`` elements
    of scratch: (width + depth + 2 BLOCK) times KEYS, and of narrow elements KEYS width and
    (width + depth) BLOCK more.
    """
    words = local(u32, KEYS + 8)
    own_factors = local(C, KEYS)
    factor: C = kept
    block = min(keys, KEYS)
    keys_turned = scratch + thread() * space
    values_turned = keys_turned + width * block
    p = values_turned + depth * block
    slopes = p + BLOCK * block
    wide_keys = slopes + BLOCK * block
    wide_queries = wide_keys + block * width
    wide_g = wide_queries + BLOCK * width
    shared = heads // group
    for step in range(begin, end):
        batch = step // shared
        own = step % shared
        for first in range(0, keys, block):
            count = min(block, keys - first)
            k_rows = k + batch * strides[3] + own * strides[4] + first * strides[5]
            v_rows = v + batch * strides[6] + own * strides[7] + first * strides[8]
            turned(keys_turned, k_rows, strides[5], count, width)
            turned(values_turned, v_rows, strides[8], count, depth)
            if NARROW:
                widened(wide_keys, k_rows, strides[5], count, width)
                own_keys = wide_keys
                key_step = width
            else:
                own_keys = k_rows
                key_step = strides[5]
            k_slopes = to_k + batch * strides[22] + own * strides[23] + first * strides[24]
            v_slopes = to_v + batch * strides[25] + own * strides[26] + first * strides[27]
            for j in range(count):
                to = k_slopes + j * strides[24]
                for d in simd(width):
                    to[d] = 0.0
                to_value = v_slopes + j * strides[27]
                for d in simd(depth):
                    to_value[d] = 0.0
            for head in range(own * group, own * group + group):
                q_rows = q + batch * strides[0] + head * strides[1]
                out_rows = out + batch * strides[9] + head * strides[10]
                g_rows = g + batch * strides[16] + head * strides[17]
                q_slopes = to_q + batch * strides[19] + head * strides[20]
                mask_rows = mask + batch * strides[12] + head * strides[13] + first * strides[15]
                if first == 0:
                    for i in range(rows):
                        to = q_slopes + i * strides[21]
                        for d in simd(width):
                            to[d] = 0.0
                # queries before these keys see none of them
                start = first // BLOCK * BLOCK if CAUSAL else 0
                for at in range(start, rows, BLOCK):
                    m = min(rows - at, BLOCK)
                    n = min(count, at + m - first) if CAUSAL else count
                    if NARROW:
                        widened(wide_queries, q_rows + at * strides[2], strides[2], m, width)
                        widened(wide_g, g_rows + at * strides[18], strides[18], m, depth)
                        queries = wide_queries
                        query_step = width
                        given_rows = wide_g
                        given_step = depth
                    else:
                        queries = q_rows + at * strides[2]
                        query_step = strides[2]
                        given_rows = g_rows + at * strides[18]
                        given_step = strides[18]
                    scores(
                        p, queries, query_step, keys_turned, count, m, n, width, scale,
                        mask_rows + at * strides[14], strides[14], strides[15],
                    )  # fmt: skip
                    for i in range(m):
                        row = slopes + i * count
                        for j in simd(n):
                            row[j] = 0.0
                    add_block(
                        slopes, count, given_rows, given_step, values_turned, count, m, depth, n
                    )
                    for i in range(m):
                        given = given_rows + i * given_step
                        result = out_rows + (at + i) * strides[11]
                        inner = 0.0
                        for d in range(depth):
                            inner += given[d] * result[d]
                        logarithm = sums[(batch * heads + head) * rows + at + i]
                        seen = min(n, max(0, at + i + 1 - first)) if CAUSAL else n
                        p_row = p + i * count
                        row = slopes + i * count
                        if DROPPED:
                            element = (batch % together * heads + head) * rows + at + i
                            element = element * keys + first
                            own_seed = seed + batch // together * 3
                            factors(own_factors, words, own_seed, element, seen, limit, factor)
                            for j in simd(seen):
                                weight = exp(p_row[j] - logarithm)
                                p_row[j] = weight * own_factors[j]
                                row[j] = weight * (row[j] * own_factors[j] - inner) * scale
                        else:
                            for j in simd(seen):
                                weight = exp(p_row[j] - logarithm)
                                p_row[j] = weight
                                row[j] = weight * (row[j] - inner) * scale
                        for j in simd(seen, n):
                            p_row[j] = 0.0
                            row[j] = 0.0
                    add_block(
                        q_slopes + at * strides[21], strides[21], slopes, count, own_keys, key_step,
                        m, n, width,
                    )  # fmt: skip
                    add_turned_block(
                        v_slopes, strides[27], p, count, given_rows, given_step, n, m, depth
                    )
                    add_turned_block(
                        k_slopes, strides[24], slopes, count, queries, query_step, n, m, width
                    )
