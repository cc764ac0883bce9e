"""Arguments that several commands share, each with the one wording of its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add_name(one: argparse.ArgumentParser) -> None:
    """Add the model that a command is about."""
    one.add_argument(
        "name", metavar="NAME", help="the name of a model, such as vision/mobilenet-v2"
    )


def add_json(one: argparse.ArgumentParser) -> None:
    """Add the choice of JSON over text."""
    one.add_argument("--json", action="store_true", help="print JSON")


def add_offline(one: argparse.ArgumentParser) -> None:
    """Add the choice of no network; without it the setting counts, so it starts as None."""
    one.add_argument("--offline", action="store_true", default=None, help="open no connection")


def add_fetching(one: argparse.ArgumentParser) -> None:
    """Add what a command that may fetch files takes."""
    add_offline(one)
    one.add_argument("--quiet", action="store_true", help="show no progress bar")


def add_root(one: argparse.ArgumentParser) -> None:
    """Add the folder from which the commands of metrics are run."""
    one.add_argument(
        "--root",
        metavar="FOLDER",
        type=Path,
        default=Path(),
        help="where the paths in the commands of metrics start; the current folder",
    )


def by(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return `parse` as the type of an argument: its ValueError is what argparse tells the user."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed
