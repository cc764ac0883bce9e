"""Norms at the top level: norm, frobenius_norm, nuclear_norm and norm_except_dim."""

from __future__ import annotations

import math
from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.matrix_norms import matrix_norm_of, vector_norm_of


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3), dim=1),
        Sample(array(2, 3), p=1, dim=0, keepdim=True),
        Sample(array(2, 3, low=0.2), p=3, dim=1),
        Sample(array(2, 3, low=0.2, distinct=True), p=math.inf, dim=1),
        Sample(array(3, 3, form="spread"), p=2),
        Sample(array(2, 3, kind="complex"), p=None),
        Sample(array(2, 3), dtype=dtypes.float64),
    ),
    errors=(
        ErrorSample(integers(3), error=DTypeError, match="must be floating or complex"),
        ErrorSample(array(3), p="other", error=ValueError, match="'fro', 'nuc' or a number"),
        ErrorSample(array(3), p="nuc", error=ShapeError, match="matrix"),
    ),
    out=True,
)
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """Norm of all elements, or of those along dims, read as a vector.

    .. math:: (\\sum |x|^p)^{1/p}

    ``linalg.vector_norm`` and ``linalg.matrix_norm`` say which of the two they are; this one takes
    a matrix for a vector unless p is ``"nuc"``.

    Args:
        input: (...), floating or complex.
        p: a number; ``"fro"`` and None are 2, inf the largest modulus, -inf the smallest, 0 counts
            what is not zero; ``"nuc"`` is the sum of the singular values of matrices.
        dim: the dim or dims; all if None. For ``"nuc"`` two of them.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first; of input's kind and not narrower.

    Returns:
        Tensor: without those dims, real. The gradient at the zero vector is 0.

    Raises:
        DTypeError: input is neither floating nor complex, or dtype does not fit.
        ValueError: p is no such number.
        ShapeError: p is ``"nuc"`` and input has not two dims.
    """
    if p == "nuc":
        if dim is None and input.ndim != 2:
            raise ShapeError(
                f"norm: for p='nuc' input must be a matrix unless dim= names two dims, got "
                f"input.shape == {tuple(input.shape)}"
            )
        return matrix_norm_of("norm", input, p, (0, 1) if dim is None else dim, keepdim, dtype)
    power = 2.0 if p in ("fro", None) else p
    if isinstance(power, bool | str) or not isinstance(power, int | float):
        raise ValueError(f"norm: p must be 'fro', 'nuc' or a number, got {p!r}")
    return vector_norm_of("norm", input, power, dim, keepdim, dtype)


@composite(
    samples=(
        Sample(array(2, 3), ()),
        Sample(array(2, 3), dim=1),
        Sample(array(2, 3), (0, 1), True),
    ),
    errors=(ErrorSample(array(2, 2, 2), (0, 1, 2), error=ValueError, match="at most two dims"),),
    methods=(),
    out=True,
)
def frobenius_norm(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Root of the sum of squared moduli: ``linalg.vector_norm`` of order 2.

    Args:
        input: (...), floating or complex.
        dim: at most two dims; none stands for all.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without those dims, real.

    Raises:
        ValueError: there are more than two dims.
        DTypeError: input is of integers.
    """
    dims = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    if len(dims) > 2:
        raise ValueError(f"frobenius_norm: expected at most two dims, got {dims}")
    return vector_norm_of("frobenius_norm", input, 2, dims, keepdim)


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 3, 3, form="spread"), dim=(1, 2), keepdim=True),
    ),
    errors=(ErrorSample(array(2, 2, 2), error=ShapeError, match="must be a matrix unless"),),
    methods=(),
    out=True,
)
def nuclear_norm(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Sum of the singular values of matrices.

    Args:
        input: a matrix, or with ``dim`` any tensor of at least two dims.
        dim: the dims of rows and columns.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without the two dims, real.

    Raises:
        ShapeError: dim is None and input no matrix.
        DTypeError: input is of integers or half precision.
    """
    if dim is None:
        if input.ndim != 2:
            raise ShapeError(
                f"nuclear_norm: input must be a matrix unless dim= names two dims, got input.shape "
                f"== {tuple(input.shape)}"
            )
        dim = (0, 1)
    return matrix_norm_of("nuclear_norm", input, "nuc", dim, keepdim)


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3, 2), 2, 1),
        Sample(array(2, 3), 1, -1),
    ),
    errors=(ErrorSample(array(2), 2, 1, error=IndexError, match="dim 1 is out of range"),),
    methods=(),
)
def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """Norm over all dims but one, which stay with length 1, as weight normalisation needs it.

    Args:
        v: (...), floating.
        pow: the order of the norm.
        dim: the dim not to reduce; -1 reduces all of them, and none stays.

    Returns:
        Tensor: of length 1 in every dim but ``dim``; 0-d for -1.

    Raises:
        IndexError: the dim is out of range.
        DTypeError: v is of integers.
    """
    if dim == -1:
        return vector_norm_of("norm_except_dim", v, pow, None, False)
    at = canonical_dim("norm_except_dim", dim, v.ndim)
    rest = tuple(d for d in range(v.ndim) if d != at)
    if not rest:
        from weft.ops.arithmetic import abs

        return abs(v)
    return vector_norm_of("norm_except_dim", v, pow, rest, True)
