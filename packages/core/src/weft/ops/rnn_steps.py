"""All steps of Elman's network in one op: what runs after the projection of the input."""

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
from weft.ops.steps import all_rows, before, order

_kernels = Launcher("simple")


def after(xp: Any, z: Any, relu: bool) -> Any:
    """Return the states of sums, in an array namespace."""
    return xp.maximum(z, 0) if relu else xp.tanh(z)


def slope(state: Any, g: Any, relu: bool) -> Any:
    """Return what a cotangent of states is to their sums, by ops; of a tangent the other way."""
    return g.masked_fill(state <= 0, 0) if relu else g * (1 - state * state)


def _shape(drive: Any, h: Any, weight: Any, *, relu: bool, reverse: bool) -> Any:
    require_real("rnn_steps", drive)
    if drive.ndim != 3:
        raise ShapeError(
            f"rnn_steps: drive must be (time, batch, hidden), got shape {tuple(drive.shape)}"
        )
    _, batch, hidden = drive.shape
    for name, x, wanted in (("h", h, (batch, hidden)), ("weight", weight, (hidden, hidden))):
        if tuple(x.shape) != wanted:
            raise ShapeError(
                f"rnn_steps: for drive.shape == {tuple(drive.shape)}, {name} must have shape "
                f"{wanted}, got {tuple(x.shape)}"
            )
    return Aval(drive.shape, drive.dtype), Aval((batch, hidden), drive.dtype)


def _vjp(
    needs: Any, gs: Any, outs: Any, drive: Any, h: Any, weight: Any, *, relu: bool, reverse: bool
) -> Any:
    states, _ = outs
    g_states, g_h = gs
    if unrecorded(g_states, g_h, states, h, weight):
        filled = (
            states.new_zeros(tuple(states.shape)) if g_states is None else g_states,
            h.new_zeros(tuple(h.shape)) if g_h is None else g_h,
        )
        return rnn_slopes(*filled, states, h, weight, relu=relu, reverse=reverse)
    return _slopes_by_ops(gs, states, h, weight, relu, reverse)


def _slopes_by_ops(gs: Any, states: Any, h: Any, weight: Any, relu: bool, reverse: bool) -> Any:
    """Return the cotangents by ops that can be differentiated again."""
    g_states, d_h = gs
    length = states.shape[0]
    slopes: list[Any] = [None] * length
    d_h = h * 0 if d_h is None else d_h
    for t in order(length, not reverse):
        g = d_h if g_states is None else d_h + g_states[t]
        slopes[t] = slope(states[t], g, relu)
        d_h = matmul(slopes[t], weight)
    d = stack(slopes, 0)
    found = all_rows(before(h, states, reverse, lambda parts: cat(parts, 0)))
    return d, d_h, matmul(all_rows(d).transpose(-2, -1), found)


def _jvp(
    tangents: Any, outs: Any, drive: Any, h: Any, weight: Any, *, relu: bool, reverse: bool
) -> Any:
    states, _ = outs
    t_drive, t_h, t_weight = tangents
    length = states.shape[0]
    t_h = h * 0 if t_h is None else t_h
    moved: list[Any] = [None] * length
    for t in order(length, reverse):
        at = t + 1 if reverse else t - 1
        old = states[at] if 0 <= at < length else h
        t_z = matmul(t_h, weight.t())
        if t_drive is not None:
            t_z = t_z + t_drive[t]
        if t_weight is not None:
            t_z = t_z + matmul(old, t_weight.t())
        t_h = moved[t] = slope(states[t], t_z, relu)
    return stack(moved, 0), t_h


def _batch(size: int, batched: Sequence[bool], *args: Any, relu: bool, reverse: bool) -> Any:
    drive, h, weight = all_batched(size, batched, args)
    drive = drive.movedim(1, 0)
    states: list[Any] = [None] * drive.shape[0]
    for t in order(len(states), reverse):
        z = drive[t] + matmul(h, weight.transpose(-2, -1))
        h = states[t] = z.relu() if relu else z.tanh()
    return stack(states, 0).movedim(1, 0), h


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any, relu: bool, reverse: bool) -> Any:
    g_states, g_h, states, h, weight = all_batched(size, batched, args)
    g_states, states = g_states.movedim(1, 0), states.movedim(1, 0)
    d, *others = _slopes_by_ops((g_states, g_h), states, h, weight, relu, reverse)
    return d.movedim(1, 0), *others


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("h", "weight", "out0"),
    outputs=2,
    samples=(
        Sample(array(3, 2, 2), array(2, 2), array(2, 2), relu=False, reverse=False),
        Sample(array(2, 1, 2), array(1, 2), array(2, 2), relu=True, reverse=True),
    ),
    errors=(
        ErrorSample(
            array(3, 2, 2), array(2, 3), array(2, 2), relu=False, reverse=False, error=ShapeError,
            match="h must have shape",
        ),
    ),
    keyword_only=("relu", "reverse"),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def rnn_steps(
    xp: Any, drive: Any, h: Any, weight: Any, *, relu: bool, reverse: bool
) -> tuple[Any, Any]:
    """Run the steps of Elman's network on the projections of its input.

    Args:
        drive: (time, batch, hidden), the input's share, with both biases.
        h: (batch, hidden), the state before the first step.
        weight: (hidden, hidden), of the state's share.
        relu: whether it has relu, not tanh.
        reverse: whether the last step in time comes first.

    Returns:
        tuple: the state after each step and the last one.

    Raises:
        ShapeError: the shapes do not fit.
    """
    require_real("rnn_steps", drive)
    states = xp.empty(drive.shape, drive.dtype)
    for t in order(drive.shape[0], reverse):
        states[t] = after(xp, drive[t] + xp.matmul(h, weight.T), relu)
        h = states[t]
    return states, xp.array(h)


_ALONE = not_differentiable("rnn_steps calls it only where nothing is recorded")


@custom(
    shape=lambda g_states, g_h, states, h, weight, *, relu, reverse: (
        Aval(states.shape, states.dtype),
        Aval(h.shape, states.dtype),
        Aval(weight.shape, states.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=3,
    promote=False,
    samples=(
        Sample(
            array(2, 2, 2), array(2, 2), array(2, 2, 2), array(2, 2), array(2, 2), relu=False,
            reverse=False,
        ),
    ),
    keyword_only=("relu", "reverse"),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def rnn_slopes(
    xp: Any, g_states: Any, g_h: Any, states: Any, h: Any, weight: Any, *, relu: bool, reverse: bool
) -> tuple[Any, Any, Any]:
    """Run the steps of :func:`rnn_steps` backwards: its derivative, in one op.

    Args:
        g_states: (time, batch, hidden), the cotangent of the states.
        g_h: (batch, hidden), of the last state.
        states: what the steps gave.
        h: (batch, hidden), the first state.
        weight: (hidden, hidden).
        relu: as in the steps.
        reverse: likewise.

    Returns:
        tuple: the cotangents of drive, h and weight.
    """
    time, batch, hidden = states.shape
    slopes = xp.empty_like(states)
    d_h = g_h
    for t in order(time, not reverse):
        g = d_h + g_states[t]
        slopes[t] = xp.where(states[t] <= 0, 0, g) if relu else g * (1 - states[t] * states[t])
        d_h = xp.matmul(slopes[t], weight)
    found = before(h, states, reverse, xp.concatenate).reshape(time * batch, hidden)
    d_h = d_h if time else xp.array(d_h)
    return slopes, d_h, xp.matmul(slopes.reshape(time * batch, hidden).T, found)


def _fast_steps(drive: Any, h: Any, weight: Any, *, relu: bool, reverse: bool) -> Any:
    return _kernels.forward(drive, h, weight, relu, reverse) if _kernels else None


def _fast_slopes(
    g_states: Any, g_h: Any, states: Any, h: Any, weight: Any, *, relu: bool, reverse: bool
) -> Any:
    if not _kernels:
        return None
    cotangents = _kernels.backward(g_states, g_h, states, weight, relu, reverse)
    if cotangents is None:
        return None
    slopes, d_h = cotangents
    time, batch, hidden = states.shape
    found = before(h, states, reverse, np.concatenate) if time > 1 else h
    product = catalogue.ops["matmul"].kernels[np.ndarray]
    rows = slopes.reshape(time * batch, hidden)
    return slopes, d_h, product(rows.T, found.reshape(time * batch, hidden))


prefer(catalogue.ops["rnn_steps"], _fast_steps)
prefer(catalogue.ops["rnn_slopes"], _fast_slopes)
