"""Channel counts that hardware likes: the rounding of the MobileNet and EfficientNet families."""

from __future__ import annotations


def make_divisible(channels: float, divisor: int, minimum: int | None = None) -> int:
    """The multiple of `divisor` nearest to `channels`, not more than a tenth below it.

    Args:
        channels: the wanted count, usually a count scaled by a width multiplier.
        divisor: what the result must be a multiple of.
        minimum: the least result; `divisor` if not given.

    Source: the reference implementation of MobileNetV2 (Sandler et al., 2018).
    """
    least = divisor if minimum is None else minimum
    rounded = max(least, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
