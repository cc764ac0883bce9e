"""MobileNetV2 for image classification, with torchvision's arguments and parameter names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import weft
from weft import nn
from weft_vision.models._channels import make_divisible

# Table 2 of the paper: expansion, output channels, repeats, stride of the first repeat.
_SETTINGS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

NormLayer = Callable[[int], nn.Module]


def _conv_norm_relu6(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int, norm: NormLayer
) -> nn.Sequential:
    """Convolution without bias, normalisation, ReLU6: keys `0.*` and `1.*`."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        norm(outputs),
        nn.ReLU6(),
    )


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; add the input where the shapes allow.

    Args:
        inp: input channels.
        oup: output channels.
        stride: 1 or 2.
        expand_ratio: hidden channels over input channels; 1 leaves the expansion out.
        norm_layer: makes the normalisation of a channel count; BatchNorm2d if not given.
    """

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: NormLayer | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"InvertedResidual: stride must be 1 or 2, got {stride}")
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        hidden = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(_conv_norm_relu6(inp, hidden, 1, 1, 1, norm))
        layers.append(_conv_norm_relu6(hidden, hidden, 3, stride, hidden, norm))
        layers.append(nn.Conv2d(hidden, oup, 1, 1, 0, bias=False))
        layers.append(norm(oup))
        self.conv = nn.Sequential(*layers)
        self.stride = stride
        self.out_channels = oup
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """(batch, inp, height, width) to (batch, oup, height / stride, width / stride)."""
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381).

    Args:
        num_classes: outputs.
        width_mult: factor on every channel count.
        inverted_residual_setting: rows (expansion, channels, repeats, stride); the paper's table 2
            if not given.
        round_nearest: channel counts are rounded to multiples of this.
        block: what makes a block, called as `InvertedResidual`; that class if not given.
        norm_layer: makes the normalisation of a channel count; BatchNorm2d if not given.
        dropout: probability of dropping a feature before the classifier, in training.

    Source: the parameter names and arguments are torchvision's, so its state dicts load.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: NormLayer | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        rows = _SETTINGS if inverted_residual_setting is None else inverted_residual_setting
        if not rows or any(len(row) != 4 for row in rows):
            raise ValueError(
                "MobileNetV2: inverted_residual_setting must hold rows (expansion, channels, "
                f"repeats, stride), got {rows!r}"
            )
        make_block = InvertedResidual if block is None else block
        norm = nn.BatchNorm2d if norm_layer is None else norm_layer
        channels = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [_conv_norm_relu6(3, channels, 3, 2, 1, norm)]
        for expansion, base, repeats, first_stride in rows:
            outputs = make_divisible(base * width_mult, round_nearest)
            for i in range(repeats):
                stride = first_stride if i == 0 else 1
                features.append(
                    make_block(channels, outputs, stride, expand_ratio=expansion, norm_layer=norm)
                )
                channels = outputs
        features.append(_conv_norm_relu6(channels, self.last_channel, 1, 1, 1, norm))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        self._initialise()

    def _initialise(self) -> None:
        """The initial values that torchvision gives this model."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """The scores (logits) of the classes.

        Args:
            x: (batch, 3, height, width), floating, normalised.

        Returns:
            (batch, num_classes).
        """
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1)
        return self.classifier(x)


def mobilenet_v2(
    *,
    num_classes: int = 1000,
    width_mult: float = 1.0,
    inverted_residual_setting: Sequence[Sequence[int]] | None = None,
    round_nearest: int = 8,
    dropout: float = 0.2,
) -> MobileNetV2:
    """A fresh MobileNetV2 in evaluation mode, without pretrained weights.

    Pretrained: `weft_hub.load("vision/mobilenet-v2")`. Arguments as of `MobileNetV2`.
    """
    model = MobileNetV2(
        num_classes=num_classes,
        width_mult=width_mult,
        inverted_residual_setting=inverted_residual_setting,
        round_nearest=round_nearest,
        dropout=dropout,
    )
    return model.eval()
