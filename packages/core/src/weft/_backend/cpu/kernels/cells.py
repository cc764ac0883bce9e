"""One step of a recurrent network, from its input: threads share the units."""

from __future__ import annotations

from weft._backend.cpu.kernels.gated import back_through_units, through_units
from weft._backend.cpu.kernels.panels import add_panel, pack, pack_turned
from weft._backend.cpu.kernels.products import add_block, row_products
from weft._backend.cpu.kernels.recurrent import back_through_gates, through_gates
from weft._backend.cpu.kernels.simple import back_through_state, through_state
from weft._backend.cpu.language import (
    Placeholder,
    T,
    barrier,
    kernel,
    lanes,
    local,
    ptr,
    simd,
    thread,
)

#: How many gates a unit has, which tells the network: 4 of a long short-term memory, 3 of gated
#: recurrent units, 1 of Elman's network.
GATES = Placeholder("GATES")
#: Whether Elman's network has relu, not tanh.
RELU = Placeholder("RELU")
#: Whether there are biases.
BIASED = Placeholder("BIASED")
#: Whether there is one sequence: each weight is then met once, and packing it would not pay.
ALONE = Placeholder("ALONE")


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
    scratch: ptr(T),
    batch,
    features,
    hidden,
):
    """A step is a block of as many units as a panel has columns.

    ``active``, (batch, slots, hidden), has a slot for each gate; of gated recurrent units one more,
    for the state's share of the last gate; of Elman's network it is where the state goes.
    """
    slots = 4 if GATES == 3 else GATES
    side = 2 * lanes(active)
    width = slots * hidden
    panel = scratch + thread() * side * max(features, hidden)
    first = local(T, 2 * lanes(active))
    for block in range(begin, end):
        start = block * side
        count = min(side, hidden - start)
        for slot in range(slots):
            gate = min(slot, GATES - 1)
            at = gate * hidden + start
            z = active + slot * hidden + start
            for j in simd(count):
                first[j] = 0.0
            if BIASED:
                if GATES != 3 or slot != 3:
                    for j in simd(count):
                        first[j] += b_ih[at + j]
                if GATES != 3 or slot != 2:
                    for j in simd(count):
                        first[j] += b_hh[at + j]
            for part in range(2):
                if GATES != 3 or part + slot != 3:  # the input's share of the last, or the state's
                    k = features if part == 0 else hidden
                    rows = x if part == 0 else h
                    weight = (w_ih if part == 0 else w_hh) + at * k
                    again = part == 1 and (GATES != 3 or slot < 2)
                    given = z if again else first + 0
                    if ALONE:
                        row_products(z, rows, weight, given, 0, 1, k, count)
                    else:
                        pack_turned(panel, weight, k, count, k)
                        step = width if again else 0
                        add_panel(z, width, given, step, rows, k, 1, panel, batch, k, count)
        for b in range(batch):
            at = b * hidden + start
            z = active + b * width + start
            if GATES == 4:
                through_gates(z, c + at, cell + at, state + at, hidden, count)
            elif GATES == 3:
                through_units(z, h + at, state + at, hidden, count)
            else:
                through_state(z, z, count)


@kernel(overlap=True)
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
    outer: ptr(T),
    inner: ptr(T),
    to_x: ptr(T),
    to_h: ptr(T),
    to_c: ptr(T),
    to_w_ih: ptr(T),
    to_w_hh: ptr(T),
    to_b_ih: ptr(T),
    to_b_hh: ptr(T),
    scratch: ptr(T),
    batch,
    features,
    hidden,
):
    """The cotangents of all that a step takes; steps as before.

    ``outer`` and ``inner``, (batch, gates, hidden), are memory for the cotangents of the input's
    share of the gates and of the state's: the same memory but for gated recurrent units. Biases
    likewise.
    """
    slots = 4 if GATES == 3 else GATES
    side = 2 * lanes(active)
    width = GATES * hidden
    start = min(begin * side, hidden)
    stop = min(end * side, hidden)
    count = stop - start
    blocks = (hidden + side - 1) // side
    strips = (features + side - 1) // side
    first_x = min(strips * begin // blocks * side, features)
    last_x = min(strips * end // blocks * side, features)
    for b in range(batch):
        at = b * hidden + start
        own = active + b * slots * hidden + start
        slopes = outer + b * width + start
        if GATES == 4:
            back_through_gates(
                own, c + at, cell + at, g_h + at, g_c + at, slopes, to_c + at, hidden, count
            )
        elif GATES == 3:
            back_through_units(
                own, h + at, g_h + at, slopes, inner + b * width + start, to_h + at, hidden, count
            )
        else:
            back_through_state(own, g_h + at, slopes, count)
        if GATES != 3:
            for j in simd(count):
                to_h[at + j] = 0.0
        row = to_x + b * features
        for j in simd(first_x, last_x):
            row[j] = 0.0
    for gate in range(GATES):
        at = gate * hidden + start
        for part in range(2 if GATES == 3 else 1):
            slopes = (outer if part == 0 else inner) + at
            sums = (to_b_ih if part == 0 else to_b_hh) + at
            for j in simd(count):
                sums[j] = 0.0
            for b in range(batch):
                for j in simd(count):
                    sums[j] += slopes[b * width + j]
    panel = scratch + thread() * side * max(width, batch)
    nothing = local(T, 2 * lanes(active))
    for j in simd(side):
        nothing[j] = 0.0
    for part in range(2):
        n = features if part == 0 else hidden
        rows = x if part == 0 else h
        slopes = (outer if part == 0 else inner) + start
        to = (to_w_ih if part == 0 else to_w_hh) + start * n
        for j in range(0, n, side):
            columns = min(side, n - j)
            pack(panel, rows + j, n, columns, batch)
            for gate in range(GATES):
                add_panel(
                    to + gate * hidden * n + j, n, nothing, 0, slopes + gate * hidden, 1, width,
                    panel, count, batch, columns,
                )  # fmt: skip
    barrier()
    for part in range(2):
        n = features if part == 0 else hidden
        to = to_x if part == 0 else to_h
        slopes = outer if part == 0 else inner
        weight = w_ih if part == 0 else w_hh
        first = first_x if part == 0 else start
        last = last_x if part == 0 else stop
        if ALONE:
            add_block(to + first, n, slopes, width, weight + first, n, 1, width, last - first)
        else:
            for j in range(first, last, side):
                columns = min(side, last - j)
                pack(panel, weight + j, n, columns, width)
                add_panel(to + j, n, to + j, n, slopes, width, 1, panel, batch, width, columns)
