"""Denoising diffusion: digits out of noise, step by step.

    python examples/ddpm.py               # trains, and draws digits after each epoch

The network sees a digit with noise added and says what the noise is. Asked again and again, from
pure noise on, it arrives at a digit. Source: Ho et al., "Denoising Diffusion Probabilistic Models"
(2020), with the cosine schedule of Nichol and Dhariwal (2021). The digits are MNIST's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import experiment
import weft
import weft.nn.functional as F
from experiment.datasets import mnist
from experiment.plots import pictures
from weft import nn
from weft.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Images:
    """Digits as (batch, 1, 28, 28) float32 in [-1, 1]."""

    def __init__(self, images: np.ndarray[Any, Any]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, place: experiment.Place) -> Any:
        return self.images[place.samples, None].astype(np.float32) / 127.5 - 1


class Schedule:
    """How much of an image is left after each of ``steps`` steps of noise."""

    def __init__(self, steps: int) -> None:
        at = weft.arange(steps + 1, dtype=weft.float64) / steps
        left = weft.cos((at + 0.008) / 1.008 * math.pi / 2) ** 2
        betas = (1 - left[1:] / left[:-1]).clamp(max=0.999)
        self.steps = steps
        self.betas = betas.to(weft.float32)
        self.left = (1 - betas).cumprod(0).to(weft.float32)  # (steps,)

    def noisy(self, images: weft.Tensor, noise: weft.Tensor, at: weft.Tensor) -> weft.Tensor:
        """Return images after ``at`` steps, (batch,) int64: equation 4."""
        left = self.left[at].view(-1, 1, 1, 1)
        return left.sqrt() * images + (1 - left).sqrt() * noise

    @weft.no_grad()
    def draw(self, model: Any, count: int) -> weft.Tensor:
        """Return images out of noise, (count, 1, 28, 28): algorithm 2."""
        x = weft.randn(count, 1, 28, 28)
        for step in reversed(range(self.steps)):
            beta, left = self.betas[step], self.left[step]
            noise = model(x, weft.full((count,), step))
            # What the image would be if this were all the noise; kept among possible images.
            image = ((x - (1 - left).sqrt() * noise) / left.sqrt()).clamp(-1, 1)
            before = self.left[step - 1] if step else weft.ones(())
            x = image * (before.sqrt() * beta / (1 - left)) + x * (
                (1 - beta).sqrt() * (1 - before) / (1 - left)
            )
            if step:
                x = x + (beta * (1 - before) / (1 - left)).sqrt() * weft.randn_like(x)
        return x


class Residual(nn.Module):
    """Two convolutions that know the time, around which the input is added."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(time, outputs)
        self.norm2, self.conv2 = nn.GroupNorm(8, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: weft.Tensor, time: weft.Tensor) -> weft.Tensor:
        inner = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.conv2(F.silu(self.norm2(inner))) + self.shortcut(x)


class UNet(nn.Module):
    """A network from a noisy image and its time to the noise: down to 7 × 7 pixels and up again."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        time = 4 * width
        self.frequencies = width // 2
        self.time = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.down1 = Residual(width, width, time)  # 28 x 28
        self.shrink1 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.down2 = Residual(2 * width, 2 * width, time)  # 14 x 14
        self.shrink2 = nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1)
        self.middle = Residual(2 * width, 2 * width, time)  # 7 x 7
        self.up2 = Residual(4 * width, 2 * width, time)
        self.up1 = Residual(3 * width, width, time)
        self.last = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, 1, 3, padding=1)
        )

    def forward(self, x: weft.Tensor, at: weft.Tensor) -> weft.Tensor:
        """Return the noise in x, (batch, 1, 28, 28), after ``at`` steps, (batch,) int64."""
        rates = weft.exp(-math.log(10000) * weft.arange(self.frequencies) / self.frequencies)
        angles = at[:, None].to(weft.float32) * rates
        time = F.silu(self.time(weft.cat([angles.sin(), angles.cos()], 1)))
        wide = self.down1(self.first(x), time)
        half = self.down2(self.shrink1(wide), time)
        deep = self.middle(self.shrink2(half), time)
        half = self.up2(weft.cat([_doubled(deep), half], 1), time)
        wide = self.up1(weft.cat([_doubled(half), wide], 1), time)
        return self.last(wide)


def _doubled(x: weft.Tensor) -> weft.Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def main() -> None:
    """Train, keep an average of the weights, and draw digits with it."""
    options = experiment.command_line(
        __doc__,
        epochs=5,
        batch_size=128,
        lr=1e-3,
        more=(
            ("--noise-steps", int, 200, "steps from a digit to noise"),
            ("--width", int, 32, "channels of the network at full size"),
            ("--draw", int, 32, "digits to draw after each epoch"),
        ),
    )
    train = Images(mnist(options.data, options.limit)[0].images)

    weft.manual_seed(options.seed)
    schedule = Schedule(options.noise_steps)
    model = UNet(options.width)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    order = experiment.Order(len(train), options.batch_size, options.seed)
    optimizer = weft.optim.AdamW(model.parameters(), lr=options.lr)
    scheduler = weft.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=options.epochs * order.steps
    )
    run = experiment.Run(
        weft, options, model=model, average=average, optimizer=optimizer, scheduler=scheduler
    )

    for epoch in run.epochs():
        for images in run.steps(experiment.loader(weft, train, run.order(order), options.workers)):
            at = weft.randint(0, schedule.steps, (len(images),))
            noise = weft.randn_like(images)
            loss = F.mse_loss(model(schedule.noisy(images, noise, at), at), noise)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            average.update_parameters(model)
            run.note(loss=loss.item())
        losses = run.history("loss")[1][-order.steps :]
        run.note_epoch(mean_loss=float(np.mean(losses)))
        drawn = (schedule.draw(average.eval(), options.draw) + 1) / 2
        rows = drawn.view(-1, min(16, options.draw), 28, 28).clamp(0, 1).numpy()
        name = f"digits-{epoch + 1}.png"
        pictures(run.output / name, {f"{i + 1}": row for i, row in enumerate(rows)})
    run.finish("mean_loss")


if __name__ == "__main__":
    experiment.program(main)
