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
    select,
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


@kernel
def adagrad(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """s sums the squares of g; p -= lr g / (sqrt(s) + eps)."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        s = memory(T, arrays[2 * count + row]) + skip
        x = numbers + 3 * row
        decay, lr, eps = C(x[0]), C(x[1]), C(x[2])
        for i in simd(n):
            d = decayed(signed(g[i]), p[i], decay)
            total = s[i] + d * d
            s[i] = total
            p[i] = p[i] - lr * d / (sqrt(total) + eps)
        at += n
        row += 1


@kernel
def adadelta(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """Steps have the size of those before: u = g sqrt(a + eps) / sqrt(v + eps)."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        v = memory(T, arrays[2 * count + row]) + skip
        a = memory(T, arrays[3 * count + row]) + skip
        x = numbers + 5 * row
        decay, rho, share, eps, lr = C(x[0]), C(x[1]), C(x[2]), C(x[3]), C(x[4])
        for i in simd(n):
            d = decayed(signed(g[i]), p[i], decay)
            square = v[i] * rho + d * d * share
            u = sqrt(a[i] + eps) / sqrt(square + eps) * d
            v[i] = square
            a[i] = a[i] * rho + u * u * share
            p[i] = p[i] - lr * u
        at += n
        row += 1


@kernel
def adamax(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """u is the largest magnitude of late; p -= lr m / u."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        m = memory(T, arrays[2 * count + row]) + skip
        u = memory(T, arrays[3 * count + row]) + skip
        x = numbers + 5 * row
        decay, share, beta2, eps, lr = C(x[0]), C(x[1]), C(x[2]), C(x[3]), C(x[4])
        for i in simd(n):
            d = decayed(signed(g[i]), p[i], decay)
            mean = m[i] + (d - m[i]) * share
            largest = max(u[i] * beta2, abs(d) + eps)
            m[i] = mean
            u[i] = largest
            p[i] = p[i] - lr * mean / largest
        at += n
        row += 1


@kernel
def asgd(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """p is shrunk and steps along g; a is its mean of late."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        a = memory(T, arrays[2 * count + row]) + skip
        x = numbers + 4 * row
        decay, keep, eta, mu = C(x[0]), C(x[1]), C(x[2]), C(x[3])
        for i in simd(n):
            d = decayed(signed(g[i]), p[i], decay)
            new = p[i] * keep - eta * d
            p[i] = new
            a[i] = select(mu == 1, new, a[i] + (new - a[i]) * mu)
        at += n
        row += 1


@kernel
def nadam(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """Adam that looks ahead: p -= (along g + ahead m) / (sqrt(v) / root + eps)."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        m = memory(T, arrays[2 * count + row]) + skip
        v = memory(T, arrays[3 * count + row]) + skip
        x = numbers + 7 * row
        decay, share1, beta2, share2 = C(x[0]), C(x[1]), C(x[2]), C(x[3])
        along, ahead, floor_ = C(x[4]), C(x[5]), C(x[6])
        for i in simd(n):
            d = decayed(signed(g[i]), p[i], decay)
            mean = m[i] + (d - m[i]) * share1
            square = v[i] * beta2 + d * d * share2
            m[i] = mean
            v[i] = square
            p[i] = shrunk(p[i], decay) - (along * d + ahead * mean) / (sqrt(square) + floor_)
        at += n
        row += 1


@kernel
def radam(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """Adam that divides by the root only where that is known well enough."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        m = memory(T, arrays[2 * count + row]) + skip
        v = memory(T, arrays[3 * count + row]) + skip
        x = numbers + 7 * row
        decay, share1, beta2, share2 = C(x[0]), C(x[1]), C(x[2]), C(x[3])
        scale, eps, known = C(x[4]), C(x[5]), x[6] > 0
        for i in simd(n):
            d = decayed(signed(g[i]), p[i], decay)
            mean = m[i] + (d - m[i]) * share1
            square = v[i] * beta2 + d * d * share2
            m[i] = mean
            v[i] = square
            p[i] = shrunk(p[i], decay) - scale * mean / select(known, sqrt(square) + eps, 1.0)
        at += n
        row += 1


@kernel
def rmsprop(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """v is a running mean of squares; p -= lr g / (sqrt(v) + eps), with momentum if wanted."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        v = memory(T, arrays[2 * count + row]) + skip
        b = v
        a = v
        if MOMENTUM:
            b = memory(T, arrays[3 * count + row]) + skip
            if CENTERED:
                a = memory(T, arrays[4 * count + row]) + skip
        elif CENTERED:
            a = memory(T, arrays[3 * count + row]) + skip
        x = numbers + 6 * row
        decay, alpha, share, eps = C(x[0]), C(x[1]), C(x[2]), C(x[3])
        lr, momentum = C(x[4]), C(x[5])
        for i in simd(n):
            d = decayed(signed(g[i]), p[i], decay)
            square = v[i] * alpha + d * d * share
            v[i] = square
            if CENTERED:
                mean = a[i] + (d - a[i]) * share
                a[i] = mean
                square = square - mean * mean
            u = d / (sqrt(square) + eps)
            if MOMENTUM:
                u = b[i] * momentum + u
                b[i] = u
            p[i] = p[i] - lr * u
        at += n
        row += 1


@kernel
def rprop(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """Each element has a size of step, which grows while the gradient keeps its sign."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        before = memory(T, arrays[2 * count + row]) + skip
        size = memory(T, arrays[3 * count + row]) + skip
        x = numbers + 4 * row
        fall, rise, least, most = C(x[0]), C(x[1]), C(x[2]), C(x[3])
        for i in simd(n):
            d = signed(g[i])
            turned = d * before[i]
            by = select(turned > 0, rise, select(turned < 0, fall, 1.0))
            step = min(max(size[i] * by, least), most)
            d = select(turned < 0, 0.0, d)
            size[i] = step
            before[i] = d
            p[i] = p[i] - select(d > 0, step, select(d < 0, -step, 0.0))
        at += n
        row += 1
