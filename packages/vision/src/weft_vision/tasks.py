"""Image classification as the hub runs it: from a picture to named classes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import weft
from weft_vision import categories
from weft_vision.presets import ImageClassification, Picture

__all__ = ["image_classification"]

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

    def text(self, result: Mapping[str, Any]) -> str:
        """The result as lines for a person: percent, then label."""
        return "\n".join(
            f"{100 * p['probability']:5.1f} %  {p['label']}" for p in result["predictions"]
        )


image_classification = _ImageClassificationTask()
