"""Norms of vectors, and of tensors read as vectors."""

from __future__ import annotations

import math
from typing import Any

from weft._core.errors import DTypeError
from weft._core.samples import ErrorSample, Sample, array, integers
from weft._core.tensor import Tensor
from weft.ops.arithmetic import abs, square
from weft.ops.comparison import eq, where
from weft.ops.exponential import sqrt
from weft.ops.extremes import amax, amin
from weft.ops.families.composite import composite
from weft.ops.powers import pow
from weft.ops.reductions import sum


@composite(
    samples=(
        Sample(array(2, 3)),
        Sample(array(2, 3), dim=1),
        Sample(array(2, 3), p=1, dim=0, keepdim=True),
        Sample(array(2, 3, low=0.2), p=3, dim=1),
        Sample(array(2, 3, low=0.2, distinct=True), p=math.inf, dim=1),
    ),
    errors=(
        ErrorSample(integers(3), error=DTypeError, match="floating or complex"),
        ErrorSample(array(3), p="nuc", error=ValueError, match="'fro' or a number"),
    ),
    out=True,
)
def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Tensor:
    """Norm of all elements, or of those along dims, read as a vector.

    .. math:: (\\sum |x|^p)^{1/p}

    Args:
        input: (...), floating or complex.
        p: a number; ``"fro"`` is 2, inf the largest modulus, -inf the smallest, 0 counts what is
            not zero.
        dim: the dim or dims; all if None.
        keepdim: whether those dims stay, with length 1.

    Returns:
        Tensor: without those dims, real. The gradient at the zero vector is 0.

    Raises:
        DTypeError: input is neither floating nor complex.
        ValueError: p is no such number.
    """
    if input.dtype.category < 2:
        raise DTypeError(f"norm: expected a floating or complex tensor, got {input.dtype}")
    power = 2.0 if p in ("fro", None) else p
    if isinstance(power, (bool, str)) or not isinstance(power, (int, float)):
        raise ValueError(f"norm: p must be 'fro' or a number, got {p!r}")
    size = abs(input)
    if power == math.inf:
        return amax(size, dim, keepdim)
    if power == -math.inf:
        return amin(size, dim, keepdim)
    if power == 0:
        return sum((size != 0).to(size.dtype), dim, keepdim)
    if power == 1:
        return sum(size, dim, keepdim)
    total = sum(square(size) if power == 2 else pow(size, power), dim, keepdim)
    # the root's slope at 0 is infinite; the zero vector's gradient is taken to be 0
    safe = where(eq(total, 0), 1.0, total)
    root = sqrt(safe) if power == 2 else pow(safe, 1 / power)
    return where(eq(total, 0), 0.0, root)
