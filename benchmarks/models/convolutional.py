"""Networks of convolutions: MobileNetV2 and residual networks, for images of 224 pixels."""

from __future__ import annotations

import types
from typing import Any


def mobilenet_v2(lib: Any) -> Any:
    """Return MobileNetV2 of width 1.

    Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2.
    """
    nn = lib.nn

    def layer(inside: int, outside: int, window: int, stride: int, groups: int) -> list[Any]:
        return [
            nn.Conv2d(
                inside, outside, window, stride, (window - 1) // 2, groups=groups, bias=False
            ),
            nn.BatchNorm2d(outside),
            nn.ReLU6(),
        ]

    class Bottleneck(nn.Module):  # type: ignore[name-defined]  # the base is an argument's
        def __init__(self, inside: int, outside: int, stride: int, expansion: int) -> None:
            super().__init__()
            wide = inside * expansion
            parts = layer(inside, wide, 1, 1, 1) if expansion != 1 else []
            parts += layer(wide, wide, 3, stride, wide)
            parts += [nn.Conv2d(wide, outside, 1, bias=False), nn.BatchNorm2d(outside)]
            self.conv = nn.Sequential(*parts)
            self.shortcut = stride == 1 and inside == outside

        def forward(self, x: Any) -> Any:
            return x + self.conv(x) if self.shortcut else self.conv(x)

    plan = (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
        (6, 160, 3, 2), (6, 320, 1, 1),
    )  # fmt: skip
    parts = layer(3, 32, 3, 2, 1)
    inside = 32
    for expansion, outside, count, stride in plan:
        for number in range(count):
            parts.append(Bottleneck(inside, outside, stride if number == 0 else 1, expansion))
            inside = outside
    parts += layer(inside, 1280, 1, 1, 1)
    return _classifier(nn, parts, 1280)


def resnet(lib: Any, depth: int) -> Any:
    """Return the residual network of 18 or of 50 layers.

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition", table 1; the stride of a
    bottleneck is in its 3x3 convolution, as in the networks that are commonly loaded.
    """
    nn = lib.nn
    counts = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[depth]
    expansion = 4 if depth == 50 else 1

    class Block(nn.Module):  # type: ignore[name-defined]  # the base is an argument's
        def __init__(self, inside: int, width: int, stride: int) -> None:
            super().__init__()
            outside = width * expansion
            windows: tuple[tuple[int, int, int, int], ...]
            if depth == 50:
                windows = ((inside, width, 1, 1), (width, width, 3, stride), (width, outside, 1, 1))
            else:
                windows = ((inside, width, 3, stride), (width, width, 3, 1))
            parts: list[Any] = []
            for number, (first, second, window, step) in enumerate(windows):
                parts += [nn.ReLU()] if number else []
                parts += [
                    nn.Conv2d(first, second, window, step, window // 2, bias=False),
                    nn.BatchNorm2d(second),
                ]
            self.inner = nn.Sequential(*parts)
            self.relu = nn.ReLU()
            self.same = stride == 1 and inside == outside
            if not self.same:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
                )

        def forward(self, x: Any) -> Any:
            return self.relu(self.inner(x) + (x if self.same else self.downsample(x)))

    parts = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    ]  # fmt: skip
    inside = 64
    for stage, count in enumerate(counts):
        width = 64 << stage
        for number in range(count):
            parts.append(Block(inside, width, 2 if stage and not number else 1))
            inside = width * expansion
    return _classifier(nn, parts, inside)


def _classifier(nn: types.ModuleType, parts: list[Any], width: int) -> Any:
    """Return layers over images, the mean over each image, and a linear layer to 1000 classes."""

    class Classifier(nn.Module):  # type: ignore[name-defined]  # the base is an argument's
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(*parts)
            self.classifier = nn.Linear(width, 1000)

        def forward(self, x: Any) -> Any:
            return self.classifier(self.features(x).mean((2, 3)))

    return Classifier()
