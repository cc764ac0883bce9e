"""What the index says about a model, as plain immutable records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple


class _Pickles:
    """Lets a record with read-only mappings be pickled, which Python's own are not."""

    def __getstate__(self) -> dict[str, Any]:
        return {
            key: dict(value) if isinstance(value, MappingProxyType) else value
            for key, value in vars(self).items()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            frozen = MappingProxyType(value) if isinstance(value, dict) else value
            object.__setattr__(self, key, frozen)


class File(NamedTuple):  # made faster than a dataclass; a model may have thousands
    """One file of a model: `size` in bytes, `sha256` in lower-case hexadecimal digits."""

    name: str
    role: str
    format: str
    size: int
    sha256: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Build(_Pickles):
    """How the model is built.

    Of the kind `factory`, `factory` is an entry point of the installed `package`. Of the kinds
    `onnx` and `graph` the file with the role weights says what is computed; `package` knows the
    task, and `factory` is empty.
    """

    kind: str
    package: str
    factory: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        """Return what builds the model, for people."""
        if self.factory:
            return f"{self.package} ({self.factory})"
        return f"its own file ({self.kind}), for the task of {self.package}"

    def as_data(self) -> dict[str, Any]:
        """Return it as an entry has it."""
        data: dict[str, Any] = {"kind": self.kind, "package": self.package}
        if self.kind in ("onnx", "graph"):
            return data
        return {**data, "factory": self.factory, "settings": dict(self.settings)}


@dataclass(frozen=True)
class Metric:
    """One measured figure, the data it was measured on, and the command that measured it.

    `tolerance` says how far another machine's figure may be from `value`; None is the default of
    `weft-hub check`.
    """

    name: str
    value: float
    data: str
    command: str
    tolerance: float | None = None


@dataclass(frozen=True)
class Signature:
    """Who signed the files: `file` is the name of the signature, `key` the public key in PEM."""

    file: str
    key: str


@dataclass(frozen=True)
class Card(_Pickles):
    """One entry of the index.

    Attributes:
        name: `namespace/name`.
        version: the version of the entry; it changes whenever a file or the build changes.
        task: the name of the task, an entry point of the group `weft.tasks`.
        summary: one sentence.
        license: an SPDX expression.
        authors: who made the model.
        provenance: where the weights come from, in words.
        paper: the address of the paper, or None.
        build: how the model is built.
        files: what is downloaded and verified.
        preprocess: settings for the task's preprocessing.
        labels: the name of a label set of the task, or the labels themselves.
        metrics: measured figures.
        text: the model card, Markdown.
        folder: the folder of the entry.
        signature: whose signature the files must carry, or None.
    """

    name: str
    version: str
    task: str
    summary: str
    license: str
    authors: tuple[str, ...]
    provenance: str
    paper: str | None
    build: Build
    files: tuple[File, ...]
    preprocess: Mapping[str, Any]
    labels: str | tuple[str, ...]
    metrics: tuple[Metric, ...]
    text: str = field(repr=False)
    folder: Path = field(repr=False)
    signature: Signature | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Card:
        """Return the card itself: it never changes, and a copy of a model goes on sharing it."""
        return self

    @property
    def size(self) -> int:
        """Return how many bytes the files have together."""
        return sum(file.size for file in self.files)

    @property
    def weights(self) -> File:
        """Return the file with the weights; the index has exactly one for each model."""
        return next(file for file in self.files if file.role == "weights")

    @classmethod
    def from_data(cls, data: Mapping[str, Any], *, text: str, folder: Path) -> Card:
        """Make a card of the data of a `model.toml` that the schema has accepted."""
        build = data["build"]
        labels = data.get("labels", ())
        return cls(
            name=data["name"],
            version=data["version"],
            task=data["task"],
            summary=data["summary"],
            license=data["license"],
            authors=tuple(data["authors"]),
            provenance=data["provenance"],
            paper=data.get("paper"),
            build=Build(
                kind=build["kind"],
                package=build["package"],
                factory=build.get("factory", ""),
                settings=MappingProxyType(dict(build.get("settings", {}))),
            ),
            files=tuple(
                File(
                    name=file["name"],
                    role=file["role"],
                    format=file["format"],
                    size=file["size"],
                    sha256=file["sha256"],
                    sources=tuple(file["sources"]),
                )
                for file in data["files"]
            ),
            preprocess=MappingProxyType(dict(data.get("preprocess", {}))),
            labels=labels if isinstance(labels, str) else tuple(labels),
            metrics=tuple(Metric(**metric) for metric in data.get("metrics", ())),
            text=text,
            folder=folder,
            signature=Signature(**data["signature"]) if data.get("signature") else None,
        )

    def as_data(self) -> dict[str, Any]:
        """Return the card as plain data that `json.dumps` takes; the folder is left out."""
        return {
            "name": self.name,
            "version": self.version,
            "task": self.task,
            "summary": self.summary,
            "license": self.license,
            "authors": list(self.authors),
            "provenance": self.provenance,
            "paper": self.paper,
            "build": self.build.as_data(),
            "files": [{**file._asdict(), "sources": list(file.sources)} for file in self.files],
            "preprocess": dict(self.preprocess),
            "labels": self.labels if isinstance(self.labels, str) else list(self.labels),
            "metrics": [
                {key: value for key, value in vars(metric).items() if value is not None}
                for metric in self.metrics
            ],
            "text": self.text,
            "signature": dict(vars(self.signature)) if self.signature else None,
        }
