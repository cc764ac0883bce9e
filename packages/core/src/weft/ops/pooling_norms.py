"""Pooling by the p-norm of windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from weft._core import catalogue
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops import pooling
from weft.ops.families.composite import composite


def _lp_pool(count: int) -> Callable[..., Tensor]:
    name = f"lp_pool{count}d"
    pool = getattr(pooling, f"avg_pool{count}d")

    def function(
        input: Tensor,
        norm_type: float,
        kernel_size: Any,
        stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        if norm_type == 0:
            raise ValueError(f"{name}: norm_type must not be 0")
        elements = math.prod(ints_per_dim(name, "kernel_size", kernel_size, count, 1))
        means = pool(input**norm_type, kernel_size, stride, 0, ceil_mode)
        sums = means * elements
        zero = sums == 0
        roots = sums.where(~zero, 1.0) ** (1.0 / norm_type)
        out: Tensor = roots.where(~zero, 0.0)
        return out

    function.__doc__ = f"""The p-norm of each window: (sum x^p)^(1/p), over {count} spatial dims.

    Args:
        input: (N, C, *spatial), or without N.
        norm_type: p; the sign of elements is not left out of odd powers.
        kernel_size: the window's lengths.
        stride: from one window to the next; the window's lengths if None.
        ceil_mode: whether a last window that begins inside may end outside; the mean of its
            elements then stands for those that it lacks.

    Returns:
        Tensor: (N, C, *out); where the sum is 0 the gradient is 0, and where it is negative, which
        odd powers can give, the root is NaN.

    Raises:
        ValueError: norm_type is 0, or a setting is out of range.
        ShapeError: the window exceeds the input.
    """
    function.__name__ = function.__qualname__ = name
    shapes: dict[int, tuple[int, ...]] = {1: (5,), 2: (5, 4), 3: (5, 4, 3)}
    shape = shapes[count]
    return composite(
        samples=(
            Sample(array(2, 2, *shape, low=0.1), 2, 2),
            Sample(array(2, *shape, low=0.1), 3.0, 3, 1),
            Sample(array(2, *shape, low=0.1), 2, 3, 2, True),
        ),
        errors=(ErrorSample(array(1, *shape), 0, 2, error=ValueError, match="norm_type"),),
        namespaces=catalogue.FUNCTIONAL,
    )(function)


lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3))
