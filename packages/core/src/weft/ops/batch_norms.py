"""Normalising channels over a batch, by its own moments or given ones: an op each, and slopes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.kernels import prefer_compiled
from weft._core.samples import Sample, array
from weft.ops.exponential import rsqrt
from weft.ops.families.custom import custom
from weft.ops.families.recording import require_real, unrecorded
from weft.ops.group_norms import across, apart, joined, to_channels
from weft.ops.reductions import mean
from weft.ops.row_norms import ALONE, normalised, turned


def _others(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _moments_dtype(xp_dtype: Any) -> Any:
    return "float32" if xp_dtype.itemsize < 4 else xp_dtype


def _shape(x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    from weft._backend import np

    own = Aval(tuple(x.shape)[1:2], np.dtype(_moments_dtype(x.dtype)))
    return Aval(x.shape, x.dtype), own, own


def _vjp(needs: Any, gs: Any, outs: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    g, g_mean, g_var = gs
    if g is not None and g_mean is None and g_var is None and unrecorded(g, x, weight):
        dx, dw, db = batch_slopes(g, x, weight, outs[1], outs[2], eps=eps)
        return dx, dw if needs[1] else None, db if needs[2] else None
    dims = _others(x)
    count = 1
    for d in dims:
        count *= x.shape[d]
    dx = dw = db = None
    if g is not None:
        rows, root = normalised(x, dims, eps)
        dx = turned(rows, root, g if weight is None else g * across(weight, x), dims)
        dw = to_channels(g * rows) if needs[1] else None
        db = to_channels(g) if needs[2] else None
    for part in (
        None if g_mean is None else (across(g_mean, x) / count).expand(tuple(x.shape)),
        None if g_var is None else (x - mean(x, dims, True)) * (across(g_var, x) * (2 / count)),
    ):
        if part is not None:
            part = part.to(x.dtype)
            dx = part if dx is None else dx + part
    return dx, dw, db


def _jvp(tangents: Any, outs: Any, x: Any, weight: Any, bias: Any, *, eps: float) -> Any:
    dims = _others(x)
    rows, root = normalised(x, dims, eps)
    tx, tw, tb = tangents
    t = t_mean = t_var = None
    if tx is not None:
        t = turned(rows, root, tx, dims)
        t = t if weight is None else t * across(weight, x)
        own = outs[1].dtype
        t_mean = mean(tx, dims).to(own)
        t_var = (2 * mean((x - mean(x, dims, True)) * tx, dims)).to(own)
    if tw is not None:
        part = rows * across(tw, x)
        t = part if t is None else t + part
    if tb is not None:
        part = across(tb, x)
        t = part.expand(tuple(x.shape)) if t is None else t + part
    return t, t_mean, t_var


def _batch(
    size: int, batched: Sequence[bool], x: Any, weight: Any, bias: Any, *, eps: float
) -> Any:
    flat, params = joined(size, batched, x, weight, bias)
    out, centre, variance = batch_normalised(flat, *params, eps=eps)
    return apart(out, size), centre.reshape((size, -1)), variance.reshape((size, -1))


@custom(
    shape=_shape,
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    saves=("x", "weight", "out1", "out2"),
    outputs=3,
    promote=False,
    samples=(
        Sample(array(3, 2, 4), array(2), array(2), eps=1e-3),
        Sample(array(4, 3), eps=1e-3),
        Sample(array(2, 2, 2, 2), array(2), eps=1e-3),
        Sample(array(4, 2), None, array(2), eps=1e-3),
    ),
    keyword_only=("eps",),
    namespaces=(),
    methods=(),
    out=False,
)
def batch_normalised(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, eps: float) -> Any:
    """Normalise each channel by its mean and variance over the batch.

    Args:
        input: (N, C, ...).
        weight: (C,).
        bias: (C,).
        eps: added to the variance.

    Returns:
        tuple: of input's shape; (C,) the means and (C,) the variances, in float32 of half
        precision.
    """
    require_real("batch_normalised", x)
    axes = _others(x)
    count = x.size // x.shape[1] if x.size else 0
    centre = xp.sum(x, axis=axes) / count
    centred = x - across(centre, x)
    variance = xp.sum(centred * centred, axis=axes) / count
    out = centred * across(1 / xp.sqrt(variance + eps), x)
    out = out if weight is None else out * across(weight, x)
    return out if bias is None else out + across(bias, x), centre, variance


def _slopes_shape(g: Any, x: Any, weight: Any, centre: Any, variance: Any, *, eps: float) -> Any:
    own = Aval(tuple(x.shape)[1:2], x.dtype)
    return Aval(x.shape, x.dtype), own, own


def _slopes_batch(
    size: int, batched: Sequence[bool], g: Any, x: Any, *params: Any, eps: float
) -> Any:
    g, _ = joined(size, batched[:1], g)
    flat, own = joined(size, batched[1:], x, *params)
    dx, dw, db = batch_slopes(g, flat, *own, eps=eps)
    return apart(dx, size), dw.reshape((size, -1)), db.reshape((size, -1))


@custom(
    shape=_slopes_shape,
    vjp=ALONE,
    jvp=ALONE,
    batch=_slopes_batch,
    outputs=3,
    promote=False,
    samples=(
        Sample(array(3, 2, 4), array(3, 2, 4), array(2), array(2), array(2, low=0.5), eps=1e-3),
        Sample(array(4, 2), array(4, 2), None, array(2), array(2, low=0.5), eps=1e-3),
    ),
    keyword_only=("eps",),
    namespaces=(),
    methods=(),
    out=False,
)
def batch_slopes(
    xp: Any, g: Any, x: Any, weight: Any, centre: Any, variance: Any, *, eps: float
) -> Any:
    """The derivative of :func:`batch_normalised`.

    Args:
        g: the cotangent, of input's shape.
        input: what was normalised.
        weight: (C,), or None.
        centre: (C,), the means.
        variance: (C,), the variances.
        eps: added to the variances.

    Returns:
        tuple: the cotangents of input, weight and bias.
    """
    require_real("batch_slopes", x)
    axes = _others(x)
    count = x.size // x.shape[1] if x.size else 0
    root = 1 / xp.sqrt(variance + eps)
    rows = (x - across(centre, x)) * across(root, x)
    dw, db = xp.sum(g * rows, axis=axes), xp.sum(g, axis=axes)
    scale = root if weight is None else root * weight
    dx = (g - across(db / count, x) - rows * across(dw / count, x)) * across(scale, x)
    return dx, dw, db


# --- by given moments --------------------------------------------------------------------------


def _fixed_vjp(
    needs: Any, g: Any, out: Any, x: Any, centre: Any, variance: Any, weight: Any, bias: Any,
    *, eps: float,
) -> Any:  # fmt: skip
    root: Any = None
    if unrecorded(g, x, weight, centre, variance):
        dx, whole, along = fixed_slopes(g, x, centre, variance, weight, eps=eps)
    else:
        root = rsqrt(variance + eps)
        scale = root if weight is None else root * weight
        dx = g * across(scale, x)
        whole = to_channels(g) if needs[1] or needs[4] else None
        along = None
        if needs[2] or needs[3]:
            along = to_channels(g * (x - across(centre, x)))
    if root is None and (needs[1] or needs[2] or needs[3]):
        root = rsqrt(variance + eps)
    d_centre = d_variance = None
    if needs[1]:
        d_centre = -whole * (root if weight is None else root * weight)
    if needs[2]:
        d_variance = -0.5 * along * (root * root * root)
        d_variance = d_variance if weight is None else d_variance * weight
    return (
        dx,
        d_centre,
        d_variance,
        along * root if needs[3] else None,
        whole if needs[4] else None,
    )


def _fixed_jvp(
    tangents: Any, out: Any, x: Any, centre: Any, variance: Any, weight: Any, bias: Any,
    *, eps: float,
) -> Any:  # fmt: skip
    tx, t_centre, t_variance, tw, tb = tangents
    root = rsqrt(variance + eps)
    scale = root if weight is None else root * weight
    centred = x - across(centre, x)
    parts = [
        None if tx is None else tx * across(scale, x),
        None if t_centre is None else across(-t_centre * scale, x),
        None
        if t_variance is None
        else centred * across(-0.5 * t_variance * scale * root * root, x),
        None if tw is None else centred * across(tw * root, x),
        None if tb is None else across(tb, x),
    ]
    first, *rest = [part for part in parts if part is not None]
    for part in rest:
        first = first + part
    return first.expand(tuple(x.shape))


def _fixed_batch(size: int, batched: Sequence[bool], x: Any, *params: Any, eps: float) -> Any:
    if batched[0] and not any(batched[1:]):
        shape = tuple(x.shape)
        flat = x.reshape((shape[0] * shape[1], *shape[2:]))
        return fixed_normalised(flat, *params, eps=eps).reshape(shape)
    flat, own = joined(size, batched, x, *params)
    return apart(fixed_normalised(flat, *own, eps=eps), size)


@custom(
    shape=lambda x, *params, eps: x,
    vjp=_fixed_vjp,
    jvp=_fixed_jvp,
    batch=_fixed_batch,
    saves=("x", "centre", "variance", "weight"),
    promote=False,
    samples=(
        Sample(array(3, 2, 4), array(2), array(2, low=0.5), array(2), array(2), eps=1e-3),
        Sample(array(3, 2), array(2), array(2, low=0.5), eps=1e-3),
        Sample(array(2, 2, 2, 2), array(2), array(2, low=0.5), None, array(2), eps=1e-3),
    ),
    keyword_only=("eps",),
    namespaces=(),
    methods=(),
    out=False,
)
def fixed_normalised(
    xp: Any, x: Any, centre: Any, variance: Any, weight: Any = None, bias: Any = None,
    *, eps: float,
) -> Any:  # fmt: skip
    """Normalise each channel by a given mean and variance.

    Args:
        input: (N, C, ...).
        centre: (C,), the means.
        variance: (C,), the variances.
        weight: (C,).
        bias: (C,).
        eps: added to the variances.

    Returns:
        Tensor: of input's shape.
    """
    require_real("fixed_normalised", x)
    scale = 1 / xp.sqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    out = (x - across(centre, x)) * across(scale, x)
    return out if bias is None else out + across(bias, x)


def _fixed_slopes_batch(
    size: int, batched: Sequence[bool], g: Any, x: Any, *params: Any, eps: float
) -> Any:
    g, _ = joined(size, batched[:1], g)
    flat, own = joined(size, batched[1:], x, *params)
    dx, whole, along = fixed_slopes(g, flat, *own, eps=eps)
    return apart(dx, size), whole.reshape((size, -1)), along.reshape((size, -1))


@custom(
    shape=lambda g, x, centre, *rest, eps: (
        Aval(x.shape, x.dtype), Aval(centre.shape, x.dtype), Aval(centre.shape, x.dtype)
    ),
    vjp=ALONE,
    jvp=ALONE,
    batch=_fixed_slopes_batch,
    outputs=3,
    promote=False,
    samples=(
        Sample(array(3, 2, 4), array(3, 2, 4), array(2), array(2, low=0.5), array(2), eps=1e-3),
        Sample(array(4, 2), array(4, 2), array(2), array(2, low=0.5), eps=1e-3),
    ),
    keyword_only=("eps",),
    namespaces=(),
    methods=(),
    out=False,
)  # fmt: skip
def fixed_slopes(
    xp: Any, g: Any, x: Any, centre: Any, variance: Any, weight: Any = None, *, eps: float
) -> Any:
    """The derivative of :func:`fixed_normalised`, and the sums of which the others are made.

    Args:
        g: the cotangent, of input's shape.
        input: what was normalised.
        centre: (C,), the means.
        variance: (C,), the variances.
        weight: (C,).
        eps: added to the variances.

    Returns:
        tuple: the cotangent of input; (C,) the sums of g, and of g times input less the means.
    """
    require_real("fixed_slopes", x)
    scale = 1 / xp.sqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    axes = _others(x)
    along = xp.sum(g * (x - across(centre, x)), axis=axes)
    return g * across(scale, x), xp.sum(g, axis=axes), along


BATCH, FIXED = catalogue.ops["batch_normalised"], catalogue.ops["fixed_normalised"]
prefer_compiled(BATCH, "batch_norms", "batch_forward")
prefer_compiled(catalogue.ops["batch_slopes"], "batch_norms", "batch_backward")
prefer_compiled(FIXED, "batch_norms", "fixed_forward")
prefer_compiled(catalogue.ops["fixed_slopes"], "batch_norms", "fixed_backward")
