"""All steps of a long short-term memory in one op: what runs between its two projections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError, ShapeError
from weft._core.kernels import prefer
from weft._core.modes import here
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.joining import cat, stack
from weft.ops.matmul import matmul
from weft.ops.steps import all_rows, before, order


def _require_real(gates: Any) -> None:
    if gates.dtype.kind == "c":
        raise DTypeError(f"lstm_steps: expected real gates, got {dtypes.of(gates.dtype)}")


def _shape(gates: Any, h: Any, c: Any, weight: Any, *, reverse: bool) -> Any:
    _require_real(gates)
    if gates.ndim != 3 or gates.shape[2] % 4:
        raise ShapeError(
            f"lstm_steps: gates must be (time, batch, 4 hidden), got shape {tuple(gates.shape)}"
        )
    time, batch, rows = gates.shape
    hidden = rows // 4
    for name, x, wanted in (
        ("h", h, (batch, hidden)),
        ("c", c, (batch, hidden)),
        ("weight", weight, (rows, hidden)),
    ):
        if tuple(x.shape) != wanted:
            raise ShapeError(
                f"lstm_steps: for gates.shape == {tuple(gates.shape)}, {name} must have shape "
                f"{wanted}, got {tuple(x.shape)}"
            )
    state = Aval((batch, hidden), gates.dtype)
    return (
        Aval((time, batch, hidden), gates.dtype),
        state,
        state,
        Aval((time, batch, 4, hidden), gates.dtype),
        Aval((time, batch, hidden), gates.dtype),
    )


def _vjp(
    needs: Any, gs: Any, outs: Any, gates: Any, h: Any, c: Any, weight: Any, *, reverse: bool
) -> Any:
    states, _, _, active, cells = outs
    g_states, g_h, g_c, g_active, g_cells = gs
    given = (states, active, cells, h, c, weight)
    plain = all(
        not isinstance(x._data, Boxed) or x._data.stands_for_array
        for x in (*given, *gs)
        if x is not None
    )
    if plain and not here.grad and g_active is None and g_cells is None:
        filled = (
            states.new_zeros(tuple(states.shape)) if g_states is None else g_states,
            h.new_zeros(tuple(h.shape)) if g_h is None else g_h,
            c.new_zeros(tuple(c.shape)) if g_c is None else g_c,
        )
        return lstm_slopes(*filled, *given, reverse=reverse)
    return _slopes_by_ops(gs, outs, h, c, weight, reverse)


def step_slopes(
    active: Any, cell: Any, old: Any, d_h: Any, d_c: Any, g_active: Any
) -> tuple[Any, Any]:
    """Return the cotangents of one step's gates and of the cell before it, by ops.

    Args:
        active: (..., 4, hidden), the gates after their nonlinearities.
        cell: (..., hidden), the cell after the step.
        old: likewise, before it.
        d_h: the cotangent of the new state, or None.
        d_c: of the new cell, or None.
        g_active: of the gates after their nonlinearities, or None.
    """
    i, f, g, o = active.unbind(-2)
    through = cell.tanh()
    if d_h is not None:
        d_c = _sum(d_c, d_h * o * (1 - through * through))
    parts = [
        None if d_c is None else d_c * g,
        None if d_c is None else d_c * old,
        None if d_c is None else d_c * i,
        None if d_h is None else d_h * through,
    ]
    if g_active is not None:
        parts = [_sum(p, a) for p, a in zip(parts, g_active.unbind(-2), strict=True)]
    parts = [i * 0 if p is None else p for p in parts]
    bends = (i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o))
    slopes = cat([p * b for p, b in zip(parts, bends, strict=True)], -1)
    return slopes, None if d_c is None else d_c * f


def step_tangents(active: Any, cell: Any, old: Any, t_z: Any, t_c: Any) -> tuple[Any, Any, Any]:
    """Return the tangents of one step's state, gates and cell, from those of its gates and cell."""
    i, f, g, o = active.unbind(-2)
    bends = stack([i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o)], -2)
    t_active = t_z.reshape(tuple(bends.shape)) * bends
    t_i, t_f, t_g, t_o = t_active.unbind(-2)
    t_c = t_f * old + f * t_c + t_i * g + i * t_g
    through = cell.tanh()
    return t_o * through + o * (1 - through * through) * t_c, t_active, t_c


def step_by_ops(z: Any, c: Any) -> tuple[Any, Any, Any]:
    """Return one step's state, gates (..., 4, hidden) and cell from its gates' arguments."""
    i, f, g, o = z.reshape((*tuple(c.shape)[:-1], 4, c.shape[-1])).unbind(-2)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g
    return o * c.tanh(), stack([i, f, g, o], -2), c


def _slopes_by_ops(gs: Any, outs: Any, h: Any, c: Any, weight: Any, reverse: bool) -> Any:
    """Return the cotangents by ops that can be differentiated again."""
    states, _, _, active, cells = outs
    g_states, d_h, d_c, g_active, g_cells = gs
    length = states.shape[0]
    slopes: list[Any] = [None] * length
    for t in order(length, not reverse):
        at = t + 1 if reverse else t - 1
        old = cells[at] if 0 <= at < length else c
        d_h = _sum(d_h, None if g_states is None else g_states[t])
        d_c = _sum(d_c, None if g_cells is None else g_cells[t])
        given = None if g_active is None else g_active[t]
        slopes[t], d_c = step_slopes(active[t], cells[t], old, d_h, d_c, given)
        d_h = matmul(slopes[t], weight)
    d_gates = stack(slopes, 0)
    found = before(h, states, reverse, lambda parts: cat(parts, 0))
    return d_gates, d_h, d_c, matmul(all_rows(d_gates).transpose(-2, -1), all_rows(found))


def _sum(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def _jvp(
    tangents: Any, outs: Any, gates: Any, h: Any, c: Any, weight: Any, *, reverse: bool
) -> Any:
    states, _, _, active, cells = outs
    t_gates, t_h, t_c, t_weight = tangents
    length = states.shape[0]
    t_h = h * 0 if t_h is None else t_h
    t_c = c * 0 if t_c is None else t_c
    moved: list[Any] = [None] * length
    for t in order(length, reverse):
        at = t + 1 if reverse else t - 1
        inside = 0 <= at < length
        old_h, old_c = (states[at], cells[at]) if inside else (h, c)
        t_z = _sum(None if t_gates is None else t_gates[t], matmul(t_h, weight.t()))
        if t_weight is not None:
            t_z = t_z + matmul(old_h, t_weight.t())
        t_h, t_active, t_c = step_tangents(active[t], cells[t], old_c, t_z, t_c)
        moved[t] = (t_h, t_active, t_c)
    t_states, t_active, t_cells = (stack(list(each), 0) for each in zip(*moved, strict=True))
    return t_states, t_h, t_c, t_active, t_cells


def _batch(
    size: int, batched: Sequence[bool], gates: Any, h: Any, c: Any, weight: Any, *, reverse: bool
) -> Any:
    """Make the examples of one weight one larger batch; weights of their own need ops."""
    gates, h, c = all_batched(size, batched[:3], (gates, h, c))
    if batched[3]:
        outs = _steps_by_ops(gates.movedim(1, 0), h, c, weight, reverse)
        return tuple(
            out if at is None else out.movedim(at, 0)
            for out, at in zip(outs, (1, None, None, 1, 1), strict=True)
        )
    time, rows = gates.shape[1], h.shape[1]
    outs = lstm_steps(
        gates.movedim(0, 1).reshape((time, size * rows, gates.shape[3])),
        h.reshape((size * rows, h.shape[2])),
        c.reshape((size * rows, c.shape[2])),
        weight,
        reverse=reverse,
    )

    def apart(x: Tensor, at: int) -> Tensor:
        shape = tuple(x.shape)
        return x.reshape((*shape[:at], size, rows, *shape[at + 1 :])).movedim(at, 0)

    return tuple(apart(x, at) for x, at in zip(outs, (1, 0, 0, 1, 1), strict=True))


def _steps_by_ops(gates: Any, h: Any, c: Any, weight: Any, reverse: bool) -> Any:
    """Run the steps by ops, which take any dims between time and batch."""
    length = gates.shape[0]
    found: list[Any] = [None] * length
    for t in order(length, reverse):
        z = gates[t] + matmul(h, weight.transpose(-2, -1))
        h, active, c = step_by_ops(z, c)
        found[t] = (h, active, c)
    states, active, cells = (stack(list(each), 0) for each in zip(*found, strict=True))
    return states, h, c, active, cells


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any, reverse: bool) -> tuple[Any, ...]:
    *rest, weight = args
    g_states, g_h, g_c, states, active, cells, h, c = all_batched(size, batched[:-1], rest)
    g_states, states, active, cells = (x.movedim(1, 0) for x in (g_states, states, active, cells))
    gs = (g_states, g_h, g_c, None, None)
    d_gates, *others = _slopes_by_ops(
        gs, (states, None, None, active, cells), h, c, weight, reverse
    )
    return d_gates.movedim(1, 0), *others


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("h", "c", "weight", "out"),
    outputs=5,
    samples=(
        Sample(array(3, 2, 8), array(2, 2), array(2, 2), array(8, 2), reverse=False),
        Sample(array(2, 1, 8), array(1, 2), array(1, 2), array(8, 2), reverse=True),
    ),
    errors=(
        ErrorSample(
            array(3, 2, 8), array(2, 3), array(2, 2), array(8, 2), reverse=False,
            error=ShapeError, match="h must have shape",
        ),
    ),
    keyword_only=("reverse",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def lstm_steps(
    xp: Any, gates: Any, h: Any, c: Any, weight: Any, *, reverse: bool
) -> tuple[Any, Any, Any, Any, Any]:
    """Run the steps of a long short-term memory on the projections of its input.

    Args:
        gates: (time, batch, 4 hidden), the input's share of the gates i, f, g, o, biases included.
        h: (batch, hidden), the state before the first step.
        c: (batch, hidden), the cell before it.
        weight: (4 hidden, hidden), of the state's share.
        reverse: whether the last step in time comes first.

    Returns:
        tuple: the state after each step, the last state and cell; and for the derivative the gates
        (time, batch, 4, hidden) after their nonlinearities, and the cell after each step.

    Raises:
        ShapeError: the shapes do not fit.
    """
    _require_real(gates)
    time, batch, width = gates.shape
    hidden = width // 4
    active = gates.reshape(time, batch, 4, hidden).copy()
    states = xp.empty((time, batch, hidden), gates.dtype)
    cells = xp.empty((time, batch, hidden), gates.dtype)
    one = gates.dtype.type(1)
    turned = -weight.T  # and the input's share too: what the sigmoids need is exp(-z)
    xp.negative(active, out=active)
    for t in order(time, reverse):
        z, cell, state = active[t], cells[t], states[t]
        z += xp.dot(h, turned).reshape(batch, 4, hidden)
        i, f, g, o = z[:, 0], z[:, 1], z[:, 2], z[:, 3]
        new = xp.tanh(g)
        xp.exp(z, out=z)  # of all four at once, though the third has its own nonlinearity
        z += one
        xp.divide(one, z, out=z)
        xp.negative(new, out=g)
        xp.multiply(f, c, out=cell)
        new *= i
        cell -= new
        xp.tanh(cell, out=state)
        state *= o
        h, c = state, cell
    # copies: a result must not share memory with another
    return states, xp.array(h), xp.array(c), active, cells


_ALONE = not_differentiable("lstm_steps calls it only where nothing is recorded")


@custom(
    shape=lambda g_states, g_h, g_c, states, active, cells, h, c, weight, *, reverse: (
        Aval((*states.shape[:2], 4 * states.shape[2]), states.dtype),
        Aval(h.shape, states.dtype),
        Aval(c.shape, states.dtype),
        Aval(weight.shape, states.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=4,
    promote=False,
    samples=(
        Sample(
            array(2, 2, 2), array(2, 2), array(2, 2), array(2, 2, 2),
            array(2, 2, 4, 2, low=0.1, high=0.9), array(2, 2, 2), array(2, 2), array(2, 2),
            array(8, 2), reverse=False,
        ),
    ),
    keyword_only=("reverse",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def lstm_slopes(
    xp: Any,
    g_states: Any,
    g_h: Any,
    g_c: Any,
    states: Any,
    active: Any,
    cells: Any,
    h: Any,
    c: Any,
    weight: Any,
    *,
    reverse: bool,
) -> tuple[Any, Any, Any, Any]:
    """Run the steps of :func:`lstm_steps` backwards: its derivative, in one op.

    Args:
        g_states: (time, batch, hidden), the cotangent of the states.
        g_h: (batch, hidden), of the last state.
        g_c: (batch, hidden), of the last cell.
        states: what the steps gave: the states,
        active: the gates after their nonlinearities,
        cells: and the cells.
        h: (batch, hidden), the first state.
        c: (batch, hidden), the first cell.
        weight: (4 hidden, hidden).
        reverse: as in the steps.

    Returns:
        tuple: the cotangents of gates, h, c and weight.
    """
    time, batch, hidden = states.shape
    # what does not depend on the step after it, for all steps at once
    through = xp.tanh(cells)
    to_cell = active[:, :, 3] * (1 - through * through)
    slopes = active * (1 - active)
    slopes[:, :, 0] *= active[:, :, 2]
    slopes[:, :, 1] *= before(c, cells, reverse, xp.concatenate)
    slopes[:, :, 2] = active[:, :, 0] * (1 - active[:, :, 2] * active[:, :, 2])
    slopes[:, :, 3] *= through
    forgotten = active[:, :, 1]
    d_h, d_c = g_h, g_c
    for t in order(time, not reverse):
        slope = slopes[t]
        d_h = d_h + g_states[t]
        d_c = d_h * to_cell[t] + d_c
        slope[:, :3] *= d_c[:, None]
        slope[:, 3] *= d_h
        d_h = xp.dot(slope.reshape(batch, 4 * hidden), weight)
        d_c *= forgotten[t]
    rows = slopes.reshape(time * batch, 4 * hidden)
    found = before(h, states, reverse, xp.concatenate).reshape(time * batch, hidden)
    if not time:
        d_h, d_c = xp.array(d_h), xp.array(d_c)
    return slopes.reshape(time, batch, 4 * hidden), d_h, d_c, xp.matmul(rows.T, found)


_kernels = Launcher("recurrent")


def _fast_steps(gates: Any, h: Any, c: Any, weight: Any, *, reverse: bool) -> Any:
    return _kernels.forward(gates, h, c, weight, reverse) if _kernels else None


def _fast_slopes(
    g_states: Any,
    g_h: Any,
    g_c: Any,
    states: Any,
    active: Any,
    cells: Any,
    h: Any,
    c: Any,
    weight: Any,
    *,
    reverse: bool,
) -> Any:
    if not _kernels:
        return None
    cotangents = _kernels.backward(g_states, g_h, g_c, states, active, cells, h, c, weight, reverse)
    if cotangents is None:
        return None
    slopes, d_h, d_c = cotangents
    time, batch, hidden = states.shape
    found = before(h, states, reverse, np.concatenate) if time > 1 else h
    rows = slopes.reshape(time * batch, 4 * hidden)
    product = catalogue.ops["matmul"].kernels[np.ndarray]
    return slopes, d_h, d_c, product(rows.T, found.reshape(time * batch, hidden))


prefer(catalogue.ops["lstm_steps"], _fast_steps)
prefer(catalogue.ops["lstm_slopes"], _fast_slopes)
