"""Max pooling that always tells where the largest elements were, as a pair of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core import catalogue
from weft._core.samples import Sample, array
from weft._core.tensor import Tensor
from weft.ops import pooling
from weft.ops.families.composite import composite

_SHAPES: dict[int, tuple[int, ...]] = {1: (5,), 2: (5, 4), 3: (5, 4, 3)}


def _max_pool(count: int) -> Callable[..., tuple[Tensor, Tensor]]:
    name = f"max_pool{count}d_with_indices"
    pool = getattr(pooling, f"max_pool{count}d")

    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> tuple[Tensor, Tensor]:
        both: tuple[Tensor, Tensor] = pool(
            input, kernel_size, stride, padding, dilation, ceil_mode, True
        )
        return both

    function.__doc__ = f"""Largest element of each window, and where it was: ``max_pool{count}d``.

    Args:
        input: (N, C, *spatial), or without N.
        kernel_size: the window's lengths.
        stride: from one window to the next; the window's lengths if None.
        padding: on both sides, at most half the window; never the largest.
        dilation: step within a window.
        ceil_mode: whether a last window that begins inside may end outside.
        return_indices: taken as PyTorch takes it, and not read: both are returned.

    Returns:
        tuple: (N, C, *out), and int64 places in the flattened spatial dims.

    Raises:
        ShapeError: the window exceeds the padded input.
        ValueError: a setting is out of range.
    """
    shape = _SHAPES[count]
    function.__name__ = function.__qualname__ = name
    return composite(
        samples=(
            Sample(array(2, 2, *shape, distinct=True), 2),
            Sample(array(2, *shape, distinct=True), 3, 2, 1),
        ),
        namespaces=catalogue.BOTH if count == 1 else catalogue.FUNCTIONAL,
        methods=(),
    )(function)


def _adaptive(count: int) -> Callable[..., tuple[Tensor, Tensor]]:
    name = f"adaptive_max_pool{count}d_with_indices"
    pool = getattr(pooling, f"adaptive_max_pool{count}d")

    def function(
        input: Tensor, output_size: Any, return_indices: bool = False
    ) -> tuple[Tensor, Tensor]:
        both: tuple[Tensor, Tensor] = pool(input, output_size, True)
        return both

    function.__doc__ = f"""Largest of windows that divide the input: ``adaptive_max_pool{count}d``.

    Args:
        input: (N, C, *spatial), or without N.
        output_size: the result's spatial lengths; None keeps a length.
        return_indices: taken as PyTorch takes it, and not read: both are returned.

    Returns:
        tuple: (N, C, *output_size), and int64 places in the flattened spatial dims.

    Raises:
        ValueError: output_size is not positive ints.
    """
    function.__name__ = function.__qualname__ = name
    return composite(
        samples=(Sample(array(2, 2, *_SHAPES[count], distinct=True), 2),),
        namespaces=catalogue.FUNCTIONAL,
    )(function)


max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = map(
    _max_pool, (1, 2, 3)
)
(
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d_with_indices,
) = map(_adaptive, (1, 2, 3))


@composite(
    samples=(
        Sample(array(2, 2, 5, distinct=True), 2),
        Sample(array(2, 5, distinct=True), (3,)),
    ),
    methods=(),
    key="weft.adaptive_max_pool1d",
)
def adaptive_max_pool1d(input: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    """Largest of as many windows as the result has places, and where they were.

    Args:
        input: (N, C, length), or without N.
        output_size: the result's length.

    Returns:
        tuple: (N, C, output_size), and int64 places.

    Raises:
        ValueError: output_size is not a positive int.
    """
    both: tuple[Tensor, Tensor] = pooling.adaptive_max_pool1d(input, output_size, True)
    return both
