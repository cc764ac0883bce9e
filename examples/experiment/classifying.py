"""The training loop of a classifier of images, and the share that it labels right."""

from __future__ import annotations

from typing import Any

import numpy as np

from experiment.loading import Order, Place, loader
from experiment.run import Run


def fit(run: Run, train: Any, test: Any, order: Order) -> None:
    """Train the run's parts ``model``, ``optimizer`` and ``scheduler``; measure after each epoch.

    Args:
        run: the run; its scheduler is stepped after each batch.
        train: a data set whose batches are images and labels; see `loader`.
        test: one to measure the accuracy on.
        order: of the training samples.
    """
    model, optimizer, scheduler = (run.parts[p] for p in ("model", "optimizer", "scheduler"))
    cross_entropy = run.lib.nn.functional.cross_entropy
    for _ in run.epochs():
        model.train()
        for images, labels in run.steps(
            loader(run.lib, train, run.order(order), run.options.workers)
        ):
            loss = cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            run.note(loss=loss.item())
        run.note_epoch(test_accuracy=accuracy(run.lib, model, test))


def accuracy(lib: Any, model: Any, data: Any, batch_size: int = 500) -> float:
    """Return which share of ``data`` the model gives the highest score to the right label."""
    model.eval()
    right = 0
    with lib.no_grad():
        for start in range(0, len(data), batch_size):
            samples = np.arange(start, min(start + batch_size, len(data)))
            images, labels = data[Place(0, 0, samples)]
            scores = model(lib.from_numpy(images))
            right += int((scores.argmax(1) == lib.from_numpy(labels)).sum())
    return right / len(data)
