"""Attention by blocks of queries: of the weights only those of one block are ever there."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import exp, log
from weft._backend.cpu.kernels.products import add_block, add_turned_block, turned
from weft._backend.cpu.language import C, Placeholder, T, function, i64, kernel, ptr, simd, thread

INFINITY = float("inf")
#: Queries that are dealt with at once, and keys where a derivative is taken.
BLOCK, KEYS = 32, 256
#: Whether query i sees the keys 0 to i only.
CAUSAL = Placeholder("CAUSAL")
#: Whether a mask is added to the scores.
MASKED = Placeholder("MASKED")


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
        if MASKED:
            given = mask + i * mask_row
            for j in simd(n):
                row[j] = row[j] * scale + given[j * mask_column]
        else:
            for j in simd(n):
                row[j] = row[j] * scale


@kernel
def attention_forward(
    begin,
    end,
    q: ptr(T),
    k: ptr(T),
    v: ptr(T),
    mask: ptr(T),
    out: ptr(T),
    sums: ptr(T),
    scratch: ptr(T),
    strides: ptr(i64),
    heads,
    group,
    rows,
    keys,
    width,
    depth,
    chunks,
    scale: C,
):
    """Steps are the chunks of queries of all heads; ``sums`` gets the log of each row's sum.

    ``strides`` holds those of batch, head and row of q, k, v, out, and batch, head, row and column
    of mask. Each thread has (width + BLOCK) keys elements of scratch.
    """
    keys_turned = scratch + thread() * ((width + BLOCK) * keys)
    s = keys_turned + width * keys
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
            held = batch * heads + own
        for at in range(first, last, BLOCK):
            m = min(last - at, BLOCK)
            n = min(keys, at + m) if CAUSAL else keys
            scores(
                s, q_rows + at * strides[2], strides[2], keys_turned, keys, m, n, width, scale,
                mask_rows + at * strides[14], strides[14], strides[15],
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
                sums[unit * rows + at + i] = logarithm
                to = out_rows + (at + i) * strides[11]
                for j in simd(depth):
                    to[j] = 0.0
            add_block(
                out_rows + at * strides[11], strides[11], s, keys, v_rows, strides[8], m, n, depth
            )


@kernel
def attention_backward(
    begin,
    end,
    g: ptr(T),
    q: ptr(T),
    k: ptr(T),
    v: ptr(T),
    mask: ptr(T),
    out: ptr(T),
    sums: ptr(T),
    to_q: ptr(T),
    to_k: ptr(T),
    to_v: ptr(T),
    scratch: ptr(T),
    strides: ptr(i64),
    heads,
    group,
    rows,
    keys,
    width,
    depth,
    scale: C,
):
    """Steps are the heads of keys and values, with all the heads of queries that share them.

    ``strides`` as before, then those of g, to_q, to_k and to_v. Each thread has
    (width + depth + 2 BLOCK) times KEYS elements of scratch.
    """
    block = min(keys, KEYS)
    keys_turned = scratch + thread() * ((width + depth + 2 * BLOCK) * block)
    values_turned = keys_turned + width * block
    p = values_turned + depth * block
    slopes = p + BLOCK * block
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
                    scores(
                        p, q_rows + at * strides[2], strides[2], keys_turned, count, m, n, width,
                        scale, mask_rows + at * strides[14], strides[14], strides[15],
                    )  # fmt: skip
                    for i in range(m):
                        row = slopes + i * count
                        for j in simd(n):
                            row[j] = 0.0
                    add_block(
                        slopes, count, g_rows + at * strides[18], strides[18], values_turned, count,
                        m, depth, n,
                    )  # fmt: skip
                    for i in range(m):
                        given = g_rows + (at + i) * strides[18]
                        result = out_rows + (at + i) * strides[11]
                        inner = 0.0
                        for d in range(depth):
                            inner += given[d] * result[d]
                        logarithm = sums[(batch * heads + head) * rows + at + i]
                        seen = min(n, max(0, at + i + 1 - first)) if CAUSAL else n
                        p_row = p + i * count
                        row = slopes + i * count
                        for j in simd(seen):
                            weight = exp(p_row[j] - logarithm)
                            p_row[j] = weight
                            row[j] = weight * (row[j] - inner) * scale
                        for j in simd(seen, n):
                            p_row[j] = 0.0
                            row[j] = 0.0
                    add_block(
                        q_slopes + at * strides[21], strides[21], slopes, count, k_rows, strides[5],
                        m, n, width,
                    )  # fmt: skip
                    add_turned_block(
                        v_slopes, strides[27], p, count, g_rows + at * strides[18], strides[18], n,
                        m, depth,
                    )  # fmt: skip
                    add_turned_block(
                        k_slopes, strides[24], slopes, count, q_rows + at * strides[2], strides[2],
                        n, m, width,
                    )  # fmt: skip
