"""EfficientNet-Lite0: an EfficientNet without squeeze-and-excitation and with ReLU6."""

from __future__ import annotations

import weft
from weft import nn
from weft_vision.models._same_padding import Conv2dSame

# TensorFlow's batch normalisation: its momentum .99 weighs the old statistic, PyTorch's the new.
_EPS = 1e-3
_MOMENTUM = 0.01

# Repeats, kernel, stride of the first repeat, expansion, output channels.
_LITE0_BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM_CHANNELS = 32
_HEAD_CHANNELS = 1280


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPS, momentum=_MOMENTUM)


class _Block(nn.Module):
    """Expand, filter each channel, project; in training the branch is sometimes left out."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, drop: float
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        self._expands = expansion != 1
        if self._expands:
            self._expand_conv = Conv2dSame(inputs, hidden, 1, bias=False)
            self._bn0 = _norm(hidden)
        self._depthwise_conv = Conv2dSame(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        self._bn1 = _norm(hidden)
        self._project_conv = Conv2dSame(hidden, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)
        self._skips = stride == 1 and inputs == outputs
        self._drop = drop

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """(batch, inputs, h, w) to (batch, outputs, ceil(h / stride), ceil(w / stride))."""
        y = x
        if self._expands:
            y = nn.functional.relu6(self._bn0(self._expand_conv(y)))
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        if not self._skips:
            return y
        if self.training and self._drop > 0:
            y = _drop_branch(y, self._drop)
        return y + x


def _drop_branch(x: weft.Tensor, probability: float) -> weft.Tensor:
    """Zero whole samples with that probability and scale the others to keep the mean."""
    keep = 1.0 - probability
    mask = (weft.rand(x.shape[0], 1, 1, 1) < keep).to(x)
    return x * (mask / keep)


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946, in its Lite variant of 2020).

    Args:
        num_classes: outputs.
        dropout: probability of dropping a feature before the classifier, in training.
        drop_connect_rate: probability of leaving out the last residual branch in training; earlier
            ones in proportion to their depth.

    The parameter names are those of the published file `efficientnet-lite0-57934424.pth`.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        dropout: float = 0.2,
        drop_connect_rate: float = 0.2,
    ) -> None:
        super().__init__()
        self._conv_stem = Conv2dSame(3, _STEM_CHANNELS, 3, stride=2, bias=False)
        self._bn0 = _norm(_STEM_CHANNELS)
        total = sum(repeats for repeats, *_ in _LITE0_BLOCKS)
        blocks: list[nn.Module] = []
        channels = _STEM_CHANNELS
        for repeats, kernel, first_stride, expansion, outputs in _LITE0_BLOCKS:
            for i in range(repeats):
                stride = first_stride if i == 0 else 1
                drop = drop_connect_rate * len(blocks) / total
                blocks.append(_Block(channels, outputs, kernel, stride, expansion, drop))
                channels = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = Conv2dSame(channels, _HEAD_CHANNELS, 1, bias=False)
        self._bn1 = _norm(_HEAD_CHANNELS)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(_HEAD_CHANNELS, num_classes)

    def extract_features(self, x: weft.Tensor) -> weft.Tensor:
        """(batch, 3, height, width) to (batch, 1280, ceil(height / 32), ceil(width / 32))."""
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return nn.functional.relu6(self._bn1(self._conv_head(x)))

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """The scores (logits) of the classes.

        Args:
            x: (batch, 3, height, width), floating, normalised with mean 127/255 and
                deviation 128/255.

        Returns:
            (batch, num_classes).
        """
        x = nn.functional.adaptive_avg_pool2d(self.extract_features(x), 1).flatten(1)
        return self._fc(self._dropout(x))


def efficientnet_lite0(
    *, num_classes: int = 1000, dropout: float = 0.2, drop_connect_rate: float = 0.2
) -> EfficientNetLite:
    """A fresh EfficientNet-Lite0 in evaluation mode, without pretrained weights.

    Pretrained: `weft_hub.load("vision/efficientnet-lite0")`. Arguments as of `EfficientNetLite`.
    """
    model = EfficientNetLite(
        num_classes=num_classes, dropout=dropout, drop_connect_rate=drop_connect_rate
    )
    return model.eval()
