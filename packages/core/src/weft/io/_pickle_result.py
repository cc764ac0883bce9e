"""What an unpickled value must be before anyone gets it: a plain tree of bounded size."""

from __future__ import annotations

from collections import OrderedDict

from .errors import FormatError, UnsafeCheckpointError, shown

__all__ = ["InertObject", "NotAValue", "require_plain_tree"]

MAX_DEPTH = 200
# Counted as whoever walks it would count: a list that holds one list twice, which holds one twice,
# and so on forty times, is small in memory and takes a year to print.
MAX_VISITS = 20_000_000


class NotAValue:
    """Base of what the interpreter needs while it works, and must not hand out."""

    __slots__ = ()


class InertObject:
    """An object of a class that a file names: the name, the attributes, and no behaviour."""

    __slots__ = ("class_name", "state")

    def __init__(self, class_name: str) -> None:
        self.class_name = class_name
        self.state: dict[object, object] = {}

    def __repr__(self) -> str:
        return f"<inert {shown(self.class_name)}>"


def require_plain_tree(root: object, origin: str) -> None:
    """Refuse a value that holds itself, is nested too deep, unfolds without end, or is no value.

    Raises:
        UnsafeCheckpointError: for each of these.
        FormatError: it holds a bare storage or a name where a value should stand.
    """
    heights: dict[int, int] = {}  # of finished containers, 1 for one of plain values
    visits: dict[int, int] = {}
    open_ids: set[int] = set()
    pending: list[tuple[object, bool]] = [(root, False)]
    while pending:
        value, finished = pending.pop()
        if isinstance(value, NotAValue):
            raise FormatError(
                f"{origin}: the checkpoint holds {value!r} as a value; tensors are read, not bare "
                "storages, classes or functions: save storage contents as a tensor"
            )
        inner = _contents(value)
        if inner is None or (not finished and id(value) in heights):
            continue
        if not finished:
            if id(value) in open_ids:
                raise UnsafeCheckpointError(
                    f"{origin}: the checkpoint holds a {type(value).__name__} that holds itself; "
                    "walking it would never end"
                )
            open_ids.add(id(value))
            pending.append((value, True))
            pending.extend((item, False) for item in inner)
            continue
        open_ids.discard(id(value))
        height = 1 + max((heights.get(id(item), 0) for item in inner), default=0)
        count = 1 + sum(visits.get(id(item), 1) for item in inner)
        if height > MAX_DEPTH:
            raise UnsafeCheckpointError(
                f"{origin}: the checkpoint nests containers more than {MAX_DEPTH} deep"
            )
        if count > MAX_VISITS:
            raise UnsafeCheckpointError(
                f"{origin}: the checkpoint holds containers inside one another that unfold to more "
                f"than {MAX_VISITS} values"
            )
        heights[id(value)], visits[id(value)] = height, count


def _contents(value: object) -> list[object] | None:
    """Return what a container holds; None for anything else. Keys are plain already."""
    if isinstance(value, OrderedDict):
        return [*value.values(), *vars(value).values()]  # a state dict's _metadata is one
    if isinstance(value, InertObject):
        return list(value.state.values())
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    return None
