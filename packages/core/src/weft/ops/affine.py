"""Affine maps of the last dim, as layers have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import switches
from weft._backend.cpu.launching import Launcher
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.dispatch import apply, explain, make_node
from weft._core.errors import ShapeError
from weft._core.kernels import prefer
from weft._core.modes import flags, here
from weft._core.op import not_differentiable
from weft._core.samples import ErrorSample, Sample, array
from weft._core.tensor import Tensor, wrap
from weft._core.watching import short_path
from weft.ops.constant_weights import OF_A_LAYER, layer_with_weight
from weft.ops.families.batching import all_batched
from weft.ops.families.bilinear import bilinear
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.families.recording import unrecorded
from weft.ops.matmul import (
    FEW,
    SMALL,
    compiled,
    larger,
    matmul,
    rows,
    rows_product,
    small_product,
)
from weft.ops.reductions import sum

# What the short path takes. Both are None while it is closed.
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_SHORT32, _SHORT64 = _F32, _F64
short_path(globals(), "_SHORT32", "_SHORT64")
#: Rows up to which a product of float32 with a plain weight is quick, and up to which one with a
#: weight in oneDNN's order is quicker by what a second copy of the weight is worth: a seventh.
FEW_ROWS, MOST_ROWS = 16, 64
_NONE: dict[str, Any] = {}  # the settings of ops that have none; never written to


def _map_shape(x: Any, y: Any) -> Aval:
    if y.ndim != 2 or x.ndim < 1 or x.shape[-1] != y.shape[1]:
        raise ShapeError(
            f"linear: weight expects {y.shape[-1] if y.ndim else 0} input features (weight.shape "
            f"== {y.shape}), but input has {x.shape[-1] if x.ndim else 0} (input.shape == "
            f"{x.shape})"
        )
    return Aval((*x.shape[:-1], y.shape[0]), x.dtype)


def _map_batch(size: int, batched: Sequence[bool], x: Any, y: Any) -> Any:
    if not batched[1]:
        return linear_map(x, y)
    lead = tuple(x.shape)[1 if batched[0] else 0 : -1]
    flat = x.reshape((size, -1, x.shape[-1])) if batched[0] else rows(x)
    return matmul(flat, y.transpose(-2, -1)).reshape((size, *lead, y.shape[-2]))


@bilinear(
    shape=_map_shape,
    transposes=(
        lambda g, x, y: matmul(g, y),
        lambda g, x, y: matmul(rows(g).transpose(0, 1), rows(x)),
    ),
    batch=_map_batch,
    samples=(
        Sample(array(2, 3), array(4, 3)),
        Sample(array(3), array(4, 3)),
        Sample(array(2, 2, 3), array(4, 3)),
    ),
    namespaces=(),
    methods=(),
)
def linear_map(xp: Any, x: Any, y: Any) -> Any:
    """Product with a transposed weight, as layers hold it.

    Args:
        input: (..., in_features).
        other: the weight, (out_features, in_features).

    Returns:
        Tensor: (..., out_features).
    """
    if y.ndim != 2:
        raise ValueError("no matrix")  # the shape rule tells the user the numbers
    return xp.matmul(x, y.T)


_LINEAR_MAP = catalogue.ops["linear_map"]
_general_map = _LINEAR_MAP.kernels[ndarray]


def _map_on_cpu(x: Any, y: Any) -> Any:
    if _is_small(x, y):
        out = _small_map(x, y)
        if out is not None:
            return out
    turned = y.T
    if (
        x.ndim == y.ndim == 2
        and x.size * y.shape[0] < FEW
        and x.dtype.kind == "f"
        and x.itemsize > 2
    ):
        return small_product(x, turned)
    out = larger(x, turned)
    if out is None:
        out = rows_product(x, turned)
    return _general_map(x, y) if out is None else out


_LINEAR_MAP.kernels[ndarray] = _map_on_cpu


def _affine_shape(x: Any, y: Any, bias: Any) -> Aval:
    return _map_shape(x, y)


def _affine_vjp(needs: Any, g: Any, out: Any, x: Any, y: Any, bias: Any) -> Any:
    flat = rows(g)
    if needs[1] and needs[2] and x.ndim == 2:
        if not needs[0] and unrecorded(g, x):
            return None, *affine_weight_slopes(g, x)
        if needs[0] and unrecorded(g, x, y):
            return affine_slopes(g, x, y)
    conjugate = g.dtype.is_complex
    return (
        matmul(g, y.conj() if conjugate else y) if needs[0] else None,
        matmul(flat.transpose(0, 1), rows(x.conj() if conjugate else x)) if needs[1] else None,
        sum(flat, 0) if needs[2] else None,
    )


def _affine_jvp(tangents: Any, out: Any, x: Any, y: Any, bias: Any) -> Any:
    parts = [
        None if tangents[0] is None else linear_map(tangents[0], y),
        None if tangents[1] is None else linear_map(x, tangents[1]),
        None if tangents[2] is None else tangents[2].expand(tuple(out.shape)),
    ]
    first, *rest = [part for part in parts if part is not None]
    for part in rest:
        first = first + part
    return first


def _affine_batch(size: int, batched: Sequence[bool], x: Any, y: Any, bias: Any) -> Any:
    out = apply(_LINEAR_MAP, (x, y), _NONE) if not (batched[0] or batched[1]) else None
    if out is None:
        out = _map_batch(size, batched[:2], x, y)
    if batched[2]:
        between = out.ndim - 1 - (batched[0] or batched[1])
        bias = bias.reshape((size, *(1,) * between, bias.shape[-1]))
    return out + bias


_ALONE = not_differentiable("affine calls it only where nothing is recorded")


def _slopes_batch(size: int, batched: Sequence[bool], g: Any, x: Any, y: Any) -> Any:
    g, x, y = all_batched(size, batched, (g, x, y))
    return matmul(g, y), *_weight_slopes(g, x)


def _weight_slopes_batch(size: int, batched: Sequence[bool], g: Any, x: Any) -> Any:
    return _weight_slopes(*all_batched(size, batched, (g, x)))


def _weight_slopes(g: Any, x: Any) -> tuple[Any, Any]:
    return matmul(g.transpose(-2, -1), x), sum(g, -2)


@custom(
    shape=lambda g, x, y: (
        Aval(x.shape, g.dtype),
        Aval(y.shape, g.dtype),
        Aval(y.shape[:1], g.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_slopes_batch,
    outputs=3,
    samples=(Sample(array(2, 4), array(2, 3), array(4, 3)),),
    namespaces=(),
    methods=(),
    out=False,
)
def affine_slopes(xp: Any, g: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """The cotangents of what :func:`affine` takes, at once.

    Args:
        g: the cotangent of its result, (rows, out_features).
        input: its input, (rows, in_features).
        other: the weight, (out_features, in_features).

    Returns:
        tuple: the cotangents of input, weight and bias.
    """
    conjugate = g.dtype.kind == "c"
    x, y = (x.conj(), y.conj()) if conjugate else (x, y)
    return xp.matmul(g, y), xp.matmul(g.T, x), g.sum(axis=0)


@custom(
    shape=lambda g, x: (
        Aval((g.shape[1], x.shape[1]), g.dtype),
        Aval(g.shape[1:], g.dtype),
    ),
    vjp=_ALONE,
    jvp=_ALONE,
    batch=_weight_slopes_batch,
    outputs=2,
    samples=(Sample(array(2, 4), array(2, 3)),),
    namespaces=(),
    methods=(),
    out=False,
)
def affine_weight_slopes(xp: Any, g: Any, x: Any) -> tuple[Any, Any]:
    """The cotangents of weight and bias alone, as the first layer needs them.

    Args:
        g: the cotangent of the result, (rows, out_features).
        input: the input, (rows, in_features).

    Returns:
        tuple: the cotangents of weight and bias.
    """
    return xp.matmul(g.T, x.conj() if g.dtype.kind == "c" else x), g.sum(axis=0)


@custom(
    shape=_affine_shape,
    vjp=_affine_vjp,
    jvp=_affine_jvp,
    batch=_affine_batch,
    saves=("x", "y"),
    reads={"x": ("y",), "y": ("x",), "bias": ()},
    samples=(
        Sample(array(2, 3), array(4, 3), array(4)),
        Sample(array(3), array(4, 3), array(4)),
        Sample(array(2, 2, 3), array(4, 3), array(4)),
    ),
    namespaces=(),
    methods=(),
    out=False,
)
def affine(xp: Any, x: Any, y: Any, bias: Any) -> Any:
    """Product with a transposed weight, and a bias: one op, as most layers need both.

    Args:
        input: (..., in_features).
        other: the weight, (out_features, in_features).
        bias: (out_features,).

    Returns:
        Tensor: (..., out_features).
    """
    if y.ndim != 2 or bias.shape != y.shape[:1]:
        raise ValueError("shapes")  # the shape rule tells the user the numbers
    return xp.matmul(x, y.T) + bias


_AFFINE = catalogue.ops["affine"]
_general_affine = _AFFINE.kernels[ndarray]
_small = Launcher("affine")


def _is_small(x: Any, y: Any) -> bool:
    """Whether two matrices make a small layer: floats of one kind, without gaps."""
    dtype = x.dtype
    return bool(
        (dtype is _F32 or dtype is _F64)
        and y.dtype is dtype
        and x.ndim == y.ndim == 2
        and x.size * y.shape[0] <= SMALL
        and x.shape[1] == y.shape[1]
        and x.flags.c_contiguous
        and y.flags.c_contiguous
        and switches.codegen
    )


def _small_map(x: Any, y: Any, bias: Any = None) -> Any:
    """Run a small layer: where rows are many, its weight is turned round first."""
    m, k = x.shape
    n = y.shape[0]
    if m >= 16:
        if n >= 16:
            out = compiled.small_map(x, y, bias)
            if out is not None:
                return out
    elif m * k * n >= FEW:
        out = compiled.few(x, y.T, bias)
        if out is not None:
            return out
    return _small.forward(x, y, bias)


def _affine_on_cpu(x: Any, y: Any, bias: Any) -> Any:
    """The same; the bias is added into the product's own memory."""
    fits = bias.ndim == 1 and y.shape[:1] == bias.shape
    if fits and _is_small(x, y):
        out = _small_map(x, y, bias if bias.flags.c_contiguous else bias.copy())
    else:
        out = larger(x, y.T, bias) if y.ndim == 2 else None
    if out is not None:
        return out
    out = rows_product(x, y.T) if fits else None
    if out is None:
        return _general_affine(x, y, bias)
    out += bias
    return out


_KERNELS = _AFFINE.kernels
_KERNELS[ndarray] = _affine_on_cpu


def _shortly(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor | None:
    """Run the op on plain floats of one dtype, as layers have them; None for all else."""
    try:
        x, y, b = input._data, weight._data, bias._data
        dtype = x.dtype
        if y.dtype is not dtype or b.dtype is not dtype or b.shape != y.shape[:1] or y.ndim != 2:
            return None
    except AttributeError:
        return None
    if dtype is not _SHORT32 and dtype is not _SHORT64:
        return None
    if not type(x) is type(y) is type(b) is ndarray:
        return None
    try:
        data = _KERNELS[ndarray](x, y, b)
    except ValueError as error:
        raise explain(_AFFINE, [x, y, b], _NONE, error) from None
    out = wrap(data)
    recorded = input._node is not None or weight._node is not None or bias._node is not None
    if recorded and (not flags.any or here.grad):
        out._node = make_node(_AFFINE, (input, weight, bias), _NONE)
    return out


@composite(
    samples=(
        Sample(array(2, 3), array(4, 3), array(4)),
        Sample(array(2, 2, 3), array(4, 3)),
        Sample(array(3), array(4, 3), array(4)),
    ),
    errors=(
        ErrorSample(array(2, 3), array(4, 2), error=ShapeError, match="expects 2 input features"),
    ),
    namespaces=catalogue.FUNCTIONAL,
)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Affine map of the last dim: input @ weight.T + bias.

    Args:
        input: (..., in_features).
        weight: (out_features, in_features).
        bias: (out_features,).

    Returns:
        Tensor: (..., out_features).

    Raises:
        ShapeError: the numbers of features differ.
    """
    # whoever held the weight's array here would keep others from trusting it: see _core/made.py
    if type(weight) is not Tensor and _pays(input, weight):  # a module's parameter
        return layer_with_weight(_linear, weight, input, weight, bias)
    return _linear(input, weight, bias)


def _pays(input: Tensor, weight: Tensor) -> bool:
    """Whether a product is one for which weights are kept; few rows of float32 need none."""
    x = input._data
    if (
        type(weight._data) is not ndarray
        or weight._data.size < OF_A_LAYER
        or type(x) is not ndarray
    ):
        return False
    rows = x.size // weight._data.shape[-1]
    return rows <= MOST_ROWS and (x.itemsize == 2 or (x.itemsize == 4 and rows > FEW_ROWS))


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if bias is None:
        return linear_map(input, weight)
    out = _shortly(input, weight, bias)
    if out is not None:
        return out
    if weight.ndim != 2 or tuple(bias.shape) != (weight.shape[0],):
        return linear_map(input, weight) + bias  # as in PyTorch, it may broadcast
    promoted: Tensor = affine(input, weight, bias)
    return promoted


_product = catalogue.ops["matmul"].kernels[ndarray]
_total = catalogue.ops["sum"].kernels[ndarray]


def _slopes_on_cpu(g: Any, x: Any, y: Any) -> Any:
    """The same for small layers in one kernel, and otherwise by the products of large ones."""
    if _is_small(x, y) and g.flags.c_contiguous and g.dtype is x.dtype:
        return _small.slopes(g, x, y)
    if not g.dtype is x.dtype is y.dtype or g.dtype.kind == "c":
        return None
    return _product(g, y), _product(g.T, x), _total(g, dim=(0,), keepdim=False)


def _weight_slopes_on_cpu(g: Any, x: Any) -> Any:
    if x.size * g.shape[1] <= SMALL and _is_small(x, x) and g.flags.c_contiguous:
        return _small.weight_slopes(g, x)
    if g.dtype is not x.dtype or g.dtype.kind == "c":
        return None
    return _product(g.T, x), _total(g, dim=(0,), keepdim=False)


prefer(catalogue.ops["affine_slopes"], _slopes_on_cpu)
prefer(catalogue.ops["affine_weight_slopes"], _weight_slopes_on_cpu)
