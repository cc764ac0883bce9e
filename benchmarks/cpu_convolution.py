"""Convolutions of well-known networks: forward, both gradients, and with bias and ReLU."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case
from benchmarks.rivals.inputs import normal
from benchmarks.rivals.programs import pair


@dataclass(frozen=True)
class Shape:
    """A convolution of square images and windows."""

    name: str
    channels: int
    out_channels: int
    side: int
    window: int
    stride: int = 1
    groups: int = 1


SHAPES = (
    Shape("7x7 stride 2, 3 to 64 channels, 224 px", 3, 64, 224, 7, stride=2),
    Shape("3x3, 64 channels, 56 px", 64, 64, 56, 3),
    Shape("1x1, 256 to 64 channels, 56 px", 256, 64, 56, 1),
    Shape("3x3, 512 channels, 7 px", 512, 512, 7, 3),
    Shape("depthwise 3x3, 128 channels, 56 px", 128, 128, 56, 3, groups=128),
)
BATCHES = (1, 8)


def tensors(lib: Any, shape: Shape, batch: int, layout: str) -> tuple[Any, Any, Any]:
    """Return images, weights and bias in a layout."""
    x = normal(lib, batch, shape.channels, shape.side, shape.side)
    weight = normal(
        lib, shape.out_channels, shape.channels // shape.groups, shape.window, shape.window,
        seed=1, scale=(shape.channels // shape.groups * shape.window**2) ** -0.5,
    )  # fmt: skip
    bias = normal(lib, shape.out_channels, seed=2)
    form = lib.channels_last if layout == "channels_last" else lib.contiguous_format
    return x.contiguous(memory_format=form), weight.contiguous(memory_format=form), bias


def forward(lib: Any, shape: Shape, batch: int, layout: str) -> Callable[[], Any]:
    """Convolve."""
    x, weight, _ = tensors(lib, shape, batch, layout)
    run = lib.nn.functional.conv2d
    stride, padding, groups = shape.stride, shape.window // 2, shape.groups
    return lambda: run(x, weight, None, stride, padding, 1, groups)


def bias_and_relu(lib: Any, shape: Shape, batch: int, layout: str) -> Callable[[], Any]:
    """Convolve, add a bias and cut at zero, as a layer of a network does."""
    x, weight, bias = tensors(lib, shape, batch, layout)
    F = lib.nn.functional
    stride, padding, groups = shape.stride, shape.window // 2, shape.groups
    return lambda: F.relu(F.conv2d(x, weight, bias, stride, padding, 1, groups))


def gradient(
    lib: Any, shape: Shape, batch: int, layout: str, *, of_input: bool
) -> Callable[[], Any]:
    """Run the backward pass to the images alone or to the weights alone."""
    x, weight, _ = tensors(lib, shape, batch, layout)
    leaf = (x if of_input else weight).requires_grad_()
    stride, padding, groups = shape.stride, shape.window // 2, shape.groups
    out = lib.nn.functional.conv2d(x, weight, None, stride, padding, 1, groups)
    cotangent = normal(lib, *out.shape, seed=3)
    if layout == "channels_last":
        cotangent = cotangent.contiguous(memory_format=lib.channels_last)
    return lambda: lib.autograd.grad(out, leaf, cotangent, retain_graph=True)


KINDS: dict[str, Callable[..., Callable[[], Any]]] = {
    "forward": forward,
    "gradient of the input": functools.partial(gradient, of_input=True),
    "gradient of the weights": functools.partial(gradient, of_input=False),
    "with bias and ReLU": bias_and_relu,
}


#: Other convolutions: the function, the shapes of input and weights, its settings, and the dtype.
OTHERS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], dict[str, int], str]] = {
    "conv1d of 5, 8x64x4096": ("conv1d", (8, 64, 4096), (64, 64, 5), {"padding": 2}, "float32"),
    "conv3d 3x3x3, 2x32x16x28x28": (
        "conv3d", (2, 32, 16, 28, 28), (32, 32, 3, 3, 3), {"padding": 1}, "float32",
    ),
    "conv_transpose2d 4x4 stride 2, 8x128x28x28": (
        "conv_transpose2d", (8, 128, 28, 28), (128, 64, 4, 4), {"stride": 2, "padding": 1},
        "float32",
    ),
    "conv2d 3x3, dilation 2, 8x64x56x56": (
        "conv2d", (8, 64, 56, 56), (64, 64, 3, 3), {"padding": 2, "dilation": 2}, "float32",
    ),
    "conv2d 3x3, 32 groups, 8x128x56x56": (
        "conv2d", (8, 128, 56, 56), (128, 4, 3, 3), {"padding": 1, "groups": 32}, "float32",
    ),
    "conv2d 3x3, bfloat16, 8x64x56x56": (
        "conv2d", (8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}, "bfloat16",
    ),
}  # fmt: skip


def _other_inputs(
    shape: tuple[int, ...], weights: tuple[int, ...], dtype: str, lib: Any
) -> list[Any]:
    kind = getattr(lib, dtype)
    scale = math.prod(weights[1:]) ** -0.5
    return [normal(lib, *shape).to(kind), normal(lib, *weights, seed=1, scale=scale).to(kind)]


def _other(lib: Any, x: Any, weight: Any, name: str, settings: dict[str, int]) -> Any:
    return getattr(lib.nn.functional, name)(x, weight, **settings)


def cases() -> Iterator[Case]:
    """Yield each shape at each batch, in the plain layout and in channels_last; then others."""
    for shape in SHAPES:
        for batch in BATCHES:
            for kind, make in KINDS.items():
                makers = {
                    f"{library}{form}": functools.partial(
                        make, shape=shape, batch=batch, layout=form.strip()
                    )
                    for library in ("weft", "torch")
                    for form in ("", " channels_last")
                }
                yield Case(f"{shape.name}, batch {batch}, {kind}", makers)
    for what, (name, sizes, weights, settings, dtype) in OTHERS.items():
        yield from pair(
            what,
            functools.partial(_other, name=name, settings=settings),
            functools.partial(_other_inputs, sizes, weights, dtype),
            leaves=2,
            tolerance=0.03 if dtype == "bfloat16" else 1e-4,
        )


def rows() -> Iterator[Row]:
    """Measure the cases; every ratio is to PyTorch in the plain layout."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
