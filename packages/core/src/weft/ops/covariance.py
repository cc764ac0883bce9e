"""Covariances and correlations of variables."""

from __future__ import annotations

import math
from typing import Any

from weft._backend.libraries import is_array, on_host
from weft._core import dtypes
from weft._core.errors import DTypeError, ShapeError
from weft._core.samples import ErrorSample, Sample, array, booleans, integers
from weft._core.tensor import Tensor
from weft.ops.bounds import clamp
from weft.ops.comparison import le, where
from weft.ops.complex import conj, real
from weft.ops.diagonals import diagonal
from weft.ops.exponential import sqrt
from weft.ops.families.composite import composite
from weft.ops.matmul import matmul
from weft.ops.reductions import sum


def _variables(name: str, input: Tensor) -> Tensor:
    """Return variables as rows."""
    if input.ndim > 2:
        raise ShapeError(
            f"{name}: expected at most 2 dims, variables and their observations; got shape "
            f"{tuple(input.shape)}"
        )
    if input.dtype is dtypes.bool_:
        raise DTypeError(f"{name}: expected numbers, got weft.bool; convert with .to(weft.float32)")
    return input if input.ndim == 2 else input.reshape((1, -1))


def _weights(given: Tensor, name: str, category: int, kind: str, count: int) -> Tensor:
    if given.ndim > 1 or given._data.size != count:
        raise ShapeError(
            f"cov: {name} must be ({count},), one for each observation, got shape "
            f"{tuple(given.shape)}"
        )
    if given.dtype.category != category:
        raise DTypeError(f"cov: {name} must be {kind}, got {given.dtype}")
    data = on_host(given._data)
    if is_array(data) and (data < 0).any():
        raise ValueError(f"cov: {name} must not be negative, got {given.tolist()}")
    return given.reshape(-1)


@composite(
    samples=(
        Sample(array(3, 5)),
        Sample(array(5)),
        Sample(array(3, 5), correction=0),
        Sample(array(2, 4), fweights=integers(4, low=1, high=4)),
        Sample(array(2, 4), aweights=array(4, low=0.2)),
        Sample(array(2, 4), fweights=integers(4, low=1, high=4), aweights=array(4, low=0.2)),
        Sample(integers(2, 4)),
        Sample(array(0, 3)),
        Sample(array(2, 4, kind="complex")),
    ),
    errors=(
        ErrorSample(array(2, 2, 2), error=ShapeError, match="at most 2 dims"),
        ErrorSample(booleans(3), error=DTypeError, match="expected numbers"),
        ErrorSample(array(2, 3), fweights=array(3), error=DTypeError, match="fweights"),
        ErrorSample(array(2, 3), fweights=integers(2), error=ShapeError, match=r"\(3,\)"),
        ErrorSample(array(2, 3), aweights=integers(3), error=DTypeError, match="aweights"),
        ErrorSample(
            array(2, 3), fweights=integers(3, low=-3, high=0), error=ValueError, match="negative"
        ),
        ErrorSample(
            array(2, 3), fweights=integers(3, low=0, high=1), error=ValueError, match="sum to 0"
        ),
    ),
)
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Covariance matrix of variables.

    .. math:: \\frac{\\sum_i w_i (x_i - \\bar x)(x_i - \\bar x)^H}{\\max(0, n - c)}

    where n is the sum of the weights w; with aweights the correction c is multiplied by their mean
    as w weights them.

    Args:
        input: (variables, observations), or (observations,) of one variable; no booleans.
        correction: c, subtracted from the number of observations in the divisor.
        fweights: (observations,), integers: how often each occurred.
        aweights: (observations,), floating: how much each counts.

    Returns:
        Tensor: (variables, variables); 0-d of one variable. NaN or infinite where the divisor is 0.

    Raises:
        ShapeError: input has more than 2 dims, or weights do not fit.
        DTypeError: input is boolean, fweights are no integers or aweights not floating.
        ValueError: weights are negative, or sum to 0.
    """
    x = _variables("cov", input)
    count = x.shape[1]
    weights: Tensor | None = None
    if fweights is not None:
        weights = _weights(fweights, "fweights", 1, "of integers", count)
    if aweights is not None:
        own = _weights(aweights, "aweights", 2, "floating", count)
        weights = own if weights is None else weights * own
    if weights is None:
        middle = sum(x, 1, True) / count if count else sum(x, 1, True) * math.nan
        far = x - middle
        product = matmul(far, conj(far).t())
        left: Any = count - correction
        out = product / left if left > 0 else product * math.inf
    else:
        total = sum(weights)
        data = on_host(total._data)
        if is_array(data) and data == 0:
            raise ValueError("cov: the weights sum to 0, by which nothing can be divided")
        far = x - sum(x * weights, 1, True) / total
        product = matmul(far, conj(far * weights).t())
        if aweights is None or not correction:
            left = total - correction
        else:
            left = total - correction * sum(weights * aweights.reshape(-1)) / total
        out = product / where(le(left, 0), 0.0, left)
    return out.squeeze()


@composite(
    samples=(
        Sample(array(3, 5)),
        Sample(array(5)),
        Sample(integers(2, 4, low=-20, high=20)),
        Sample(array(2, 4, kind="complex")),
    ),
    errors=(ErrorSample(array(2, 2, 2), error=ShapeError, match="at most 2 dims"),),
)
def corrcoef(input: Tensor) -> Tensor:
    """Correlation coefficients of variables: covariances over the standard deviations.

    .. math:: R_{jk} = C_{jk} / \\sqrt{C_{jj} C_{kk}}

    Args:
        input: (variables, observations), or (observations,) of one variable; no booleans.

    Returns:
        Tensor: (variables, variables), between -1 and 1, for complex numbers both parts are; 0-d of
        one variable. NaN for variables that do not vary.

    Raises:
        ShapeError: input has more than 2 dims.
        DTypeError: input is boolean.
    """
    x = _variables("corrcoef", input)
    matrix = cov(x)
    if not matrix.ndim:
        return matrix / matrix
    spread = diagonal(matrix)
    deviation = sqrt(real(spread) if spread.dtype.is_complex else spread)
    out = matrix / deviation.reshape((-1, 1)) / deviation
    if not out.dtype.is_complex:
        return clamp(out, -1, 1)
    imaginary = real(out * -1j)
    return clamp(real(out), -1, 1) + clamp(imaginary, -1, 1) * 1j
