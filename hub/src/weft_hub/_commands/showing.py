"""What each command of `weft-hub` does, once its arguments are parsed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from weft_hub._commands.json_output import print_json
from weft_hub._texts.nearest import did_you_mean
from weft_hub._texts.quantities import show_size
from weft_hub.card import Card
from weft_hub.hub import Hub


def version() -> int:
    """Print the version."""
    try:
        print("weft-hub", metadata.version("weft-hub"))
    except metadata.PackageNotFoundError:
        print("weft-hub (run from its source folder)")
    return 0


def list_models(options: argparse.Namespace) -> int:
    """Print one line for each model."""
    hub = Hub()
    cards = [hub.info(name) for name in hub.list(task=options.task)]
    if options.task is not None and not cards and not options.json:
        tasks = sorted({hub.info(name).task for name in hub.list()})
        hint = did_you_mean(options.task, tasks) or f"the index has {', '.join(tasks) or 'none'}"
        print(f"weft-hub: no model has the task {options.task!r}; {hint}", file=sys.stderr)
    return show_cards(cards, as_json=options.json)


def show_cards(cards: Sequence[Card], *, as_json: bool) -> int:
    """Print one line for each card, or all of them as JSON."""
    if as_json:
        print_json([_brief(card) for card in cards])
        return 0
    rows = [("NAME", "TASK", "SIZE", "LICENCE", "SUMMARY")]
    rows += [(c.name, c.task, show_size(c.size), c.license, c.summary) for c in cards]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join((*cells, row[4])).rstrip())
    return 0


def info(options: argparse.Namespace) -> int:
    """Print the entry of one model."""
    card = Hub().info(options.name)
    if options.json:
        print_json(card.as_data())
        return 0
    print(f"{card.name} {card.version}: {card.summary}")
    rows = [
        ("task", card.task),
        ("licence", card.license),
        ("authors", ", ".join(card.authors)),
        ("provenance", card.provenance),
        ("paper", card.paper or "none"),
        ("built by", str(card.build)),
        ("labels", card.labels if isinstance(card.labels, str) else ", ".join(card.labels)),
    ]
    rows += [("preprocess", f"{key} = {value}") for key, value in card.preprocess.items()]
    for file in card.files:
        rows.append((file.role, f"{file.name}, {file.format}, {show_size(file.size)}"))
        rows.append(("", f"SHA-256 {file.sha256}"))
        rows += [("", source) for source in file.sources]
    for metric in card.metrics:
        within = "" if metric.tolerance is None else f" (within {metric.tolerance:g})"
        rows.append(("metric", f"{metric.name} = {metric.value:g}{within} on {metric.data}"))
        rows.append(("", f"measured by: {metric.command}"))
    for label, value in rows:
        print(f"  {label:<11} {value}")
    print(f"\n{card.text.strip()}")
    return 0


def download(options: argparse.Namespace) -> int:
    """Fetch and verify a model, and print the folder of its files."""
    hub = Hub(offline=options.offline)
    snapshot = hub.download(options.name, progress=False if options.quiet else None)
    if options.json:
        files = {name: str(path) for name, path in snapshot.files.items()}
        print_json({"folder": str(snapshot.folder), "files": files})
    else:
        print(snapshot.folder)
    return 0


def _brief(card: Card) -> dict[str, Any]:
    keys = ("name", "version", "task", "summary", "license")
    return {**{key: getattr(card, key) for key in keys}, "size": card.size}
