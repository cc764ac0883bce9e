"""Help: how one model is called, with its card."""

from __future__ import annotations

import inspect
from typing import Any

from weft_hub._models.plugins import model_factory, task_of
from weft_hub.card import Card
from weft_hub.errors import HubError


def help_data(card: Card) -> dict[str, Any]:
    """Return how the model of `card` is called, as data that JSON can hold.

    The package that builds it is asked for the description of its factory and task, if installed;
    a model that is a file has no factory.
    """
    install = None
    factory = task = ""
    try:
        if card.build.factory:
            factory = inspect.getdoc(model_factory(card)) or ""
        task = inspect.getdoc(type(task_of(card)).run) or ""
    except HubError as error:
        install = str(error)
    return {
        "name": card.name,
        "summary": card.summary,
        "python": f'import weft_hub\n\nmodel = weft_hub.load("{card.name}")',
        "command": f"weft-hub run {card.name} PATH",
        "missing": install,
        "factory": factory,
        "task": task,
        "card": card.text,
    }


def help_text(card: Card) -> str:
    """Return how the model of `card` is called, as a person reads it."""
    data = help_data(card)
    settings = ", ".join(f"{key}={value!r}" for key, value in card.build.settings.items())
    lines = [
        f"{card.name} {card.version}: {card.summary}",
        "",
        "In Python:",
        "",
        *(f"    {line}".rstrip() for line in data["python"].splitlines()),
        "    # model.preprocess: from a source to its input; model.labels: what its outputs mean",
        "",
        f"As a command: {data['command']}",
        "",
    ]
    if data["missing"]:
        lines += [data["missing"], ""]
    if data["factory"]:
        called = f"{card.build.factory}({settings}) of {card.build.package}"
        lines += [f"It is built by {called}:", "", *_indented(data["factory"]), ""]
    if data["task"]:
        lines += [f"The task {card.task} runs it:", "", *_indented(data["task"]), ""]
    return "\n".join([*lines, card.text.strip()]) + "\n"


def _indented(text: str) -> list[str]:
    return [f"    {line}".rstrip() for line in text.splitlines()]
