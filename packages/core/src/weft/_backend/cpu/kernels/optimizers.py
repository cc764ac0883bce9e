"""Steps of optimizers in the kernel language: each of many tensors at once, in place.

``step`` runs over all elements of all tensors, one after the other, and an optimizer's rule over
those of one. ``starts`` says where each tensor begins in that range. ``arrays`` holds the addresses
of the array objects, a column for each role: ``arrays[role * count + row]``, the parameter first,
its gradient second, then its states. ``numbers`` has a row of WIDTH coefficients for each tensor.

A rule is given n elements of a parameter p, of its gradient g, its coefficients x, and what
``state`` asks for the rest.
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

RULE = Placeholder("RULE")
WIDTH = Placeholder("WIDTH")  # how many coefficients the rule has
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
def step(begin, end, count, arrays: ptr(i64), starts: ptr(i64), numbers: ptr(f64)):
    """Run a rule over all elements, tensor by tensor."""
    row = first_row(begin, starts)
    at = begin
    while at < end:
        skip = at - starts[row]
        n = min(end, starts[row + 1]) - at
        p = memory(T, arrays[row]) + skip
        g = memory(T, arrays[count + row]) + skip
        RULE(n, p, g, numbers + WIDTH * row, arrays + 2 * count + row, count, skip)
        at += n
        row += 1


@function
def state(which, states, count, skip):
    """The elements of the parameter's state of some number."""
    return memory(T, states[which * count]) + skip


@function
def sgd(n, p, g, x, states, count, skip):
    """p -= lr g, or with momentum p -= lr b, b = momentum b + (1 - dampening) g."""
    lr, decay, momentum, share = C(x[0]), C(x[1]), C(x[2]), C(x[3])
    if MOMENTUM:
        b = state(0, states, count, skip)
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


@function
def adam(n, p, g, x, states, count, skip):
    """m and v are running means of g and its square; p -= scale m / (sqrt(v) + floor)."""
    m = state(0, states, count, skip)
    v = state(1, states, count, skip)
    decay, share1, beta2, share2 = C(x[0]), C(x[1]), C(x[2]), C(x[3])
    scale, floor_ = C(x[4]), C(x[5])
    if AMSGRAD:
        w = state(2, states, count, skip)
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


@function
def adagrad(n, p, g, x, states, count, skip):
    """s sums the squares of g; p -= lr g / (sqrt(s) + eps)."""
    s = state(0, states, count, skip)
    decay, lr, eps = C(x[0]), C(x[1]), C(x[2])
    for i in simd(n):
        d = decayed(signed(g[i]), p[i], decay)
        total = s[i] + d * d
        s[i] = total
        p[i] = p[i] - lr * d / (sqrt(total) + eps)


@function
def adadelta(n, p, g, x, states, count, skip):
    """Steps have the size of those before: u = g sqrt(a + eps) / sqrt(v + eps)."""
    v = state(0, states, count, skip)
    a = state(1, states, count, skip)
    decay, rho, share, eps, lr = C(x[0]), C(x[1]), C(x[2]), C(x[3]), C(x[4])
    for i in simd(n):
        d = decayed(signed(g[i]), p[i], decay)
        square = v[i] * rho + d * d * share
        u = sqrt(a[i] + eps) / sqrt(square + eps) * d
        v[i] = square
        a[i] = a[i] * rho + u * u * share
        p[i] = p[i] - lr * u


@function
def adamax(n, p, g, x, states, count, skip):
    """u is the largest magnitude of late; p -= lr m / u."""
    m = state(0, states, count, skip)
    u = state(1, states, count, skip)
    decay, share, beta2, eps, lr = C(x[0]), C(x[1]), C(x[2]), C(x[3]), C(x[4])
    for i in simd(n):
        d = decayed(signed(g[i]), p[i], decay)
        mean = m[i] + (d - m[i]) * share
        largest = max(u[i] * beta2, abs(d) + eps)
        m[i] = mean
        u[i] = largest
        p[i] = p[i] - lr * mean / largest


@function
def asgd(n, p, g, x, states, count, skip):
    """p is shrunk and steps along g; a is its mean of late."""
    a = state(0, states, count, skip)
    decay, keep, eta, mu = C(x[0]), C(x[1]), C(x[2]), C(x[3])
    for i in simd(n):
        d = decayed(signed(g[i]), p[i], decay)
        new = p[i] * keep - eta * d
        p[i] = new
        a[i] = select(mu == 1, new, a[i] + (new - a[i]) * mu)


@function
def nadam(n, p, g, x, states, count, skip):
    """Adam that looks ahead: p -= (along g + ahead m) / (sqrt(v) / root + eps)."""
    m = state(0, states, count, skip)
    v = state(1, states, count, skip)
    decay, share1, beta2, share2 = C(x[0]), C(x[1]), C(x[2]), C(x[3])
    along, ahead, floor_ = C(x[4]), C(x[5]), C(x[6])
    for i in simd(n):
        d = decayed(signed(g[i]), p[i], decay)
        mean = m[i] + (d - m[i]) * share1
        square = v[i] * beta2 + d * d * share2
        m[i] = mean
        v[i] = square
        p[i] = shrunk(p[i], decay) - (along * d + ahead * mean) / (sqrt(square) + floor_)


@function
def radam(n, p, g, x, states, count, skip):
    """Adam that divides by the root only where that is known well enough."""
    m = state(0, states, count, skip)
    v = state(1, states, count, skip)
    decay, share1, beta2, share2 = C(x[0]), C(x[1]), C(x[2]), C(x[3])
    scale, eps, known = C(x[4]), C(x[5]), x[6] > 0
    for i in simd(n):
        d = decayed(signed(g[i]), p[i], decay)
        mean = m[i] + (d - m[i]) * share1
        square = v[i] * beta2 + d * d * share2
        m[i] = mean
        v[i] = square
        p[i] = shrunk(p[i], decay) - scale * mean / select(known, sqrt(square) + eps, 1.0)


@function
def rmsprop(n, p, g, x, states, count, skip):
    """v is a running mean of squares; p -= lr g / (sqrt(v) + eps), with momentum if wanted."""
    v = state(0, states, count, skip)
    b = v
    a = v
    if MOMENTUM:
        b = state(1, states, count, skip)
        if CENTERED:
            a = state(2, states, count, skip)
    elif CENTERED:
        a = state(1, states, count, skip)
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


@function
def rprop(n, p, g, x, states, count, skip):
    """Each element has a size of step, which grows while the gradient keeps its sign."""
    before = state(0, states, count, skip)
    size = state(1, states, count, skip)
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
