"""Runs the kernels of gated recurrent units on arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels.gated import gated_backward, gated_forward
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import WIDE
from weft._backend.cpu.launch.panels import packed, shared
from weft._backend.cpu.launch.recurrent import ELEMENTS, product


def forward(gates: Any, h: Any, weight: Any, bias: Any, reverse: bool) -> Any:
    """Return what the op ``gru_steps`` does; None for what the kernels do not take."""
    hidden = weight.shape[1]
    if gates.ndim != 3 or not gates.size or gates.dtype not in WIDE:
        return None
    time, batch, width = gates.shape
    if h.shape != (batch, hidden) or not weight.shape[0] == width == 3 * hidden:
        return None
    if bias.shape != (width,):
        return None
    gates, h, weight, bias = map(np.ascontiguousarray, (gates, h, weight, bias))
    active = np.empty((time, batch, 4, hidden), gates.dtype)
    states = np.empty((time, batch, hidden), gates.dtype)
    if time == 1:  # the weight is not met again: packing it would not pay
        inner, panels = product(h, weight.T) + bias, None
        by_units, count, grain = False, batch, ELEMENTS // hidden + 1
    else:
        inner, panels = np.empty((batch, width), gates.dtype), packed(weight, turned=True, parts=3)
        by_units, count, grain = shared(time, batch, weight)
    run = gated_forward.at(
        T=type_of(gates.dtype), REVERSE=reverse, PRODUCT=time > 1, BY_UNITS=by_units
    )
    run(count, grain, gates, h, panels, bias, inner, states, active, time, batch, hidden)
    return states, states[0 if reverse else time - 1].copy(), active


def backward(
    g_states: Any, g_h: Any, states: Any, active: Any, h: Any, weight: Any, reverse: bool
) -> Any:
    """Return the cotangents of both shares of the gates, and of h; None as before."""
    time, batch, hidden = states.shape
    if not states.size or states.dtype not in WIDE:
        return None
    g_states, states, active, h, weight = map(
        np.ascontiguousarray, (g_states, states, active, h, weight)
    )
    d_h = np.array(g_h, order="C")
    slopes, inner = (np.empty((time, batch, 3 * hidden), states.dtype) for _ in range(2))
    if time == 1:
        panels, by_units, count, grain = None, False, batch, ELEMENTS // hidden + 1
    else:
        panels = packed(weight, turned=False)
        by_units, count, grain = shared(time, batch, weight)
    run = gated_backward.at(
        T=type_of(states.dtype), REVERSE=reverse, PRODUCT=time > 1, BY_UNITS=by_units
    )
    given = g_states, states, active, h, panels, slopes, inner, d_h
    run(count, grain, *given, time, batch, hidden)
    if time == 1:
        d_h += product(inner[0], weight)
    return slopes, inner, d_h
