"""Measure a model on a data set that its task knows, and measure again what its entry states.

A metric's command is read, not executed: only `weft-hub run NAME PATH` and `weft-hub measure NAME
--data SET` are known, and both run inside this process. An entry that somebody contributes can
therefore state no command that does anything else.
"""

from __future__ import annotations

import argparse
import inspect
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from weft_hub._models.build import one_line
from weft_hub._models.plugins import task_of
from weft_hub._texts.nearest import did_you_mean
from weft_hub._transfer.one import obtain
from weft_hub.cache._leases import in_use
from weft_hub.card import Card, File, Metric
from weft_hub.errors import HubError, MeasureError
from weft_hub.hub import Hub
from weft_hub.progress import Progress, choose

# How many units of the last digit that a metric states another machine's figure may be away.
_UNITS = 5
# And how far at most, as a share of the figure: 1.0 has few digits and may mean every one of them.
_SHARE = 0.01


@dataclass(frozen=True)
class Measured:
    """What a model scores on a data set.

    Attributes:
        model: the name of the model.
        data: the name of the data set.
        samples: how many samples were measured.
        figures: each figure by what was measured, such as "test accuracy".
    """

    model: str
    data: str
    samples: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Remeasured:
    """A metric of an entry beside what was measured now.

    Attributes:
        metric: what the entry states.
        got: the figure measured now; None where it could not be measured.
        agrees: whether the two are close enough; see `tolerance_of`.
        why: what went wrong where `got` is None.
        error: the same as it was raised.
    """

    metric: Metric
    got: float | None
    agrees: bool
    why: str = ""
    error: HubError | None = None


def measure(
    hub: Hub,
    name: str,
    data_set: str,
    *,
    limit: int | None = None,
    progress: Progress | bool | None = None,
    offline: bool | None = None,
) -> Measured:
    """Measure the model called `name` on a data set of its task.

    The data set's files are fetched, verified and cached as the files of a model are.

    Args:
        hub: the hub whose index and cache are used.
        name: the name of the model.
        data_set: one of those that the model's task knows.
        limit: use so many samples only.
        progress, offline: as for `Hub.download`.

    Raises:
        MeasureError: the task knows no such data set, or cannot measure the model on it.
        HubError: a subclass that says why the model or the data could not be had.
    """
    return _Bench(hub, hub.info(name), progress, offline).measure(data_set, limit)


def remeasure(
    hub: Hub,
    name: str,
    root: Path,
    *,
    progress: Progress | bool | None = None,
    offline: bool | None = None,
) -> list[Remeasured]:
    """Measure each metric of an entry again; one that fails does not hide the others.

    Args:
        hub: the hub whose index and cache are used.
        name: the name of the model.
        root: the folder that paths in commands start from.
        progress, offline: as for `Hub.download`.

    Raises:
        HubError: the entry is not valid.
    """
    card = hub.info(name)
    bench = _Bench(hub, card, progress, offline)
    found = []
    for metric in card.metrics:
        try:
            got = bench.figure(metric, root)
        except HubError as error:
            found.append(Remeasured(metric, None, False, str(error), error))
        else:
            near = abs(got - metric.value) <= tolerance_of(metric) * (1 + 1e-9)
            found.append(Remeasured(metric, got, near))
    return found


def tolerance_of(metric: Metric) -> float:
    """Return how far another measurement may be from what a metric states.

    Its own `tolerance` if it has one; otherwise five units of the last digit stated, and at most a
    hundredth of the figure: 0.005 for 0.717, 0.0005 for 0.9934, 0.01 for 1.0.
    """
    if metric.tolerance is not None:
        return metric.tolerance
    exponent = Decimal(repr(metric.value)).as_tuple().exponent
    assert isinstance(exponent, int)  # the index accepts finite numbers only
    return min(_UNITS * 10.0 ** min(exponent, 0), _SHARE * abs(metric.value) or math.inf)


@dataclass
class _Bench:
    """A model that is loaded once and measured as often as its entry asks."""

    hub: Hub
    card: Card
    progress: Progress | bool | None
    offline: bool | None
    known: dict[str, Mapping[str, float]] = field(default_factory=dict)
    _model: Any = None

    @property
    def model(self) -> Any:
        if self._model is None:
            self._model = self.hub.load(
                self.card.name, progress=self.progress, offline=self.offline
            )
        return self._model

    def figure(self, metric: Metric, root: Path) -> float:
        """Return the figure that a metric's command gives now."""
        if metric.command not in self.known:
            self.known[metric.command] = self._figures(metric, root)
        figures = self.known[metric.command]
        if metric.name not in figures:
            hint = did_you_mean(metric.name, figures) or f"it gives {', '.join(figures) or 'none'}"
            raise MeasureError(
                f"{self.card.name}: `{metric.command}` gives no figure {metric.name!r}; {hint}"
            )
        return figures[metric.name]

    def _figures(self, metric: Metric, root: Path) -> Mapping[str, float]:
        said = _command(self.card, metric.command)
        if said.verb == "measure":
            return self.measure(said.data, said.limit).figures
        source = _inside(self.card, root, said.path)
        task = task_of(self.card)
        if not hasattr(task, "figures"):
            raise MeasureError(
                f"{self.card.name}: the task {self.card.task} tells no figures of a run; its "
                "package must give it a method figures(result)"
            )
        settings = {}
        if said.top is not None:
            if "top" not in inspect.signature(task.run).parameters:
                raise MeasureError(f"{self.card.name}: the task {self.card.task} has no --top")
            settings["top"] = said.top
        model = self.model
        try:
            return _checked(self.card, task.figures(task.run(model, source, **settings)))
        except (ValueError, TypeError, OSError) as error:
            raise MeasureError(f"{self.card.name}: {said.path}: {one_line(error)}") from error

    def measure(self, data_set: str, limit: int | None) -> Measured:
        """Measure the model on a data set of its task."""
        task = task_of(self.card)
        if not (hasattr(task, "data_sets") and hasattr(task, "measure")):
            raise MeasureError(
                f"{self.card.name}: the task {self.card.task} knows no data sets to measure on; "
                "its package must give it the methods data_sets() and measure(...)"
            )
        known = task.data_sets()
        if data_set not in known:
            hint = did_you_mean(data_set, known) or f"it knows {', '.join(sorted(known)) or 'none'}"
            raise MeasureError(
                f"{self.card.name}: the task {self.card.task} knows no data set {data_set!r}; "
                f"{hint}"
            )
        model = self.model
        rows = [
            File(role="extra", format="other", **{**row, "sources": tuple(row["sources"])})
            for row in known[data_set]
        ]
        hub, data = self.hub, replace(self.card, files=tuple(rows), signature=None)
        offline = hub.offline if self.offline is None else self.offline
        with in_use(hub.cache, data, hub.cache_limit):
            files = {
                file.name: obtain(
                    data,
                    file,
                    hub.cache,
                    offline=offline,
                    progress=choose(self.progress),
                    client=hub.client,
                )
                for file in rows
            }
        try:
            found = task.measure(model, data_set, files, limit=limit)
        except (ValueError, TypeError, OSError) as error:
            raise MeasureError(
                f"{self.card.name} cannot be measured on {data_set}: {one_line(error)}"
            ) from error
        figures = _checked(self.card, found["figures"])
        return Measured(self.card.name, data_set, int(found["samples"]), figures)


def _checked(card: Card, figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures as numbers; a model that is broken may give others."""
    found = {name: float(value) for name, value in figures.items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise MeasureError(f"{card.name}: {name} must be a finite number, but is {value}")
    return found


class _Words(argparse.ArgumentParser):
    """A parser that says what is wrong with a command in place of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _command(card: Card, text: str) -> argparse.Namespace:
    """Parse the command of a metric: one of two verbs, on this very model, and nothing else."""
    parser = _Words(prog="weft-hub", add_help=False, allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=_Words)
    run = verbs.add_parser("run", add_help=False, allow_abbrev=False)
    run.add_argument("name")
    run.add_argument("path")
    run.add_argument("--top", type=int)
    run.add_argument("--json", action="store_true")
    on = verbs.add_parser("measure", add_help=False, allow_abbrev=False)
    on.add_argument("name")
    on.add_argument("--data", required=True)
    on.add_argument("--limit", type=int)
    on.add_argument("--json", action="store_true")
    try:
        program, *words = shlex.split(text) or [""]
        if program != "weft-hub":
            raise ValueError(f"it must start with weft-hub, not {program!r}")
        said = parser.parse_args(words)
        if said.name != card.name:
            raise ValueError(f"it measures {said.name!r}")
    except ValueError as error:
        raise MeasureError(
            f"{card.name}: the command of a metric must be `weft-hub run {card.name} PATH` or "
            f"`weft-hub measure {card.name} --data SET`, but `{text}` is not: {one_line(error)}"
        ) from error
    return said


def _inside(card: Card, root: Path, path: str) -> Path:
    """Return the file that a command names, which must lie below `root`."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path:
        raise MeasureError(f"{card.name}: {path!r} in a metric's command must lie below the root")
    found = root / pure
    if not found.is_file():
        raise MeasureError(
            f"{card.name}: there is no file {path} in {root}, from which a metric's paths start"
        )
    return found
