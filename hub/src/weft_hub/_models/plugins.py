"""Find the model factories and tasks that installed packages register as entry points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, cast

from weft_hub._texts.nearest import did_you_mean
from weft_hub.card import Card
from weft_hub.errors import BuildError, MissingPackageError

MODELS = "weft.models"
TASKS = "weft.tasks"


class Task(Protocol):
    """What a package registers for a task; the hub knows no task by name.

    A task may have more, which is used where it is there. `endings` is a tuple of the lower-case
    endings of the files that `run` takes from folders, such as `(".wav", ".flac")`.
    `figures(result)` gives named numbers of one result, which an entry's metrics state.
    `data_sets()` gives, by the name of each data set that models for the task are measured on, a
    table for each of its files (name, size, sha256 and sources, as in `model.toml`);
    `measure(model, data_set, files, limit=None)` gives `{"samples": …, "figures": …}` of them.
    `attach(model, files)` hands a filled model its entry's extra files.
    """

    def labels(self, name: str) -> tuple[str, ...]:
        """Return the labels of the set called `name`."""

    def preprocess(self, settings: Mapping[str, object]) -> Callable[..., Any]:
        """Return a function from a source (path, bytes or decoded) to the model's input."""

    def run(self, model: Any, source: Path, **options: Any) -> dict[str, Any]:
        """Return the result for one source, a regular file, as data that JSON can hold.

        Raises:
            ValueError, OSError: the source is no sound input; the message says why, in one line.
        """

    def text(self, result: dict[str, Any]) -> str:
        """Return the result as a person reads it."""


def model_factory(card: Card) -> Callable[..., Any]:
    """Return the function that builds the model of `card`.

    Only the package that the entry names is asked, so that another installed package cannot take
    a model over by registering the same name.
    """
    package = _installed(card, card.build.package)
    points = package.entry_points.select(group=MODELS)
    for point in points:
        if point.name == card.build.factory:
            return cast(Callable[..., Any], _load(card, point, package))
    names = sorted(point.name for point in points)
    hint = did_you_mean(card.build.factory, names) or f"it has {', '.join(names) or 'none'}"
    raise BuildError(
        f"{card.name} is built by the factory {card.build.factory!r} of {card.build.package}, but "
        f"version {package.version}, which is installed, does not register it in the group "
        f"{MODELS} ({hint}); install the version that goes with this weft-hub"
    )


def task_of(card: Card) -> Task:
    """Return the task of `card`: of the package that builds the model, or of any other."""
    package = _installed(card, card.build.package)
    for point in package.entry_points.select(group=TASKS, name=card.task):
        return cast(Task, _load(card, point, package))
    for point in metadata.entry_points(group=TASKS, name=card.task):
        return cast(Task, _load(card, point, package))
    names = sorted({point.name for point in metadata.entry_points(group=TASKS)})
    raise MissingPackageError(
        f"{card.name} is for the task {card.task!r}, which no installed package registers in the "
        f"group {TASKS} (installed tasks: {', '.join(names) or 'none'}); "
        f"run `python -m pip install --upgrade {card.build.package}`"
    )


def _installed(card: Card, package: str) -> metadata.Distribution:
    try:
        return metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        raise MissingPackageError(
            f"{card.name} is built by the package {package}, which is not installed; "
            f"run `python -m pip install {package}`"
        ) from error


def _load(card: Card, point: metadata.EntryPoint, package: metadata.Distribution) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise MissingPackageError(
            f"{card.name} needs {point.value} of {package.metadata['Name']} {package.version}, "
            f"which cannot be imported: {error}"
        ) from error
