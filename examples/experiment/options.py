"""The command line that all examples share, to which each adds its own options."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "output"


def whole(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that is not below `least`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"a whole number from {least} on, not {text!r}")
        return value

    return read


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"a number above 0, not {text!r}")
    return value


def command_line(
    about: str,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    compares: bool = False,
    more: tuple[tuple[str, type, object, str], ...] = (),
) -> argparse.Namespace:
    """Read the options of the program that runs; with ``--compare``, run it twice and exit.

    Args:
        about: what the program does: its docstring, whose first line ``--help`` shows.
        epochs: how often it goes through its data, unless told otherwise.
        batch_size: samples a step, likewise.
        lr: the learning rate, the highest one where it has a schedule.
        compares: whether the program runs on PyTorch too.
        more: options of its own: name, type, default, and what it says.
    """
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        description=about.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--epochs", type=whole(0), default=epochs, help="how often to go through the data")
    add("--batch-size", type=whole(1), default=batch_size, help="samples a step")
    add("--lr", type=positive, default=lr, help="learning rate; the highest of a schedule")
    for option, kind, default, text in more:
        add(option, type=kind, default=default, help=text)
    add("--seed", type=int, default=0, help="of initial weights, order and noise")
    add("--limit", type=whole(1), default=None, help="use so many samples only")
    add("--data", type=Path, default=None, help="folder with the data, instead of fetching it")
    add("--output", type=Path, default=OUTPUT / name, help="folder of metrics, plots, checkpoint")
    add("--resume", action="store_true", help="go on from the checkpoint in the output folder")
    add("--save-every", type=whole(1), default=200, help="steps between checkpoints")
    add("--workers", type=whole(0), default=0, help="processes that load data")
    add("--threads", type=whole(1), default=None, help="threads that compute, if you choose them")
    if compares:
        add("--start", type=Path, default=None, help="file of initial weights; written if absent")
        add("--torch", action="store_true", help="run on PyTorch instead of weft")
        add("--compare", action="store_true", help="run on weft, then on PyTorch; plot both")
    options = parser.parse_args()
    if compares and options.compare:
        from experiment.comparison import compare

        given = [word for word in sys.argv[1:] if word != "--compare"]
        sys.exit(compare(Path(sys.argv[0]), given, options.output))
    options.program = name
    return options
