"""`weft-hub run`: a model on each input by its task; one that fails does not stop the others."""

from __future__ import annotations

import argparse
import inspect
import json
import math
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from weft_hub._commands.inputs import STANDARD_INPUT, Input, InputError, inputs_of, require_inputs
from weft_hub._models.plugins import Task, task_of
from weft_hub._repository.files import PREFIX
from weft_hub.errors import HubError, UnpinnedRevisionWarning
from weft_hub.hub import Hub

__all__ = ["figures_of", "run"]


def run(options: argparse.Namespace) -> int:
    """Run a model on each input by its task, and return 1 if any failed."""
    hub = Hub(offline=options.offline)
    progress = False if options.quiet else None
    model = None
    if options.name.startswith(PREFIX):
        # Which task it is for is known once it is loaded; what no task would take is refused now.
        require_inputs(options.paths, (".*",), "of a repository")
        model = _loaded(hub, options.name, progress)
    card = hub.info(options.name) if model is None else model.card
    task = task_of(card)
    endings = tuple(getattr(task, "endings", ()))
    require_inputs(options.paths, endings, card.task)  # before anything is downloaded
    settings: dict[str, Any] = {}
    if options.top is not None:
        if "top" not in inspect.signature(task.run).parameters:
            raise InputError(f"{card.name}: the task {card.task} has no --top")
        settings["top"] = options.top
    if model is None:
        model = hub.load(card.name, progress=progress)
    failed = 0
    with inputs_of(options.paths, endings) as inputs:
        several = len(options.paths) > 1 or os.path.isdir(options.paths[0])
        for one in inputs:
            try:
                print(_answer(task, model, one, settings, options.json, several=several))
            except (BrokenPipeError, HubError):
                raise
            except Exception as error:
                if os.environ.get("WEFT_HUB_TRACEBACK"):
                    raise
                print(f"weft-hub: {card.name}: {_complaint(one, error)}", file=sys.stderr)
                failed = 1
    return failed


def _loaded(hub: Hub, name: str, progress: bool | None) -> Any:
    """Return the model of a repository, with the warning that its revision may move on one line."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UnpinnedRevisionWarning)
        model = hub.load(name, progress=progress)
    for one in told:
        print(f"weft-hub: {one.message}", file=sys.stderr)
    return model


def figures_of(task: Task, result: Mapping[str, Any]) -> dict[str, float]:
    """Return the named figures of one result, which a metric of an entry may state.

    A task says them in its method `figures`; of one without it, they are the numbers on the top
    level of its result.
    """
    named = getattr(task, "figures", None)
    found = named(result) if named is not None else result
    return {
        str(name): float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _answer(
    task: Task, model: Any, one: Input, settings: Mapping[str, Any], as_json: bool, *, several: bool
) -> str:
    if one.wrong is not None:
        raise ValueError(one.wrong)
    result = task.run(model, one.path, **settings)
    where = _place_of_no_number(result)
    if where is not None:
        raise ValueError(
            f"{one.name}: the model's answer is no finite number at {where}; "
            "the input or the model is damaged"
        )
    if as_json:
        path = STANDARD_INPUT if one.name != str(one.path) else one.name
        data = {"model": model.card.name, "path": path, "result": result}
        if getattr(task, "figures", None) is not None:
            data["figures"] = figures_of(task, result)
        return json.dumps(data)
    text = task.text(result)
    return f"{_printable(one.name)}:\n{text}" if several else text


def _place_of_no_number(data: Any, where: str = "") -> str | None:
    """Return where in a result a NaN or an infinity is, such as `predictions[0].probability`."""
    if isinstance(data, float):
        return None if math.isfinite(data) else where.lstrip(".") or "the top"
    if isinstance(data, Mapping):
        places = ((f"{where}.{key}", value) for key, value in data.items())
    elif isinstance(data, list | tuple):
        places = ((f"{where}[{index}]", value) for index, value in enumerate(data))
    else:
        return None
    return next((found for at, value in places if (found := _place_of_no_number(value, at))), None)


def _complaint(one: Input, error: Exception) -> str:
    text = " ".join(str(error).split())
    if one.name != str(one.path):
        text = text.replace(str(one.path), one.name)
    if isinstance(error, MemoryError):
        text = text or "it does not fit into memory"
    elif not isinstance(error, ValueError | OSError):
        text = (
            f"{type(error).__name__}: {text} (this is a bug of weft-hub or of a package that it "
            "uses; WEFT_HUB_TRACEBACK=1 shows where it was raised)"
        )
    return _printable(text if one.name in text else f"{one.name}: {text}")


def _printable(text: str) -> str:
    """Return `text` without what a terminal would obey: file names may hold anything."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
