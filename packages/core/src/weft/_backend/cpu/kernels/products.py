"""Small products of matrices inside kernels, where calling a library would cost more."""

from __future__ import annotations

from weft._backend.cpu.language import function, simd


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
    """Add a b to out: (m, n), (m, k) and (k, n), rows so many elements apart.

    Four rows of a meet four of b at once: what is read of b serves four rows, and what is read of
    out serves four products.
    """
    rows = m // 4 * 4
    depth = k // 4 * 4
    for i in range(0, rows, 4):
        o0 = out + i * out_step
        o1 = o0 + out_step
        o2 = o1 + out_step
        o3 = o2 + out_step
        r0 = a + i * a_step
        r1 = r0 + a_step
        r2 = r1 + a_step
        r3 = r2 + a_step
        for p in range(0, depth, 4):
            b0 = b + p * b_step
            b1 = b0 + b_step
            b2 = b1 + b_step
            b3 = b2 + b_step
            a00, a01, a02, a03 = r0[p], r0[p + 1], r0[p + 2], r0[p + 3]
            a10, a11, a12, a13 = r1[p], r1[p + 1], r1[p + 2], r1[p + 3]
            a20, a21, a22, a23 = r2[p], r2[p + 1], r2[p + 2], r2[p + 3]
            a30, a31, a32, a33 = r3[p], r3[p + 1], r3[p + 2], r3[p + 3]
            for j in simd(n):
                x0, x1, x2, x3 = b0[j], b1[j], b2[j], b3[j]
                o0[j] = o0[j] + a00 * x0 + a01 * x1 + a02 * x2 + a03 * x3
                o1[j] = o1[j] + a10 * x0 + a11 * x1 + a12 * x2 + a13 * x3
                o2[j] = o2[j] + a20 * x0 + a21 * x1 + a22 * x2 + a23 * x3
                o3[j] = o3[j] + a30 * x0 + a31 * x1 + a32 * x2 + a33 * x3
        for p in range(depth, k):
            row = b + p * b_step
            y0, y1, y2, y3 = r0[p], r1[p], r2[p], r3[p]
            for j in simd(n):
                x0 = row[j]
                o0[j] += y0 * x0
                o1[j] += y1 * x0
                o2[j] += y2 * x0
                o3[j] += y3 * x0
    for i in range(rows, m):
        o0 = out + i * out_step
        r0 = a + i * a_step
        for p in range(0, depth, 4):
            b0 = b + p * b_step
            b1 = b0 + b_step
            b2 = b1 + b_step
            b3 = b2 + b_step
            a00, a01, a02, a03 = r0[p], r0[p + 1], r0[p + 2], r0[p + 3]
            for j in simd(n):
                o0[j] = o0[j] + a00 * b0[j] + a01 * b1[j] + a02 * b2[j] + a03 * b3[j]
        for p in range(depth, k):
            row = b + p * b_step
            y0 = r0[p]
            for j in simd(n):
                o0[j] += y0 * row[j]


@function
def add_turned_block(out, out_step, a, a_step, b, b_step, m, k, n):
    """Add aᵀ b to out: (m, n), of a (k, m) and b (k, n), rows so many elements apart."""
    rows = m // 4 * 4
    depth = k // 4 * 4
    for i in range(0, rows, 4):
        o0 = out + i * out_step
        o1 = o0 + out_step
        o2 = o1 + out_step
        o3 = o2 + out_step
        for p in range(0, depth, 4):
            b0 = b + p * b_step
            b1 = b0 + b_step
            b2 = b1 + b_step
            b3 = b2 + b_step
            c0 = a + p * a_step + i
            c1 = c0 + a_step
            c2 = c1 + a_step
            c3 = c2 + a_step
            a00, a10, a20, a30 = c0[0], c0[1], c0[2], c0[3]
            a01, a11, a21, a31 = c1[0], c1[1], c1[2], c1[3]
            a02, a12, a22, a32 = c2[0], c2[1], c2[2], c2[3]
            a03, a13, a23, a33 = c3[0], c3[1], c3[2], c3[3]
            for j in simd(n):
                x0, x1, x2, x3 = b0[j], b1[j], b2[j], b3[j]
                o0[j] = o0[j] + a00 * x0 + a01 * x1 + a02 * x2 + a03 * x3
                o1[j] = o1[j] + a10 * x0 + a11 * x1 + a12 * x2 + a13 * x3
                o2[j] = o2[j] + a20 * x0 + a21 * x1 + a22 * x2 + a23 * x3
                o3[j] = o3[j] + a30 * x0 + a31 * x1 + a32 * x2 + a33 * x3
        for p in range(depth, k):
            row = b + p * b_step
            c0 = a + p * a_step + i
            y0, y1, y2, y3 = c0[0], c0[1], c0[2], c0[3]
            for j in simd(n):
                x0 = row[j]
                o0[j] += y0 * x0
                o1[j] += y1 * x0
                o2[j] += y2 * x0
                o3[j] += y3 * x0
    for i in range(rows, m):
        o0 = out + i * out_step
        for p in range(k):
            row = b + p * b_step
            y0 = a[p * a_step + i]
            for j in simd(n):
                o0[j] += y0 * row[j]


@function(loose=True)
def row_products(out, a, b, bias, m, k, n):
    """Put a bᵀ + bias into out: (m, n), of a (m, k) and b (n, k), each row-major without gaps.

    Rows are short and read along their length; four of a meet four of b at once.
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
            c0, c1, c2, c3 = bias[j], bias[j + 1], bias[j + 2], bias[j + 3]
            o0[0], o0[1], o0[2], o0[3] = s00 + c0, s01 + c1, s02 + c2, s03 + c3
            o1[0], o1[1], o1[2], o1[3] = s10 + c0, s11 + c1, s12 + c2, s13 + c3
            o2[0], o2[1], o2[2], o2[3] = s20 + c0, s21 + c1, s22 + c2, s23 + c3
            o3[0], o3[1], o3[2], o3[3] = s30 + c0, s31 + c1, s32 + c2, s33 + c3
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
            c0 = bias[j]
            o0[0], o0[n], o0[2 * n], o0[3 * n] = s00 + c0, s10 + c0, s20 + c0, s30 + c0
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
            o0[0], o0[1] = s00 + bias[j], s01 + bias[j + 1]
            o0[2], o0[3] = s02 + bias[j + 2], s03 + bias[j + 3]
        for j in range(columns, n):
            b0 = b + j * k
            s00 = 0.0
            for p in range(k):
                s00 += a0[p] * b0[p]
            out[i * n + j] = s00 + bias[j]
