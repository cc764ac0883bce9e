"""Taking images apart into the windows that a convolution sees."""

from __future__ import annotations

from typing import Any

from weft._core import catalogue
from weft._core.errors import ShapeError
from weft._core.samples import ErrorSample, Sample, array
from weft._core.shapes import ints_per_dim
from weft._core.tensor import Tensor
from weft.ops.families.composite import composite
from weft.ops.folding import windows_taken


@composite(
    samples=(
        Sample(array(1, 2, 3, 4), 2),
        Sample(array(2, 2, 4, 5), (2, 3), dilation=(1, 2), padding=(0, 1), stride=2),
        Sample(array(2, 3, 4), 2),
    ),
    errors=(
        ErrorSample(array(1, 1, 1, 3), 2, error=ShapeError, match="larger than"),
        ErrorSample(array(3, 4), 2, error=ShapeError, match="N, C, H, W"),
        ErrorSample(array(1, 1, 3, 3), 0, error=ValueError, match="kernel_size"),
    ),
    namespaces=catalogue.FUNCTIONAL,
    key="nn.functional.unfold",
)
def unfold(
    input: Tensor,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Take images apart into windows, each of which becomes a column.

    Args:
        input: (N, C, height, width), or without N.
        kernel_size: the windows' lengths.
        dilation: step within a window.
        padding: zeros around the images.
        stride: from one window to the next.

    Returns:
        Tensor: (N, C prod(kernel_size), windows), the windows from left to right and then from
        top to bottom.

    Raises:
        ShapeError: input is no image, or a window is larger than it with its padding.
        ValueError: a setting is out of range.
    """
    if input.ndim not in (3, 4):
        raise ShapeError(
            f"unfold: input must be (N, C, H, W) or (C, H, W), got shape {tuple(input.shape)}"
        )
    kernel = ints_per_dim("unfold", "kernel_size", kernel_size, 2, 1)
    spread = ints_per_dim("unfold", "dilation", dilation, 2, 1)
    pads = ints_per_dim("unfold", "padding", padding, 2, 0)
    steps = ints_per_dim("unfold", "stride", stride, 2, 1)
    x = input if input.ndim == 4 else input.unsqueeze(0)
    counts = []
    for k, d, s, p, n in zip(kernel, spread, steps, pads, tuple(x.shape)[2:], strict=True):
        reach = d * (k - 1) + 1
        if reach > n + 2 * p:
            raise ShapeError(
                f"unfold: the window {kernel} with dilation {spread} is larger than the padded "
                f"image (input.shape == {tuple(input.shape)}, padding {pads})"
            )
        counts.append((n + 2 * p - reach) // s + 1)
    out: Tensor = windows_taken(
        x, counts=tuple(counts), kernel=kernel, stride=steps, padding=pads, dilation=spread
    )
    return out if input.ndim == 4 else out.squeeze(0)
