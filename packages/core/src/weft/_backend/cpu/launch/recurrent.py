"""Runs the kernels of a long short-term memory on arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import onednn_matmul
from weft._backend.cpu.kernels.recurrent import lstm_backward, lstm_forward
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import WIDE
from weft._backend.cpu.launch.panels import packed, shared

#: States whose gates are to be found that are worth a thread.
ELEMENTS = 2048


def product(x: Any, y: Any) -> Any:
    """Return a product of two matrices, by the library that is quicker for its size."""
    out = onednn_matmul.product(x, y)
    return x.dot(y) if out is None else out


def forward(gates: Any, h: Any, c: Any, weight: Any, reverse: bool) -> Any:
    """Return what the op ``lstm_steps`` does; None for what the kernels do not take."""
    hidden = weight.shape[1]
    if gates.ndim != 3 or not gates.size or gates.dtype not in WIDE:
        return None
    time, batch, width = gates.shape
    if not h.shape == c.shape == (batch, hidden) or not weight.shape[0] == width == 4 * hidden:
        return None
    gates, h, c, weight = map(np.ascontiguousarray, (gates, h, c, weight))
    active = np.empty((time, batch, 4, hidden), gates.dtype)
    states = np.empty((time, batch, hidden), gates.dtype)
    cells = np.empty_like(states)
    if time == 1:  # the weight is not met again: packing it would not pay
        gates, panels = gates[0] + product(h, weight.T), None
        by_units, count, grain = False, batch, ELEMENTS // hidden + 1
    else:
        panels = packed(weight, turned=True, parts=4)
        by_units, count, grain = shared(time, batch, weight)
    run = lstm_forward.at(
        T=type_of(gates.dtype), REVERSE=reverse, PRODUCT=time > 1, BY_UNITS=by_units
    )
    run(count, grain, gates, h, c, panels, states, active, cells, time, batch, hidden)
    last = 0 if reverse else time - 1
    return states, states[last].copy(), cells[last].copy(), active, cells


def backward(
    g_states: Any,
    g_h: Any,
    g_c: Any,
    states: Any,
    active: Any,
    cells: Any,
    h: Any,
    c: Any,
    weight: Any,
    reverse: bool,
) -> Any:
    """Return what the op ``lstm_slopes`` does, but for the weight's cotangent; None as before."""
    time, batch, hidden = states.shape
    if not states.size or states.dtype not in WIDE:
        return None
    g_states, active, cells, c, weight = map(
        np.ascontiguousarray, (g_states, active, cells, c, weight)
    )
    d_h, d_c = (np.array(g, order="C") for g in (g_h, g_c))
    slopes = np.empty((time, batch, 4 * hidden), states.dtype)
    if time == 1:
        panels, by_units, count, grain = None, False, batch, ELEMENTS // hidden + 1
    else:
        panels = packed(weight, turned=False)
        by_units, count, grain = shared(time, batch, weight)
    run = lstm_backward.at(
        T=type_of(states.dtype), REVERSE=reverse, PRODUCT=time > 1, BY_UNITS=by_units
    )
    run(
        count, grain, g_states, active, cells, c, panels, slopes, d_h, d_c, time, batch, hidden
    )  # fmt: skip
    return slopes, product(slopes[0], weight) if time == 1 else d_h, d_c
