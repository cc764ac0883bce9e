"""One step of a long short-term memory as one op, from its input to its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.kernels import prefer
from weft._core.op import not_differentiable
from weft._core.samples import Sample, array
from weft.ops.families.batching import all_batched
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.lstm_steps import step_by_ops, step_slopes, step_tangents
from weft.ops.matmul import matmul
from weft.ops.reductions import sum

_kernels = Launcher("cells")


def _shape(x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    require_real("lstm_cell", x)
    batch, features = x.shape
    hidden = h.shape[-1]
    for name, given, wanted in (
        ("h", h, (batch, hidden)),
        ("c", c, (batch, hidden)),
        ("w_ih", w_ih, (4 * hidden, features)),
        ("w_hh", w_hh, (4 * hidden, hidden)),
        ("b_ih", b_ih, (4 * hidden,)),
        ("b_hh", b_hh, (4 * hidden,)),
    ):
        if given is not None and tuple(given.shape) != wanted:
            raise ShapeError(
                f"lstm_cell: for an input of shape {tuple(x.shape)} and states of {hidden}, {name} "
                f"must have shape {wanted}, got {tuple(given.shape)}"
            )
    state = Aval((batch, hidden), x.dtype)
    return state, state, Aval((batch, 4, hidden), x.dtype)


def _arguments(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """Return what the gates' nonlinearities are taken of, by ops; leading dims are examples'."""
    z = matmul(x, w_ih.transpose(-2, -1)) + matmul(h, w_hh.transpose(-2, -1))
    for b in (b_ih, b_hh):
        if b is not None:
            z = z + b.unsqueeze(-2)
    return z


def _vjp(
    needs: Any,
    gs: Any,
    outs: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
) -> Any:
    g_h, g_c, g_active = gs
    _, cell, active = outs
    if g_active is None and unrecorded(g_h, g_c, cell, active, x, h, c, w_ih, w_hh):
        filled = (c.new_zeros(tuple(c.shape)) if g is None else g for g in (g_h, g_c))
        *found, to_b = lstm_unit_slopes(*filled, active, cell, x, h, c, w_ih, w_hh)
        return *found, *(None if b is None else to_b for b in (b_ih, b_hh))
    slopes, d_c = step_slopes(active, cell, c, g_h, g_c, g_active)
    turned = slopes.transpose(0, 1)
    to_b = sum(slopes, 0)
    return (
        matmul(slopes, w_ih),
        matmul(slopes, w_hh),
        d_c,
        matmul(turned, x),
        matmul(turned, h),
        *(None if b is None else to_b for b in (b_ih, b_hh)),
    )


def _jvp(
    tangents: Any, outs: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, *biases: Any
) -> Any:
    _, cell, active = outs
    t_x, t_h, t_c, t_w_ih, t_w_hh, *t_b = tangents
    t_z = None
    for a, b in ((t_x, w_ih), (x, t_w_ih), (t_h, w_hh), (h, t_w_hh)):
        if a is not None and b is not None:
            part = matmul(a, b.transpose(0, 1))
            t_z = part if t_z is None else t_z + part
    t_z = active.flatten(1) * 0 if t_z is None else t_z
    for t in t_b:
        if t is not None:
            t_z = t_z + t
    t_h, t_active, t_c = step_tangents(active, cell, c, t_z, c * 0 if t_c is None else t_c)
    return t_h, t_c, t_active


def _batch(size: int, batched: Sequence[bool], *args: Any) -> Any:
    x, h, c, *rest = all_batched(size, batched, args)
    state, active, cell = step_by_ops(_arguments(x, h, *rest), c)
    return state, cell, active


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any) -> Any:
    g_h, g_c, active, cell, x, h, c, w_ih, w_hh = all_batched(size, batched, args)
    slopes, d_c = step_slopes(active, cell, c, g_h, g_c, None)
    turned = slopes.transpose(-2, -1)
    products = (matmul(slopes, w) for w in (w_ih, w_hh))
    return *products, d_c, matmul(turned, x), matmul(turned, h), sum(slopes, -2)


_SIZES = array(2, 3), array(2, 2), array(2, 2), array(8, 3), array(8, 2)


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "h", "c", "w_ih", "w_hh", "out1", "out2"),
    outputs=3,
    samples=(Sample(*_SIZES, array(8), array(8)), Sample(*_SIZES, None, None)),
    namespaces=(),
    methods=(),
    out=False,
)
def lstm_unit(
    xp: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, Any, Any]:
    """One step of a long short-term memory; see :func:`lstm_cell`.

    Args:
        input: (batch, features).
        h: the state before, (batch, hidden).
        c: the cell before, (batch, hidden).
        w_ih: (4 hidden, features).
        w_hh: (4 hidden, hidden).
        b_ih: (4 hidden,), or None.
        b_hh: likewise.

    Returns:
        tuple: the new state and cell; and for the derivative the gates (batch, 4, hidden) after
        their nonlinearities.

    Raises:
        ShapeError: the shapes do not fit.
    """
    require_real("lstm_cell", x)
    hidden = h.shape[1]
    z = xp.matmul(x, w_ih.T) + xp.matmul(h, w_hh.T)
    for b in (b_ih, b_hh):
        z = z if b is None else z + b
    z = z.reshape(x.shape[0], 4, hidden)
    one = z.dtype.type(1)
    active = one / (one + xp.exp(-z))
    active[:, 2] = xp.tanh(z[:, 2])
    cell = active[:, 1] * c + active[:, 0] * active[:, 2]
    return active[:, 3] * xp.tanh(cell), cell, active


_ALONE = not_differentiable("lstm_unit calls it only where nothing is recorded")


@custom(
    shape=lambda g_h, g_c, active, cell, x, h, c, w_ih, w_hh: (
        *(Aval(a.shape, x.dtype) for a in (x, h, c, w_ih, w_hh)),
        Aval(w_hh.shape[:1], x.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=6,
    promote=False,
    samples=(
        Sample(array(2, 2), array(2, 2), array(2, 4, 2, low=0.1, high=0.9), array(2, 2), *_SIZES),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def lstm_unit_slopes(
    xp: Any,
    g_h: Any,
    g_c: Any,
    active: Any,
    cell: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
) -> tuple[Any, ...]:
    """The cotangents of what :func:`lstm_unit` takes, at once.

    Args:
        g_h: (batch, hidden), the cotangent of the new state.
        g_c: likewise of the new cell.
        active: what the step gave: the gates,
        cell: and the cell.
        input: what it took: the input,
        h: state,
        c: cell,
        w_ih: and weights,
        w_hh: both.

    Returns:
        tuple: the cotangents of input, h, c, w_ih, w_hh and of either bias.
    """
    i, f, g, o = (active[:, k] for k in range(4))
    through = xp.tanh(cell)
    from_c = g_c + g_h * o * (1 - through * through)
    slopes = xp.stack(
        [
            from_c * g * (i * (1 - i)),
            from_c * c * (f * (1 - f)),
            from_c * i * (1 - g * g),
            g_h * through * (o * (1 - o)),
        ],
        axis=1,
    ).reshape(x.shape[0], -1)
    return (
        xp.matmul(slopes, w_ih),
        xp.matmul(slopes, w_hh),
        from_c * f,
        xp.matmul(slopes.T, x),
        xp.matmul(slopes.T, h),
        slopes.sum(axis=0),
    )


def _unit_on_cpu(*arrays: Any) -> Any:
    return _kernels.forward(4, False, *arrays) if _kernels else None


def _slopes_on_cpu(*arrays: Any) -> Any:
    found = _kernels.backward(4, False, *arrays) if _kernels else None
    return None if found is None else found[:-1]


prefer(catalogue.ops["lstm_unit"], _unit_on_cpu)
prefer(catalogue.ops["lstm_unit_slopes"], _slopes_on_cpu)
