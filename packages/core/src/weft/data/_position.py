"""Where in an epoch a loader is, and what must be known to go on from there."""

from __future__ import annotations

import copy
from typing import Any

from weft.data._streams import Turns

VERSION = 1


class Epoch:
    """One pass over a data set.

    Attributes:
        number: how many epochs began before it.
        seed: what all its draws follow from.
        begin: the states, before it began, of what it draws its order from.
        batches: how many batches were given, up to the first that was not.
        beyond: the numbers of batches that were given after that one, which happens only where
            batches may come out of order.
        skipped: the numbers of those that another process had given.
        turns: where the streams of an iterable data set are; None for one with indices.
        ended: whether all was given.
    """

    def __init__(self, number: int, seed: int, begin: dict[str, Any], turns: Turns | None) -> None:
        self.number, self.seed, self.begin, self.turns = number, seed, begin, turns
        self.batches = 0
        self.beyond: set[int] = set()
        self.skipped: frozenset[int] = frozenset()
        self.ended = False

    def gave(self, number: int) -> None:
        """Note that a batch was given."""
        self.beyond.add(number)
        while self.batches in self.beyond:
            self.beyond.remove(self.batches)
            self.batches += 1

    def end(self) -> None:
        """Note that there is no more."""
        self.ended = True

    def state_dict(self) -> dict[str, Any]:
        """Return what an epoch is resumed by."""
        return {
            "version": VERSION,
            "epoch": self.number,
            "seed": self.seed,
            "batches": self.batches,
            "beyond": sorted(self.beyond),
            "streams": None if self.turns is None else self.turns.state_dict(),
            **copy.deepcopy(self.begin),
        }


def between(number: int, begin: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a loader that is in no epoch: the next begins as it would have."""
    return {
        "version": VERSION,
        "epoch": number,
        "seed": None,
        "batches": 0,
        "beyond": [],
        "streams": None,
        **copy.deepcopy(begin),
    }


def check(state: Any) -> None:
    """Raise unless it is a state of a loader, of this version.

    Raises:
        ValueError: it is not.
    """
    wanted = {*between(0, {}), "generator", "sampler", "batch_size", "length"}
    missing = wanted - set(state) if isinstance(state, dict) else wanted
    if missing:
        raise ValueError(
            f"DataLoader.load_state_dict: expected what state_dict() returned; "
            f"{', '.join(sorted(missing))} is missing"
        )
    if state["version"] != VERSION:
        raise ValueError(
            f"DataLoader.load_state_dict: the state has version {state['version']}, this weft "
            f"reads version {VERSION}"
        )
