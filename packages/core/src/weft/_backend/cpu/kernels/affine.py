"""Small layers: the affine map of rows, and all that its derivative needs, in one call each."""

from __future__ import annotations

from weft._backend.cpu.kernels.products import add_product, add_turned_product, row_products
from weft._backend.cpu.language import Placeholder, T, kernel, ptr, simd

#: Whether the cotangent of the input is wanted.
INPUT = Placeholder("INPUT")


@kernel
def affine_rows(begin, end, out: ptr(T), x: ptr(T), weight: ptr(T), bias: ptr(T), k, n):
    """Rows begin to end of x weightᵀ + bias: x (rows, k), weight (n, k)."""
    row_products(out + begin * n, x + begin * k, weight, bias, 0, end - begin, k, n)


@kernel
def affine_slopes(
    begin,
    end,
    g: ptr(T),
    x: ptr(T),
    weight: ptr(T),
    to_x: ptr(T),
    to_weight: ptr(T),
    to_bias: ptr(T),
    rows,
    k,
    n,
):
    """The cotangents of all three: g (rows, n), x (rows, k), weight (n, k). One step does it."""
    if INPUT:
        for j in simd(rows * k):
            to_x[j] = 0.0
        add_product(to_x, g, weight, rows, n, k)
    for j in simd(n * k):
        to_weight[j] = 0.0
    add_turned_product(to_weight, g, x, n, rows, k)
    for j in simd(n):
        to_bias[j] = 0.0
    for i in range(rows):
        row = g + i * n
        for j in simd(n):
            to_bias[j] += row[j]
