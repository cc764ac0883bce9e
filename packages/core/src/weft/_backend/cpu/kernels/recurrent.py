"""All steps of a long short-term memory: each thread takes some sequences through all of time."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import sigmoid, tanh
from weft._backend.cpu.kernels.products import add_product, add_turned_product, row_products
from weft._backend.cpu.kernels.products import turned as put_turned
from weft._backend.cpu.language import Placeholder, T, function, kernel, ptr, simd

#: Whether the last step in time comes first.
REVERSE = Placeholder("REVERSE")
#: Whether the state's share of the gates is yet to be added.
PRODUCT = Placeholder("PRODUCT")
#: Whether there are biases.
BIASED = Placeholder("BIASED")


@function
def through_gates(z, old, cell, state, hidden):
    """Put one sequence's gates through their nonlinearities in place, and give cell and state."""
    for j in simd(hidden):
        i = sigmoid(z[j])
        f = sigmoid(z[hidden + j])
        g = tanh(z[2 * hidden + j])
        o = sigmoid(z[3 * hidden + j])
        new = f * old[j] + i * g
        z[j] = i
        z[hidden + j] = f
        z[2 * hidden + j] = g
        z[3 * hidden + j] = o
        cell[j] = new
        state[j] = o * tanh(new)


@function
def back_through_gates(active, old, cell, g_state, g_cell, slopes, to_old, hidden):
    """Give the cotangents of one sequence's gates, and of the cell before, which may be g_cell."""
    for j in simd(hidden):
        i = active[j]
        f = active[hidden + j]
        g = active[2 * hidden + j]
        o = active[3 * hidden + j]
        through = tanh(cell[j])
        from_c = g_cell[j] + g_state[j] * o * (1 - through * through)
        slopes[j] = from_c * g * (i * (1 - i))
        slopes[hidden + j] = from_c * old[j] * (f * (1 - f))
        slopes[2 * hidden + j] = from_c * i * (1 - g * g)
        slopes[3 * hidden + j] = g_state[j] * through * (o * (1 - o))
        to_old[j] = from_c * f


@kernel
def lstm_forward(
    begin,
    end,
    gates: ptr(T),
    h: ptr(T),
    c: ptr(T),
    turned: ptr(T),
    states: ptr(T),
    active: ptr(T),
    cells: ptr(T),
    time,
    batch,
    hidden,
):
    """Run sequences begin to end: gates (time, batch, 4 hidden), turned the weight transposed."""
    width = 4 * hidden
    for step in range(time):
        t = time - 1 - step if REVERSE else step
        before = t + 1 if REVERSE else t - 1
        old_h = h if step == 0 else states + before * batch * hidden
        old_c = c if step == 0 else cells + before * batch * hidden
        z = active + t * batch * width
        given = gates + t * batch * width
        for j in simd(begin * width, end * width):
            z[j] = given[j]
        if PRODUCT:
            add_product(
                z + begin * width, old_h + begin * hidden, turned, end - begin, hidden, width
            )
        for b in range(begin, end):
            at = (t * batch + b) * hidden
            through_gates(z + b * width, old_c + b * hidden, cells + at, states + at, hidden)


@kernel
def lstm_backward(
    begin,
    end,
    g_states: ptr(T),
    active: ptr(T),
    cells: ptr(T),
    c: ptr(T),
    weight: ptr(T),
    slopes: ptr(T),
    d_h: ptr(T),
    d_c: ptr(T),
    time,
    batch,
    hidden,
):
    """Run the same backwards; d_h and d_c hold the cotangents of the last state and cell first."""
    width = 4 * hidden
    for step in range(time):
        t = step if REVERSE else time - 1 - step
        before = t + 1 if REVERSE else t - 1
        old_c = c if step == time - 1 else cells + before * batch * hidden
        for b in range(begin, end):
            at = (t * batch + b) * hidden
            to_h = d_h + b * hidden
            to_c = d_c + b * hidden
            for j in simd(hidden):
                to_h[j] += g_states[at + j]
            back_through_gates(
                active + (t * batch + b) * width, old_c + b * hidden, cells + at, to_h, to_c,
                slopes + (t * batch + b) * width, to_c, hidden,
            )  # fmt: skip
            for j in simd(hidden):
                to_h[j] = 0.0
        if PRODUCT:
            add_product(
                d_h + begin * hidden,
                slopes + (t * batch + begin) * width,
                weight,
                end - begin,
                width,
                hidden,
            )


@kernel
def cell_forward(
    begin,
    end,
    x: ptr(T),
    h: ptr(T),
    c: ptr(T),
    w_ih: ptr(T),
    w_hh: ptr(T),
    b_ih: ptr(T),
    b_hh: ptr(T),
    state: ptr(T),
    cell: ptr(T),
    active: ptr(T),
    features,
    hidden,
):
    """One step of sequences begin to end, from input to state."""
    width = 4 * hidden
    for b in range(begin, end):
        row = active + b * width
        for j in simd(width):
            row[j] = b_ih[j] + b_hh[j] if BIASED else 0.0
    z = active + begin * width
    count = end - begin
    row_products(z, x + begin * features, w_ih, z, width, count, features, width)
    row_products(z, h + begin * hidden, w_hh, z, width, count, hidden, width)
    for b in range(begin, end):
        at = b * hidden
        through_gates(active + b * width, c + at, cell + at, state + at, hidden)


@kernel
def cell_backward(
    begin,
    end,
    g_h: ptr(T),
    g_c: ptr(T),
    active: ptr(T),
    cell: ptr(T),
    x: ptr(T),
    h: ptr(T),
    c: ptr(T),
    w_ih: ptr(T),
    w_hh: ptr(T),
    slopes: ptr(T),
    to_x: ptr(T),
    to_h: ptr(T),
    to_c: ptr(T),
    to_w_ih: ptr(T),
    to_w_hh: ptr(T),
    to_b: ptr(T),
    batch,
    features,
    hidden,
):
    """The cotangents of all that a step takes; slopes are memory to work in. One step does it."""
    width = 4 * hidden
    for j in simd(width):
        to_b[j] = 0.0
    for j in simd(batch * features):
        to_x[j] = 0.0
    for j in simd(batch * hidden):
        to_h[j] = 0.0
    for j in simd(width * features):
        to_w_ih[j] = 0.0
    for j in simd(width * hidden):
        to_w_hh[j] = 0.0
    for b in range(batch):
        at = b * hidden
        back_through_gates(
            active + b * width, c + at, cell + at, g_h + at, g_c + at, slopes + b * width,
            to_c + at, hidden,
        )  # fmt: skip
        row = slopes + b * width
        for j in simd(width):
            to_b[j] += row[j]
    add_product(to_x, slopes, w_ih, batch, width, features)
    add_product(to_h, slopes, w_hh, batch, width, hidden)
    add_turned_product(to_w_ih, slopes, x, width, batch, features)
    add_turned_product(to_w_hh, slopes, h, width, batch, hidden)


@kernel
def turned(begin, end, out: ptr(T), x: ptr(T), rows, width):
    """Put xᵀ, of x (rows, width), into out. One step does it."""
    put_turned(out, x, width, rows, width)
