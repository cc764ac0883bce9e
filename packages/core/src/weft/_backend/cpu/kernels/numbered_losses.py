"""Kernels of the likelihood of class numbers: one logarithm of each row, and its way back."""

# what the language reads: mypy has no words for it
from __future__ import annotations

from weft._backend.cpu.language import T, f64, i64, kernel, ptr

#: Rows whose sum is one step.
BLOCK = 4096


@kernel(loose=False)
def pick(
    begin, end, x: ptr(T), target: ptr(i64), out: ptr(T), parts: ptr(f64), rows, classes, inner,
    ignored,
):  # fmt: skip
    """Write each row's loss; ``parts`` gets each step's sum, its rows that count and a wrong one.

    Row r lies in place r % inner of block r // inner. The wrong one is counted from 1, 0 for none.
    """
    for s in range(begin, end):
        total = f64(0.0)
        counted = 0
        wrong = 0
        for r in range(s * BLOCK, min(rows, (s + 1) * BLOCK)):
            own = target[r]
            if own == ignored:
                out[r] = 0
            elif own < 0 or own >= classes:
                wrong = r + 1 if wrong == 0 else wrong
            else:
                block = r // inner
                value = x[(block * classes + own) * inner + (r - block * inner)]
                out[r] = -value
                total -= f64(value)
                counted += 1
        parts[3 * s] = total
        parts[3 * s + 1] = f64(counted)
        parts[3 * s + 2] = f64(wrong)


@kernel(loose=False)
def put(
    begin, end, g: ptr(T), target: ptr(i64), out: ptr(T), classes, inner, ignored, each, scale: f64
):
    """Put each row's cotangent, times a factor, where its class is, negated; ``out`` is zero.

    ``each`` is 0 where all rows have one cotangent.
    """
    for r in range(begin, end):
        own = target[r]
        if own != ignored:
            block = r // inner
            out[(block * classes + own) * inner + (r - block * inner)] = -(f64(g[r * each]) * scale)
