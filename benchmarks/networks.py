"""Whole networks of the hub beside PyTorch's forward of the same layers and weights."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch

import weft
import weft_hub
from benchmarks.measure import Row, compare, main
from weft import nn


def rows() -> Iterator[Row]:
    """Yield inference of MobileNetV2 at batch 1 and 8."""
    ours = weft_hub.load("vision/mobilenet-v2")
    theirs = _translated(ours).eval()
    for batch in (1, 8):
        x = weft.randn(batch, 3, 224, 224)
        y = torch.from_numpy(x.numpy())
        with weft.no_grad(), torch.no_grad():
            gap = abs(ours(x).numpy() - theirs(y).numpy()).max()
            assert gap < 1e-2, f"the two networks differ by {gap}: what is timed is not the same"
            yield compare(
                f"MobileNetV2, inference, batch {batch}",
                rounds=7,
                weft=functools.partial(ours, x),
                torch=functools.partial(theirs, y),
            )


class _Residual(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module, shortcut: bool) -> None:
        super().__init__()
        self.inner, self.shortcut = inner, shortcut

    def forward(self, x: Any) -> Any:
        return x + self.inner(x) if self.shortcut else self.inner(x)


class _Pooled(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return x.mean((2, 3))


def _translated(module: Any) -> Any:
    """Return PyTorch's module of the same layers, with copies of the same weights."""
    if hasattr(module, "classifier"):
        parts = [_translated(module.features), _Pooled(), _translated(module.classifier)]
        return torch.nn.Sequential(*parts)
    if hasattr(module, "use_res_connect"):
        return _Residual(_translated(module.conv), module.use_res_connect)
    if isinstance(module, nn.Sequential):
        return torch.nn.Sequential(*map(_translated, module))
    state = {name: torch.tensor(value.numpy()) for name, value in module.state_dict().items()}
    made: Any
    if isinstance(module, nn.Conv2d):
        convolution: Any = torch.nn.Conv2d  # takes our tuples, which its stub has as pairs
        made = convolution(
            module.in_channels, module.out_channels, module.kernel_size, module.stride,
            module.padding, groups=module.groups, bias=module.bias is not None,
        )  # fmt: skip
    elif isinstance(module, nn.BatchNorm2d):
        made = torch.nn.BatchNorm2d(module.num_features, module.eps)
    elif isinstance(module, nn.Linear):
        made = torch.nn.Linear(module.in_features, module.out_features)
    elif isinstance(module, nn.ReLU6):
        return torch.nn.ReLU6()
    elif isinstance(module, nn.Dropout):
        return torch.nn.Dropout(module.p)
    else:
        raise TypeError(f"no translation of {type(module).__name__}")
    made.load_state_dict(state)
    return made


if __name__ == "__main__":
    main(rows)
