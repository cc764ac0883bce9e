"""Integrals over one tail of a distribution: how a draw moves with a parameter."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import exp, expm1, log1p
from weft._backend.cpu.language import f64, kernel, ptr, simd

#: Elements that a step works on: at each place of the integral all of them, in the cache.
BLOCK = 256


@kernel
def gamma(
    begin,
    end,
    places: ptr(f64),
    weights: ptr(f64),
    nodes,
    reach: ptr(f64),
    start: ptr(f64),
    sign: ptr(f64),
    a: ptr(f64),
    x: ptr(f64),
    out: ptr(f64),
    count,
):
    """Add up weight * exp(± a v - x expm1(± v)) * (start + v) at v = place * reach."""
    for i in range(begin, end):
        first = i * BLOCK
        last = min(first + BLOCK, count)
        for j in simd(first, last):
            out[j] = 0.0
        for k in range(nodes):
            place = places[k]
            weight = weights[k]
            for j in simd(first, last):
                v = place * reach[j]
                w = sign[j] * v
                out[j] += weight * exp(a[j] * w - x[j] * expm1(w)) * (start[j] + v)


@kernel
def dirichlet(
    begin,
    end,
    places: ptr(f64),
    weights: ptr(f64),
    nodes,
    reach: ptr(f64),
    start: ptr(f64),
    lower: ptr(f64),
    side: ptr(f64),
    rate: ptr(f64),
    total: ptr(f64),
    out: ptr(f64),
    count,
):
    """Likewise exp(-rate v - total s) * (start ± ...), where s = log1p(side expm1(-v)).

    What is added to start is v + s below the mean, where ``lower`` is 1, and -s above, where it
    is 0.
    """
    for i in range(begin, end):
        first = i * BLOCK
        last = min(first + BLOCK, count)
        for j in simd(first, last):
            out[j] = 0.0
        for k in range(nodes):
            place = places[k]
            weight = weights[k]
            for j in simd(first, last):
                v = place * reach[j]
                s = log1p(side[j] * expm1(-v))
                moved = start[j] + lower[j] * (v + s + s) - s
                out[j] += weight * exp(-rate[j] * v - total[j] * s) * moved
