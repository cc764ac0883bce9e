"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import blas_products, switches
from weft._backend.cpu import onednn_matmul as by_onednn
from weft._backend.cpu.launching import Launcher
from weft._backend.numpy_ import restore, silence
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.broadcasting import sum_to
from weft.ops.families.bilinear import bilinear
from weft.ops.families.composite import composite


def _shape(x: Any, y: Any) -> Aval:
    if x.ndim < 1 or y.ndim < 1:
        raise ShapeError(f"matmul: both arguments need a dimension, got {x.shape} and {y.shape}")
    rows = x.shape[-1]
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if rows != inner:
        raise ShapeError(
            f"matmul: the last dim of input (shape {x.shape}) is {rows}, but the "
            f"{'second last' if y.ndim > 1 else 'only'} dim of other (shape {y.shape}) is {inner}; "
            f"they must be equal"
        )
    lead = broadcast_shapes("matmul", x.shape[:-2], y.shape[:-2])
    return Aval(
        (*lead, *(x.shape[-2:-1] if x.ndim > 1 else ()), *(y.shape[-1:] if y.ndim > 1 else ())),
        x.dtype,
    )


def _to_x(g: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1 and y.ndim == 1:
        return g * y
    if y.ndim == 1:  # (..., n) = (..., n, k) @ (k,)
        return sum_to(g.unsqueeze(-1) * y, x.shape)
    if x.ndim == 1:  # (..., m) = (k,) @ (..., k, m)
        return sum_to(matmul(y, g.unsqueeze(-1)).squeeze(-1), x.shape)
    return sum_to(matmul(g, y.transpose(-2, -1)), x.shape)


def _to_y(g: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1 and y.ndim == 1:
        return g * x
    if y.ndim == 1:
        return sum_to(matmul(x.transpose(-2, -1), g.unsqueeze(-1)).squeeze(-1), y.shape)
    if x.ndim == 1:
        return sum_to(x.unsqueeze(-1) * g.unsqueeze(-2), y.shape)
    if y.ndim == 2 and x.ndim > 2:  # one product over all rows instead of a sum of many
        return matmul(rows(x).transpose(0, 1), rows(g))
    return sum_to(matmul(x.transpose(-2, -1), g), y.shape)


def rows(x: Any) -> Any:
    """Return all dims but the last joined into one."""
    return x if x.ndim == 2 else x.reshape((-1, x.shape[-1]))


def _batch(size: int, batched: Sequence[bool], x: Any, y: Any) -> Any:
    """Make vectors matrices and align leading dims, so that the batch axis is one of those."""
    x_vector = x.ndim - batched[0] == 1
    y_vector = y.ndim - batched[1] == 1
    x = x.unsqueeze(-2) if x_vector else x
    y = y.unsqueeze(-1) if y_vector else y
    rank = max(x.ndim - batched[0], y.ndim - batched[1])
    x, y = (
        a.reshape((size, *(1,) * (rank + 1 - a.ndim), *tuple(a.shape)[1:])) if b else a
        for a, b in ((x, batched[0]), (y, batched[1]))
    )
    out = matmul(x, y)
    out = out.squeeze(-2) if x_vector else out
    return out.squeeze(-1) if y_vector else out


@bilinear(
    shape=_shape,
    transposes=(_to_x, _to_y),
    batch=_batch,
    aliases=("linalg.matmul",),
    samples=(
        Sample(array(2, 3), array(3, 4)),
        Sample(array(3), array(3)),
        Sample(array(2, 3), array(3)),
        Sample(array(3), array(3, 2)),
        Sample(array(2, 1, 2, 3), array(3, 3, 2)),
        Sample(array(3, step="reversed"), array(2, 3, 2)),
        Sample(array(2, 0), array(0, 3)),
    ),
    errors=(
        ErrorSample(array(2, 3), array(2, 3), error=ShapeError, match="they must be equal"),
        ErrorSample(array(), array(2), error=ShapeError, match="need a dimension"),
        ErrorSample(array(2), 3.0, error=TypeError, match="expected a weft.Tensor"),
    ),
)
def matmul(xp: Any, x: Any, y: Any) -> Any:
    """Matrix product; leading dims broadcast, and a 1-d argument counts as a row or a column.

    Args:
        input: (..., n, k) or (k,).
        other: (..., k, m) or (k,).

    Returns:
        Tensor: (..., n, m), without the dim of a 1-d argument.

    Raises:
        ShapeError: the inner lengths differ, or the leading dims do not broadcast.

    Example:
        >>> weft.matmul(weft.ones(2, 3), weft.ones(3, 4)).shape
        weft.Size([2, 4])
    """
    return xp.matmul(x, y)


#: Multiplications up to which one generated kernel, or NumPy, is quicker than oneDNN.
SMALL = 1 << 18
#: Multiplications from which a product with few rows is worth a kernel that reads in threads.
FEW = 1 << 17
#: Multiplications from which one is worth splitting over the pool.
LARGE = 1 << 21

_MATMUL = catalogue.ops["matmul"]
_general = _MATMUL.kernels[ndarray]
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
#: The kernels of products.
compiled = Launcher("products")


def small_product(x: Any, y: Any) -> Any:
    """Multiply two matrices on NumPy by ``dot``, which costs half of its ``matmul`` to begin."""
    before = silence()  # inf times 0 is NaN, not a warning
    try:
        return x.dot(y)
    finally:
        restore(before)


def rows_product(x: Any, y: Any) -> Any:
    """Multiply all rows of an array by one matrix, in one product; None if that is not plain."""
    if y.ndim != 2 or x.ndim < 2 or x.dtype.kind != "f" or x.itemsize == 2:
        return None
    if x.ndim == 2:
        return small_product(x, y)
    if not x.flags.c_contiguous or not x.size:
        return None
    flat = small_product(x.reshape(-1, x.shape[-1]), y)
    return flat.reshape(*x.shape[:-1], y.shape[1])


def larger(x: Any, y: Any, bias: Any = None) -> Any:
    """Multiply in several threads, and add a bias to each row; None where NumPy is to do it."""
    if x.ndim < 2 or y.ndim < 2:
        return _vector(x, y, bias)
    out = None
    if switches.codegen:
        if y.ndim > 2:
            out = None if bias is not None else compiled.many(x, y)
        elif x.size * y.shape[1] >= FEW:
            out = _few_rows(x, y, bias)
        if out is not None:
            return out
    out = by_onednn.product(x, y, bias)
    if out is None and x.size * y.shape[-1] >= LARGE:
        out = blas_products.product(x, y)
        if out is not None and bias is not None:
            out += bias
    return out


def _few_rows(x: Any, y: Any, bias: Any) -> Any:
    if x.ndim == 2:
        return compiled.few(x, y, bias)
    if not x.flags.c_contiguous:
        return None
    out = compiled.few(x.reshape(-1, x.shape[-1]), y, bias)
    return None if out is None else out.reshape(*x.shape[:-1], y.shape[1])


def _vector(x: Any, y: Any, bias: Any) -> Any:
    """Multiply a matrix and a vector, where that is worth several threads."""
    matrix = y if x.ndim == 1 else x
    if not switches.codegen or matrix.ndim != 2 or matrix.size < FEW:
        return None
    if x.ndim == 2:
        out = compiled.few(x, y[:, None])
        return None if out is None else out[:, 0]
    out = compiled.few(x[None], y, bias)
    return None if out is None else out[0]


def _on_cpu(x: Any, y: Any) -> Any:
    """The same; NumPy's ``matmul`` costs twice its ``dot`` to begin, and again for each matrix."""
    dtype = x.dtype
    if x.ndim == y.ndim == 2 and (dtype is _F32 or dtype is _F64) and y.dtype is dtype:
        m, k = x.shape
        depth, n = y.shape
        count = m * k * n
        if count >= FEW and (count > SMALL or m <= 16 or n <= 16):
            out = larger(x, y)
            if out is not None:
                return out
        if depth == k and count <= SMALL and switches.codegen:
            out = compiled.small(x, y, m, n)
            if out is not None:
                return out
        before = silence()  # small_product, written out
        try:
            return x.dot(y)
        finally:
            restore(before)
    out = larger(x, y)
    if out is None:
        out = rows_product(x, y)
    return _general(x, y) if out is None else out


_MATMUL.kernels[ndarray] = _on_cpu


def _require_dims(name: str, *tensors: tuple[Tensor, int]) -> None:
    for x, ndim in tensors:
        if x.ndim != ndim:
            raise ShapeError(
                f"{name}: expected {' and '.join(f'{n}-d' for _, n in tensors)} tensors, got "
                f"shapes {' and '.join(str(tuple(t.shape)) for t, _ in tensors)}; use matmul"
            )


@composite(
    samples=(Sample(array(2, 3), array(3, 4)),),
    errors=(ErrorSample(array(2, 2, 3), array(3, 4), error=ShapeError, match="2-d and 2-d"),),
    out=True,
)
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Product of two matrices, without broadcasting.

    Args:
        input: (n, k).
        mat2: (k, m).

    Returns:
        Tensor: (n, m).

    Raises:
        ShapeError: one is no matrix, or the inner lengths differ.
    """
    _require_dims("mm", (input, 2), (mat2, 2))
    return matmul(input, mat2)


@composite(
    samples=(Sample(array(2, 2, 3), array(2, 3, 4)),),
    errors=(ErrorSample(array(2, 3), array(3, 4), error=ShapeError, match="3-d and 3-d"),),
    out=True,
)
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Products of matrices in pairs.

    Args:
        input: (b, n, k).
        mat2: (b, k, m).

    Returns:
        Tensor: (b, n, m).

    Raises:
        ShapeError: one is not 3-d, or lengths differ.
    """
    _require_dims("bmm", (input, 3), (mat2, 3))
    return matmul(input, mat2)


@composite(
    samples=(Sample(array(2, 3), array(3)),),
    out=True,
)
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Product of a matrix and a vector.

    Args:
        input: (n, k).
        vec: (k,).

    Returns:
        Tensor: (n,).

    Raises:
        ShapeError: the shapes do not fit.
    """
    _require_dims("mv", (input, 2), (vec, 1))
    return matmul(input, vec)


@composite(
    samples=(Sample(array(3), array(3)),),
    out=True,
)
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Inner product of two vectors, without conjugation.

    Args:
        input: (k,).
        tensor: (k,).

    Returns:
        Tensor: ().

    Raises:
        ShapeError: one is no vector, or the lengths differ.
    """
    _require_dims("dot", (input, 1), (tensor, 1))
    return matmul(input, tensor)


@composite(
    aliases=("ger",),
    samples=(Sample(array(3), array(2)),),
    out=True,
)
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Outer product of two vectors.

    Args:
        input: (n,).
        vec2: (m,).

    Returns:
        Tensor: (n, m).

    Raises:
        ShapeError: one is no vector.
    """
    _require_dims("outer", (input, 1), (vec2, 1))
    return input.unsqueeze(1) * vec2
