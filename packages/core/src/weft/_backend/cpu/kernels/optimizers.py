"""Steps of optimizers in the kernel language: each of many tensors at once, in place.

Every kernel runs over all elements of all tensors, one after the other. ``starts`` says where each
tensor begins in that range. ``arrays`` holds the addresses of the array objects, a column for each
role: ``arrays[role * count + row]``, the parameter first, its gradient second, then its state.
``numbers`` has a row of coefficients for each tensor.
"""

from __future__ import annotations

from weft._backend.cpu.language import (
    C,
    Placeholder,
    T,
    f64,
    function,
    i64,
    kernel,
    memory,
    ptr,
    simd,
    sqrt,
)

MAXIMIZE = Placeholder("MAXIMIZE")  # whether gradients are ascended
DECAY = Placeholder("DECAY")  # weight decay: 0 none, 1 added to the gradient, 2 to the weight
MOMENTUM = Placeholder("MOMENTUM")
NESTEROV = Placeholder("NESTEROV")
AMSGRAD = Placeholder("AMSGRAD")
CENTERED = Placeholder("CENTERED")


@function
def first_row(begin, starts):
    """The row in which an element lies."""
    row = 0
    while starts[row + 1] <= begin:
        row += 1
    return row


@kernel
def read_counters(begin, end, arrays: ptr(i64), n, count, out: ptr(f64)):
    """Read numbers, a run of count for each kind; at the end whether each run is constant."""
    for _ in range(begin, end):
        alike = 1
        for i in range(n):
            value = f64(memory(T, arrays[i])[0])
            out[i] = value
            if value != out[i - i % count]:
                alike = 0
        out[n] = alike


@kernel
def write_counters(begin, end, arrays: ptr(i64), n, values: ptr(f64)):
    """Write numbers back to where they were read."""
    for _ in range(begin, end):
        for i in range(n):
            x = memory(T, arrays[i])
            x[0] = values[i]


@function
def signed(g):
    """The gradient to descend."""
    if MAXIMIZE:
        g = -g
    return g


@function
def decayed(g, p, decay):
    """The gradient, with the part of the weight in it that is decayed as L2."""
    if DECAY == 1:
        g = g + decay * p
    return g


@function
def shrunk(p, decay):
    """The weight, decayed apart from the gradient: decay is 1 - lr * weight_decay."""
    if DECAY == 2:
        p = p * decay
    return p


@kernel
def sgd(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """p -= lr g, or with momentum p -= lr b, b = momentum b + (1 - dampening) g."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        x = numbers + 4 * row
        lr, decay, momentum, share = C(x[0]), C(x[1]), C(x[2]), C(x[3])
        if MOMENTUM:
            b = memory(T, arrays[2 * count + row]) + skip
            for i in simd(n):
                d = decayed(signed(g[i]), p[i], decay)
                new = b[i] * momentum + d * share
                b[i] = new
                if NESTEROV:
                    new = d + new * momentum
                p[i] = p[i] - lr * new
        else:
            for i in simd(n):
                p[i] = p[i] - lr * decayed(signed(g[i]), p[i], decay)
        at += n
        row += 1


@kernel
def adam(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """m and v are running means of g and its square; p -= scale m / (sqrt(v) + floor)."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        m = memory(T, arrays[2 * count + row]) + skip
        v = memory(T, arrays[3 * count + row]) + skip
        x = numbers + 6 * row
        decay, share1, beta2, share2 = C(x[0]), C(x[1]), C(x[2]), C(x[3])
        scale, floor_ = C(x[4]), C(x[5])
        if AMSGRAD:
            w = memory(T, arrays[4 * count + row]) + skip
            for i in simd(n):
                d = decayed(signed(g[i]), p[i], decay)
                mean = m[i] + (d - m[i]) * share1
                square = v[i] * beta2 + d * d * share2
                largest = max(w[i], square)
                m[i] = mean
                v[i] = square
                w[i] = largest
                p[i] = shrunk(p[i], decay) - scale * mean / (sqrt(largest) + floor_)
        else:
            for i in simd(n):
                d = decayed(signed(g[i]), p[i], decay)
                mean = m[i] + (d - m[i]) * share1
                square = v[i] * beta2 + d * d * share2
                m[i] = mean
                v[i] = square
                p[i] = shrunk(p[i], decay) - scale * mean / (sqrt(square) + floor_)
        at += n
        row += 1
