"""One step of gated recurrent units as one op, from its input to its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from weft.ops.gru_steps import step_by_ops, step_slopes, step_tangents
from weft.ops.matmul import matmul
from weft.ops.reductions import sum

_kernels = Launcher("cells")


def _shape(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    require_real("gru_cell", x)
    batch, features = x.shape
    hidden = h.shape[-1]
    for name, given, wanted in (
        ("h", h, (batch, hidden)),
        ("w_ih", w_ih, (3 * hidden, features)),
        ("w_hh", w_hh, (3 * hidden, hidden)),
        ("b_ih", b_ih, (3 * hidden,)),
        ("b_hh", b_hh, (3 * hidden,)),
    ):
        if given is not None and tuple(given.shape) != wanted:
            raise ShapeError(
                f"gru_cell: for an input of shape {tuple(x.shape)} and states of {hidden}, {name} "
                f"must have shape {wanted}, got {tuple(given.shape)}"
            )
    return Aval((batch, hidden), x.dtype), Aval((batch, 4, hidden), x.dtype)


def _share(rows: Any, weight: Any, bias: Any) -> Any:
    """Return a share of the gates, by ops; leading dims are examples'."""
    z = matmul(rows, weight.transpose(-2, -1))
    return z if bias is None else z + bias.unsqueeze(-2)


def _vjp(
    needs: Any, gs: Any, outs: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> Any:
    g_h, g_active = gs
    _, active = outs
    if g_active is None and unrecorded(g_h, active, x, h, w_ih, w_hh):
        *found, to_ih, to_hh = gru_unit_slopes(g_h, active, x, h, w_ih, w_hh)
    else:
        g = h * 0 if g_h is None else g_h
        *found, to_ih, to_hh = _slopes_by_ops(g, g_active, active, x, h, w_ih, w_hh)
    return *found, None if b_ih is None else to_ih, None if b_hh is None else to_hh


def _slopes_by_ops(g: Any, g_active: Any, active: Any, x: Any, h: Any, w_ih: Any, w_hh: Any) -> Any:
    """Return the cotangents by ops that can be differentiated again; leading dims as before."""
    outer, inner, kept = step_slopes(active, h, g, g_active)
    return (
        matmul(outer, w_ih),
        kept + matmul(inner, w_hh),
        matmul(outer.transpose(-2, -1), x),
        matmul(inner.transpose(-2, -1), h),
        sum(outer, -2),
        sum(inner, -2),
    )


def _jvp(
    tangents: Any, outs: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> Any:
    _, active = outs
    t_x, t_h, t_w_ih, t_w_hh, *t_b = tangents
    shares = []
    for t_rows, rows, t_weight, weight, t_bias in (
        (t_x, x, t_w_ih, w_ih, t_b[0]),
        (t_h, h, t_w_hh, w_hh, t_b[1]),
    ):
        share = active[:, :3].flatten(1) * 0
        for a, b in ((t_rows, weight), (rows, t_weight)):
            if a is not None and b is not None:
                share = share + matmul(a, b.transpose(0, 1))
        shares.append(share if t_bias is None else share + t_bias)
    of_input, of_state = shares
    return step_tangents(active, h, of_input, of_state, h * 0 if t_h is None else t_h)


def _batch(size: int, batched: Sequence[bool], *args: Any) -> Any:
    x, h, w_ih, w_hh, b_ih, b_hh = all_batched(size, batched, args)
    return step_by_ops(_share(x, w_ih, b_ih), _share(h, w_hh, b_hh), h)


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any) -> Any:
    g, *others = all_batched(size, batched, args)
    return _slopes_by_ops(g, None, *others)


_SIZES = array(2, 3), array(2, 2), array(6, 3), array(6, 2)


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "h", "w_ih", "w_hh", "out1"),
    outputs=2,
    samples=(Sample(*_SIZES, array(6), array(6)), Sample(*_SIZES, None, None)),
    errors=(
        ErrorSample(
            array(2, 3), array(2, 3), array(6, 3), array(6, 2), array(6), array(6),
            error=ShapeError, match="w_ih must have shape",
        ),
    ),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def gru_unit(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, Any]:
    """One step of gated recurrent units; see :func:`gru_cell`.

    Args:
        input: (batch, features).
        h: the state before, (batch, hidden).
        w_ih: (3 hidden, features).
        w_hh: (3 hidden, hidden).
        b_ih: (3 hidden,), or None.
        b_hh: likewise.

    Returns:
        tuple: the new state; and for the derivative (batch, 4, hidden): r, z and n after their
        nonlinearities, and the state's share of n.

    Raises:
        ShapeError: the shapes do not fit.
    """
    require_real("gru_cell", x)
    hidden = h.shape[1]
    if w_ih.shape[0] != 3 * hidden:
        raise ValueError("shapes")  # the shape rule tells the user the numbers
    outer, inner = xp.matmul(x, w_ih.T), xp.matmul(h, w_hh.T)
    outer = outer if b_ih is None else outer + b_ih
    inner = inner if b_hh is None else inner + b_hh
    one = outer.dtype.type(1)
    both = one / (one + xp.exp(-(outer[:, : 2 * hidden] + inner[:, : 2 * hidden])))
    r, z = both[:, :hidden], both[:, hidden:]
    share = inner[:, 2 * hidden :]
    n = xp.tanh(outer[:, 2 * hidden :] + r * share)
    return n + z * (h - n), xp.stack([r, z, n, share], axis=1)


_ALONE = not_differentiable("gru_unit calls it only where nothing is recorded")


@custom(
    shape=lambda g, active, x, h, w_ih, w_hh: (
        *(Aval(a.shape, x.dtype) for a in (x, h, w_ih, w_hh)),
        Aval(w_hh.shape[:1], x.dtype),
        Aval(w_hh.shape[:1], x.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=6,
    promote=False,
    samples=(Sample(array(2, 2), array(2, 4, 2, low=0.1, high=0.9), *_SIZES),),
    namespaces=(),
    methods=(),
    out=False,
)
def gru_unit_slopes(
    xp: Any, g: Any, active: Any, x: Any, h: Any, w_ih: Any, w_hh: Any
) -> tuple[Any, ...]:
    """The cotangents of what :func:`gru_unit` takes, at once.

    Args:
        g: (batch, hidden), the cotangent of the new state.
        active: what the step kept.
        input: what it took: the input,
        h: state,
        w_ih: and weights,
        w_hh: both.

    Returns:
        tuple: the cotangents of input, h, w_ih, w_hh and both biases.
    """
    r, z, n, share = (active[:, k] for k in range(4))
    d_n = g * (1 - z) * (1 - n * n)
    d_r, d_z = d_n * share * (r * (1 - r)), g * (h - n) * (z * (1 - z))
    outer = xp.concatenate([d_r, d_z, d_n], axis=1)
    inner = xp.concatenate([d_r, d_z, d_n * r], axis=1)
    return (
        xp.matmul(outer, w_ih),
        g * z + xp.matmul(inner, w_hh),
        xp.matmul(outer.T, x),
        xp.matmul(inner.T, h),
        outer.sum(axis=0),
        inner.sum(axis=0),
    )


def _unit_on_cpu(x: Any, h: Any, *others: Any) -> Any:
    return _kernels.forward(3, False, x, h, None, *others) if _kernels else None


def _slopes_on_cpu(g: Any, active: Any, x: Any, h: Any, w_ih: Any, w_hh: Any) -> Any:
    if not _kernels:
        return None
    return _kernels.backward(3, False, g, None, active, None, x, h, None, w_ih, w_hh)


prefer(catalogue.ops["gru_unit"], _unit_on_cpu)
prefer(catalogue.ops["gru_unit_slopes"], _slopes_on_cpu)
