"""Reading the stack: which public function an op runs in, which module, whose line called it."""

from __future__ import annotations

import sys
from itertools import pairwise
from types import CodeType, FrameType
from typing import Any

from weft._core.callsite import Site, site_of, user_frame
from weft.transforms import rules, walk

_RULE: CodeType = rules._plain.__code__
_SUMS = frozenset({walk._send_tensor.__code__, walk._send_pick.__code__})
#: Modules that stand between a call and its op whatever the op is.
_WRAPPERS = (
    "weft._core.",
    "weft._tensor.operators",
    "weft.ops.families.",
    "weft.transforms.jvp",
    "weft.transforms.vmap",
    "weft.profiler.",
)
#: Modules whose functions compute their result from other ops, which is what counts.
_INNER = (
    *("weft._core.", "weft._tensor.", "weft.ops.", "weft.transforms.", "weft.foreach"),
    "weft.profiler.",
)


class Place:
    """Where an op runs.

    Attributes:
        scope: the frame of the function of weft that the op is a step of; None if it is called
            by itself.
        called: the name of that function, or of the op's own public function.
        in_rule: whether a backward rule runs the op.
        in_sum: whether the tape does, to add up gradients.
    """

    __slots__ = ("called", "in_rule", "in_sum", "scope")

    def __init__(self) -> None:
        self.scope: FrameType | None = None
        self.called = ""
        self.in_rule = self.in_sum = False


def place_of_op() -> Place:
    """Return where the op runs that the watcher is being told of."""
    place = Place()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("weft.debug."):
        frame = frame.f_back
    outer = shown = None
    direct = True
    while frame is not None:
        if frame.f_code is _RULE:
            place.in_rule = True
            return place
        if frame.f_code in _SUMS:
            place.in_sum = True
            return place
        public = frame.f_code.co_filename.startswith("<weft public")
        name = str(frame.f_globals.get("__name__", ""))
        if not public and not name.startswith(_INNER):
            break
        if not public and not name.startswith(_WRAPPERS):
            direct = False
        outer = frame
        if public or not name.startswith(("weft.transforms.", "weft.ops.families.batching")):
            shown = _called(frame) or shown
        frame = frame.f_back
    place.called = shown or ""
    place.scope = None if direct else outer
    return place


def _called(frame: FrameType) -> str:
    """Return the name of the public function that a frame runs; empty if it runs none."""
    name = frame.f_code.co_name
    if name in ("call", "operator"):
        known = frame.f_globals.get("_name")
        op = frame.f_locals.get("op")
        return str(known or getattr(op, "called", ""))
    if name == "method":
        return str(frame.f_locals.get("name", ""))
    module = str(frame.f_globals.get("__name__", ""))
    is_public = module.startswith("weft.ops.") and not name.startswith(("_", "<"))
    return name if is_public and not module.startswith("weft.ops.families.") else ""


def caller() -> tuple[Site | None, tuple[Any, ...]]:
    """Return the user's line, and the modules that are being called, the outermost first."""
    at = user_frame(sys._getframe(1))
    site = None if at is None else site_of(at)
    nn = sys.modules.get("weft.nn.module")
    if nn is None:
        return site, ()
    code = nn.Module.__call__.__code__
    modules: list[Any] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is code:
            modules.append(frame.f_locals["self"])
        frame = frame.f_back
    return site, tuple(reversed(modules))


def path_of(modules: tuple[Any, ...]) -> str:
    """Return ``Net.encoder.0``: the class of the outermost module, then the names below it."""
    if not modules:
        return ""
    parts = [type(modules[0]).__name__]
    for parent, child in pairwise(modules):
        names = (name for name, one in parent.named_modules() if one is child and name)
        parts.append(next(names, type(child).__name__))
    inner = type(modules[-1]).__name__
    return ".".join(parts) + (f" ({inner})" if len(parts) > 1 else "")
