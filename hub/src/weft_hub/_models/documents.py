"""Models whose file says what is computed: ONNX files and graphs, read as data."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft_hub.card import Card, File
from weft_hub.errors import MissingPackageError, WeightsError

__all__ = ["is_document", "read_document", "require_reader", "weights_of_onnx"]

_KINDS = ("onnx", "graph")


def is_document(card: Card) -> bool:
    """Whether the file of `card` is the model, and no installed code builds it."""
    return card.build.kind in _KINDS


def require_reader(card: Card) -> None:
    """Check that what reads the file of `card` is installed, before it is fetched.

    Raises:
        MissingPackageError: the package `onnx` is not there.
    """
    if card.build.kind == "onnx" and importlib.util.find_spec("onnx") is None:
        raise MissingPackageError(
            f"{card.name} is an ONNX file, which weft reads with the package onnx, and that is not "
            "installed; run `python -m pip install 'weft[onnx]'`"
        )


def read_document(card: Card, paths: Mapping[str, Path]) -> Any:
    """Return the module that the verified file of `card` is.

    An ONNX file that keeps data in other files gets those of the entry and no others.

    Args:
        card: the entry.
        paths: the verified path of each file by its name in the entry.

    Raises:
        WeightsError: the file is not what the entry says, or breaks a rule of its format.
        MissingPackageError: the package that reads it is not installed.
    """
    extra = {file.name: paths[file.name] for file in card.files if file.role == "extra"}
    return _read(card, card.weights, paths[card.weights.name], extra)


def weights_of_onnx(card: Card, file: File, path: Path) -> dict[str, Any]:
    """Return the weights of a verified ONNX file by their names.

    Raises:
        WeightsError: it is no ONNX model, or keeps its weights in other files.
        MissingPackageError: the package `onnx` is not installed.
    """
    return dict(_read(card, file, path, {}).weights())


def _read(card: Card, file: File, path: Path, extra: Mapping[str, Path]) -> Any:
    import weft
    from weft import io

    try:
        if file.format == "onnx":
            return weft.onnx.load(path, external_data=extra)
        return weft.graph.load(path)
    except io.WeightsError as error:
        text = " ".join(str(error).split()).replace(f"{path}: ", "", 1)
        raise WeightsError(f"{card.name}: {file.name} is refused: {text}") from error
    except ImportError as error:
        raise MissingPackageError(f"{card.name}: {error}") from error
