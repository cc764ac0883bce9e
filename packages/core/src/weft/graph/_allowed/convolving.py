"""Functions of graphs that convolve with any padding, of as many dims as the input has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.graph._allowed.shaping import listed
from weft.graph._function import own
from weft.nn import functional

__all__ = ["around", "by_rank", "evenly", "same_pads"]


def by_rank(name: str, input: Tensor, who: str) -> Callable[..., Any]:
    """Return the function for one, two or three spatial dims.

    Raises:
        ValueError: the input has another number of dims.
    """
    spatial = input.ndim - 2
    if spatial not in (1, 2, 3):
        raise ValueError(
            f"{who}: the input must have 3, 4 or 5 dims, batch and channels first, but its shape "
            f"is {tuple(input.shape)}"
        )
    function: Callable[..., Any] = getattr(functional, f"{name}{spatial}d")
    return function


def evenly(value: int | Sequence[int] | None, count: int, default: int, who: str) -> list[int]:
    """Return a setting with one number for each of `count` dims."""
    numbers = [default] if value is None else listed(value)
    numbers = numbers * count if len(numbers) == 1 else numbers
    if len(numbers) != count:
        raise ValueError(f"{who}: {count} numbers were required, but there are {numbers}")
    return numbers


def same_pads(
    mode: str, sizes: Sequence[int], kernel: list[int], stride: list[int], dilation: list[int]
) -> list[int]:
    """Return pads, first all before and then all after, that give `ceil(size / stride)` places.

    `mode` says where the odd one goes: `same_upper` after, `same_lower` before.
    """
    before, after = [], []
    for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        less, more = total // 2, total - total // 2
        before.append(less if mode == "same_upper" else more)
        after.append(more if mode == "same_upper" else less)
    return before + after


def around(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    """Pad the last dims, by `pads` as `same_pads` returns them."""
    count = len(pads) // 2
    flat = []
    for dim in reversed(range(count)):
        flat += [pads[dim], pads[dim + count]]
    return functional.pad(x, tuple(flat), value=value)


@own(
    "convolve(input, weight, bias?; stride?: ints, pads?: ints, dilation?: ints, groups?: int,"
    " same?: text)"
)
def convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    same: str | None = None,
) -> Tensor:
    """Convolve, with other padding before (the first half of `pads`) than after (the second).

    `same`, `same_upper` or `same_lower`, pads so that the result has `ceil(size / stride)` places.
    """
    spatial = input.ndim - 2
    steps = evenly(stride, spatial, 1, "convolve")
    spread = evenly(dilation, spatial, 1, "convolve")
    if same is not None:
        amounts = same_pads(same, input.shape[2:], list(weight.shape[2:]), steps, spread)
    else:
        amounts = evenly(pads, 2 * spatial, 0, "convolve")
    padding = amounts[:spatial]
    if padding != amounts[spatial:] or min(amounts, default=0) < 0:
        input, padding = around(input, amounts), [0] * spatial
    function = by_rank("conv", input, "convolve")
    out: Tensor = function(input, weight, bias, steps, padding, spread, groups)
    return out


@own(
    "convolve_transposed(input, weight, bias?; stride?: ints, pads?: ints, dilation?: ints,"
    " groups?: int, output_padding?: ints, output_size?: ints, same?: text)"
)
def convolve_transposed(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    output_padding: int | Sequence[int] = 0,
    output_size: int | Sequence[int] | None = None,
    same: str | None = None,
) -> Tensor:
    """Convolve transposed; `pads` are cut off the result, before (the first half) and after.

    `output_size` chooses the pads instead; `same` makes it `size * stride`, and says where the
    odd one is cut: after (`same_upper`) or before.
    """
    spatial, who = input.ndim - 2, "convolve_transposed"
    steps, spread = evenly(stride, spatial, 1, who), evenly(dilation, spatial, 1, who)
    more = evenly(output_padding, spatial, 0, who)
    amounts = evenly(pads, 2 * spatial, 0, who)
    full = [
        s * (size - 1) + (k - 1) * d + 1
        for size, k, s, d in zip(input.shape[2:], weight.shape[2:], steps, spread, strict=True)
    ]
    if same is not None and output_size is None:
        output_size = [size * s for size, s in zip(input.shape[2:], steps, strict=True)]
    if output_size is not None:
        wanted = listed(output_size)[-spatial:]
        amounts = _cut(full, more, wanted, same)
    function = by_rank("conv_transpose", input, who)
    before, after = amounts[:spatial], amounts[spatial:]
    limits = [max(s, d) for s, d in zip(steps, spread, strict=True)]
    if (
        before == after
        and min(before) >= 0
        and all(m < one for m, one in zip(more, limits, strict=True))
    ):
        out: Tensor = function(input, weight, bias, steps, before, more, groups, spread)
        return out
    out = function(input, weight, None, steps, 0, 0, groups, spread)
    ends = [m - cut for m, cut in zip(more, after, strict=True)]
    out = around(out, [*(-cut for cut in before), *ends])
    return out if bias is None else out + bias.reshape(-1, *[1] * spatial)


def _cut(full: list[int], more: list[int], wanted: list[int], same: str | None) -> list[int]:
    before, after = [], []
    for size, extra, want in zip(full, more, wanted, strict=True):
        total = size + extra - want
        half = total // 2
        before.append(half if same == "same_upper" else total - half)
        after.append(total - before[-1])
    return before + after


@own("fold_windows(input; size: ints, kernel: ints, dilation?: ints, pads?: ints, stride?: ints)")
def fold_windows(
    input: Tensor,
    size: int | Sequence[int],
    kernel: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    pads: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Sum columns of windows (batch, channels * kernel, windows) into images of `size`."""
    sizes, who = listed(size), "fold_windows"
    spatial = len(sizes)
    kernels, steps = evenly(kernel, spatial, 1, who), evenly(stride, spatial, 1, who)
    spread, amounts = evenly(dilation, spatial, 1, who), evenly(pads, 2 * spatial, 0, who)
    batch, rows = input.shape[:2]
    # Each column is a convolution's window; the transposed convolution with an identity puts each
    # of its elements where it belongs and adds those that meet.
    padded = [
        n + b + a for n, b, a in zip(sizes, amounts[:spatial], amounts[spatial:], strict=True)
    ]
    places = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(padded, kernels, spread, steps, strict=True)
    ]
    elements = weft.tensor(kernels).prod().item()
    channels = rows // elements
    eye = weft.eye(elements, dtype=input.dtype, device=input.device)
    x = input.reshape(batch * channels, elements, *places)
    out = by_rank("conv_transpose", x, who)(
        x, eye.reshape(elements, 1, *kernels), None, steps, 0, 0, 1, spread
    )
    missing = [n - have for n, have in zip(padded, out.shape[2:], strict=True)]
    before, after = amounts[:spatial], amounts[spatial:]
    out = around(
        out, [*(-b for b in before), *(m - a for m, a in zip(missing, after, strict=True))]
    )
    return out.reshape(batch, channels, *sizes)
