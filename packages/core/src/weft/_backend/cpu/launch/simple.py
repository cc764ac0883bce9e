"""Runs the kernels of Elman's network on arrays."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._backend.cpu.kernels.simple import simple_backward, simple_forward
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import WIDE
from weft._backend.cpu.launch.panels import packed, shared


def forward(drive: Any, h: Any, weight: Any, relu: bool, reverse: bool) -> Any:
    """Return what the op ``rnn_steps`` does; None for what the kernels do not take."""
    if drive.ndim != 3 or not drive.size or drive.dtype not in WIDE:
        return None
    time, batch, hidden = drive.shape
    if h.shape != (batch, hidden) or weight.shape != (hidden, hidden):
        return None
    drive, h, weight = map(np.ascontiguousarray, (drive, h, weight))
    states = np.empty_like(drive)
    by_units, count, grain = shared(time, batch, weight)
    run = simple_forward.at(T=type_of(drive.dtype), REVERSE=reverse, RELU=relu, BY_UNITS=by_units)
    run(count, grain, drive, h, packed(weight, turned=True), states, time, batch, hidden)
    return states, states[0 if reverse else time - 1].copy()


def backward(g_states: Any, g_h: Any, states: Any, weight: Any, relu: bool, reverse: bool) -> Any:
    """Return the cotangents of drive and h; None as before."""
    time, batch, hidden = states.shape
    if not states.size or states.dtype not in WIDE:
        return None
    g_states, states, weight = map(np.ascontiguousarray, (g_states, states, weight))
    d_h = np.array(g_h, order="C")
    slopes = np.empty_like(states)
    by_units, count, grain = shared(time, batch, weight)
    run = simple_backward.at(T=type_of(states.dtype), REVERSE=reverse, RELU=relu, BY_UNITS=by_units)
    panels = packed(weight, turned=False)
    run(count, grain, g_states, states, panels, slopes, d_h, time, batch, hidden)
    return slopes, d_h
