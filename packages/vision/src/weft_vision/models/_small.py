"""Small networks that are trained in minutes: the digits' and the photos' of the examples.

`examples/mnist_cnn.py` and `examples/cifar_resnet20.py` define the same networks for any library
that has PyTorch's names, and train them; what they learned is in the hub. The parameter names are
theirs.
"""

from __future__ import annotations

import weft
from weft import nn


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def mnist_cnn(*, num_classes: int = 10) -> nn.Sequential:
    """A fresh network for digits of 28 × 28 pixels, in evaluation mode, without pretrained weights.

    Three convolutions, each normalised, and two linear layers: (batch, 1, 28, 28) to
    (batch, num_classes). Pretrained: `weft_hub.load("vision/mnist-cnn")`.

    Example:
        >>> import weft, weft_vision
        >>> tuple(weft_vision.models.mnist_cnn()(weft.zeros(2, 1, 28, 28)).shape)
        (2, 10)
    """
    model = nn.Sequential(
        *_block(1, 16),
        nn.MaxPool2d(2),  # (16, 14, 14)
        *_block(16, 32),
        nn.MaxPool2d(2),  # (32, 7, 7)
        *_block(32, 64),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 64),
        nn.ReLU(),
        nn.Linear(64, num_classes),
    )
    return model.eval()


class _Block(nn.Module):
    """Two convolutions around which the input is added."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height / stride, width / stride)."""
        inner = nn.functional.relu(self.norm1(self.conv1(x)))
        return nn.functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """A residual network for photos of 32 × 32 pixels.

    Args:
        blocks: blocks a stage, of which there are three: 3 make 20 layers.
        width: channels of the first stage; each further one has twice as many.
        num_classes: outputs.

    Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2015), section
    4.2, with 1 × 1 convolutions where a block halves the picture.
    """

    def __init__(self, blocks: int = 3, width: int = 16, num_classes: int = 10) -> None:
        super().__init__()
        for name, value in (("blocks", blocks), ("width", width), ("num_classes", num_classes)):
            if value < 1:
                raise ValueError(f"CifarResNet: {name} must be at least 1, got {value}")
        self.first = nn.Sequential(*_block(3, width))
        stages: list[nn.Module] = []
        inputs = width
        for stage in range(3):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(_Block(inputs, width << stage, stride))
                inputs = width << stage
        self.stages = nn.Sequential(*stages)
        self.scores = nn.Linear(inputs, num_classes)

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        """The scores (logits) of the classes: (batch, 3, 32, 32) to (batch, num_classes)."""
        return self.scores(self.stages(self.first(x)).mean((2, 3)))


def cifar_resnet20(*, blocks: int = 3, width: int = 16, num_classes: int = 10) -> CifarResNet:
    """A fresh residual network of 20 layers in evaluation mode, without pretrained weights.

    Pretrained: `weft_hub.load("vision/cifar-resnet20")`. Arguments as of `CifarResNet`.
    """
    return CifarResNet(blocks, width, num_classes).eval()
