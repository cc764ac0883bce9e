"""Polynomials in the kernel language, and sums kept in two floats."""

from __future__ import annotations

from weft._backend.cpu.language import fma, function, static


@function
def horner(x, coefficients):
    """The polynomial of x whose coefficients are given from the highest power down."""
    y = fma(x, coefficients[0], coefficients[1])
    for i in static(2, len(coefficients)):
        y = fma(y, x, coefficients[i])
    return y


@function
def product(x, y):
    """x * y as what it rounds to and the rest."""
    high = x * y
    return high, fma(x, y, -high)
