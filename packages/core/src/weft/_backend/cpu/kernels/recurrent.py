"""All steps of a long short-term memory: each thread takes some sequences through all of time."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import sigmoid, tanh
from weft._backend.cpu.kernels.products import add_product, add_turned_product, row_products
from weft._backend.cpu.kernels.products import turned as put_turned
from weft._backend.cpu.language import Placeholder, T, kernel, ptr, simd

#: Whether the last step in time comes first.
REVERSE = Placeholder("REVERSE")
#: Whether the state's share of the gates is yet to be added.
PRODUCT = Placeholder("PRODUCT")
#: Whether there are biases.
BIASED = Placeholder("BIASED")


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
            i_row = z + b * width
            f_row = i_row + hidden
            g_row = f_row + hidden
            o_row = g_row + hidden
            old = old_c + b * hidden
            cell_row = cells + (t * batch + b) * hidden
            state_row = states + (t * batch + b) * hidden
            for j in simd(hidden):
                i = sigmoid(i_row[j])
                f = sigmoid(f_row[j])
                g = tanh(g_row[j])
                o = sigmoid(o_row[j])
                cell = f * old[j] + i * g
                i_row[j] = i
                f_row[j] = f
                g_row[j] = g
                o_row[j] = o
                cell_row[j] = cell
                state_row[j] = o * tanh(cell)


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
            i_row = active + (t * batch + b) * width
            f_row = i_row + hidden
            g_row = f_row + hidden
            o_row = g_row + hidden
            i_slope = slopes + (t * batch + b) * width
            f_slope = i_slope + hidden
            g_slope = f_slope + hidden
            o_slope = g_slope + hidden
            old = old_c + b * hidden
            cell_row = cells + (t * batch + b) * hidden
            given = g_states + (t * batch + b) * hidden
            to_h = d_h + b * hidden
            to_c = d_c + b * hidden
            for j in simd(hidden):
                i = i_row[j]
                f = f_row[j]
                g = g_row[j]
                o = o_row[j]
                through = tanh(cell_row[j])
                from_h = to_h[j] + given[j]
                from_c = to_c[j] + from_h * o * (1 - through * through)
                i_slope[j] = from_c * g * (i * (1 - i))
                f_slope[j] = from_c * old[j] * (f * (1 - f))
                g_slope[j] = from_c * i * (1 - g * g)
                o_slope[j] = from_h * through * (o * (1 - o))
                to_c[j] = from_c * f
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
        i_row = active + b * width
        f_row = i_row + hidden
        g_row = f_row + hidden
        o_row = g_row + hidden
        old = c + b * hidden
        new = cell + b * hidden
        out = state + b * hidden
        for j in simd(hidden):
            i = sigmoid(i_row[j])
            f = sigmoid(f_row[j])
            g = tanh(g_row[j])
            o = sigmoid(o_row[j])
            through = f * old[j] + i * g
            i_row[j] = i
            f_row[j] = f
            g_row[j] = g
            o_row[j] = o
            new[j] = through
            out[j] = o * tanh(through)


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
        i_row = active + b * width
        f_row = i_row + hidden
        g_row = f_row + hidden
        o_row = g_row + hidden
        i_slope = slopes + b * width
        f_slope = i_slope + hidden
        g_slope = f_slope + hidden
        o_slope = g_slope + hidden
        old = c + b * hidden
        new = cell + b * hidden
        given_h = g_h + b * hidden
        given_c = g_c + b * hidden
        back = to_c + b * hidden
        for j in simd(hidden):
            i = i_row[j]
            f = f_row[j]
            g = g_row[j]
            o = o_row[j]
            through = tanh(new[j])
            from_c = given_c[j] + given_h[j] * o * (1 - through * through)
            i_slope[j] = from_c * g * (i * (1 - i))
            f_slope[j] = from_c * old[j] * (f * (1 - f))
            g_slope[j] = from_c * i * (1 - g * g)
            o_slope[j] = given_h[j] * through * (o * (1 - o))
            back[j] = from_c * f
        for j in simd(width):
            to_b[j] += i_slope[j]
    add_product(to_x, slopes, w_ih, batch, width, features)
    add_product(to_h, slopes, w_hh, batch, width, hidden)
    add_turned_product(to_w_ih, slopes, x, width, batch, features)
    add_turned_product(to_w_hh, slopes, h, width, batch, hidden)


@kernel
def turned(begin, end, out: ptr(T), x: ptr(T), rows, width):
    """Put xᵀ, of x (rows, width), into out. One step does it."""
    put_turned(out, x, width, rows, width)
