"""One step of Elman's network as one op, from its input to its state."""

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
from weft.ops.matmul import matmul
from weft.ops.reductions import sum
from weft.ops.rnn_steps import after, slope

_kernels = Launcher("cells")


def _shape(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, relu: bool) -> Any:
    require_real("rnn_cell", x)
    batch, features = x.shape
    hidden = h.shape[-1]
    for name, given, wanted in (
        ("h", h, (batch, hidden)),
        ("w_ih", w_ih, (hidden, features)),
        ("w_hh", w_hh, (hidden, hidden)),
        ("b_ih", b_ih, (hidden,)),
        ("b_hh", b_hh, (hidden,)),
    ):
        if given is not None and tuple(given.shape) != wanted:
            raise ShapeError(
                f"rnn_cell: for an input of shape {tuple(x.shape)} and states of {hidden}, {name} "
                f"must have shape {wanted}, got {tuple(given.shape)}"
            )
    return Aval((batch, hidden), x.dtype)


def _vjp(
    needs: Any, g: Any, out: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
    *, relu: bool,
) -> Any:  # fmt: skip
    if unrecorded(g, out, x, h, w_ih, w_hh):
        *found, to_b = rnn_unit_slopes(g, out, x, h, w_ih, w_hh, relu=relu)
    else:
        *found, to_b = _slopes_by_ops(g, out, x, h, w_ih, w_hh, relu)
    return *found, *(None if b is None else to_b for b in (b_ih, b_hh))


def _slopes_by_ops(g: Any, out: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, relu: bool) -> Any:
    """Return the cotangents by ops that can be differentiated again; leading dims are examples'."""
    d = slope(out, g, relu)
    turned = d.transpose(-2, -1)
    return matmul(d, w_ih), matmul(d, w_hh), matmul(turned, x), matmul(turned, h), sum(d, -2)


def _jvp(
    tangents: Any, out: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any,
    *, relu: bool,
) -> Any:  # fmt: skip
    t_x, t_h, t_w_ih, t_w_hh, *t_b = tangents
    t = out * 0
    for a, b in ((t_x, w_ih), (x, t_w_ih), (t_h, w_hh), (h, t_w_hh)):
        if a is not None and b is not None:
            t = t + matmul(a, b.transpose(0, 1))
    for bias in t_b:
        t = t if bias is None else t + bias
    return slope(out, t, relu)


def _batch(size: int, batched: Sequence[bool], *args: Any, relu: bool) -> Any:
    x, h, w_ih, w_hh, *biases = all_batched(size, batched, args)
    z = matmul(x, w_ih.transpose(-2, -1)) + matmul(h, w_hh.transpose(-2, -1))
    for b in biases:
        z = z if b is None else z + b.unsqueeze(-2)
    return z.relu() if relu else z.tanh()


def _slopes_batch(size: int, batched: Sequence[bool], *args: Any, relu: bool) -> Any:
    g, out, x, h, w_ih, w_hh = all_batched(size, batched, args)
    return _slopes_by_ops(g, out, x, h, w_ih, w_hh, relu)


_SIZES = array(2, 3), array(2, 2), array(2, 3), array(2, 2)


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "h", "w_ih", "w_hh", "out"),
    samples=(
        Sample(*_SIZES, array(2), array(2), relu=False),
        Sample(*_SIZES, None, None, relu=True),
    ),
    errors=(
        ErrorSample(
            array(2, 3), array(2, 3), array(2, 3), array(2, 2), array(2), array(2), relu=False,
            error=ShapeError, match="w_ih must have shape",
        ),
    ),
    keyword_only=("relu",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def rnn_unit(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, relu: bool
) -> Any:
    """One step of Elman's network; see :func:`rnn_tanh_cell`.

    Args:
        input: (batch, features).
        h: the state before, (batch, hidden).
        w_ih: (hidden, features).
        w_hh: (hidden, hidden).
        b_ih: (hidden,), or None.
        b_hh: likewise.
        relu: whether it has relu, not tanh.

    Returns:
        Tensor: the new state.

    Raises:
        ShapeError: the shapes do not fit.
    """
    require_real("rnn_cell", x)
    if w_ih.shape[0] != h.shape[1]:
        raise ValueError("shapes")  # the shape rule tells the user the numbers
    z = xp.matmul(x, w_ih.T) + xp.matmul(h, w_hh.T)
    for b in (b_ih, b_hh):
        z = z if b is None else z + b
    return after(xp, z, relu)


_ALONE = not_differentiable("rnn_unit calls it only where nothing is recorded")


@custom(
    shape=lambda g, out, x, h, w_ih, w_hh, *, relu: (
        *(Aval(a.shape, x.dtype) for a in (x, h, w_ih, w_hh)),
        Aval(w_hh.shape[:1], x.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=5,
    promote=False,
    samples=(Sample(array(2, 2), array(2, 2), *_SIZES, relu=False),),
    keyword_only=("relu",),
    namespaces=(),
    methods=(),
    out=False,
)
def rnn_unit_slopes(
    xp: Any, g: Any, state: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, *, relu: bool
) -> tuple[Any, ...]:
    """The cotangents of what :func:`rnn_unit` takes, at once.

    Args:
        g: (batch, hidden), the cotangent of the new state.
        state: the new state.
        input: what the step took: the input,
        h: state,
        w_ih: and weights,
        w_hh: both.
        relu: as in the step.

    Returns:
        tuple: the cotangents of input, h, w_ih, w_hh and of either bias.
    """
    d = xp.where(state <= 0, 0, g) if relu else g * (1 - state * state)
    d = d.astype(x.dtype, copy=False)
    return xp.matmul(d, w_ih), xp.matmul(d, w_hh), xp.matmul(d.T, x), xp.matmul(d.T, h), d.sum(0)


def _unit_on_cpu(x: Any, h: Any, *others: Any, relu: bool) -> Any:
    return _kernels.forward(1, relu, x, h, None, *others) if _kernels else None


def _slopes_on_cpu(g: Any, state: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, *, relu: bool) -> Any:
    if not _kernels:
        return None
    found = _kernels.backward(1, relu, g, None, state, None, x, h, None, w_ih, w_hh)
    return None if found is None else found[:-1]


prefer(catalogue.ops["rnn_unit"], _unit_on_cpu)
prefer(catalogue.ops["rnn_unit_slopes"], _slopes_on_cpu)
