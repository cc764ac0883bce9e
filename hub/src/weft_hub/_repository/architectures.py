"""Architectures: what installed packages know of repositories that carry no entry of an index.

A package registers an object for each in the group `weft.architectures`, under a name that a
`config.json` gives: one of its `architectures`, its `model_type`, or timm's `architecture`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, cast

from weft_hub._models.lockstep import OURS
from weft_hub._texts.nearest import did_you_mean
from weft_hub.errors import BuildError, MissingPackageError, UnknownArchitectureError

ARCHITECTURES = "weft.architectures"


class Architecture(Protocol):
    """What a package registers. What it cannot build as published it refuses by ValueError."""

    @property
    def task(self) -> str:
        """The name of the task, an entry point of the group `weft.tasks`."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """Further files that it reads, such as `vocab.txt`; those that are there are fetched."""

    def build(self, config: Mapping[str, Any]) -> Any:
        """Return the module that a `config.json` describes, not yet filled.

        Raises:
            ValueError: the file asks for what this architecture cannot do.
        """

    def state(self, tensors: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the tensors of the repository by the names that the module has for them."""

    def preprocess(
        self, config: Mapping[str, Any], files: Mapping[str, Path]
    ) -> Callable[..., Any]:
        """Return a function from a source to the model's input."""

    def labels(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what the outputs mean, in order; nothing if they have no names."""


@dataclass(frozen=True)
class Known:
    """An architecture, the name that was asked for, and the distribution that registers it."""

    name: str
    package: str
    architecture: Architecture


def architecture_of(config: Mapping[str, Any], who: str) -> Known:
    """Return the architecture of a repository by its `config.json`.

    Raises:
        UnknownArchitectureError: no installed package knows it.
        BuildError: two packages do, and neither is ours.
        MissingPackageError: the package that knows it cannot be imported.
    """
    names = _names(config)
    points = metadata.entry_points(group=ARCHITECTURES)
    for name in names:
        # Several finders may see one distribution; a name that two packages claim is nobody's.
        found = {str(p.dist.metadata["Name"]): p for p in points if p.name == name and p.dist}
        ours = [package for package in found if package in OURS]
        if len(found) > 1 and not ours:
            raise BuildError(
                f"{who}: the packages {', '.join(sorted(found))} all register the architecture "
                f"{name!r}; uninstall all but the one that you mean"
            )
        if found:
            package = ours[0] if ours else next(iter(found))
            return Known(name, package, _loaded(found[package], package, who))
    known = sorted({point.name for point in points})
    said = ", ".join(map(repr, names)) or "that its config.json does not name"
    hint = did_you_mean(names[0], known) if names else ""
    raise UnknownArchitectureError(
        f"{who}: no installed package knows the architecture {said}; "
        f"{hint or 'known are ' + (', '.join(known) or 'none')}"
    )


def architecture_called(name: str, package: str) -> Architecture:
    """Return the architecture that the distribution `package` registers as `name`."""
    for point in metadata.distribution(package).entry_points.select(group=ARCHITECTURES, name=name):
        return _loaded(point, package, name)
    raise MissingPackageError(f"{package} no longer registers the architecture {name!r}")


def _names(config: Mapping[str, Any]) -> list[str]:
    classes = config.get("architectures")
    names = [
        *(classes if isinstance(classes, list) else ()),
        config.get("model_type"),
        config.get("architecture"),
    ]
    return [name for name in names if isinstance(name, str) and name]


def _loaded(point: metadata.EntryPoint, package: str, who: str) -> Architecture:
    try:
        return cast(Architecture, point.load())
    except (ImportError, AttributeError) as error:
        raise MissingPackageError(
            f"{who} needs {point.value} of {package}, which cannot be imported: {error}"
        ) from error
