"""Runs the kernels of gated recurrent units on arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels.gated import gated_backward, gated_forward
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import WIDE
from weft._backend.cpu.launch.recurrent import ELEMENTS, WIDEST, grain, product, transposed


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
    gates, h, bias = map(np.ascontiguousarray, (gates, h, bias))
    active = np.empty((time, batch, 4, hidden), gates.dtype)
    states = np.empty((time, batch, hidden), gates.dtype)
    apart = time == 1 or hidden > WIDEST
    run = gated_forward.at(T=type_of(gates.dtype), REVERSE=reverse, PRODUCT=not apart)
    if not apart:
        inner = np.empty((batch, width), gates.dtype)
        given = h, transposed(weight), bias, inner, states, active
        run(batch, grain(time, hidden), gates, *given, time, batch, hidden)
    else:
        for t in range(time - 1, -1, -1) if reverse else range(time):
            inner = product(h, weight.T) + bias
            new = states[t], active[t]
            run(
                batch,
                ELEMENTS // hidden + 1,
                gates[t],
                h,
                None,
                None,
                inner,
                *new,
                1,
                batch,
                hidden,
            )
            h = states[t]
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
    apart = hidden > WIDEST
    run = gated_backward.at(T=type_of(states.dtype), REVERSE=reverse, PRODUCT=not apart)
    if not apart:
        given = g_states, states, active, h, weight, slopes, inner, d_h
        run(batch, grain(time, hidden), *given, time, batch, hidden)
        return slopes, inner, d_h
    for t in range(time) if reverse else range(time - 1, -1, -1):
        before = t + 1 if reverse else t - 1
        old = states[before] if 0 <= before < time else h
        given = g_states[t], states[t], active[t], old, None, slopes[t], inner[t], d_h
        run(batch, ELEMENTS // hidden + 1, *given, 1, batch, hidden)
        d_h = d_h + product(inner[t], weight)
    return slopes, inner, d_h
