"""Products of vectors and of whole tensors: vdot, inner, kron, cross, and the trace."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.kernels import prefer_compiled
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import broadcast_shapes, canonical_dim
from weft._core.tensor import Tensor
from weft.ops.broadcasting import broadcast_to
from weft.ops.diagonals import diagonal
from weft.ops.families.batching import all_batched
from weft.ops.families.bilinear import bilinear
from weft.ops.families.composite import composite
from weft.ops.matmul import matmul
from weft.ops.reductions import sum


@composite(
    samples=(
        Sample(array(3), array(3)),
        Sample(array(3, kind="complex"), array(3, kind="complex")),
    ),
    errors=(
        ErrorSample(array(2, 3), array(3), error=ShapeError, match="two vectors"),
        ErrorSample(array(2), array(3), error=ShapeError, match="of one length"),
    ),
    out=True,
)
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Inner product of two vectors, of which the first is conjugated.

    Args:
        input: (k,).
        other: (k,).

    Returns:
        Tensor: ().

    Raises:
        ShapeError: one is no vector, or the lengths differ.
    """
    if input.ndim != 1 or other.ndim != 1 or input.shape != other.shape:
        raise ShapeError(
            f"vdot: expected two vectors of one length, got shapes {tuple(input.shape)} and "
            f"{tuple(other.shape)}"
        )
    return matmul(input.conj() if input.dtype.is_complex else input, other)


@composite(
    samples=(
        Sample(array(2, 3), array(4, 3)),
        Sample(array(3), array(3)),
        Sample(array(), array(2, 3)),
        Sample(array(2, 2, 3), array(3)),
    ),
    errors=(ErrorSample(array(2, 3), array(3, 2), error=ShapeError, match="last dims"),),
    out=True,
)
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dims, without conjugation; of a 0-d tensor the product.

    Args:
        input: (a..., k) or ().
        other: (b..., k) or ().

    Returns:
        Tensor: (a..., b...).

    Raises:
        ShapeError: the last dims differ.
    """
    if not input.ndim or not other.ndim:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(
            f"inner: the last dims must be equal, got {input.shape[-1]} (input.shape == "
            f"{tuple(input.shape)}) and {other.shape[-1]} (other.shape == {tuple(other.shape)})"
        )
    k, lead = input.shape[-1], tuple(input.shape)[:-1]
    rows = input.reshape((input.numel() // k if k else _count(lead), k))
    columns = other.reshape((other.numel() // k if k else _count(tuple(other.shape)[:-1]), k))
    flat = matmul(rows, columns.transpose(0, 1))
    return flat.reshape((*lead, *tuple(other.shape)[:-1]))


def _count(shape: tuple[int, ...]) -> int:
    out = 1
    for n in shape:
        out *= n
    return out


@composite(
    samples=(
        Sample(array(2, 3), array(2, 2)),
        Sample(array(2), array(2, 3, 2)),
        Sample(array(), array(2, 2)),
        Sample(integers(2, 2), integers(3)),
    ),
    out=True,
)
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker product: each element of one tensor times the whole other one.

    Args:
        input: (a1, ..., ad).
        other: (b1, ..., bd); the one with fewer dims gets leading dims of length 1.

    Returns:
        Tensor: (a1 b1, ..., ad bd).
    """
    rank = max(input.ndim, other.ndim)
    a = (1,) * (rank - input.ndim) + tuple(input.shape)
    b = (1,) * (rank - other.ndim) + tuple(other.shape)
    spread = input.reshape(tuple(n for m in a for n in (m, 1)))
    product = spread * other.reshape(tuple(n for m in b for n in (1, m)))
    return product.reshape(tuple(m * n for m, n in zip(a, b, strict=True)))


def _cross_batch(size: int, batched: Sequence[bool], x: Any, y: Any, *, dim: int) -> Any:
    return cross_products(*all_batched(size, batched, (x, y)), dim=dim + 1)


@bilinear(
    shape=lambda x, y, *, dim: Aval(x.shape, x.dtype),
    transposes=(
        lambda g, x, y, *, dim: cross_products(y, g, dim=dim),
        lambda g, x, y, *, dim: cross_products(g, x, dim=dim),
    ),
    batch=_cross_batch,
    samples=(Sample(array(2, 3), array(2, 3), dim=1), Sample(array(3, 2), array(3, 2), dim=0)),
    namespaces=(),
    methods=(),
    out=False,
)
def cross_products(xp: Any, x: Any, y: Any, *, dim: int) -> Any:
    """Cross products of vectors of length 3.

    Args:
        input: (...), of length 3 in ``dim``.
        other: of the same shape.
        dim: the dim of the vectors, not negative.

    Returns:
        Tensor: of the same shape.
    """
    a, b = xp.moveaxis(x, dim, 0), xp.moveaxis(y, dim, 0)
    each = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return xp.stack(each, axis=dim)


prefer_compiled(catalogue.ops["cross_products"], "crossing", "cross")


def crossed(name: str, input: Tensor, other: Tensor, dim: int) -> Tensor:
    """Return the cross products along a dim of length 3; the other dims broadcast."""
    if input.ndim != other.ndim:
        raise ShapeError(
            f"{name}: input and other must have as many dims, got shapes {tuple(input.shape)} and "
            f"{tuple(other.shape)}"
        )
    at = canonical_dim(name, dim, input.ndim)
    if not input.ndim or input.shape[at] != 3 or other.shape[at] != 3:
        raise ShapeError(
            f"{name}: dim {dim} must have length 3 in both, got shapes {tuple(input.shape)} and "
            f"{tuple(other.shape)}"
        )
    shape = broadcast_shapes(name, tuple(input.shape), tuple(other.shape))
    out: Tensor = cross_products(broadcast_to(input, shape), broadcast_to(other, shape), dim=at)
    return out


@composite(
    samples=(
        Sample(array(2, 3), array(2, 3), dim=1),
        Sample(array(3, 2), array(3, 1), 0),
        Sample(integers(2, 3), integers(2, 3), -1),
    ),
    errors=(
        ErrorSample(array(2, 2), array(2, 2), error=ShapeError, match="no dim of length 3"),
        ErrorSample(array(2, 2), array(2, 2), 0, error=ShapeError, match="must have length 3"),
        ErrorSample(array(3), array(2, 3), 0, error=ShapeError, match="as many dims"),
    ),
    out=True,
)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Cross product of vectors of length 3.

    Args:
        input: a tensor whose length in ``dim`` is 3.
        other: with as many dims; those other than ``dim`` broadcast.
        dim: the dim of the vectors; if None the first of input that has length 3, which warns, as
            ``linalg.cross`` takes the last.

    Returns:
        Tensor: of the shape to which both broadcast.

    Raises:
        ShapeError: the dim has not length 3, or the shapes do not broadcast.
        IndexError: the dim is out of range.
    """
    if dim is None:
        found = [i for i, n in enumerate(input.shape) if n == 3]
        if not found:
            raise ShapeError(
                f"cross: input has no dim of length 3 (input.shape == {tuple(input.shape)})"
            )
        dim = found[0]
        warnings.warn(
            f"cross: without dim= the first dim of length 3, {dim}, is taken; pass it, or use "
            f"linalg.cross, which takes the last dim",
            stacklevel=3,
        )
    return crossed("cross", input, other, dim)


@composite(
    samples=(Sample(array(3, 3)), Sample(array(2, 3)), Sample(integers(2, 2)), Sample(array(0, 2))),
    errors=(ErrorSample(array(2, 2, 2), error=ShapeError, match="must be a matrix"),),
)
def trace(input: Tensor) -> Tensor:
    """Sum of the diagonal of a matrix.

    Args:
        input: (n, m).

    Returns:
        Tensor: (); integers become int64.

    Raises:
        ShapeError: input is no matrix.
    """
    if input.ndim != 2:
        raise ShapeError(f"trace: input must be a matrix, got input.shape == {tuple(input.shape)}")
    return sum(diagonal(input))
