"""Variances and standard deviations over dims."""

from __future__ import annotations

import math
from typing import Any

from weft._core import dtypes
from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.shapes import canonical_dims
from weft._core.tensor import Tensor
from weft.ops.arithmetic import square
from weft.ops.complex import conj, real
from weft.ops.exponential import flat_root
from weft.ops.families.composite import composite
from weft.ops.reductions import mean, sum

_SAMPLES = (
    Sample(array(4, 3)),
    Sample(array(4, 3), dim=0, correction=0),
    Sample(array(4, 3), dim=(0, 1), keepdim=True),
    Sample(array(4, 3), dim=-1, correction=1.5),
    Sample(array(4, 3, kind="complex"), dim=0),
)
_ERRORS = (
    ErrorSample(integers(3), error=DTypeError, match="floating or complex"),
    ErrorSample(array(3), dim=1, error=IndexError, match="dim 1 is out of range"),
)


def _moments(
    name: str, input: Tensor, dim: Any, unbiased: bool, keepdim: bool, correction: float | None
) -> tuple[Tensor, Tensor]:
    """Return the variance and the mean, half precision in float32."""
    if isinstance(dim, bool):  # the second argument may be unbiased, as in PyTorch
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased else 0
    if input.dtype.category < 2:
        raise DTypeError(
            f"{name}: expected a floating or complex tensor, got {input.dtype}; convert it with "
            f".to(weft.float32)"
        )
    dims = canonical_dims(name, None if dim in ((), []) else dim, input.ndim)
    count = math.prod(input.shape[d] for d in dims) if input.ndim else 1
    if input.dtype in (dtypes.float16, dtypes.bfloat16):
        input = input.to(dtypes.float32)
    middle = mean(input, dims, True) if input.ndim else input
    far = input - middle
    total = sum(real(far * conj(far)) if far.dtype.is_complex else square(far), dims, keepdim)
    # as in PyTorch a divisor below 0 counts as 0: infinity, or NaN where the sum is 0 too
    left = count - correction
    spread = total / left if left > 0 else total * math.inf
    return spread, middle if keepdim or not dims else middle.reshape(tuple(spread.shape))


def _narrowed(value: Tensor, input: Tensor) -> Tensor:
    return value.to(input.dtype) if input.dtype.itemsize == 2 else value


@composite(samples=_SAMPLES, errors=_ERRORS, out=True)
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Variance over dims: the mean squared distance from the mean.

    .. math:: \\frac{1}{\\max(0, n - c)} \\sum_i |x_i - \\bar x|^2

    Args:
        input: (...), floating or complex.
        dim: the dim or dims; all if None. A bool here is ``unbiased``, as in PyTorch.
        unbiased: whether the divisor is one less than the number of elements.
        keepdim: whether those dims stay, with length 1.
        correction: c, subtracted from the number of elements in the divisor; replaces unbiased.

    Returns:
        Tensor: without those dims, real. NaN or infinite where too few elements are left.

    Raises:
        DTypeError: input is integer or boolean.
        IndexError: a dim is out of range.
    """
    return _narrowed(_moments("var", input, dim, unbiased, keepdim, correction)[0], input)


@composite(samples=_SAMPLES, errors=_ERRORS, out=True)
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Standard deviation over dims: the square root of the variance.

    Args:
        input: (...), floating or complex.
        dim: the dim or dims; all if None. A bool here is ``unbiased``, as in PyTorch.
        unbiased: whether the divisor is one less than the number of elements.
        keepdim: whether those dims stay, with length 1.
        correction: subtracted from the number of elements in the divisor; replaces unbiased.

    Returns:
        Tensor: without those dims, real. Its gradient where it is 0 is 0, as in PyTorch.

    Raises:
        DTypeError: input is integer or boolean.
        IndexError: a dim is out of range.
    """
    return _narrowed(
        flat_root(_moments("std", input, dim, unbiased, keepdim, correction)[0]), input
    )


@composite(samples=_SAMPLES, errors=_ERRORS, methods=())
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Variance and mean over dims.

    Args:
        input: (...), floating or complex.
        dim: the dim or dims; all if None. A bool here is ``unbiased``, as in PyTorch.
        unbiased: whether the variance's divisor is one less than the number of elements.
        keepdim: whether those dims stay, with length 1.
        correction: subtracted from the number of elements in the divisor; replaces unbiased.

    Returns:
        tuple of Tensor: the variance, real, and the mean, both without those dims.

    Raises:
        DTypeError: input is integer or boolean.
        IndexError: a dim is out of range.
    """
    spread, middle = _moments("var_mean", input, dim, unbiased, keepdim, correction)
    return _narrowed(spread, input), _narrowed(middle, input)


@composite(samples=_SAMPLES, errors=_ERRORS, methods=())
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over dims.

    Args:
        input: (...), floating or complex.
        dim: the dim or dims; all if None. A bool here is ``unbiased``, as in PyTorch.
        unbiased: whether the variance's divisor is one less than the number of elements.
        keepdim: whether those dims stay, with length 1.
        correction: subtracted from the number of elements in the divisor; replaces unbiased.

    Returns:
        tuple of Tensor: the standard deviation, real, and the mean, both without those dims. The
        deviation's gradient where it is 0 is 0.

    Raises:
        DTypeError: input is integer or boolean.
        IndexError: a dim is out of range.
    """
    spread, middle = _moments("std_mean", input, dim, unbiased, keepdim, correction)
    return _narrowed(flat_root(spread), input), _narrowed(middle, input)
