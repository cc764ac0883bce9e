"""Image classification as the hub runs it: from a picture to named classes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import weft
from weft_vision import categories, data_sets
from weft_vision.presets import ImageClassification, Picture

__all__ = ["image_classification"]

# Pictures that are classified together when a model is measured.
_BATCH = 250

_LABELS: dict[str, Callable[[], tuple[str, ...]]] = {"imagenet-1k": categories.imagenet_1k}


class _ImageClassificationTask:
    """The task `image-classification`: its label sets, preprocessing, run and report."""

    name = "image-classification"
    # What the hub takes from a folder: the usual endings of the formats that `io` reads.
    endings = (
        *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    )

    def labels(self, name: str) -> tuple[str, ...]:
        """A named label set, the label of class i at index i.

        Raises:
            ValueError: there is no such set; the nearest name is suggested.
        """
        if name not in _LABELS:
            near = difflib.get_close_matches(name, _LABELS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_LABELS)}"
            raise ValueError(f"{self.name}: no label set is named {name!r}; {hint}")
        return _LABELS[name]()

    def preprocess(self, settings: Mapping[str, object]) -> Callable[[Picture], weft.Tensor]:
        """What turns a picture into the model's input; see `presets.ImageClassification`.

        Raises:
            ValueError: a setting is unknown or has a wrong value.
        """
        return ImageClassification.from_settings(settings)

    def run(self, model: Any, source: Picture, *, top: int = 5) -> dict[str, Any]:
        """Classify one picture.

        Args:
            model: a module from images to logits (1, classes) that carries `preprocess` and
                `labels`, as `weft_hub.load` returns it.
            source: a path, bytes, a Pillow image or a tensor.
            top: how many classes to return, at least 1.

        Returns:
            `{"task": "image-classification", "predictions": [{"label", "index",
            "probability"}, …]}`, the likeliest class first.

        Raises:
            ValueError: `top` below 1, or the model has another number of outputs than labels.
            ImageDecodeError, ImageTooLargeError, FileNotFoundError: see `io.decode_image`.
        """
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise ValueError(f"{self.name}: top must be an integer >= 1, got {top!r}")
        image = model.preprocess(source)
        with weft.no_grad():
            logits = model(image.unsqueeze(0))
            probabilities = logits.to(weft.float32).softmax(dim=-1)[0]
        labels = model.labels
        if len(labels) != probabilities.shape[0]:
            raise ValueError(
                f"{self.name}: the model scores {probabilities.shape[0]} classes but has "
                f"{len(labels)} labels"
            )
        values, indices = probabilities.topk(min(top, len(labels)))
        return {
            "task": self.name,
            "predictions": [
                {"label": labels[index], "index": index, "probability": value}
                for value, index in zip(values.tolist(), indices.tolist(), strict=True)
            ],
        }

    def figures(self, result: Mapping[str, Any]) -> dict[str, float]:
        """What an entry of the hub may state about a picture: "probability of LABEL" for each."""
        return {f"probability of {p['label']}": p["probability"] for p in result["predictions"]}

    def data_sets(self) -> dict[str, tuple[dict[str, Any], ...]]:
        """The files of each data set that `measure` knows; see `weft_vision.data_sets`."""
        return {name: data_sets.files_of(name) for name in data_sets.names()}

    def measure(
        self,
        model: Any,
        data_set: str,
        files: Mapping[str, Path],
        *,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Which share of a data set's pictures a model gives the highest score to the right class.

        Args:
            model: as for `run`.
            data_set: one of `data_sets()`.
            files: the path of each of its files, by name.
            limit: use so many pictures only, the first.

        Returns:
            `{"samples": pictures, "figures": {"test accuracy": share in [0, 1]}}`.

        Raises:
            ValueError: a damaged file, a limit below 1, or a model with another number of classes.
        """
        if limit is not None and limit < 1:
            raise ValueError(f"{self.name}: limit must be at least 1, got {limit}")
        images, classes = data_sets.read(data_set, files)
        images, classes = images[:limit], classes[:limit]
        right = 0
        with weft.no_grad():
            for first in range(0, len(images), _BATCH):
                scores = model(model.preprocess(images[first : first + _BATCH]))
                if scores.shape[1] <= int(classes.max().item()):
                    raise ValueError(
                        f"{self.name}: {data_set} has {int(classes.max().item()) + 1} classes, but "
                        f"the model scores {scores.shape[1]}"
                    )
                right += int((scores.argmax(dim=1) == classes[first : first + _BATCH]).sum().item())
        return {"samples": len(images), "figures": {"test accuracy": right / len(images)}}

    def text(self, result: Mapping[str, Any]) -> str:
        """The result as lines for a person: percent, then label."""
        return "\n".join(
            f"{100 * p['probability']:5.1f} %  {p['label']}" for p in result["predictions"]
        )


image_classification = _ImageClassificationTask()
