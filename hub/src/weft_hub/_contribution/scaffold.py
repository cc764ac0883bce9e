"""`weft-hub new`: the folder of a contribution, each key explained and what is not known marked.

What nobody said is written as `TODO: ...`, which `weft-hub check` refuses; what was said is held to
the schema at once. The folder appears whole, by one rename, or not at all.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft_hub._files.digest import CHUNK_BYTES, sha256_of
from weft_hub._texts.quantities import show_size
from weft_hub._texts.toml_values import toml_value
from weft_hub._texts.validate import Problem, problems
from weft_hub.errors import HubError
from weft_hub.index import schema, spdx_problem
from weft_hub.sources import check_uri

TODO = "TODO"
SMALL = 2 << 20
"""Files up to this many bytes may lie in the folder of their entry."""

CARD_SECTIONS = {
    "Use": "how it is loaded and what its input and its answer are",
    "Fit for, and not fit for": "what it was made for, where it fails, what it must not be used as",
    "Data": "what it was trained and measured on, and under which terms those data are",
    "Preprocessing": "what is done to an input before the model sees it",
    "Reference": "the paper or the page to cite, or how the training can be repeated",
}
"""The sections that every model card has, and what each says."""

_FORMATS = {
    ".safetensors": "safetensors",
    ".pth": "pytorch",
    ".pt": "pytorch",
    ".ckpt": "pytorch",
    ".bin": "pytorch",
    ".jit": "torchscript",
    ".onnx": "onnx",
}


class ContributionError(HubError, ValueError):
    """A contribution cannot be made, checked or published as asked."""


@dataclass(frozen=True)
class Draft:
    """What is known of a contribution before its author has edited anything; None is not known."""

    name: str
    version: str = "1.0.0"
    task: str | None = None
    summary: str | None = None
    license: str | None = None
    authors: tuple[str, ...] = ()
    provenance: str | None = None
    paper: str | None = None
    labels: str | tuple[str, ...] | None = None
    package: str | None = None
    factory: str | None = None
    settings: Mapping[str, Any] | None = None
    preprocess: Mapping[str, Any] | None = None
    files: tuple[Path, ...] = ()
    format: str | None = None
    sources: tuple[str, ...] = ()


def make(draft: Draft, into: Path) -> Path:
    """Write the contribution `into/NAMESPACE/NAME` and return its folder.

    Raises:
        ContributionError: the folder exists, a value breaks a rule of the schema, or a file cannot
            be read or written. Nothing is left behind.
    """
    rule = schema()["properties"]["name"]
    if not re.fullmatch(rule["pattern"], draft.name) or len(draft.name) > rule["maxLength"]:
        raise ContributionError(
            "a model is called NAMESPACE/NAME, in lower-case letters, digits, - and (after the "
            f"slash) dots, such as vision/mobilenet-v2, but {draft.name!r} was given"
        )
    target = into / draft.name
    if os.path.lexists(target):
        raise ContributionError(f"{target} exists already; nothing is ever overwritten")
    if kind_of(draft) != "factory" and (draft.factory is not None or draft.settings is not None):
        raise ContributionError(
            f"{draft.files[0].name} is a model by itself, so no factory builds it; leave out "
            "--factory and --setting"
        )
    tables = [_file_table(draft, path, first=path == draft.files[0]) for path in draft.files]
    text = model_toml(draft, tables)
    _require_sound(tomllib.loads(text), target)
    work = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    made = [folder for folder in (into, target.parent) if not folder.exists()]
    try:
        work.mkdir(parents=True)
        (work / "model.toml").write_text(text, "utf-8")
        (work / "card.md").write_text(card_md(draft), "utf-8")
        for path, table in zip(draft.files, tables, strict=True):
            if f"file:{table['name']}" in table["sources"]:
                _copy(path, work / table["name"], table["sha256"])
        os.rename(work, target)
    except OSError as error:
        raise ContributionError(
            f"cannot write {target}: {error.strerror or error}; nothing was left there"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not target.exists():
            for folder in reversed(made):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
    return target


def model_toml(draft: Draft, files: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of `model.toml`, with a comment for each key."""
    labels = "labels" if draft.labels is not None else "# labels"
    paper = "paper" if draft.paper is not None else "# paper"
    shown = draft.labels if draft.labels is not None else ("cat", "dog")
    kind = kind_of(draft)
    parts = [
        _HEAD,
        "# The version of these rules.",
        "schema = 1",
        "# The path of this folder.",
        f"name = {toml_value(draft.name)}",
        "# Three numbers; raise it whenever a file, the build or the preprocessing changes.",
        f"version = {toml_value(draft.version)}",
        "# What it does: the name of an entry point in the group weft.tasks.",
        f"task = {_known(draft.task, 'such as image-classification')}",
        "# One line of 10 to 160 characters.",
        f"summary = {_known(draft.summary, 'one line that says what the model is')}",
        "# The licence of the weights, an SPDX expression such as BSD-3-Clause.",
        f"license = {_known(draft.license, 'the licence of the weights')}",
        "# Who made the model.",
        f"authors = {toml_value(list(draft.authors) or [f'{TODO}: who made the model'])}",
        "# Where these very weights come from, and how that is known.",
        f"provenance = {_known(draft.provenance, 'where the weights come from')}",
        "# The address of the paper, if there is one.",
        f"{paper} = {toml_value(draft.paper or 'https://arxiv.org/abs/...')}",
        "# The meaning of the outputs in their order, or the name of a label set of the task.",
        f"{labels} = {toml_value(shown if isinstance(shown, str) else list(shown))}",
        "",
        *_BUILD_NOTES[kind],
        "[build]",
        f"kind = {toml_value(kind)}",
        "# The distribution that is installed for it.",
        f"package = {_known(draft.package, 'such as weft-vision')}",
    ]
    if kind == "factory":
        parts += [
            "# The name of its entry point in the group weft.models.",
            f"factory = {_known(draft.factory, 'such as mobilenet_v2')}",
            "# Its keyword arguments.",
            *_table("build.settings", draft.settings, "num_classes = 2"),
        ]
    parts.append("")
    unknown = {
        "name": "weights.safetensors", "role": "weights", "format": "safetensors",
        "size": 0, "sha256": f"{TODO}: 64 digits",
        "sources": [f"{TODO}: such as {_SOURCE}"],
    }  # fmt: skip
    for table in files or [unknown]:
        parts += [
            "# One table for each file.",
            "[[files]]",
            "# A plain file name.",
            f"name = {toml_value(table['name'])}",
            "# weights: the state dict or the model, in exactly one file; extra: any other file.",
            f"role = {toml_value(table['role'])}",
            "# safetensors, pytorch, torchscript, onnx; other only for an extra file.",
            f"format = {toml_value(table['format'])}",
            "# Bytes and SHA-256 of the file, which every download is held to.",
            f"size = {table['size']}",
            f"sha256 = {toml_value(table['sha256'])}",
            "# Where it can be fetched, tried in this order; file:NAME lies in this folder.",
            f"sources = {toml_value(table['sources'])}",
            "",
        ]
    parts += [
        "# Settings of the task's preprocessing.",
        *_table("preprocess", draft.preprocess, "crop = 224"),
        "",
        _METRIC,
    ]
    return "\n".join(parts)


def kind_of(draft: Draft) -> str:
    """Return how a model is built; its first file tells whether it is a model by itself."""
    if not draft.files:
        return "factory"
    first = draft.files[0]
    if (draft.format or _FORMATS.get(first.suffix.lower())) == "onnx":
        return "onnx"
    return "graph" if _holds_graph(first) else "factory"


def _holds_graph(path: Path) -> bool:
    from weft import io

    try:
        with io.open_safetensors(path) as file:
            return "weft.graph" in file.metadata
    except (OSError, io.WeightsError):
        return False


def card_md(draft: Draft) -> str:
    """Return the text of `card.md` with its sections."""
    title = draft.name.rpartition("/")[2]
    parts = [f"# {title}\n", f"{TODO}: in two or three sentences, what the model does.\n"]
    for section, says in CARD_SECTIONS.items():
        parts.append(f"## {section}\n")
        if section == "Use":
            parts.append(
                f'```python\nimport weft_hub\n\nmodel = weft_hub.load("{draft.name}")\n```\n\n'
                f"On the command line: `weft-hub run {draft.name} FILE`.\n"
            )
        parts.append(f"{TODO}: {says}.\n")
    return "\n".join(parts)


def _file_table(draft: Draft, path: Path, *, first: bool) -> dict[str, Any]:
    try:
        if not path.is_file():
            raise ContributionError(f"{path} is no file; --file takes a regular file")
        size, digest = path.stat().st_size, sha256_of(path)
    except OSError as error:
        raise ContributionError(f"cannot read {path}: {error.strerror or error}") from error
    if size == 0:
        raise ContributionError(f"{path} is empty")
    form = _FORMATS.get(path.suffix.lower(), "other")
    if first and draft.format is not None:
        form = draft.format
    elif first and form == "other":
        raise ContributionError(
            f"{path.name} does not tell the format of the weights by its ending "
            f"({', '.join(_FORMATS)} do); give --format"
        )
    if first and draft.sources:
        sources = list(draft.sources)
    elif size <= SMALL:
        sources = [f"file:{path.name}"]
    else:
        sources = [f"{TODO}: {show_size(size)} are too many for this folder; such as {_SOURCE}"]
    return {
        "name": path.name,
        "role": "weights" if first else "extra",
        "format": form if first else "other",
        "size": size,
        "sha256": digest,
        "sources": sources,
    }


def _require_sound(data: Mapping[str, Any], target: Path) -> None:
    """Hold what was said to the schema; what is still a placeholder is no matter yet."""

    def is_open(problem: Problem) -> bool:
        value: Any = data
        for part in problem.where:
            value = value.get(part) if isinstance(value, dict) else value[part]
        return value == 0 or is_placeholder(value)

    found = problems(data, schema(), {"spdx": spdx_problem, "source-uri": check_uri})
    said = [f"{problem.path} {problem.text}" for problem in found if not is_open(problem)]
    if said:
        raise ContributionError(f"{target} was not made: {'; '.join(said)}")


def is_placeholder(value: object) -> bool:
    """Whether a value is still the scaffold's."""
    return isinstance(value, str) and value.startswith(TODO)


def _copy(source: Path, target: Path, digest: str) -> None:
    hashed = hashlib.sha256()
    with source.open("rb") as stream, target.open("xb") as out:
        while chunk := stream.read(CHUNK_BYTES):
            hashed.update(chunk)
            out.write(chunk)
    if hashed.hexdigest() != digest:
        raise ContributionError(f"{source} changed while it was read; nothing was made")


def _known(value: str | None, wanted: str) -> str:
    return toml_value(value if value is not None else f"{TODO}: {wanted}")


def _table(name: str, values: Mapping[str, Any] | None, example: str) -> list[str]:
    if values is None:
        return [f"# [{name}]", f"# {example}"]
    return [f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in values.items())]


_BUILD_NOTES = {
    "factory": ["# Who builds the module: code comes only from an installed package."],
    "onnx": ["# The file is the model; the package knows the task."],
    "graph": ["# The file is the model; the package knows the task."],
}
_SOURCE = "https://HOST/PATH, hf:, pip: or npm:"
_HEAD = """\
# An entry of the hub's index, written by `weft-hub new`. `weft-hub check` says what is still
# missing or wrong. What starts with TODO is not filled in yet.
"""
_METRIC = """\
# Figures that you measured, each with the command that measures it again, from the root of the
# repository. A figure from a paper belongs into card.md.
# [[metrics]]
# name = "probability of cat"
# value = 0.97
# data = "photo.jpg, a photo of a cat"
# command = "weft-hub run NAMESPACE/NAME photo.jpg --json"
# tolerance = 0.01  # how far another machine's figure may be from it
"""
