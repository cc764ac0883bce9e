"""A training run for test_killed_training.py to kill: a program in which everything is random.

    python killed_run.py FOLDER STEPS WORKERS

It saves every fifth step under FOLDER and goes on from what it finds there. Each line that it
prints says where it is. At the end it writes all that it trained to FOLDER/final.safetensors.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import weft
from weft import nn

EVERY = 5


class Noisy:
    """Samples that draw from all three random generators."""

    def __len__(self) -> int:
        return 22

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        x = np.sin(np.arange(6) * (index + 1)) + 0.1 * np.random.standard_normal(6)
        x = weft.tensor(x.astype(np.float32)) + 0.1 * weft.randn(6)
        return x, (x.sum() * random.uniform(0.9, 1.1)).reshape(1)


class Loader:
    """A loader of one's own: batches in an order drawn anew each epoch, and where it stands."""

    def __init__(self, samples: Noisy, size: int) -> None:
        self.samples, self.size = samples, size
        self.order: Any = None
        self.position = 0

    def __iter__(self) -> Any:
        if self.order is None:
            self.order, self.position = weft.randperm(len(self.samples)), 0
        while self.position < len(self.samples):
            chosen = self.order[self.position : self.position + self.size].tolist()
            self.position += self.size
            each = [self.samples[i] for i in chosen]
            yield tuple(weft.stack(column) for column in zip(*each, strict=True))
        self.order = None

    def state_dict(self) -> dict[str, Any]:
        return {"order": self.order, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.order, self.position = state["order"], state["position"]


def loader_of(workers: str) -> Any:
    """Return a loader of one's own, or weft's with so many workers."""
    if workers == "own":
        return Loader(Noisy(), 4)
    return weft.data.DataLoader(Noisy(), 4, shuffle=True, num_workers=int(workers))


def main(folder: Path, steps: int, workers: str) -> None:
    """Train up to a number of steps."""
    weft.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    model = nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 1)
    )
    optimizer = weft.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True)
    scheduler = weft.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=steps + 1)
    scaler = weft.amp.GradScaler("cpu", init_scale=256.0, growth_interval=5)
    swa = weft.optim.swa_utils
    average = swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9))
    loader = loader_of(workers)
    parts = {
        "model": model,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "scaler": scaler,
        "average": average,
        "loader": loader,
    }
    found = weft.io.load_checkpoint(folder / "checkpoints", **parts)
    step, total = (found.step, found.extra["loss"]) if found else (0, 0.0)
    print("from", step, flush=True)
    while step < steps:
        for x, y in loader:
            optimizer.zero_grad()
            loss = ((model(x + 0.01 * weft.randn_like(x)) - y) ** 2).mean()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            average.update_parameters(model)
            step += 1
            total += loss.item() * np.random.random()
            print("step", step, flush=True)
            time.sleep(0.004)  # so that there is time to be killed in
            if step % EVERY == 0:
                print("saving", step, flush=True)
                weft.io.save_checkpoint(
                    folder / "checkpoints", step, keep=2, extra={"loss": total}, **parts
                )
            if step == steps:
                break
    state = {f"model.{k}": v for k, v in model.state_dict().items()}
    state |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for place, kept in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{place}.{k}": v for k, v in kept.items()}
    state["total"] = weft.tensor([total, scaler.get_scale()], dtype=weft.float64)
    state["random"] = weft.tensor(
        [weft.rand(1).item(), np.random.random(), random.random()], dtype=weft.float64
    )
    weft.io.save_safetensors(state, folder / "final.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
