"""All steps of gated recurrent units: threads share their sequences, or their units."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import sigmoid, tanh
from weft._backend.cpu.kernels.panels import add_panel
from weft._backend.cpu.language import Placeholder, T, barrier, function, kernel, lanes, ptr, simd

#: Whether the last step in time comes first.
REVERSE = Placeholder("REVERSE")
#: Whether the state's products are taken here, not before.
PRODUCT = Placeholder("PRODUCT")
#: Whether threads share the units, and wait for each other at each step in time.
BY_UNITS = Placeholder("BY_UNITS")


@function
def through_units(z, old, state, hidden, count):
    """Put one sequence's sums through the nonlinearities in place, and give the state.

    They are those of r and z, the input's share of n and the state's.
    """
    for j in simd(count):
        r = sigmoid(z[j])
        update = sigmoid(z[hidden + j])
        n = tanh(z[2 * hidden + j] + r * z[3 * hidden + j])
        z[j] = r
        z[hidden + j] = update
        z[2 * hidden + j] = n
        state[j] = n + update * (old[j] - n)


@function
def back_through_units(kept, old, g, outer, inner, to_old, hidden, count):
    """Give the cotangents of both shares of one sequence's gates, and the state's but for these."""
    for j in simd(count):
        r = kept[j]
        z = kept[hidden + j]
        n = kept[2 * hidden + j]
        through = g[j] * (1 - z) * (1 - n * n)
        d_r = through * kept[3 * hidden + j] * (r * (1 - r))
        d_z = g[j] * (old[j] - n) * (z * (1 - z))
        outer[j] = d_r
        outer[hidden + j] = d_z
        outer[2 * hidden + j] = through
        inner[j] = d_r
        inner[hidden + j] = d_z
        inner[2 * hidden + j] = through * r
        to_old[j] = g[j] * z


@kernel(overlap=True)
def gated_forward(
    begin,
    end,
    gates: ptr(T),
    h: ptr(T),
    panels: ptr(T),
    bias: ptr(T),
    inner: ptr(T),
    states: ptr(T),
    active: ptr(T),
    time,
    batch,
    hidden,
):
    """Run sequences, or blocks of units, begin to end: gates (time, batch, 3 hidden).

    ``panels`` are the weight's, packed turned in three parts. ``inner``, (batch, 3 hidden), is
    memory for the state's share of the gates, or that share.
    """
    width = 3 * hidden
    side = 2 * lanes(panels)
    first = 0 if BY_UNITS else begin
    rows = batch if BY_UNITS else end - begin
    start = begin * side if BY_UNITS else 0
    stop = min(end * side, hidden) if BY_UNITS else hidden
    for step in range(time):
        t = time - 1 - step if REVERSE else step
        before = t + 1 if REVERSE else t - 1
        old_h = h if step == 0 else states + before * batch * hidden
        if PRODUCT:
            for j in range(start, stop, side):
                for gate in range(3):
                    at = gate * hidden + j
                    add_panel(
                        inner + first * width + at, width, bias + at, 0, old_h + first * hidden,
                        hidden, 1, panels + (j // side * 3 + gate) * side * hidden, rows, hidden,
                        min(side, stop - j),
                    )  # fmt: skip
        for b in range(first, first + rows):
            x = gates + (t * batch + b) * width + start
            a = inner + b * width + start
            old = old_h + b * hidden + start
            kept = active + (t * batch + b) * 4 * hidden + start
            out = states + (t * batch + b) * hidden + start
            for j in simd(stop - start):
                r = sigmoid(x[j] + a[j])
                z = sigmoid(x[hidden + j] + a[hidden + j])
                share = a[2 * hidden + j]
                n = tanh(x[2 * hidden + j] + r * share)
                kept[j] = r
                kept[hidden + j] = z
                kept[2 * hidden + j] = n
                kept[3 * hidden + j] = share
                out[j] = n + z * (old[j] - n)
        if BY_UNITS:
            barrier()


@kernel(overlap=True)
def gated_backward(
    begin,
    end,
    g_states: ptr(T),
    states: ptr(T),
    active: ptr(T),
    h: ptr(T),
    panels: ptr(T),
    slopes: ptr(T),
    inner: ptr(T),
    d_h: ptr(T),
    time,
    batch,
    hidden,
):
    """Run the same backwards; d_h holds the cotangent of the last state first.

    ``slopes`` and ``inner``, (time, batch, 3 hidden), get those of the input's share of the gates
    and of the state's.
    """
    width = 3 * hidden
    side = 2 * lanes(panels)
    first = 0 if BY_UNITS else begin
    rows = batch if BY_UNITS else end - begin
    start = begin * side if BY_UNITS else 0
    stop = min(end * side, hidden) if BY_UNITS else hidden
    for step in range(time):
        t = step if REVERSE else time - 1 - step
        before = t + 1 if REVERSE else t - 1
        old_h = h if step == time - 1 else states + before * batch * hidden
        for b in range(first, first + rows):
            gates = (t * batch + b) * width + start
            given = g_states + (t * batch + b) * hidden + start
            to = d_h + b * hidden + start
            for j in simd(stop - start):
                to[j] += given[j]
            back_through_units(
                active + (t * batch + b) * 4 * hidden + start, old_h + b * hidden + start, to,
                slopes + gates, inner + gates, to, hidden, stop - start,
            )  # fmt: skip
        if BY_UNITS:
            barrier()
        if PRODUCT:
            for j in range(start, stop, side):
                to = d_h + first * hidden + j
                add_panel(
                    to, hidden, to, hidden, inner + (t * batch + first) * width, width, 1,
                    panels + j * width, rows, width, min(side, stop - j),
                )  # fmt: skip
