"""Flipping and turning: the named forms of ``flip`` and ``transpose``."""

from __future__ import annotations

from collections.abc import Sequence

from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import canonical_dims
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.permuting import transpose
from weft.ops.strides import flip


@composite(
    samples=(Sample(array(2, 3)), Sample(array(2, 3, 2))),
    errors=(ErrorSample(array(2), error=ShapeError, match="at least 2 dims"),),
)
def fliplr(input: Tensor) -> Tensor:
    """Reverse the order of columns: the second dim.

    Args:
        input: (...), of at least two dims.

    Returns:
        Tensor: of input's shape, a copy as in PyTorch.

    Raises:
        ShapeError: it has fewer dims.
    """
    if input.ndim < 2:
        raise ShapeError(f"fliplr: expected at least 2 dims, got shape {tuple(input.shape)}")
    return flip(input, 1)


@composite(
    samples=(Sample(array(2, 3)), Sample(array(3))),
    errors=(ErrorSample(array(), error=ShapeError, match="at least 1 dim"),),
)
def flipud(input: Tensor) -> Tensor:
    """Reverse the order of rows: the first dim.

    Args:
        input: (...), of at least one dim.

    Returns:
        Tensor: of input's shape, a copy as in PyTorch.

    Raises:
        ShapeError: it is 0-d.
    """
    if not input.ndim:
        raise ShapeError("flipud: expected at least 1 dim, got a 0-d tensor")
    return flip(input, 0)


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3), -1),
        Sample(array(2, 3), 2, (0, 1)),
        Sample(array(2, 3, 2), 1, (0, -1)),
        Sample(array(2, 3), 4),
    ),
    errors=(
        ErrorSample(array(2, 3), 1, (0, 0), error=ValueError, match="names a dimension twice"),
        ErrorSample(array(2, 3), 1, (0,), error=ValueError, match="two dims"),
        ErrorSample(array(2), error=IndexError, match="dim 1 is out of range"),
    ),
)
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turn the plane of two dims by quarters, from the first dim towards the second.

    Args:
        input: (...), of at least two dims.
        k: how many quarters; negative ones turn the other way.
        dims: the two dims.

    Returns:
        Tensor: of input's shape, with the two lengths swapped for odd k; a copy.

    Raises:
        ValueError: dims are not two different ones.
    """
    if len(dims) != 2:
        raise ValueError(f"rot90: expected two dims to turn in, got {tuple(dims)}")
    a, b = canonical_dims("rot90", tuple(dims), input.ndim)
    quarters = k % 4
    if quarters == 0:
        return input.clone()
    if quarters == 2:
        return flip(input, (a, b))
    return transpose(flip(input, b), a, b) if quarters == 1 else flip(transpose(input, a, b), b)


@composite(
    samples=(Sample(array(2, 3)), Sample(array(2, 3, 2)), Sample(array())),
    errors=(ErrorSample(array(2), error=ShapeError, match=r"got shape \(2,\)"),),
)
def adjoint(input: Tensor) -> Tensor:
    """Swap the last two dims and take the complex conjugate.

    Args:
        input: (..., n, m).

    Returns:
        Tensor: (..., m, n); a view of a real tensor. Of a 0-d tensor, its conjugate.

    Raises:
        ShapeError: it has one dim.
    """
    if input.ndim == 1:
        raise ShapeError(
            f"adjoint: expected a matrix or a batch of them, got shape {tuple(input.shape)}"
        )
    swapped = transpose(input, -2, -1) if input.ndim else input
    return swapped.conj() if input.dtype.is_complex else swapped


@composite(
    samples=(Sample(array(2, 3, 4), 0, 2), Sample(array(2, 3), -1, -2)),
    errors=(ErrorSample(array(2, 3), 0, 2, error=IndexError, match="dim 2 is out of range"),),
)
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Swap two dims: ``transpose`` by NumPy's name.

    Args:
        input: a tensor.
        axis0: a dim.
        axis1: the dim to swap it with.

    Returns:
        Tensor: a view.

    Raises:
        IndexError: a dim is out of range.
    """
    return transpose(input, axis0, axis1)
