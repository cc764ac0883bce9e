"""All steps of gated recurrent units: each thread takes some sequences through all of time."""

from __future__ import annotations

from weft._backend.cpu.kernels.mathematics import sigmoid, tanh
from weft._backend.cpu.kernels.products import add_product
from weft._backend.cpu.language import Placeholder, T, kernel, ptr, simd

#: Whether the last step in time comes first.
REVERSE = Placeholder("REVERSE")
#: Whether the state's products are taken here, not before.
PRODUCT = Placeholder("PRODUCT")


@kernel
def gated_forward(
    begin,
    end,
    gates: ptr(T),
    h: ptr(T),
    turned: ptr(T),
    bias: ptr(T),
    inner: ptr(T),
    states: ptr(T),
    active: ptr(T),
    time,
    batch,
    hidden,
):
    """Run sequences begin to end: gates (time, batch, 3 hidden), turned the weight transposed.

    ``inner``, (batch, 3 hidden), is memory for the state's share of the gates, or that share.
    """
    width = 3 * hidden
    for step in range(time):
        t = time - 1 - step if REVERSE else step
        before = t + 1 if REVERSE else t - 1
        old_h = h if step == 0 else states + before * batch * hidden
        if PRODUCT:
            for b in range(begin, end):
                row = inner + b * width
                for j in simd(width):
                    row[j] = bias[j]
            add_product(
                inner + begin * width, old_h + begin * hidden, turned, end - begin, hidden, width
            )
        for b in range(begin, end):
            x = gates + (t * batch + b) * width
            a = inner + b * width
            old = old_h + b * hidden
            kept = active + (t * batch + b) * 4 * hidden
            out = states + (t * batch + b) * hidden
            for j in simd(hidden):
                r = sigmoid(x[j] + a[j])
                z = sigmoid(x[hidden + j] + a[hidden + j])
                share = a[2 * hidden + j]
                n = tanh(x[2 * hidden + j] + r * share)
                kept[j] = r
                kept[hidden + j] = z
                kept[2 * hidden + j] = n
                kept[3 * hidden + j] = share
                out[j] = n + z * (old[j] - n)


@kernel
def gated_backward(
    begin,
    end,
    g_states: ptr(T),
    states: ptr(T),
    active: ptr(T),
    h: ptr(T),
    weight: ptr(T),
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
    for step in range(time):
        t = step if REVERSE else time - 1 - step
        before = t + 1 if REVERSE else t - 1
        old_h = h if step == time - 1 else states + before * batch * hidden
        for b in range(begin, end):
            kept = active + (t * batch + b) * 4 * hidden
            given = g_states + (t * batch + b) * hidden
            old = old_h + b * hidden
            to = d_h + b * hidden
            outer = slopes + (t * batch + b) * width
            own = inner + (t * batch + b) * width
            for j in simd(hidden):
                r = kept[j]
                z = kept[hidden + j]
                n = kept[2 * hidden + j]
                g = to[j] + given[j]
                through = g * (1 - z) * (1 - n * n)
                d_r = through * kept[3 * hidden + j] * (r * (1 - r))
                d_z = g * (old[j] - n) * (z * (1 - z))
                outer[j] = d_r
                outer[hidden + j] = d_z
                outer[2 * hidden + j] = through
                own[j] = d_r
                own[hidden + j] = d_z
                own[2 * hidden + j] = through * r
                to[j] = g * z
        if PRODUCT:
            add_product(
                d_h + begin * hidden,
                inner + (t * batch + begin) * width,
                weight,
                end - begin,
                width,
                hidden,
            )
