"""Runs the kernels of a long short-term memory on arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu import onednn_matmul
from weft._backend.cpu.kernels.recurrent import (
    cell_backward,
    cell_forward,
    lstm_backward,
    lstm_forward,
)
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import WIDE
from weft._backend.cpu.launch.panels import packed, shared

#: A quarter of the multiplications of a step that one kernel does at once.
_SMALL = 100_000
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


def step(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """Return what the op ``lstm_unit`` does; None for what the kernel does not take."""
    arrays = (x, h, c, w_ih, w_hh) if b_ih is None else (x, h, c, w_ih, w_hh, b_ih, b_hh)
    sizes = _small(*arrays)
    if sizes is None:
        return None
    batch, features, hidden = sizes
    state, cell = np.empty((batch, hidden), x.dtype), np.empty((batch, hidden), x.dtype)
    active = np.empty((batch, 4, hidden), x.dtype)
    run = cell_forward.at(T=type_of(x.dtype), BIASED=b_ih is not None)
    run(batch, 1 << 62, x, h, c, w_ih, w_hh, b_ih, b_hh, state, cell, active, features, hidden)
    return state, cell, active


def step_slopes(
    g_h: Any, g_c: Any, active: Any, cell: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any
) -> Any:
    """Return what the op ``lstm_unit_slopes`` does; None for what the kernel does not take."""
    sizes = _small(x, h, c, w_ih, w_hh)
    if sizes is None:
        return None
    batch, features, hidden = sizes
    dtype = x.dtype
    g_h, g_c, active, cell = map(np.ascontiguousarray, (g_h, g_c, active, cell))
    slopes = np.empty((batch, 4 * hidden), dtype)
    out = (
        np.empty((batch, features), dtype),
        np.empty((batch, hidden), dtype),
        np.empty((batch, hidden), dtype),
        np.empty((4 * hidden, features), dtype),
        np.empty((4 * hidden, hidden), dtype),
        np.empty(4 * hidden, dtype),
    )
    run = cell_backward.at(T=type_of(dtype))
    run(
        1, 1 << 62, g_h, g_c, active, cell, x, h, c, w_ih, w_hh, slopes, *out, batch, features,
        hidden,
    )  # fmt: skip
    return out


def _small(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, *biases: Any) -> Any:
    """Return (batch, features, hidden) of a step that is small and plain, else None."""
    if x.ndim != 2 or x.dtype not in WIDE or w_ih.ndim != 2:
        return None
    batch, features = x.shape
    hidden = w_hh.shape[-1]
    if batch * hidden * (features + hidden) > _SMALL or not batch * features * hidden:
        return None
    if not h.shape == c.shape == (batch, hidden) or w_ih.shape != (4 * hidden, features):
        return None
    if w_hh.shape != (4 * hidden, hidden) or any(b.shape != (4 * hidden,) for b in biases):
        return None
    for a in (x, h, c, w_ih, w_hh, *biases):
        if a.dtype is not x.dtype or not a.flags.c_contiguous:
            return None
    return batch, features, hidden
