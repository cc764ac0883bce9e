"""`weft-hub check`: everything that is asked of a contribution, found out and reported together.

Nothing of a contribution is executed: its data are read, its weights go through the safe readers,
an installed package builds the model, and of the commands that its metrics name only those are run
that `measuring` knows, by calling our own functions.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from weft_hub._contribution.card_sections import card_problems
from weft_hub._contribution.scaffold import SMALL, ContributionError, is_placeholder
from weft_hub._models.build import empty_model, fill, filled
from weft_hub._models.documents import is_document
from weft_hub._texts.quantities import show_size
from weft_hub._texts.toml_lines import line_of
from weft_hub._transfer.one import obtain
from weft_hub.cache import Cache
from weft_hub.card import Card, File
from weft_hub.errors import HubError, OfflineError, RegistryError
from weft_hub.hub import Hub
from weft_hub.index import read_entry
from weft_hub.index._signed_entry import check_signature
from weft_hub.progress import Progress
from weft_hub.sources import SOURCES, scheme_of

State: TypeAlias = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: the part of the contribution, how it stands, and why."""

    part: str
    state: State
    text: str


@dataclass
class Report:
    """What was found out about one contribution."""

    name: str
    folder: Path
    card: Card | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not any(finding.state == "failed" for finding in self.findings)

    def add(self, part: str, state: State, text: str) -> None:
        """Enter a finding, in one line."""
        self.findings.append(Finding(part, state, " ".join(text.split())))

    def as_data(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "passed": self.passed,
            "findings": [vars(finding) for finding in self.findings],
        }


@dataclass(frozen=True)
class Rules:
    """How strictly to look.

    Attributes:
        offline: open no connection; sources that need one are reported as skipped.
        private: the entry is for an index of one's own, so `file:///` sources are fine.
        root: where the paths in the commands of metrics start.
    """

    offline: bool = False
    private: bool = False
    root: Path = Path()


def check(folder: Path, rules: Rules, *, progress: Progress) -> Report:
    """Look at everything in the contribution `folder`, which is called `.../NAMESPACE/NAME`.

    Raises:
        ContributionError: there is no contribution in that folder.
        CacheError: the cache cannot be used.
    """
    folder = folder.resolve()
    name = f"{folder.parent.name}/{folder.name}"
    if not (folder / "model.toml").is_file():
        raise ContributionError(
            f"{folder} has no model.toml; `weft-hub new NAMESPACE/NAME` makes a folder with one"
        )
    report = Report(name, folder)
    _check_texts(report)
    card = report.card
    if card is None:
        report.add("rest", "skipped", "files, build and metrics are looked at once it is readable")
        return report
    _check_folder(report, card)
    _check_licence(report, card)
    hub = Hub(index=folder.parents[1], offline=rules.offline)
    found = _check_sources(report, card, hub, rules, progress)
    _check_signature(report, card, found)
    model = _check_build(report, card, found)
    _check_weights(report, card, model, found.get(card.weights.name))
    _check_metrics(report, card, hub, rules, whole=len(found) == len(card.files))
    return report


def _check_texts(report: Report) -> None:
    """The schema, placeholders and the card's sections: every problem, by file and line."""
    wrong: dict[str, str] = {}  # by place, so that a placeholder is not reported twice
    for problem in _placeholders(report.folder / "model.toml"):
        wrong[_place_of(problem)] = problem
    try:
        report.card = read_entry(report.folder, report.name)
    except RegistryError as error:
        for problem in error.problems:
            place = _place_of(problem)
            wrong.setdefault(place if place in wrong else problem, problem)
    card_path = report.folder / "card.md"
    sections = card_problems(card_path) if card_path.is_file() else []
    for problem in wrong.values():
        report.add("entry", "failed", problem)
    for problem in sections:
        report.add("card", "failed", problem)
    if not wrong:
        report.add("entry", "ok", "model.toml and card.md follow the schema")
    if not sections and card_path.is_file():
        report.add("card", "ok", "card.md has its sections")


def _placeholders(path: Path) -> Iterator[str]:
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except (OSError, ValueError):
        return  # read_entry says why
    for where, value in _leaves(data, ()):
        if is_placeholder(value):
            shown = ".".join(str(part) for part in where if not isinstance(part, int))
            yield f"{path}:{line_of(text, where)}: {shown}: is not filled in yet: {value}"


def _leaves(data: Any, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*where, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _leaves(value, (*where, index))
    else:
        yield where, data


def _place_of(problem: str) -> str:
    """Return the `FILE:LINE` that a problem starts with."""
    path, _, rest = problem.partition(".toml:")
    return f"{path}:{rest.partition(':')[0]}" if rest else problem


def _check_folder(report: Report, card: Card) -> None:
    """Nothing lies there that the entry does not name, and nothing large."""
    named = {Path("model.toml"), Path("card.md"), *local_files(card)}
    wrong = []
    for path in sorted(report.folder.rglob("*")):
        inside = path.relative_to(report.folder)
        if path.is_symlink():
            wrong.append(f"{path} is a link; a contribution holds plain files")
        elif path.is_dir():
            continue
        elif inside not in named:
            wrong.append(f"{path} is named by no source of the entry; remove it")
        elif path.stat().st_size > SMALL:
            wrong.append(
                f"{path} has {show_size(path.stat().st_size)}; more than {show_size(SMALL)} are "
                "released elsewhere and named by a source"
            )
    for text in wrong:
        report.add("folder", "failed", text)
    if not wrong:
        report.add("folder", "ok", "it holds what the entry names and nothing else")


def local_files(card: Card) -> list[Path]:
    """Return the files inside the entry's folder that its `file:` sources name."""
    uris = [uri for file in card.files for uri in file.sources if scheme_of(uri) == "file"]
    paths = [unquote(urlsplit(uri).path) for uri in uris]
    return [Path(PurePosixPath(path)) for path in paths if not path.startswith("/")]


def _check_licence(report: Report, card: Card) -> None:
    if "LicenseRef-" in card.license and "## Licence" not in card.text:
        report.add(
            "licence", "failed",
            f"{card.license} is none of the SPDX list, so card.md needs a section `## Licence` "
            "with its terms",
        )  # fmt: skip
        return
    report.add("licence", "ok", card.license)


def _check_sources(
    report: Report, card: Card, hub: Hub, rules: Rules, progress: Progress
) -> dict[str, Path]:
    """Fetch each file from each of its sources; return the verified files that there are."""
    found: dict[str, Path] = {}
    for file in card.files:
        if not rules.private and all(uri.startswith("file:///") for uri in file.sources):
            report.add(
                "source", "failed",
                f"{file.name}: only this machine has {file.sources[0]}; name a source that "
                "everybody can reach, or give --private for an index of your own",
            )  # fmt: skip
        for uri in file.sources:
            source = SOURCES.get(scheme_of(uri))
            if rules.offline and (source is None or source.needs_network):
                report.add("source", "skipped", f"{file.name}: offline, so not fetched from {uri}")
                continue
            try:
                found[file.name] = _fetch(card, file, uri, hub, progress)
            except HubError as error:
                report.add("source", "failed", f"{file.name}: {error}")
            else:
                size = show_size(file.size)
                report.add("source", "ok", f"{file.name}: {size}, SHA-256 right, from {uri}")
        if file.name not in found:
            with contextlib.suppress(HubError):
                cached = hub.cache.find(file)
                if cached is not None:
                    found[file.name] = cached
    return found


def _fetch(card: Card, file: File, uri: str, hub: Hub, progress: Progress) -> Path:
    """Fetch `file` from this one source, past the cache, and put what was verified into it."""
    one, cache = file._replace(sources=(uri,)), hub.cache
    with (
        tempfile.TemporaryDirectory(prefix="check-", dir=cache.folder("tmp")) as work,
        _no_log(),
    ):
        fresh = Cache(Path(work))
        path = obtain(card, one, fresh, offline=hub.offline, progress=progress, client=hub.client)
        with (
            cache.lock(file) as alone,
            cache.workspace(file, alone) as place,
            path.open("rb") as stream,
        ):
            return cache.store(file, stream, place, source=uri)


@contextlib.contextmanager
def _no_log() -> Iterator[None]:
    """What goes wrong is in the report, and not on a line of its own too."""
    log = logging.getLogger("weft_hub")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _check_signature(report: Report, card: Card, found: dict[str, Path]) -> None:
    if card.signature is None:
        return
    if card.signature.file not in found:
        report.add("signed", "skipped", f"{card.signature.file} is not at hand")
        return
    try:
        check_signature(card, lambda file: found[file.name], ())
    except HubError as error:
        report.add("signed", "failed", str(error))
    else:
        report.add("signed", "ok", f"{card.signature.file}: signed by the key that the entry names")


def _check_build(report: Report, card: Card, found: Mapping[str, Path]) -> Any:
    try:
        model = empty_model(card)
        if model is None:
            return _check_document(report, card, found)
    except HubError as error:
        report.add("build", "failed", str(error))
        return None
    except Exception as error:  # an installed factory may raise anything
        report.add("build", "failed", f"{card.build.factory}: {type(error).__name__}: {error}")
        return None
    count = sum(parameter.numel() for parameter in model.parameters())
    report.add("build", "ok", f"{card.build.package}: {card.build.factory}, {count} parameters")
    return model


def _check_document(report: Report, card: Card, found: Mapping[str, Path]) -> Any:
    """Read a file that is the model itself."""
    if len(found) < len(card.files):
        report.add("build", "skipped", f"{card.weights.name} was not read: a file is not at hand")
        return None
    model = filled(None, card, found)
    count = sum(parameter.numel() for parameter in model.parameters())
    nodes = len(model.graph.nodes)
    report.add("build", "ok", f"{card.weights.name}: {nodes} nodes, {count} parameters")
    return model


def _check_weights(report: Report, card: Card, model: Any, path: Path | None) -> None:
    if model is None or path is None:
        why = "the model could not be built" if model is None else "its file is not at hand"
        report.add("weights", "skipped", f"{card.weights.name} was not read, because {why}")
        return
    try:
        if not is_document(card):  # which is filled when it is read
            fill(model, card, path)
    except HubError as error:
        report.add("weights", "failed", str(error))
        return
    import weft

    for name, tensor in model.state_dict().items():
        if tensor.dtype.is_floating_point and not bool(weft.isfinite(tensor).all()):
            report.add("weights", "failed", f"{card.weights.name}: {name} has values that are not "
                       "finite")  # fmt: skip
            return
    report.add("weights", "ok", f"{card.weights.name} was read as data and fits the model")


def _check_metrics(report: Report, card: Card, hub: Hub, rules: Rules, *, whole: bool) -> None:
    if not card.metrics:
        report.add("metrics", "skipped", "the entry states none")
        return
    if not whole or not report.passed:
        why = "not all files are at hand" if not whole else "the rest must be right first"
        report.add("metrics", "skipped", f"{len(card.metrics)} were not measured: {why}")
        return
    from weft_hub.measuring import remeasure

    for one in remeasure(hub, card.name, rules.root):
        stated = f"{one.metric.name} = {one.metric.value:g}"
        if one.agrees and one.got is not None:
            report.add("metrics", "ok", f"{stated}: measured {one.got:.6g}")
        elif one.got is not None:
            report.add("metrics", "failed", f"{stated}: measured {one.got:.6g}, which is too far "
                       f"from it, by `{one.metric.command}`")  # fmt: skip
        elif rules.offline and isinstance(one.error, OfflineError):
            report.add(
                "metrics",
                "skipped",
                f"{stated}: its data are not at hand, and no connection may be opened",
            )
        else:
            report.add("metrics", "failed", f"{stated}: {one.why}")
