"""Small products of matrices inside kernels, where calling a library would cost more."""

from __future__ import annotations

from weft._backend.cpu.language import C, function, lanes, local, simd, spread, static, wide


@function
def turned(out, x, step, rows, width):
    """Put xᵀ into out, (width, rows) without gaps: x (rows, width), rows so many elements apart."""
    for first in range(0, rows, 16):  # as many as their lines stay at hand
        last = min(first + 16, rows)
        for d in range(width):
            to = out + d * rows
            for j in simd(first, last):
                to[j] = x[j * step + d]


@function
def add_product(out, a, b, m, k, n):
    """Add a b to out: (m, n), (m, k) and (k, n), each row-major without gaps."""
    add_block(out, n, a, k, b, n, m, k, n)


@function
def add_turned_product(out, a, b, m, k, n):
    """Add aᵀ b to out: (m, n), of a (k, m) and b (k, n), each row-major without gaps."""
    add_turned_block(out, n, a, m, b, n, m, k, n)


@function
def add_block(out, out_step, a, a_step, b, b_step, m, k, n):
    """Add a b to out: (m, n), (m, k) and (k, n), rows so many elements apart."""
    add_tiles(out, out_step, a, a_step, 1, b, b_step, m, k, n)


@function
def add_turned_block(out, out_step, a, a_step, b, b_step, m, k, n):
    """Add aᵀ b to out: (m, n), of a (k, m) and b (k, n), rows so many elements apart."""
    add_tiles(out, out_step, a, 1, a_step, b, b_step, m, k, n)


@function(apart=True)
def add_tiles(out, out_step, a, a_row, a_column, b, b_step, m, k, n):
    """Add a b to out by tiles that stay in registers: element (i, p) of a at i a_row + p a_column.

    A tile is four rows of four times 64 bytes; where fewer columns are left, eight rows of 64 bytes
    or part of them. The columns of b under it are read by all rows before the next ones are.
    """
    w = lanes(out)
    tiles = n // (4 * w) * (4 * w)
    whole = m // 4 * 4
    for j in range(0, tiles, 4 * w):
        for i in range(0, whole, 4):
            to, x = out + i * out_step + j, a + i * a_row
            add_tile(to, out_step, x, a_row, a_column, b + j, b_step, k, 4)
        for i in range(whole, m):
            to, x = out + i * out_step + j, a + i * a_row
            add_tile(to, out_step, x, a_row, a_column, b + j, b_step, k, 1)
    eights = m // 8 * 8
    for j in range(tiles, n, w):
        part = min(w, n - j)
        for i in range(0, eights, 8):
            to, x = out + i * out_step + j, a + i * a_row
            add_strip(to, out_step, x, a_row, a_column, b + j, b_step, k, 8, part)
        if eights < whole:
            to, x = out + eights * out_step + j, a + eights * a_row
            add_strip(to, out_step, x, a_row, a_column, b + j, b_step, k, 4, part)
        for i in range(whole, m):
            to, x = out + i * out_step + j, a + i * a_row
            add_strip(to, out_step, x, a_row, a_column, b + j, b_step, k, 1, part)


@function
def add_tile(out, out_step, a, a_row, a_column, b, b_step, k, rows):
    """Add a b to out: so many rows, known beforehand, of four times 64 bytes."""
    sums = local(C, rows * 4 * lanes(out))  # which LLVM keeps in registers
    for i in static(rows):
        for j in static(4):
            spread(sums + (4 * i + j) * lanes(out), wide(out + i * out_step + j * lanes(out)))
    for p in range(k):
        for i in static(rows):
            y = a[i * a_row + p * a_column]
            for j in static(4):
                at = sums + (4 * i + j) * lanes(out)
                spread(at, wide(at) + y * wide(b + p * b_step + j * lanes(out)))
    for i in static(rows):
        for j in static(4):
            spread(out + i * out_step + j * lanes(out), wide(sums + (4 * i + j) * lanes(out)))


@function
def add_strip(out, out_step, a, a_row, a_column, b, b_step, k, rows, part):
    """The same where just ``part`` columns are left, 64 bytes at most."""
    sums = local(C, rows * lanes(out))
    for i in static(rows):
        spread(sums + i * lanes(out), wide(out + i * out_step, part))
    for p in range(k):
        x = wide(b + p * b_step, part)
        for i in static(rows):
            at = sums + i * lanes(out)
            spread(at, wide(at) + a[i * a_row + p * a_column] * x)
    for i in static(rows):
        spread(out + i * out_step, wide(sums + i * lanes(out)), part)


@function(loose=True)
def row_products(out, a, b, bias, bias_step, m, k, n):
    """Put a bᵀ + bias into out: (m, n), of a (m, k) and b (n, k), each row-major without gaps.

    The biases of rows are so many elements apart: 0, or n where out itself is added to. Rows are
    short and read along their length; four of a meet four of b at once.
    """
    rows = m // 4 * 4
    columns = n // 4 * 4
    for i in range(0, rows, 4):
        a0 = a + i * k
        a1 = a0 + k
        a2 = a1 + k
        a3 = a2 + k
        for j in range(0, columns, 4):
            b0 = b + j * k
            b1 = b0 + k
            b2 = b1 + k
            b3 = b2 + k
            s00, s01, s02, s03 = 0.0, 0.0, 0.0, 0.0
            s10, s11, s12, s13 = 0.0, 0.0, 0.0, 0.0
            s20, s21, s22, s23 = 0.0, 0.0, 0.0, 0.0
            s30, s31, s32, s33 = 0.0, 0.0, 0.0, 0.0
            for p in range(k):
                x0, x1, x2, x3 = a0[p], a1[p], a2[p], a3[p]
                y0, y1, y2, y3 = b0[p], b1[p], b2[p], b3[p]
                s00 += x0 * y0
                s01 += x0 * y1
                s02 += x0 * y2
                s03 += x0 * y3
                s10 += x1 * y0
                s11 += x1 * y1
                s12 += x1 * y2
                s13 += x1 * y3
                s20 += x2 * y0
                s21 += x2 * y1
                s22 += x2 * y2
                s23 += x2 * y3
                s30 += x3 * y0
                s31 += x3 * y1
                s32 += x3 * y2
                s33 += x3 * y3
            o0 = out + i * n + j
            o1 = o0 + n
            o2 = o1 + n
            o3 = o2 + n
            c0 = bias + i * bias_step + j
            c1 = c0 + bias_step
            c2 = c1 + bias_step
            c3 = c2 + bias_step
            o0[0], o0[1], o0[2], o0[3] = s00 + c0[0], s01 + c0[1], s02 + c0[2], s03 + c0[3]
            o1[0], o1[1], o1[2], o1[3] = s10 + c1[0], s11 + c1[1], s12 + c1[2], s13 + c1[3]
            o2[0], o2[1], o2[2], o2[3] = s20 + c2[0], s21 + c2[1], s22 + c2[2], s23 + c2[3]
            o3[0], o3[1], o3[2], o3[3] = s30 + c3[0], s31 + c3[1], s32 + c3[2], s33 + c3[3]
        for j in range(columns, n):
            b0 = b + j * k
            s00, s10, s20, s30 = 0.0, 0.0, 0.0, 0.0
            for p in range(k):
                y0 = b0[p]
                s00 += a0[p] * y0
                s10 += a1[p] * y0
                s20 += a2[p] * y0
                s30 += a3[p] * y0
            o0 = out + i * n + j
            c0 = bias + i * bias_step + j
            o0[0], o0[n] = s00 + c0[0], s10 + c0[bias_step]
            o0[2 * n], o0[3 * n] = s20 + c0[2 * bias_step], s30 + c0[3 * bias_step]
    for i in range(rows, m):
        a0 = a + i * k
        for j in range(0, columns, 4):
            b0 = b + j * k
            b1 = b0 + k
            b2 = b1 + k
            b3 = b2 + k
            s00, s01, s02, s03 = 0.0, 0.0, 0.0, 0.0
            for p in range(k):
                x0 = a0[p]
                s00 += x0 * b0[p]
                s01 += x0 * b1[p]
                s02 += x0 * b2[p]
                s03 += x0 * b3[p]
            o0 = out + i * n + j
            c0 = bias + i * bias_step + j
            o0[0], o0[1], o0[2], o0[3] = s00 + c0[0], s01 + c0[1], s02 + c0[2], s03 + c0[3]
        for j in range(columns, n):
            b0 = b + j * k
            s00 = 0.0
            for p in range(k):
                s00 += a0[p] * b0[p]
            out[i * n + j] = s00 + bias[i * bias_step + j]
