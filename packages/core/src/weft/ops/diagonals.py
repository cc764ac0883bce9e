"""Diagonals of matrices: seen, put into zeros, replaced."""

from __future__ import annotations

from typing import Any

from weft._core.aval import Aval
from weft._core.errors import ShapeError
from weft._core.layouts import strided_array
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.batching import shift_dims, with_params
from weft.ops.families.composite import composite
from weft.ops.families.linear import linear
from weft.ops.memory import copied


def _length(rows: int, columns: int, offset: int) -> int:
    return max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)


def _dims(name: str, ndim: int, dim1: int, dim2: int) -> tuple[int, int]:
    a, b = canonical_dim(name, dim1, ndim), canonical_dim(name, dim2, ndim)
    if a == b:
        raise ValueError(f"{name}: dim1 and dim2 must differ, both name dim {a}")
    return a, b


def _diagonal_shape(x: Any, *, offset: int, dim1: int, dim2: int) -> Aval:
    rest = tuple(n for d, n in enumerate(x.shape) if d not in (dim1, dim2))
    return Aval((*rest, _length(x.shape[dim1], x.shape[dim2], offset)), x.dtype)


def _diagonal_canonical(input: Any, offset: int, dim1: int, dim2: int) -> dict[str, Any]:
    a, b = _dims("diagonal", input.ndim, dim1, dim2)
    return {"offset": offset, "dim1": a, "dim2": b}


def _view(xp: Any, x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """View a diagonal; unlike NumPy's, a view that can be written to."""
    length = _length(x.shape[dim1], x.shape[dim2], offset)
    start = [slice(None)] * x.ndim
    start[dim1], start[dim2] = slice(max(-offset, 0), None), slice(max(offset, 0), None)
    rest = [d for d in range(x.ndim) if d not in (dim1, dim2)]
    shape = (*(x.shape[d] for d in rest), length)
    steps = (*(x.strides[d] for d in rest), x.strides[dim1] + x.strides[dim2])
    return strided_array(xp, x[tuple(start)], shape, steps)


@linear(
    shape=_diagonal_shape,
    transpose=lambda g, x, *, offset, dim1, dim2: on_diagonal(
        g, offset=offset, dim1=dim1, dim2=dim2, shape=tuple(x.shape)
    ),
    batch=with_params("diagonal", shift_dims("dim1", "dim2")),
    canonical=_diagonal_canonical,
    is_view=True,
    samples=(
        Sample(array(3, 4)),
        Sample(array(3, 4), 1),
        Sample(array(2, 3, 4), -1, 0, 2),
        Sample(array(2, 3), 5),
    ),
    errors=(
        ErrorSample(array(2, 3), 0, 1, -1, error=ValueError, match="must differ"),
        ErrorSample(array(2), error=IndexError, match="out of range"),
    ),
)
def diagonal(xp: Any, x: Any, *, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """View a diagonal of two dims; it becomes the last dim.

    Args:
        input: a tensor of at least two dims.
        offset: which diagonal; 0 is the main one, positive ones lie above.
        dim1: the dim that counts rows.
        dim2: the dim that counts columns.

    Returns:
        Tensor: without the two dims, and the diagonal's length last; a view.

    Raises:
        ValueError: the dims are the same.
    """
    return _view(xp, x, offset, dim1, dim2)


def _on_batch(
    size: int, batched: Any, x: Any, *, offset: int, dim1: int, dim2: int, shape: Any
) -> Any:
    return on_diagonal(x, offset=offset, dim1=dim1 + 1, dim2=dim2 + 1, shape=(size, *shape))


@linear(
    shape=lambda x, *, offset, dim1, dim2, shape: Aval(shape, x.dtype),
    transpose=lambda g, x, *, offset, dim1, dim2, shape: diagonal(g, offset, dim1, dim2),
    batch=_on_batch,
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3), offset=1, dim1=0, dim2=2, shape=(3, 2, 5)),),
)
def on_diagonal(
    xp: Any, x: Any, *, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]
) -> Any:
    """Put a tensor on a diagonal of zeros: the transpose of ``diagonal``.

    Args:
        input: (..., k).
        offset: which diagonal.
        dim1: the result's dim that counts rows.
        dim2: the result's dim that counts columns.
        shape: the result's shape.

    Returns:
        Tensor: (*shape).
    """
    out = xp.zeros(shape, x.dtype)
    _view(xp, out, offset, dim1, dim2)[...] = x
    return out


@composite(
    samples=(
        Sample(array(3)),
        Sample(array(2, 3), 1),
        Sample(array(2, 3), -1, 0, 2),
        Sample(array(2, 3), 0, 1, 0),
    ),
    errors=(ErrorSample(array(2), 0, 1, -1, error=ValueError, match="must differ"),),
)
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Make matrices with the last dim on a diagonal and zeros elsewhere.

    Args:
        input: (..., k).
        offset: which diagonal; 0 is the main one, positive ones lie above.
        dim1: the result's dim that counts rows.
        dim2: the result's dim that counts columns.

    Returns:
        Tensor: with one dim more, k + |offset| long in both dims.

    Raises:
        ValueError: the dims are the same.
    """
    x = input if input.ndim else input.reshape((1,))
    a, b = _dims("diag_embed", x.ndim + 1, dim1, dim2)
    if b < a:
        a, b, offset = b, a, -offset
    size = x.shape[-1] + abs(offset)
    shape = list(x.shape[:-1])
    shape.insert(a, size)
    shape.insert(b, size)
    out: Tensor = on_diagonal(x, offset=offset, dim1=a, dim2=b, shape=tuple(shape))
    return out


@composite(
    samples=(Sample(array(3, 4)), Sample(array(3)), Sample(array(3), -1), Sample(array(3), 2)),
    errors=(ErrorSample(array(2, 2, 2), error=ShapeError, match="one or two dims"),),
    out=True,
)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or a matrix with a given diagonal and zeros elsewhere.

    Args:
        input: (n, m), or (k,).
        diagonal: which one; 0 is the main one, positive ones lie above.

    Returns:
        Tensor: the diagonal, a copy as in PyTorch, or (k + |diagonal|, k + |diagonal|).

    Raises:
        ShapeError: input has neither one nor two dims.
    """
    if input.ndim == 2:
        out: Tensor = copied(_seen(input, diagonal))
        return out
    if input.ndim != 1:
        raise ShapeError(f"diag: expected one or two dims, got input.shape == {tuple(input.shape)}")
    return diag_embed(input, diagonal)


_seen = diagonal


@composite(samples=(Sample(array(3)), Sample(array(2, 2), 1), Sample(array(), -1)))
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with the elements of a tensor on a diagonal and zeros elsewhere.

    Args:
        input: (...), taken flattened.
        offset: which diagonal; 0 is the main one, positive ones lie above.

    Returns:
        Tensor: (k + |offset|, k + |offset|), of input's k elements.
    """
    return diag_embed(input.reshape((-1,)), offset)


@composite(
    samples=(
        Sample(array(3, 4), array(3)),
        Sample(array(2, 3, 4), array(3, 2), 1, 0, 2),
    ),
    errors=(ErrorSample(array(3, 4), array(2), error=ShapeError, match=r"must have shape \(3,\)"),),
)
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Copy a tensor with a diagonal of two dims replaced.

    Args:
        input: a tensor of at least two dims.
        src: of the shape of ``diagonal(input, offset, dim1, dim2)``.
        offset: which diagonal; 0 is the main one, positive ones lie above.
        dim1: the dim that counts rows.
        dim2: the dim that counts columns.

    Returns:
        Tensor: of input's shape.

    Raises:
        ShapeError: src has another shape.
        ValueError: the dims are the same.
    """
    from weft.ops.comparison import where

    a, b = _dims("diagonal_scatter", input.ndim, dim1, dim2)
    shape = tuple(input.shape)
    settings = {"offset": offset, "dim1": a, "dim2": b, "shape": shape}
    wanted = _diagonal_shape(input._data, offset=offset, dim1=a, dim2=b).shape
    if tuple(src.shape) != wanted:
        raise ShapeError(
            f"diagonal_scatter: src must have shape {wanted}, the diagonal's, got "
            f"{tuple(src.shape)}"
        )
    hit = on_diagonal(src.new_ones(wanted[-1:], dtype=bool).expand(wanted), **settings)
    return where(hit, on_diagonal(src.to(input.dtype), **settings), input)
