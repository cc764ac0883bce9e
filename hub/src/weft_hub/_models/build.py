"""Build a model from verified files: installed code makes the module, the file only fills it.

Where the file itself is the model, `documents` reads it, and it is dressed here likewise.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weft_hub._models.documents import (
    is_document,
    read_document,
    require_reader,
    weights_of_onnx,
)
from weft_hub._models.lockstep import check_model_package
from weft_hub._models.plugins import model_factory, task_of
from weft_hub._models.preprocess import Preprocess
from weft_hub.card import Card, File
from weft_hub.errors import BuildError, UnsafeWeightsError, WeightsError

_READERS = {  # by the format that the index states, never by what a file looks like
    "safetensors": "load_safetensors",
    "pytorch": "load_pytorch",
    "torchscript": "load_torchscript",
}


def empty_model(card: Card) -> Any:
    """Return the `weft.nn.Module` of `card`, in eval mode, before it is filled with weights.

    It carries `.card`, `.preprocess` (from a source to the model's input) and `.labels`. Where the
    file of `card` is the model, there is none yet: what can be checked without it is, and None is
    returned.

    Raises:
        MissingPackageError: the package that builds it, or knows its task, is not installed.
        VersionMismatchError: that package is one of ours and has another version.
        BuildError: that package cannot build it, or does not know its settings.
    """
    check_model_package(card.build.package)
    if is_document(card):
        require_reader(card)
        _dress(None, card)
        return None
    factory = model_factory(card)
    try:
        model = factory(**card.build.settings)
    except (TypeError, ValueError) as error:
        raise _build_error(card, error) from error
    return _dress(model, card)


def filled(model: Any, card: Card, paths: Mapping[str, Path]) -> Any:
    """Return the model of `card`, filled from its verified files.

    Args:
        model: what `empty_model` returned.
        card: its entry.
        paths: the path of each file by its name in the entry.

    Raises:
        WeightsError: a file does not hold what the entry says.
        UnsafeWeightsError: a file asks for more than tensors.
    """
    if model is None:
        model = _dress(read_document(card, paths), card)
    else:
        fill(model, card, paths[card.weights.name])
    attach(model, card, paths)
    return model


def _dress(model: Any, card: Card) -> Any:
    """Give a model what it carries; None goes through when all of it could be made."""
    preprocess = preprocess_of(card)
    task = task_of(card)
    try:
        labels = task.labels(card.labels) if isinstance(card.labels, str) else card.labels
    except (TypeError, ValueError) as error:
        raise _build_error(card, error) from error
    if model is not None:
        model.eval()
        model.card = card
        model.preprocess = preprocess
        model.labels = tuple(labels)
    return model


def preprocess_of(card: Card, files: Mapping[str, str] | None = None) -> Preprocess:
    """Return what turns a source into the input of the model of `card`; it needs no weights.

    Args:
        card: the entry.
        files: the path of each extra file, for a task whose preprocessing reads them.

    Raises:
        MissingPackageError: the package that builds the model, or knows its task, is missing.
        BuildError: the task does not know the settings.
    """
    try:
        return Preprocess(_task_preprocess, card, files)
    except (TypeError, ValueError, OSError) as error:
        raise _build_error(card, error) from error


def reads_files(card: Card) -> bool:
    """Whether the preprocessing of `card` reads extra files, such as a vocabulary."""
    return "files" in inspect.signature(task_of(card).preprocess).parameters


def _task_preprocess(card: Card, files: Mapping[str, str] | None) -> Callable[..., Any]:
    prepare: Callable[..., Callable[..., Any]] = task_of(card).preprocess
    if files is None:
        return prepare(card.preprocess)
    return prepare(card.preprocess, files={name: Path(path) for name, path in files.items()})


def _build_error(card: Card, error: Exception) -> BuildError:
    return BuildError(
        f"{card.name} {card.version} cannot be built by {card.build.package}: "
        f"{one_line(error)}; install the version that goes with this weft-hub"
    )


def fill(model: Any, card: Card, weights: Path) -> None:
    """Fill `model` with the tensors in the verified file `weights`.

    Raises:
        WeightsError: the file does not hold exactly the model's parameters and buffers.
        UnsafeWeightsError: the file asks for more than tensors.
    """
    state = read_state(card, card.weights, weights)
    try:
        model.load_state_dict(state, strict=True)
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{card.name}: {card.weights.name} does not fit the model that {card.build.package} "
            f"builds: {one_line(error)}"
        ) from error


def attach(model: Any, card: Card, files: Mapping[str, Path]) -> None:
    """Give a filled model what it needs of its extra files, if its task has such models.

    Args:
        model: the model, filled.
        card: its entry.
        files: the verified path of each file by its name in the entry.

    Raises:
        WeightsError: the task's package cannot use one of the files.
    """
    task = task_of(card)
    if not hasattr(task, "attach"):
        return
    try:
        task.attach(model, files)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise WeightsError(
            f"{card.name}: the extra files do not fit the task {card.task}: {one_line(error)}"
        ) from error


def read_state(card: Card, file: File, path: Path) -> dict[str, Any]:
    """Read the tensors of a verified weight file by their names.

    Raises:
        WeightsError: it is not in the format that the index states, or holds other things.
        UnsafeWeightsError: it was refused by the allow-list or by the archive rules.
    """
    import weft
    from weft import io

    if file.format == "onnx":
        return weights_of_onnx(card, file, path)
    try:
        state: object = getattr(io, _READERS[file.format])(path)
    except io.UnsafeCheckpointError as error:
        raise UnsafeWeightsError(
            f"{card.name}: {file.name} is refused: {one_line(error)}"
        ) from error
    except io.WeightsError as error:
        raise WeightsError(
            f"{card.name}: {file.name} is not a readable {file.format} file: {one_line(error)}"
        ) from error
    if not isinstance(state, Mapping):
        raise WeightsError(
            f"{card.name}: {file.name} must hold tensors by name, but holds a "
            f"{type(state).__name__}"
        )
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, weft.Tensor):
            raise WeightsError(
                f"{card.name}: {file.name} must hold tensors by name, but has "
                f"{type(value).__name__} at {name!r}"
            )
    return dict(state)


def one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    with contextlib.suppress(IndexError):
        if isinstance(error, KeyError):
            text = f"missing {error.args[0]!r}"
    return text if len(text) <= 600 else text[:599] + "…"
