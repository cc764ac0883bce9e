"""Fine-tune a model of the hub: from ImageNet's thousand classes to ten of your own.

    python examples/finetune.py                    # 200 photos of each class to learn from
    python examples/finetune.py --per-class 50     # with fewer

First only a new last layer learns, on what the network sees in each photo, which is computed once.
Then all weights learn a little. The model is the hub's MobileNetV2, the photos are CIFAR-10's,
enlarged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import experiment
import weft
import weft.nn.functional as F
import weft_hub
from experiment.classifying import accuracy, fit
from experiment.datasets import Labelled, cifar10
from weft import nn

MEAN = weft.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)  # what the model was trained with
DEVIATION = weft.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class Enlarged:
    """Photos as the network takes them, (batch, 3, size, size) float32, with their labels."""

    def __init__(self, data: Labelled, size: int) -> None:
        self.data, self.size = data, size

    def __len__(self) -> int:
        return len(self.data.labels)

    def __getitem__(self, place: experiment.Place) -> tuple[Any, Any]:
        images = np.ascontiguousarray(self.data.images[place.samples].transpose(0, 3, 1, 2))
        scaled = (weft.from_numpy(images).to(weft.float32) / 255 - MEAN) / DEVIATION
        size = (self.size, self.size)
        enlarged = F.interpolate(scaled, size=size, mode="bilinear", align_corners=False)
        return enlarged.numpy(), self.data.labels[place.samples]


class Known:
    """What the network saw in photos: features, (batch, features) float32, with their labels."""

    def __init__(self, body: Any, photos: Enlarged, batch_size: int = 100) -> None:
        body.eval()
        self.labels = photos.data.labels
        starts = range(0, len(photos), batch_size)
        with weft.no_grad():
            found = [
                body(weft.from_numpy(photos[_place(photos, at, batch_size)][0])) for at in starts
            ]
        self.features = weft.cat(found).numpy()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: experiment.Place) -> tuple[Any, Any]:
        return self.features[place.samples], self.labels[place.samples]


class Classifier(nn.Module):
    """A body that was trained before, and a new last layer."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        return self.head(self.body(x))

    def train(self, mode: bool = True) -> Classifier:
        """Switch the layer; norms of the body keep the means that they were trained with.

        A few small batches would give them worse ones. The body has nothing else to switch.
        """
        super().train(mode)
        self.body.eval()
        return self


def _place(photos: Enlarged, start: int, count: int) -> experiment.Place:
    return experiment.Place(0, 0, np.arange(start, min(start + count, len(photos))))


def some_of_each(data: Labelled, count: int) -> Labelled:
    """Return the first ``count`` photos of each class."""
    classes = np.unique(data.labels)
    chosen = np.concatenate([np.flatnonzero(data.labels == one)[:count] for one in classes])
    return Labelled(data.images[chosen], data.labels[chosen])


def main() -> None:
    """Train the last layer, then everything, and say what each gave."""
    options = experiment.command_line(
        __doc__,
        epochs=2,
        batch_size=32,
        lr=3e-4,
        more=(
            ("--per-class", int, 200, "photos of each class to learn from"),
            ("--size", int, 96, "pixels that photos are enlarged to"),
            ("--head-epochs", int, 30, "epochs of the last layer alone, before --epochs of all"),
        ),
    )
    learned, unseen = cifar10(options.data, options.limit)
    train = Enlarged(some_of_each(learned, options.per_class), options.size)
    test = Enlarged(some_of_each(unseen, max(1, options.per_class // 2)), options.size)

    weft.manual_seed(options.seed)
    pretrained = weft_hub.load("vision/mobilenet-v2")
    body = nn.Sequential(pretrained.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = nn.Linear(pretrained.classifier[-1].in_features, int(learned.labels.max()) + 1)
    model = Classifier(body, head)

    before = {}
    if not options.resume:
        seen, seen_test = Known(body, train), Known(body, test)
        head_optimizer = weft.optim.Adam(head.parameters(), lr=3e-3)
        order = experiment.Order(len(seen), options.batch_size, options.seed)
        for epoch in range(options.head_epochs):
            for features, labels in experiment.loader(weft, seen, order.begin(epoch)):
                loss = F.cross_entropy(head(features), labels)
                head_optimizer.zero_grad()
                loss.backward()
                head_optimizer.step()
        before["last_layer_alone"] = accuracy(weft, head, seen_test)
        print(f"the last layer alone: test accuracy {before['last_layer_alone']:.4g}", flush=True)

    order = experiment.Order(len(train), options.batch_size, options.seed)
    optimizer = weft.optim.AdamW(model.parameters(), lr=options.lr)
    scheduler = weft.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=options.lr, total_steps=options.epochs * order.steps
    )
    run = experiment.Run(
        weft, options, before=before, model=model, optimizer=optimizer, scheduler=scheduler
    )
    fit(run, train, test, order)
    run.finish("test_accuracy")


if __name__ == "__main__":
    experiment.program(main)
