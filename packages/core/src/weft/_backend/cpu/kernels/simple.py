"""All steps of Elman's network: threads share its sequences, or its units."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import tanh
from weft._backend.cpu.kernels.panels import add_panel
from weft._backend.cpu.language import (
    Placeholder,
    T,
    barrier,
    function,
    kernel,
    lanes,
    ptr,
    select,
    simd,
)

#: Whether the last step in time comes first.
REVERSE = Placeholder("REVERSE")
#: Whether it has relu, not tanh.
RELU = Placeholder("RELU")
#: Whether threads share the units, and wait for each other at each step in time.
BY_UNITS = Placeholder("BY_UNITS")


@function
def through_state(z, state, count):
    """Put one sequence's sums through the nonlinearity."""
    for j in simd(count):
        state[j] = max(z[j], 0.0) if RELU else tanh(z[j])


@function
def back_through_state(state, g, slopes, count):
    """Give the cotangents of one sequence's sums."""
    for j in simd(count):
        s = state[j]
        slopes[j] = select(s <= 0, 0.0, g[j]) if RELU else g[j] * (1 - s * s)


@kernel(overlap=True)
def simple_forward(
    begin,
    end,
    drive: ptr(T),
    h: ptr(T),
    panels: ptr(T),
    states: ptr(T),
    time,
    batch,
    hidden,
):
    """Run sequences, or blocks of units, begin to end: drive (time, batch, hidden).

    ``panels`` are the weight's, packed turned; a block is as many units as a panel has columns.
    """
    side = 2 * lanes(panels)
    first = 0 if BY_UNITS else begin
    rows = batch if BY_UNITS else end - begin
    start = begin * side if BY_UNITS else 0
    stop = min(end * side, hidden) if BY_UNITS else hidden
    for step in range(time):
        t = time - 1 - step if REVERSE else step
        before = t + 1 if REVERSE else t - 1
        old = h if step == 0 else states + before * batch * hidden
        at = (t * batch + first) * hidden
        for j in range(start, stop, side):
            add_panel(
                states + at + j, hidden, drive + at + j, hidden, old + first * hidden, hidden,
                1, panels + j * hidden, rows, hidden, min(side, stop - j),
            )  # fmt: skip
        for b in range(rows):
            own = states + at + b * hidden + start
            through_state(own, own, stop - start)
        if BY_UNITS:
            barrier()


@kernel(overlap=True)
def simple_backward(
    begin,
    end,
    g_states: ptr(T),
    states: ptr(T),
    panels: ptr(T),
    slopes: ptr(T),
    d_h: ptr(T),
    time,
    batch,
    hidden,
):
    """Run the same backwards; d_h holds the cotangent of the last state first."""
    side = 2 * lanes(panels)
    first = 0 if BY_UNITS else begin
    rows = batch if BY_UNITS else end - begin
    start = begin * side if BY_UNITS else 0
    stop = min(end * side, hidden) if BY_UNITS else hidden
    for step in range(time):
        t = step if REVERSE else time - 1 - step
        at = (t * batch + first) * hidden
        for b in range(rows):
            to = d_h + (first + b) * hidden + start
            row = at + b * hidden + start
            for j in simd(stop - start):
                to[j] += g_states[row + j]
            back_through_state(states + row, to, slopes + row, stop - start)
            for j in simd(stop - start):
                to[j] = 0.0
        if BY_UNITS:
            barrier()
        for j in range(start, stop, side):
            to = d_h + first * hidden + j
            add_panel(
                to, hidden, to, hidden, slopes + at, hidden, 1, panels + j * hidden, rows,
                hidden, min(side, stop - j),
            )  # fmt: skip
