"""Norms as ``weft.linalg`` has them: vector_norm, matrix_norm, norm and cond."""

from __future__ import annotations

import math
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dims, without
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs, square
from weft.ops.comparison import eq, where
from weft.ops.exponential import flat_root
from weft.ops.extremes import amax, amin
from weft.ops.families.composite import composite
from weft.ops.matrices import real_dtype, require_floats, require_matrices, require_square
from weft.ops.permuting import movedim
from weft.ops.powers import pow
from weft.ops.reductions import sum, sum_of_squares
from weft.ops.singular import singular_values
from weft.ops.solving import general_inverse

_HALF = (dtypes.float16, dtypes.bfloat16)
_SPECTRAL = (2, -2, "nuc")


def _in_dtype(name: str, x: Tensor, dtype: Any) -> tuple[Tensor, Any]:
    """Return x in the dtype to compute in, and the real dtype of the result."""
    require_floats(name, x, "input", half=True)
    wanted = x.dtype
    if dtype is not None:
        wanted = dtypes.of(dtypes.canonical(dtype))
        if wanted.is_complex != x.dtype.is_complex or wanted.category < 2:
            kind = "complex" if x.dtype.is_complex else "real floating"
            raise DTypeError(f"{name}: dtype must be {kind} for input of {x.dtype}, got {wanted}")
        if dtypes.promote_types(x.dtype, wanted) is not wanted:
            raise DTypeError(
                f"{name}: dtype must not be narrower than input's, {x.dtype}, got {wanted}"
            )
    # squares of halves overflow where their norm does not, so they are summed in float32
    inner = dtypes.float32 if wanted in _HALF else wanted
    result = dtypes.of(real_dtype(wanted.numpy))
    return x if x.dtype is inner else x.to(inner), result


def vector_norm_of(
    name: str, x: Tensor, ord: Any, dim: Any, keepdim: bool, dtype: Any = None
) -> Tensor:
    """Return norms over dims (all for None and for an empty tuple), read as vectors."""
    if isinstance(ord, str | bool) or not isinstance(ord, int | float):
        raise ValueError(f"{name}: the order must be a number, got {ord!r}")
    x, result = _in_dtype(name, x, dtype)
    dims = canonical_dims(name, None if dim in ((), []) else dim, x.ndim)
    if x.ndim and (ord < 0 or ord == math.inf) and any(x.shape[d] == 0 for d in dims):
        raise ShapeError(
            f"{name}: the norm of order {ord} of no element is not defined (input.shape == "
            f"{tuple(x.shape)})"
        )
    if ord == 2 and not x.dtype.is_complex:  # squares need no modulus
        return _root(sum_of_squares(x, dims if x.ndim else None, keepdim), 2).to(result)
    return _of_order(abs(x), ord, dims if x.ndim else None, keepdim).to(result)


def _of_order(size: Tensor, ord: float, dims: Any, keepdim: bool) -> Tensor:
    if ord == math.inf:
        return amax(size, dims, keepdim)
    if ord == -math.inf:
        return amin(size, dims, keepdim)
    if ord == 0:
        return sum((size != 0).to(size.dtype), dims, keepdim)
    if ord == 1:
        return sum(size, dims, keepdim)
    if ord == 2:
        return _root(sum(square(size), dims, keepdim), 2)
    if ord < 1:  # the slope of a small power at 0 is infinite; it counts as 0
        nothing = eq(size, 0)
        power = where(nothing, 0.0 if ord > 0 else math.inf, pow(where(nothing, 1.0, size), ord))
    else:
        power = pow(size, ord)
    return _root(sum(power, dims, keepdim), ord)


def _root(total: Tensor, ord: float) -> Tensor:
    """Return the root of a sum of powers, whose slope at 0, which is infinite, counts as 0."""
    if ord == 2:
        out: Tensor = flat_root(total)
        return out
    nothing = eq(total, 0)
    return where(nothing, 0.0, pow(where(nothing, 1.0, total), 1 / ord))


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3, low=0.2), 3, dim=1),
        Sample(array(2, 3, low=0.2, distinct=True), math.inf, dim=0, keepdim=True),
        Sample(array(2, 3, low=0.2, distinct=True), -math.inf, dim=(0, 1)),
        Sample(array(2, 3), 0, dim=1),
        Sample(array(2, 3, low=0.2), 1, dim=-1),
        Sample(array(2, 3, low=0.2), 0.5),
        Sample(array(2, 3, low=0.2), -1),
        Sample(array(2, 3, kind="complex"), dim=1),
        Sample(array(2, 3), dtype=dtypes.float64),
        Sample(array()),
        Sample(array(0, 2), dim=0),
    ),
    errors=(
        ErrorSample(integers(3), error=DTypeError, match="must be floating or complex"),
        ErrorSample(array(0), math.inf, error=ShapeError, match="of no element"),
        ErrorSample(array(2), "fro", error=ValueError, match="must be a number, got 'fro'"),
        ErrorSample(array(2), dtype=dtypes.complex64, error=DTypeError, match="must be real"),
        ErrorSample(array(2), dtype=dtypes.float16, error=DTypeError, match="must not be narrower"),
        ErrorSample(array(2), dim=1, error=IndexError, match="dim 1 is out of range"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Norm of vectors: the sum of |x|^ord, to the power 1 / ord.

    Args:
        x: (...), floating or complex.
        ord: a number; inf is the largest modulus, -inf the smallest, 0 counts what is not 0.
        dim: the dim or dims whose elements are one vector; all if None.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first; of x's kind and not narrower.

    Returns:
        Tensor: without those dims, real. The gradient at the zero vector is 0.

    Raises:
        DTypeError: x is of integers, or dtype does not fit.
        ShapeError: there is no element, and the order is negative or infinite.
        ValueError: ord is no number.
        IndexError: a dim is out of range.
    """
    return vector_norm_of("linalg.vector_norm", x, ord, dim, keepdim, dtype)


def _require_order(name: str, ord: Any) -> None:
    known = ("fro", "nuc", math.inf, -math.inf, 1, -1, 2, -2)
    if isinstance(ord, bool) or ord not in known:
        raise ValueError(
            f"{name}: the order of a matrix norm must be one of 'fro', 'nuc', inf, -inf, 1, -1, 2 "
            f"and -2, got {ord!r}"
        )


def matrix_norm_of(
    name: str, x: Tensor, ord: Any, dim: Any, keepdim: bool, dtype: Any = None
) -> Tensor:
    """Return norms of the matrices in two dims."""
    require_matrices(name, x, "input", half=True)
    if not isinstance(dim, tuple | list) or len(dim) != 2:
        raise ValueError(f"{name}: dim must be two dims, got {dim!r}")
    _require_order(name, ord)
    rows, columns = canonical_dims(name, tuple(dim), x.ndim)
    if ord == "fro":
        return vector_norm_of(name, x, 2, (rows, columns), keepdim, dtype)
    if ord in _SPECTRAL:
        require_floats(name, x, "input")
    x, result = _in_dtype(name, x, dtype)
    matrices = movedim(x, (rows, columns), (-2, -1))
    if ord in _SPECTRAL:
        sizes = singular_values(matrices)
    else:
        sizes = sum(abs(matrices), -2 if ord in (1, -1) else -1)
    if ord == "nuc":
        out = sum(sizes, -1)
    elif not sizes.shape[-1] and ord in (1, 2, math.inf):
        out = sum(sizes, -1)  # the largest of nothing that is not negative is 0
    elif not sizes.shape[-1]:
        raise ShapeError(
            f"{name}: the norm of order {ord} of no element is not defined (input.shape == "
            f"{tuple(x.shape)})"
        )
    else:
        out = amin(sizes, -1) if ord in (-1, -2, -math.inf) else amax(sizes, -1)
    if keepdim:
        out = out.reshape(without(tuple(x.shape), (rows, columns), True))
    return out.to(result)


_MATRIX_ERRORS = (
    ErrorSample(array(3), error=ShapeError, match="must be a matrix or a batch"),
    ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
    ErrorSample(array(2, 2), 3, error=ValueError, match="order of a matrix norm must be one of"),
)


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3, 3, form="spread"), "nuc"),
        Sample(array(2, 3, 3, form="spread"), 2, keepdim=True),
        Sample(array(3, 3, form="spread"), -2),
        Sample(array(2, 3, low=0.2), 1),
        Sample(array(2, 3, low=0.2), -1),
        Sample(array(2, 3, 2, low=0.2), math.inf, dim=(0, 1)),
        Sample(array(2, 3, low=0.2), -math.inf, dim=(1, 0), keepdim=True),
        Sample(array(2, 0), 1),
    ),
    errors=(
        *_MATRIX_ERRORS,
        ErrorSample(array(2, 2), dim=1, error=ValueError, match="must be two dims, got 1"),
        ErrorSample(array(2, 2), dim=(0, 0), error=ValueError, match="names a dimension twice"),
        ErrorSample(array(0, 2), -2, error=ShapeError, match="of no element"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def matrix_norm(
    input: Tensor,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """Norm of matrices.

    Args:
        input: at least two dims, floating or complex.
        ord: ``"fro"`` the root of the sum of squared moduli, ``"nuc"`` the sum of the singular
            values, 2 and -2 the largest and smallest of those, 1 and -1 the largest and smallest
            sum of moduli of a column, inf and -inf of a row.
        dim: the dims of rows and columns.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first; of input's kind and not narrower.

    Returns:
        Tensor: without the two dims, real.

    Raises:
        ShapeError: input has fewer than two dims, or there is no element of which to take the
            smallest.
        DTypeError: input is of integers, or of half precision where singular values are needed.
        ValueError: ord is none of these, or dim is not two dims.
        IndexError: a dim is out of range.
    """
    return matrix_norm_of("linalg.matrix_norm", input, ord, dim, keepdim, dtype)


@composite(
    samples=(
        Sample(array(2, 3, 2)),
        Sample(array(3, low=0.2), 3),
        Sample(array(3, 3, form="spread"), 2),
        Sample(array(2, 3, low=0.2), 1, dim=1),
        Sample(array(2, 3), "fro", dim=(0, 1), keepdim=True),
        Sample(array(2, 3), dim=(0, 1)),
        Sample(array(2, 3, 3, form="spread"), "nuc", dim=(1, 2)),
    ),
    errors=(
        ErrorSample(array(2, 2, 2), 2, error=ShapeError, match="must have one or two dims"),
        ErrorSample(array(2, 2), 3, error=ValueError, match="order of a matrix norm"),
        ErrorSample(array(2, 2, 2), 2, dim=(0, 1, 2), error=ValueError, match="one dim or two"),
        ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def norm(
    input: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Norm of vectors or of matrices, by how many dims it is taken over.

    Args:
        input: floating or complex.
        ord: an order of ``vector_norm`` for one dim, of ``matrix_norm`` for two; None is the
            2-norm of all elements, over any number of dims.
        dim: one dim for vectors, two for matrices; if None all, of which there may be one or two
            unless ord is None.
        keepdim: whether those dims stay, with length 1.
        dtype: to convert to first; of input's kind and not narrower.

    Returns:
        Tensor: without those dims, real.

    Raises:
        ShapeError: the dims are not one or two, and ord is given.
        DTypeError: input is of integers, or of half precision where singular values are needed.
        ValueError: ord does not fit the number of dims.
        IndexError: a dim is out of range.
    """
    if ord is None:
        return vector_norm_of("linalg.norm", input, 2, dim, keepdim, dtype)
    if dim is None:
        if input.ndim not in (1, 2):
            raise ShapeError(
                f"linalg.norm: without dim= input must have one or two dims for order {ord!r}, got "
                f"input.shape == {tuple(input.shape)}"
            )
        dim = tuple(range(input.ndim))
    dims = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    if len(dims) == 2:
        return matrix_norm_of("linalg.norm", input, ord, dims, keepdim, dtype)
    if len(dims) != 1:
        raise ValueError(f"linalg.norm: dim must be one dim or two for order {ord!r}, got {dim!r}")
    return vector_norm_of("linalg.norm", input, ord, dims, keepdim, dtype)


@composite(
    samples=(
        Sample(array(3, 3, form="spread")),
        Sample(array(2, 4, 3, form="spread"), -2),
        *(Sample(array(3, 3, form="spread"), p) for p in ("fro", "nuc", 1, -1, math.inf)),
    ),
    errors=(
        *_MATRIX_ERRORS,
        ErrorSample(array(2, 3), 1, error=ShapeError, match="input must be square"),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def cond(input: Tensor, p: Any = None) -> Tensor:
    """Condition number: the norm of a matrix times that of its inverse.

    Args:
        input: (..., n, m), float32, float64 or complex.
        p: the order of the norms, as of ``matrix_norm``; None and 2 are the largest over the
            smallest singular value, -2 the reverse. For the others n must equal m.

    Returns:
        Tensor: (...), real; inf for a singular matrix, 0 for an empty one.

    Raises:
        ShapeError: input is no matrix, or not square where it must be.
        DTypeError: input is of integers or half precision.
        ValueError: p is no such order.
    """
    order = 2 if p is None else p
    require_matrices("linalg.cond", input, "input")
    _require_order("linalg.cond", order)
    if order in (2, -2):
        s = singular_values(input)
        if not s.shape[-1]:
            return sum(s, -1)
        largest, smallest = s[..., 0], s[..., -1]
        ratio: Tensor = largest / smallest if order == 2 else smallest / largest
        return ratio
    # as in PyTorch, an empty matrix need not be square for the orders that are numbers
    if isinstance(order, str) or 0 not in input.shape[-2:]:
        require_square("linalg.cond", input, "input")
    if 0 in input.shape[-2:]:
        return sum(abs(input), (-2, -1))
    inverse, info = general_inverse(input, check="")
    own = matrix_norm_of("linalg.cond", input, order, (-2, -1), False)
    return where(info != 0, math.inf, own * matrix_norm_of("", inverse, order, (-2, -1), False))
