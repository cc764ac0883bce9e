"""The commands that find a model and say how it is called: search, help, refresh."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from weft_hub._commands.arguments import add_json, add_name, by
from weft_hub._commands.json_output import print_json
from weft_hub._models.help import help_data
from weft_hub._texts.nearest import did_you_mean
from weft_hub._texts.quantities import parse_size
from weft_hub.card import Card
from weft_hub.hub import Hub


def add_to(commands: Any) -> None:
    """Enter the commands into the table of `weft-hub`."""
    one = commands.add_parser("search", help="find models by words, task, licence and size")
    one.add_argument("text", metavar="WORD", nargs="*", help="every word must be found")
    one.add_argument("--task", help="only models for this task")
    one.add_argument("--license", metavar="SPDX", help="only models under this licence")
    one.add_argument(
        "--max-size",
        metavar="SIZE",
        type=by(parse_size),
        help="only models whose files are no larger",
    )
    add_json(one)
    one.set_defaults(run=search)

    one = commands.add_parser("help", help="show how a model is called, and its card")
    add_name(one)
    add_json(one)
    one.set_defaults(run=help_of)

    one = commands.add_parser("refresh", help="fetch the indexes that are at an address anew")
    add_json(one)
    one.set_defaults(run=refresh)


def search(options: argparse.Namespace) -> int:
    """Print one line for each model that fits, the best first."""
    from weft_hub._commands.showing import show_cards

    hub = Hub()
    text = " ".join(options.text)
    found = hub.search(
        text or None, task=options.task, license=options.license, max_size=options.max_size
    )
    if not found and not options.json:
        print(f"weft-hub: no model fits{_why(hub.index.cards(), options)}", file=sys.stderr)
    return show_cards(found, as_json=options.json)


def _why(cards: list[Card], options: argparse.Namespace) -> str:
    tasks = sorted({card.task for card in cards})
    if options.task is not None and options.task not in tasks:
        hint = did_you_mean(options.task, tasks) or f"the index has {', '.join(tasks) or 'none'}"
        return f": none has the task {options.task!r}; {hint}"
    hint = did_you_mean("-".join(options.text), [card.name for card in cards])
    return f"; {hint}" if hint and options.text else "; `weft-hub list` shows all"


def help_of(options: argparse.Namespace) -> int:
    """Print how a model is called, and its card."""
    hub = Hub()
    if options.json:
        print_json(help_data(hub.info(options.name)))
    else:
        print(hub.help(options.name), end="")
    return 0


def refresh(options: argparse.Namespace) -> int:
    """Fetch each index at an address anew, and say what that did."""
    done = Hub().refresh()
    if options.json:
        print_json([vars(one) for one in done])
        return 0
    for one in done:
        what = "new" if one.changed else "as before"
        print(f"{one.url}: serial {one.serial}, {one.entries} models, {what}")
    if not done:
        print("no index is at an address; WEFT_HUB_INDEX names some", file=sys.stderr)
    return 0
