"""All steps of a long short-term memory: threads share its sequences, or its units."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import sigmoid, tanh
from weft._backend.cpu.kernels.panels import add_panel
from weft._backend.cpu.language import Placeholder, T, barrier, function, kernel, lanes, ptr, simd

#: Whether the last step in time comes first.
REVERSE = Placeholder("REVERSE")
#: Whether the state's share of the gates is yet to be added.
PRODUCT = Placeholder("PRODUCT")
#: Whether threads share the units, and wait for each other at each step in time.
BY_UNITS = Placeholder("BY_UNITS")


@function
def through_gates(z, old, cell, state, hidden, count):
    """Put one sequence's gates through their nonlinearities in place, and give cell and state."""
    for j in simd(count):
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
def back_through_gates(active, old, cell, g_state, g_cell, slopes, to_old, hidden, count):
    """Give the cotangents of one sequence's gates, and of the cell before, which may be g_cell."""
    for j in simd(count):
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


@kernel(overlap=True)
def lstm_forward(
    begin,
    end,
    gates: ptr(T),
    h: ptr(T),
    c: ptr(T),
    panels: ptr(T),
    states: ptr(T),
    active: ptr(T),
    cells: ptr(T),
    time,
    batch,
    hidden,
):
    """Run sequences, or blocks of units, begin to end: gates (time, batch, 4 hidden).

    ``panels`` are the weight's, packed turned in four parts; a block is as many units as a panel
    has columns.
    """
    width = 4 * hidden
    side = 2 * lanes(panels)
    first = 0 if BY_UNITS else begin
    rows = batch if BY_UNITS else end - begin
    start = begin * side if BY_UNITS else 0
    stop = min(end * side, hidden) if BY_UNITS else hidden
    for step in range(time):
        t = time - 1 - step if REVERSE else step
        before = t + 1 if REVERSE else t - 1
        old_h = h if step == 0 else states + before * batch * hidden
        old_c = c if step == 0 else cells + before * batch * hidden
        z = active + (t * batch + first) * width
        given = gates + (t * batch + first) * width
        for j in range(start, stop, side):
            count = min(side, stop - j)
            for gate in range(4):
                at = gate * hidden + j
                if PRODUCT:
                    add_panel(
                        z + at, width, given + at, width, old_h + first * hidden, hidden, 1,
                        panels + (j // side * 4 + gate) * side * hidden, rows, hidden, count,
                    )  # fmt: skip
                else:
                    for b in range(rows):
                        for i in simd(count):
                            z[b * width + at + i] = given[b * width + at + i]
            for b in range(rows):
                at = (first + b) * hidden + j
                to = t * batch * hidden + at
                through_gates(z + b * width + j, old_c + at, cells + to, states + to, hidden, count)
        if BY_UNITS:
            barrier()


@kernel(overlap=True)
def lstm_backward(
    begin,
    end,
    g_states: ptr(T),
    active: ptr(T),
    cells: ptr(T),
    c: ptr(T),
    panels: ptr(T),
    slopes: ptr(T),
    d_h: ptr(T),
    d_c: ptr(T),
    time,
    batch,
    hidden,
):
    """Run the same backwards; d_h and d_c hold the cotangents of the last state and cell first."""
    width = 4 * hidden
    side = 2 * lanes(panels)
    first = 0 if BY_UNITS else begin
    rows = batch if BY_UNITS else end - begin
    start = begin * side if BY_UNITS else 0
    stop = min(end * side, hidden) if BY_UNITS else hidden
    for step in range(time):
        t = step if REVERSE else time - 1 - step
        before = t + 1 if REVERSE else t - 1
        old_c = c if step == time - 1 else cells + before * batch * hidden
        own = slopes + (t * batch + first) * width
        for b in range(first, first + rows):
            at = b * hidden + start
            to_h = d_h + at
            given = g_states + t * batch * hidden + at
            for j in simd(stop - start):
                to_h[j] += given[j]
            gates = (t * batch + b) * width + start
            back_through_gates(
                active + gates, old_c + at, cells + t * batch * hidden + at, to_h, d_c + at,
                slopes + gates, d_c + at, hidden, stop - start,
            )  # fmt: skip
            for j in simd(stop - start):
                to_h[j] = 0.0
        if BY_UNITS:
            barrier()
        if PRODUCT:
            for j in range(start, stop, side):
                to = d_h + first * hidden + j
                add_panel(
                    to, hidden, to, hidden, own, width, 1, panels + j * width, rows, width,
                    min(side, stop - j),
                )  # fmt: skip
