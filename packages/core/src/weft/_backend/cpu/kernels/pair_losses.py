"""Losses of two arrays, element by element, summed as they are computed; and their slopes."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import exp, log, sigmoid
from weft._backend.cpu.language import C, Placeholder, T, f64, function, kernel, ptr, simd

#: Which loss; "smooth" and "huber" are square up to a distance and straight beyond it.
KIND = Placeholder("KIND")
KINDS = ("square", "abs", "smooth", "huber", "logits")
SQUARE, ABS, SMOOTH, HUBER, LOGITS = range(5)
#: Elements that are summed in the type of computing.
BLOCK = 4096


@function
def log_one_more(e):
    """log(1 + e) for e from 0 to 1, with what rounding 1 + e loses."""
    u = 1.0 + e
    return log(u) + (e - (u - 1.0)) / u


@function(loose=True)
def loss_of(x, t, at):
    """One element's loss."""
    d = x - t
    far = abs(d)
    if KIND == SQUARE:
        y = d * d
    elif KIND == ABS:
        y = far
    elif KIND == SMOOTH:
        y = 0.5 * d * d / at if far < at else far - 0.5 * at
    elif KIND == HUBER:
        y = 0.5 * d * d if far < at else at * (far - 0.5 * at)
    else:
        y = (max(-x, 0.0) + log_one_more(exp(-abs(x)))) + (1.0 - t) * x
    return y


@function(loose=True)
def slope_of(x, t, at):
    """Its derivative by x."""
    d = x - t
    one = C(1.0)
    straight = one if d > 0.0 else (-one if d < 0.0 else d)  # of NaN NaN
    if KIND == SQUARE:
        y = 2.0 * d
    elif KIND == ABS:
        y = straight
    elif KIND == SMOOTH:
        y = d / at if abs(d) < at else straight
    elif KIND == HUBER:
        y = d if abs(d) < at else straight * at
    else:
        y = sigmoid(x) - t
    return y


@kernel
def sums(begin, end, x: ptr(T), t: ptr(T), parts: ptr(C), count, at: f64):
    """A step is a block of elements, whose losses are added up."""
    limit: C = at
    for i in range(begin, end):
        part: C = 0.0
        for j in range(i * BLOCK, min(i * BLOCK + BLOCK, count)):
            part += loss_of(x[j], t[j], limit)
        parts[i] = part


@kernel
def each(begin, end, x: ptr(T), t: ptr(T), out: ptr(T), at: f64):
    """Each element's loss."""
    limit: C = at
    for j in simd(begin, end):
        out[j] = loss_of(x[j], t[j], limit)


@kernel
def slopes(begin, end, g: ptr(T), x: ptr(T), t: ptr(T), dx: ptr(T), step, divisor: f64, at: f64):
    """The cotangents of x; g is one number (step 0) or one for each element (step 1)."""
    limit: C = at
    if step == 0:
        scale: C = g[0] / divisor
        for j in simd(begin, end):
            dx[j] = slope_of(x[j], t[j], limit) * scale
    else:
        for j in simd(begin, end):
            dx[j] = slope_of(x[j], t[j], limit) * g[j]
