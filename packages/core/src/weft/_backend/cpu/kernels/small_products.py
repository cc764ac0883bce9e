"""Products of small matrices of any strides: one, or many in pairs."""

from __future__ import annotations

from weft._backend.cpu.kernels.products import add_tiles
from weft._backend.cpu.language import Placeholder, T, function, kernel, local, ptr, simd

#: Whether columns of the second factor do not lie side by side, so that it is copied first.
APART = Placeholder("APART")
#: Whether a bias is added to each row.
BIAS = Placeholder("BIAS")
#: Elements of a second factor that is copied, at most.
ROOM = 4096


@function
def add_strided_product(out, x, x_row, x_column, y, y_row, y_column, scratch, m, k, n):
    """Add x y to out: (m, n) without gaps, of x (m, k) and y (k, n) of any strides."""
    if APART:
        for p in range(k):
            for j in simd(n):
                scratch[p * n + j] = y[p * y_row + j * y_column]
        add_tiles(out, n, x, x_row, x_column, scratch, n, m, k, n)
    else:
        add_tiles(out, n, x, x_row, x_column, y, y_row, m, k, n)


@kernel
def products(
    begin, end, out: ptr(T),
    x: ptr(T), x_outer, x_inner, x_row, x_column,
    y: ptr(T), y_outer, y_inner, y_row, y_column, inner, m, k, n,
):  # fmt: skip
    """Products begin to end of a batch of two dims, the second so long; strides in elements."""
    if APART:
        scratch = local(T, ROOM)
    else:
        scratch = local(T, 1)
    for j in simd(begin * m * n, end * m * n):
        out[j] = 0.0
    for b in range(begin, end):
        i = b // inner
        j = b - i * inner
        add_strided_product(
            out + b * m * n,
            x + i * x_outer + j * x_inner, x_row, x_column,
            y + i * y_outer + j * y_inner, y_row, y_column, scratch, m, k, n,
        )  # fmt: skip


@kernel
def product(
    begin, end, out: ptr(T), x: ptr(T), x_row, x_column,
    y: ptr(T), y_row, y_column, bias: ptr(T), m, k, n,
):  # fmt: skip
    """One product, and a bias (n,) added to each row, in the calling thread."""
    if APART:
        scratch = local(T, ROOM)
    else:
        scratch = local(T, 1)
    if BIAS:
        for i in range(m):
            for j in simd(n):
                out[i * n + j] = bias[j]
    else:
        for j in simd(m * n):
            out[j] = 0.0
    add_strided_product(out, x, x_row, x_column, y, y_row, y_column, scratch, m, k, n)
