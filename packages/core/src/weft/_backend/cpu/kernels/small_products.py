"""Products of small matrices of any strides: one, or many in pairs."""

from __future__ import annotations

from weft._backend.cpu.kernels.products import add_tiles
from weft._backend.cpu.language import (
    Placeholder,
    T,
    function,
    kernel,
    lanes,
    length,
    local,
    memory,
    ptr,
    ref,
    simd,
    step,
)

#: Whether a bias is added to each row, and whether the second factor is read as its transpose.
BIAS, TURNED = Placeholder("BIAS"), Placeholder("TURNED")
#: Elements of a second factor, at most: it is copied if its columns do not lie side by side.
ROOM = 4096


@function
def add_strided_product(out, x, x_row, x_column, y, y_row, y_column, scratch, m, k, n):
    """Add x y to out: (m, n) without gaps, of x (m, k) and y (k, n) of any strides."""
    from_row = y_row
    if y_column != 1:
        for p in range(k):
            for j in simd(n):
                scratch[p * n + j] = y[p * y_row + j * y_column]
        y = scratch
        from_row = n
    add_tiles(out, n, x, x_row, x_column, y, from_row, m, k, n)


@kernel
def products(
    begin, end, out: ptr(T),
    x: ptr(T), x_outer, x_inner, x_row, x_column,
    y: ptr(T), y_outer, y_inner, y_row, y_column, inner, m, k, n,
):  # fmt: skip
    """Products begin to end of a batch of two dims, the second so long; strides in elements."""
    scratch = local(T, ROOM)
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
def product(begin, end, out: ptr(T), x: ref, y: ref, bias: ptr(T)):
    """The product of two matrices, in the calling thread; a bias (n,) is added to each row."""
    scratch = local(T, ROOM)
    m, k = length(x, 0), length(x, 1)
    n, y_row, y_column = length(y, 1), step(y, 0), step(y, 1)
    if TURNED:
        n, y_row, y_column = length(y, 0), y_column, y_row
    if BIAS:
        for i in range(m):
            for j in simd(n):
                out[i * n + j] = bias[j]
    else:
        for j in simd(m * n):
            out[j] = 0.0
    size = 64 // lanes(out)
    add_strided_product(
        out, memory(T, x), step(x, 0) // size, step(x, 1) // size,
        memory(T, y), y_row // size, y_column // size, scratch, m, k, n,
    )  # fmt: skip
