"""What `weft-hub measure` does: figures on a data set, or an entry's metrics measured again."""

from __future__ import annotations

import argparse
from typing import Any

from weft_hub._commands.arguments import add_root
from weft_hub._commands.json_output import print_json
from weft_hub.hub import Hub
from weft_hub.measuring import Remeasured, measure, remeasure


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add the arguments of the command that are its own."""
    one.add_argument("--data", metavar="SET", help="measure on this data set of the model's task")
    one.add_argument("--limit", metavar="N", type=int, help="use N samples only, with --data")
    add_root(one)


def run(options: argparse.Namespace) -> int:
    """Print what a model scores; without `--data`, beside what its entry states."""
    hub = Hub(offline=options.offline)
    progress = False if options.quiet else None
    if options.data is not None:
        found = measure(hub, options.name, options.data, limit=options.limit, progress=progress)
        if options.json:
            print_json({**vars(found), "figures": dict(found.figures)})
        else:
            print(f"{found.model} on {found.data}, {found.samples} samples")
            for name, value in found.figures.items():
                print(f"  {name} = {value:.6g}")
        return 0
    again = remeasure(hub, options.name, options.root, progress=progress)
    if options.json:
        print_json({"model": options.name, "metrics": [_as_data(one) for one in again]})
    else:
        for one in again:
            print(f"{one.metric.name} on {one.metric.data}")
            now = f"could not be measured: {one.why}" if one.got is None else f"{one.got:.6g} now"
            verdict = "agrees" if one.agrees else "DIFFERS"
            print(f"  {one.metric.value:g} stated, {now}: {verdict}")
        if not again:
            print(f"{options.name} states no metrics")
    return 0 if all(one.agrees for one in again) else 1


def _as_data(one: Remeasured) -> dict[str, Any]:
    return {
        **vars(one.metric),
        "measured": one.got,
        "agrees": one.agrees,
        "why": one.why,
    }
