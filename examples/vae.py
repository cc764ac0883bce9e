"""A variational autoencoder: digits as points on a plane, and digits drawn from points.

    python examples/vae.py                # trains, and draws what it reads and what it imagines
    python examples/vae.py --latent 20    # more numbers for a digit: sharper

Source: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014). The digits are MNIST's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import experiment
import weft
import weft.nn.functional as F
from experiment.datasets import mnist
from experiment.plots import pictures
from weft import nn
from weft.distributions import Normal, kl_divergence


class Images:
    """Digits as (batch, 784) float32 in [0, 1]."""

    def __init__(self, images: np.ndarray[Any, Any]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: experiment.Place) -> Any:
        images = self.images[place.samples]
        return images.reshape(len(images), -1).astype(np.float32) / 255


class VAE(nn.Module):
    """An encoder to a distribution over ``latent`` numbers, and a decoder back to pixels."""

    def __init__(self, latent: int, pixels: int = 784, width: int = 400) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, 2 * latent)
        )
        self.decoder = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, pixels))

    def encode(self, images: weft.Tensor) -> Normal:
        """Return what the images could have been drawn from."""
        mean, log_deviation = self.encoder(images).chunk(2, dim=-1)
        return Normal(mean, log_deviation.exp())

    def forward(self, images: weft.Tensor) -> tuple[weft.Tensor, weft.Tensor]:
        """Return the images' loss by reading, and by the distance of their codes' distribution.

        The sum is the negative evidence lower bound, in nats an image.
        """
        posterior = self.encode(images)
        scores = self.decoder(posterior.rsample())
        reading = F.binary_cross_entropy_with_logits(scores, images, reduction="sum")
        prior = Normal(weft.zeros(()), weft.ones(()))
        distance = kl_divergence(posterior, prior).sum()
        return reading / len(images), distance / len(images)


def draw(model: VAE, images: weft.Tensor, folder: Any) -> None:
    """Write two pictures: digits as read and redrawn, and digits that nobody wrote."""
    with weft.no_grad():
        redrawn = model.decoder(model.encode(images).mean).sigmoid()
        imagined = model.decoder(weft.randn(64, model.encoder[-1].out_features // 2)).sigmoid()
    rows = {"seen": images, "redrawn": redrawn}
    pictures(folder / "redrawn.png", {k: v.view(-1, 28, 28).numpy() for k, v in rows.items()})
    grid = imagined.view(4, 16, 28, 28).numpy()
    pictures(folder / "imagined.png", {f"{i + 1}": row for i, row in enumerate(grid)})


def main() -> None:
    """Train, measuring the bound on digits that were not seen, and draw."""
    options = experiment.command_line(
        __doc__,
        epochs=10,
        batch_size=128,
        lr=2e-3,
        more=(("--latent", int, 10, "numbers that stand for a digit"),),
    )
    learned, unseen = mnist(options.data, options.limit)
    train, test = Images(learned.images), Images(unseen.images)

    weft.manual_seed(options.seed)
    model = VAE(options.latent)
    order = experiment.Order(len(train), options.batch_size, options.seed)
    optimizer = weft.optim.Adam(model.parameters(), lr=options.lr)
    run = experiment.Run(weft, options, model=model, optimizer=optimizer)

    everything = test[experiment.Place(0, 0, np.arange(len(test)))]
    for _ in run.epochs():
        for images in run.steps(experiment.loader(weft, train, run.order(order), options.workers)):
            reading, distance = model(images)
            loss = reading + distance
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.note(loss=loss.item(), distance=distance.item())
        with weft.no_grad():
            reading, distance = model(weft.from_numpy(everything))
        run.note_epoch(test_loss=(reading + distance).item())
        draw(model, weft.from_numpy(everything[:16]), run.output)
    run.finish("test_loss")


if __name__ == "__main__":
    experiment.program(main)
