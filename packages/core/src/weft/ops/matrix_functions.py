"""Functions of matrices: exponential, powers, chains of products, Vandermonde matrices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from weft._core import catalogue, dtypes
from weft._core.errors import DTypeError, LinAlgError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.families.custom import custom
from weft.ops.joining import cat, stack
from weft.ops.matmul import matmul
from weft.ops.matrices import leading, mH, require_square


def _along(x: Any, t: Any) -> Any:
    """Return the derivative of the exponential along t: a block of that of [[x, t], [0, x]]."""
    n = x.shape[-1]
    upper, lower = cat((x, t), -1), cat((x * 0, x), -1)
    return exponential(cat((upper, lower), -2))[..., :n, n:]


@custom(
    shape=lambda x: x,
    vjp=lambda needs, g, out, x: (_along(mH(x), g),),
    jvp=lambda tangents, out, x: _along(x, tangents[0]),
    batch=leading("exponential", 2),
    saves=("x",),
    namespaces=(),
    methods=(),
    samples=(Sample(array(2, 3, 3)),),
)
def exponential(xp: Any, x: Any) -> Any:
    """Matrix exponential.

    Args:
        input: (..., n, n).

    Returns:
        Tensor: (..., n, n).
    """
    return xp.lapack.expm(x)


@composite(
    samples=(
        Sample(array(3, 3)),
        Sample(array(2, 2, 2)),
        Sample(array(3, 3, kind="complex")),
        Sample(array(0, 0)),
    ),
    errors=(
        ErrorSample(array(2, 3), error=ShapeError, match="input must be square"),
        ErrorSample(integers(2, 2), error=DTypeError, match="must be floating or complex"),
    ),
    aliases=("linalg.matrix_exp",),
)
def matrix_exp(input: Tensor) -> Tensor:
    """Exponential of a square matrix, the sum of A^k / k! over all k.

    Args:
        input: (..., n, n), floating or complex; half precision is computed in float32.

    Returns:
        Tensor: (..., n, n). NaN where the input holds NaN or infinity.

    Raises:
        ShapeError: input is not square.
        DTypeError: input is of integers.
    """
    require_square("matrix_exp", input, "input", half=True)
    out: Tensor = exponential(input)
    return out


@composite(
    samples=(
        Sample(array(3, 3), 3),
        Sample(array(2, 2, 2), 5),
        Sample(array(3, 3), 0),
        Sample(array(3, 3, form="spread"), -2),
        Sample(integers(3, 3), 3),
    ),
    errors=(
        ErrorSample(array(2, 3), 2, error=ShapeError, match="must be square"),
        ErrorSample(array(2, 2, low=0.0, high=0.0), -1, error=LinAlgError, match="is singular"),
        ErrorSample(integers(2, 2), -1, error=DTypeError, match="must be floating or complex"),
    ),
    aliases=("linalg.matrix_power",),
    out=True,
)
def matrix_power(input: Tensor, n: int) -> Tensor:
    """Power of a square matrix, by repeated squaring; a negative one is that of the inverse.

    Args:
        input: (..., k, k); of integers too if n is not negative.
        n: the exponent; 0 gives the identity.

    Returns:
        Tensor: (..., k, k).

    Raises:
        ShapeError: input is not square.
        LinAlgError: n is negative and a matrix singular.
        DTypeError: n is negative and input of integers or half precision.
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError(
            f"matrix_power: input must be square, (..., k, k), got input.shape == "
            f"{tuple(input.shape)}"
        )
    if n < 0:
        from weft.ops.solving import inverted

        return matrix_power(inverted("matrix_power", input, "input", True)[0], -n)
    if n == 0:
        from weft.ops.broadcasting import expand_to
        from weft.ops.creation import eye

        same = eye(input.shape[-1], dtype=input.dtype, device=input.device)
        whole = expand_to(same, tuple(input.shape))
        return whole + input * 0 if input.dtype.category >= 2 else whole.clone()
    out, square = None, input
    while True:
        if n & 1:
            out = square if out is None else matmul(out, square)
        n >>= 1
        if not n:
            assert out is not None
            return out if out is not input else input * 1
        square = matmul(square, square)


# --- chains ------------------------------------------------------------------------------------


def _order(lengths: Sequence[int]) -> list[list[int]]:
    """Return where to split each run of matrices so that fewest multiplications are needed."""
    count = len(lengths) - 1
    cost = [[0] * count for _ in range(count)]
    split = [[0] * count for _ in range(count)]
    for span in range(1, count):
        for first in range(count - span):
            last = first + span
            cost[first][last], split[first][last] = min(
                (
                    cost[first][at]
                    + cost[at + 1][last]
                    + lengths[first] * lengths[at + 1] * lengths[last + 1],
                    at,
                )
                for at in range(first, last)
            )
    return split


def _chain(name: str, tensors: Sequence[Tensor]) -> Tensor:
    for i, x in enumerate(tensors):
        ends = (1, 2) if i in (0, len(tensors) - 1) else (2,)
        if x.ndim not in ends:
            raise ShapeError(
                f"{name}: tensor {i} must be a matrix{' or a vector' if 1 in ends else ''}, got "
                f"shape {tuple(x.shape)}"
            )
    from_row, to_column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    matrices = list(tensors)
    if from_row:
        matrices[0] = matrices[0].unsqueeze(0)
    if to_column:
        matrices[-1] = matrices[-1].unsqueeze(-1)
    for i, (x, y) in enumerate(itertools.pairwise(matrices)):
        if x.shape[1] != y.shape[0]:
            raise ShapeError(
                f"{name}: tensors {i} and {i + 1} of shapes {tuple(tensors[i].shape)} and "
                f"{tuple(tensors[i + 1].shape)} cannot be multiplied: {x.shape[1]} columns meet "
                f"{y.shape[0]} rows"
            )
    split = _order([matrices[0].shape[0], *(x.shape[1] for x in matrices)])

    def product(first: int, last: int) -> Tensor:
        if first == last:
            return matrices[first]
        at = split[first][last]
        return matmul(product(first, at), product(at + 1, last))

    out = product(0, len(matrices) - 1)
    out = out.squeeze(0) if from_row else out
    return out.squeeze(-1) if to_column else out


@composite(
    samples=(
        Sample((array(2, 3), array(3, 4), array(4, 2))),
        Sample((array(3), array(3, 4), array(4))),
        Sample((array(2, 3), array(3))),
    ),
    errors=(
        ErrorSample((array(2, 3), array(2, 3)), error=ShapeError, match="3 columns meet 2 rows"),
        ErrorSample((array(2, 3),), error=ValueError, match="at least two"),
        ErrorSample(
            (array(2, 3), array(3), array(3, 2)), error=ShapeError, match="1 must be a matrix"
        ),
    ),
    namespaces=catalogue.LINALG,
    out=True,
)
def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Product of several matrices, in the order that needs fewest multiplications.

    Args:
        tensors: at least two matrices; the first and the last may be vectors, a row and a column.

    Returns:
        Tensor: their product, without the dims of vectors.

    Raises:
        ShapeError: neighbours do not fit, or a tensor is no matrix.
        ValueError: there are fewer than two.
    """
    given = tuple(tensors)
    if len(given) < 2:
        raise ValueError(f"linalg.multi_dot: expected at least two tensors, got {len(given)}")
    return _chain("linalg.multi_dot", given)


@composite(
    samples=(Sample(array(2, 3), array(3, 4), array(4, 2)), Sample(array(2, 3))),
    errors=(ErrorSample(array(2, 3), array(2, 3), error=ShapeError, match="3 columns meet 2"),),
    methods=(),
)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """Product of several matrices: ``linalg.multi_dot`` of arguments.

    Args:
        matrices: at least one matrix.

    Returns:
        Tensor: their product.

    Raises:
        ShapeError: neighbours do not fit, or a tensor is no matrix.
        ValueError: there is none.
    """
    given = (
        matrices[0] if len(matrices) == 1 and isinstance(matrices[0], tuple | list) else matrices
    )
    if not given:
        raise ValueError("chain_matmul: expected at least one matrix, got none")
    return _chain("chain_matmul", given) if len(given) > 1 else given[0].clone()


@composite(
    samples=(
        Sample(array(4)),
        Sample(array(2, 3), N=4),
        Sample(array(3), N=2),
        Sample(integers(3, low=1)),
    ),
    errors=(
        ErrorSample(array(), error=ShapeError, match="at least one dim"),
        ErrorSample(array(3), N=1, error=ValueError, match="N must exceed 1, got 1"),
    ),
    namespaces=catalogue.LINALG,
)
def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde matrices: the powers 0 to N - 1 of each element, in rising order.

    Args:
        x: (..., n); of integers too.
        N: how many powers; n if None.

    Returns:
        Tensor: (..., n, N); booleans and integers become int64.

    Raises:
        ShapeError: x is 0-d.
        ValueError: N is 1 or less.
    """
    if not x.ndim:
        raise ShapeError("linalg.vander: x must have at least one dim, got a 0-d tensor")
    if N is not None and N <= 1:
        raise ValueError(f"linalg.vander: N must exceed 1, got {N}")
    base = x.to(dtypes.int64) if x.dtype.category < 2 else x
    powers = [base * 0 + 1]
    for _ in range(1, base.shape[-1] if N is None else N):
        powers.append(powers[-1] * base)
    return stack(powers, -1)
