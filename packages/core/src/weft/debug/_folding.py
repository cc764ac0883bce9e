"""Makes large graphs small enough to draw: chains become one item each, the rest another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from weft.debug._reading import Item


def folded(items: Sequence[Item], limit: int) -> tuple[list[Item], str]:
    """Return at most about ``limit`` items that stand for all, and a note; "" if none was folded.

    First each run of ops that only the next one reads becomes one item, with the leaves that only
    it reads. If that is not enough, the items nearest to the outputs are kept and one item stands
    for the rest.

    Args:
        items: every item after those it was computed from.
        limit: how many a drawing takes.
    """
    if len(items) <= limit:
        return list(items), ""
    short = _chains(items)
    notes = []
    if len(short) < len(items):
        notes.append(f"{sum(i.stands_for for i in short if i.kind == 'folded')} ops in chains")
    if len(short) > limit:
        short, hidden = _nearest(short, limit)
        notes.append(f"{hidden} items farthest from the output")
    return short, f"folded: {' and '.join(notes)}, of {len(items)} in all"


def _chains(items: Sequence[Item]) -> list[Item]:
    readers = Counter(id(one) for item in items for one in {id(i): i for i in item.inputs}.values())

    def through(item: Item) -> list[Item]:
        """Return the inputs of an op that a run goes through: no leaves of its own."""
        return [one for one in item.inputs if one.kind != "leaf" or readers[id(one)] > 1]

    runs: dict[int, list[Item]] = {}  # by the op that each ends in
    for item in items:
        if item.kind not in ("op", "function"):
            continue
        before = through(item)
        last = before[0] if len(before) == 1 else None
        if last is not None and id(last) in runs and readers[id(last)] == 1 and not last.roots:
            run = runs.pop(id(last))  # the list itself goes on: a long chain stays linear so
            run.append(item)
            runs[id(item)] = run
        else:
            runs[id(item)] = [item]
    folds = {id(run[-1]): _fold(run, through(run[0])) for run in runs.values() if len(run) > 2}
    gone: set[int] = set()
    for end, fold in folds.items():
        for one in runs[end]:
            gone |= {id(one), *(id(i) for i in one.inputs if i.kind == "leaf")}
        gone -= {id(one) for one in fold.inputs}
    out = []
    for item in items:
        if id(item) in folds:
            item = folds[id(item)]
        elif id(item) in gone:
            continue
        item.arguments = [
            folds.get(id(one), one) if isinstance(one, Item) else one for one in item.arguments
        ]
        out.append(item)
    return out


def _fold(run: Sequence[Item], before: Sequence[Item]) -> Item:
    """Return the item that stands for a run of ops."""
    names = [item.label for item in run]
    ends = [*names[:2], "…", names[-1]] if len(names) > 4 else names
    leaves = sum(one.kind == "leaf" for item in run for one in item.inputs)
    keeps = list(before) or [one for one in run[0].inputs if one.kind == "leaf"][:1]
    hidden = leaves - sum(one.kind == "leaf" for one in keeps)
    label = f"{len(run)} ops" + (f", {hidden} leaves" if hidden else "")
    return Item(
        "folded",
        label,
        arguments=list(keeps),
        settings=" → ".join(ends),
        kind_of=run[-1].kind_of,
        saved=sum(item.saved for item in run),
        roots=list(run[-1].roots),
        hint=[_counted(names)],
        stands_for=len(run),
    )


def _counted(names: Sequence[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in Counter(names).most_common(12))


def _nearest(items: Sequence[Item], limit: int) -> tuple[list[Item], int]:
    """Keep the items that are the fewest steps from an output."""
    steps: dict[int, int] = {}
    for item in reversed(items):
        own = 0 if item.roots else steps.get(id(item), len(items))
        steps[id(item)] = own
        for one in item.inputs:
            steps[id(one)] = min(steps.get(id(one), len(items)), own + 1)
    order = sorted(items, key=lambda item: steps[id(item)])
    kept = {id(item) for item in order[: limit - 1]}
    hidden = [item for item in items if id(item) not in kept]
    rest = Item(
        "folded",
        f"{len(hidden)} more",
        settings=f"{sum(item.kind == 'leaf' for item in hidden)} of them leaves",
        saved=sum(item.saved for item in hidden),
        hint=[_counted([item.label for item in hidden if item.kind != "leaf"])],
        stands_for=sum(item.stands_for for item in hidden),
    )
    out = [rest]
    for item in items:
        if id(item) in kept:
            arguments: list[Item | str] = []
            for given in item.arguments:
                shown = given if isinstance(given, str) or id(given) in kept else rest
                if shown is not rest or not any(other is rest for other in arguments):
                    arguments.append(shown)
            item.arguments = arguments
            out.append(item)
    return out, len(hidden)
