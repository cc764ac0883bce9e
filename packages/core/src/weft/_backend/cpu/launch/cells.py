"""Runs the kernels of one step of a recurrent network on arrays."""

from __future__ import annotations

import functools
from typing import Any

from weft._backend import np
from weft._backend.cpu import threads
from weft._backend.cpu.kernels.cells import cell_backward, cell_forward
from weft._backend.cpu.language import type_of
from weft._backend.cpu.launch.arrays import WIDE
from weft._backend.cpu.launch.panels import side

_empty = np.empty


@functools.cache
def _forward(dtype: Any, gates: int, relu: bool, biased: bool, alone: bool) -> Any:
    return cell_forward.at(T=type_of(dtype), GATES=gates, RELU=relu, BIASED=biased, ALONE=alone)


@functools.cache
def _backward(dtype: Any, gates: int, relu: bool, alone: bool) -> Any:
    return cell_backward.at(T=type_of(dtype), GATES=gates, RELU=relu, ALONE=alone)


#: Multiplications that are worth a thread.
_GRAIN = 400_000


def forward(
    gates: int,
    relu: bool,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
) -> Any:
    """Return the new state, and cell and what else is kept if there are; None if not taken.

    Args:
        gates: which network it is: 4 a long short-term memory, 3 gated recurrent units, 1 Elman's.
        relu: of Elman's network, whether it has relu.
        x: (batch, features).
        h: (batch, hidden).
        c: likewise, or None where there are no cells.
        w_ih: (gates hidden, features).
        w_hh: (gates hidden, hidden).
        b_ih: (gates hidden,), or None.
        b_hh: likewise.
    """
    sizes = _sizes(gates, x, h, c, w_ih, w_hh, b_ih, b_hh)
    if sizes is None:
        return None
    batch, features, hidden = sizes
    dtype = x.dtype
    width = side(dtype)
    state = _empty((batch, hidden), dtype)
    cell = _empty((batch, hidden), dtype) if gates == 4 else None
    active = state if gates == 1 else _empty((batch, 4, hidden), dtype)
    scratch = None
    if batch > 1:
        scratch = _empty(threads.count() * width * max(features, hidden), dtype)
    run = _forward(dtype, gates, relu, b_ih is not None, batch == 1)
    run(
        -(-hidden // width), _grain(gates, sizes, width), x, h, c, w_ih, w_hh, b_ih, b_hh, state,
        cell, active, scratch, batch, features, hidden,
    )  # fmt: skip
    if gates == 1:
        return state
    return (state, active) if cell is None else (state, cell, active)


def backward(
    gates: int,
    relu: bool,
    g_h: Any,
    g_c: Any,
    active: Any,
    cell: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
) -> Any:
    """Return the cotangents of x, h, c if there is, the weights, and both biases; None as before.

    ``active`` is what the step kept; of Elman's network its state.
    """
    sizes = _sizes(gates, x, h, c, w_ih, w_hh, None, None)
    if sizes is None:
        return None
    batch, features, hidden = sizes
    dtype = x.dtype
    width = side(dtype)
    g_h, active = np.ascontiguousarray(g_h), np.ascontiguousarray(active)
    if gates == 4:
        g_c, cell = np.ascontiguousarray(g_c), np.ascontiguousarray(cell)
    outer, to_b_ih = _empty((batch, gates * hidden), dtype), _empty(gates * hidden, dtype)
    inner, to_b_hh = outer, to_b_ih
    if gates == 3:
        inner, to_b_hh = np.empty_like(outer), np.empty_like(to_b_ih)
    to_x, to_h = _empty((batch, features), dtype), _empty((batch, hidden), dtype)
    to_c = _empty((batch, hidden), dtype) if gates == 4 else None
    to_w_ih, to_w_hh = np.empty_like(w_ih), np.empty_like(w_hh)
    scratch = _empty(threads.count() * width * max(gates * hidden, batch), dtype)
    run = _backward(dtype, gates, relu, batch == 1)
    run(
        -(-hidden // width), _grain(gates, sizes, width), g_h, g_c, active, cell, x, h, c, w_ih,
        w_hh, outer, inner, to_x, to_h, to_c, to_w_ih, to_w_hh, to_b_ih, to_b_hh, scratch, batch,
        features, hidden,
    )  # fmt: skip
    to_states = (to_h,) if to_c is None else (to_h, to_c)
    return to_x, *to_states, to_w_ih, to_w_hh, to_b_ih, to_b_hh


def _grain(gates: int, sizes: tuple[int, int, int], width: int) -> int:
    batch, features, hidden = sizes
    batch = max(batch, 4)  # of fewer the time is that of reading the weights
    return int(-(-_GRAIN // (batch * gates * (features + hidden) * width)))


def _sizes(gates: int, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """Return (batch, features, hidden) of a step whose arrays are plain, else None."""
    if x.ndim != 2 or x.dtype not in WIDE or w_ih.ndim != 2:
        return None
    batch, features = x.shape
    hidden = w_hh.shape[-1]
    rows = gates * hidden
    if h.shape != (batch, hidden) or not batch * features * hidden:
        return None
    if w_ih.shape != (rows, features) or w_hh.shape != (rows, hidden):
        return None
    if c is not None and c.shape != h.shape:
        return None
    if b_ih is not None and not b_ih.shape == b_hh.shape == (rows,):
        return None
    for a in (x, h, c, w_ih, w_hh, b_ih, b_hh):
        if a is not None and (a.dtype is not x.dtype or not a.flags.c_contiguous):
            return None
    return batch, features, hidden
