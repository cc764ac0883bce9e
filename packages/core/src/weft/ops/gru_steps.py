"""All steps of gated recurrent units in one op: what runs after the projection of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import np
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.joining import cat, stack
from weft.ops.matmul import matmul
from weft.ops.reductions import sum
from weft.ops.steps import all_rows, before, order

_kernels = Launcher("gated")


def _shape(gates: Any, h: Any, weight: Any, bias: Any, *, reverse: bool) -> Any:
    require_real("gru_steps", gates)
    if gates.ndim != 3 or gates.shape[2] % 3:
        raise ShapeError(
            f"gru_steps: gates must be (time, batch, 3 hidden), got shape {tuple(gates.shape)}"
        )
    time, batch, rows = gates.shape
    hidden = rows // 3
    for name, x, wanted in (
        ("h", h, (batch, hidden)),
        ("weight", weight, (rows, hidden)),
        ("bias", bias, (rows,)),
    ):
        if tuple(x.shape) != wanted:
            raise ShapeError(
                f"gru_steps: for gates.shape == {tuple(gates.shape)}, {name} must have shape "
                f"{wanted}, got {tuple(x.shape)}"
            )
    return (
        Aval((time, batch, hidden), gates.dtype),
        Aval((batch, hidden), gates.dtype),
        Aval((time, batch, 4, hidden), gates.dtype),
    )


def step_by_ops(x: Any, a: Any, h: Any) -> tuple[Any, Any]:
    """Return the new state and what the derivative reads, by ops, from both shares of the gates."""
    x_r, x_z, x_n = x.chunk(3, -1)
    a_r, a_z, a_n = a.chunk(3, -1)
    r, z = (x_r + a_r).sigmoid(), (x_z + a_z).sigmoid()
    n = (x_n + r * a_n).tanh()
    return n + z * (h - n), stack([r, z, n, a_n], -2)


def _steps_by_ops(gates: Any, h: Any, weight: Any, bias: Any, reverse: bool) -> Any:
    found: list[Any] = [None] * gates.shape[0]
    for t in order(gates.shape[0], reverse):
        inner = matmul(h, weight.transpose(-2, -1)) + bias.unsqueeze(-2)
        h, active = step_by_ops(gates[t], inner, h)
        found[t] = (h, active)
    states, active = (stack(list(each), 0) for each in zip(*found, strict=True))
    return states, h, active


def step_slopes(active: Any, old: Any, g: Any, g_active: Any) -> tuple[Any, Any, Any]:
    """Return the cotangents of one step's shares of the gates, and of the state but for these.

    Args:
        active: (..., 4, hidden), what the step keeps.
        old: (..., hidden), the state before it.
        g: the cotangent of the state after it.
        g_active: of what it keeps, or None.
    """
    r, z, n, share = active.unbind(-2)
    to_n = g * (1 - z)
    to_z = g * (old - n)
    if g_active is not None:
        g_r, g_z, g_n, g_share = g_active.unbind(-2)
        to_n, to_z = to_n + g_n, to_z + g_z
    d_n = to_n * (1 - n * n)
    to_r = d_n * share
    d_share = d_n * r
    if g_active is not None:
        to_r, d_share = to_r + g_r, d_share + g_share
    d_r, d_z = to_r * (r * (1 - r)), to_z * (z * (1 - z))
    return cat([d_r, d_z, d_n], -1), cat([d_r, d_z, d_share], -1), g * z


def step_tangents(active: Any, old: Any, t_x: Any, t_a: Any, t_h: Any) -> tuple[Any, Any]:
    """Return the tangents of one step's state and of what it keeps, from those of its shares."""
    x_r, x_z, x_n = t_x.chunk(3, -1)
    a_r, a_z, a_n = t_a.chunk(3, -1)
    r, z, n, share = active.unbind(-2)
    t_r, t_z = (x_r + a_r) * (r * (1 - r)), (x_z + a_z) * (z * (1 - z))
    t_n = (x_n + t_r * share + r * a_n) * (1 - n * n)
    return t_n + t_z * (old - n) + z * (t_h - t_n), stack([t_r, t_z, t_n, a_n], -2)


def _slopes_by_ops(gs: Any, states: Any, active: Any, h: Any, weight: Any, reverse: bool) -> Any:
    """Return the cotangents by ops that can be differentiated again."""
    g_states, d_h, g_active = gs
    length = states.shape[0]
    outer: list[Any] = [None] * length
    inner: list[Any] = [None] * length
    d_h = h * 0 if d_h is None else d_h
    for t in order(length, not reverse):
        at = t + 1 if reverse else t - 1
        old = states[at] if 0 <= at < length else h
        g = d_h if g_states is None else d_h + g_states[t]
        given = None if g_active is None else g_active[t]
        outer[t], inner[t], kept = step_slopes(active[t], old, g, given)
        d_h = kept + matmul(inner[t], weight)
    d_inner = all_rows(stack(inner, 0))
    found = all_rows(before(h, states, reverse, lambda parts: cat(parts, 0)))
    to_weight = matmul(d_inner.transpose(-2, -1), found)
    return stack(outer, 0), d_h, to_weight, sum(d_inner, -2)


def _vjp(
    needs: Any, gs: Any, outs: Any, gates: Any, h: Any, weight: Any, bias: Any, *, reverse: bool
) -> Any:
    states, _, active = outs
    g_states, g_h, g_active = gs
    if g_active is None and unrecorded(g_states, g_h, states, active, h, weight):
        filled = (
            states.new_zeros(tuple(states.shape)) if g_states is None else g_states,
            h.new_zeros(tuple(h.shape)) if g_h is None else g_h,
        )
        return gru_slopes(*filled, states, active, h, weight, reverse=reverse)
    return _slopes_by_ops(gs, states, active, h, weight, reverse)


def _jvp(
    tangents: Any,
    outs: Any,
    gates: Any,
    h: Any,
    weight: Any,
    bias: Any,
    *,
    reverse: bool,
) -> Any:
    states, _, active = outs
    t_gates, t_h, t_weight, t_bias = tangents
    length = states.shape[0]
    t_h = h * 0 if t_h is None else t_h
    moved: list[Any] = [None] * length
    for t in order(length, reverse):
        at = t + 1 if reverse else t - 1
        old = states[at] if 0 <= at < length else h
        t_a = matmul(t_h, weight.t())
        if t_weight is not None:
            t_a = t_a + matmul(old, t_weight.t())
        if t_bias is not None:
            t_a = t_a + t_bias
        t_x = t_a * 0 if t_gates is None else t_gates[t]
        moved[t] = step_tangents(active[t], old, t_x, t_a, t_h)
        t_h = moved[t][0]
    t_states, t_active = (stack(list(each), 0) for each in zip(*moved, strict=True))
    return t_states, t_h, t_active


def _batch(size: int, batched: Sequence[bool], *args: Any, reverse: bool) -> Any:
    gates, h, weight, bias = all_batched(size, batched, args)
    states, last, active = _steps_by_ops(gates.movedim(1, 0), h, weight, bias, reverse)
    return states.movedim(1, 0), last, active.movedim(1, 0)


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any, reverse: bool) -> Any:
    g_states, g_h, states, active, h, weight = all_batched(size, batched, args)
    g_states, states, active = (x.movedim(1, 0) for x in (g_states, states, active))
    d_gates, *others = _slopes_by_ops((g_states, g_h, None), states, active, h, weight, reverse)
    return d_gates.movedim(1, 0), *others


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("h", "weight", "out0", "out2"),
    outputs=3,
    samples=(
        Sample(array(3, 2, 6), array(2, 2), array(6, 2), array(6), reverse=False),
        Sample(array(2, 1, 6), array(1, 2), array(6, 2), array(6), reverse=True),
    ),
    errors=(
        ErrorSample(
            array(3, 2, 6), array(2, 3), array(6, 2), array(6), reverse=False, error=ShapeError,
            match="h must have shape",
        ),
    ),
    keyword_only=("reverse",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def gru_steps(
    xp: Any, gates: Any, h: Any, weight: Any, bias: Any, *, reverse: bool
) -> tuple[Any, Any, Any]:
    """Run the steps of gated recurrent units on the projections of their input.

    Args:
        gates: (time, batch, 3 hidden), the input's share of the gates r, z, n, with its biases.
        h: (batch, hidden), the state before the first step.
        weight: (3 hidden, hidden), of the state's share.
        bias: (3 hidden,), of the state's share.
        reverse: whether the last step in time comes first.

    Returns:
        tuple: the state after each step and the last one; and for the derivative (time, batch, 4,
        hidden): r, z and n after their nonlinearities, and the state's share of n.

    Raises:
        ShapeError: the shapes do not fit.
    """
    require_real("gru_steps", gates)
    time, batch, width = gates.shape
    hidden = width // 3
    states = xp.empty((time, batch, hidden), gates.dtype)
    active = xp.empty((time, batch, 4, hidden), gates.dtype)
    one = gates.dtype.type(1)
    for t in order(time, reverse):
        a = xp.matmul(h, weight.T) + bias
        both = one / (one + xp.exp(-(gates[t, :, : 2 * hidden] + a[:, : 2 * hidden])))
        r, z = both[:, :hidden], both[:, hidden:]
        share = a[:, 2 * hidden :]
        n = xp.tanh(gates[t, :, 2 * hidden :] + r * share)
        active[t] = xp.stack([r, z, n, share], axis=1)
        states[t] = n + z * (h - n)
        h = states[t]
    return states, xp.array(h), active


_ALONE = not_differentiable("gru_steps calls it only where nothing is recorded")


@custom(
    shape=lambda g_states, g_h, states, active, h, weight, *, reverse: (
        Aval((*states.shape[:2], 3 * states.shape[2]), states.dtype),
        Aval(h.shape, states.dtype),
        Aval(weight.shape, states.dtype),
        Aval(weight.shape[:1], states.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=4,
    promote=False,
    samples=(
        Sample(
            array(2, 2, 2), array(2, 2), array(2, 2, 2), array(2, 2, 4, 2, low=0.1, high=0.9),
            array(2, 2), array(6, 2), reverse=False,
        ),
    ),
    keyword_only=("reverse",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def gru_slopes(
    xp: Any,
    g_states: Any,
    g_h: Any,
    states: Any,
    active: Any,
    h: Any,
    weight: Any,
    *,
    reverse: bool,
) -> tuple[Any, Any, Any, Any]:
    """Run the steps of :func:`gru_steps` backwards: its derivative, in one op.

    Args:
        g_states: (time, batch, hidden), the cotangent of the states.
        g_h: (batch, hidden), of the last state.
        states: what the steps gave: the states,
        active: and what they keep.
        h: (batch, hidden), the first state.
        weight: (3 hidden, hidden).
        reverse: as in the steps.

    Returns:
        tuple: the cotangents of gates, h, weight and bias.
    """
    time, batch, hidden = states.shape
    found = before(h, states, reverse, xp.concatenate)
    outer = xp.empty((time, batch, 3, hidden), states.dtype)
    inner = xp.empty_like(outer)
    d_h = g_h
    for t in order(time, not reverse):
        r, z, n, share = (active[t, :, k] for k in range(4))
        g = d_h + g_states[t]
        d_n = g * (1 - z) * (1 - n * n)
        outer[t, :, 0] = d_n * share * (r * (1 - r))
        outer[t, :, 1] = g * (found[t] - n) * (z * (1 - z))
        outer[t, :, 2] = d_n
        inner[t] = outer[t]
        inner[t, :, 2] *= r
        d_h = g * z + xp.matmul(inner[t].reshape(batch, 3 * hidden), weight)
    rows = inner.reshape(time * batch, 3 * hidden)
    to_weight = xp.matmul(rows.T, found.reshape(time * batch, hidden))
    d_h = d_h if time else xp.array(d_h)
    return outer.reshape(time, batch, 3 * hidden), d_h, to_weight, rows.sum(axis=0)


def _fast_steps(gates: Any, h: Any, weight: Any, bias: Any, *, reverse: bool) -> Any:
    return _kernels.forward(gates, h, weight, bias, reverse) if _kernels else None


def _fast_slopes(
    g_states: Any, g_h: Any, states: Any, active: Any, h: Any, weight: Any, *, reverse: bool
) -> Any:
    if not _kernels:
        return None
    cotangents = _kernels.backward(g_states, g_h, states, active, h, weight, reverse)
    if cotangents is None:
        return None
    slopes, inner, d_h = cotangents
    time, batch, hidden = states.shape
    rows = inner.reshape(time * batch, 3 * hidden)
    found = before(h, states, reverse, np.concatenate) if time > 1 else h
    product = catalogue.ops["matmul"].kernels[np.ndarray]
    to_weight = product(rows.T, found.reshape(time * batch, hidden))
    return slopes, d_h, to_weight, rows.sum(axis=0)


prefer(catalogue.ops["gru_steps"], _fast_steps)
prefer(catalogue.ops["gru_slopes"], _fast_slopes)
