"""A guard against silent broadcasting: operands of different numbers of dims allowed, told or not.

``(n, 1)`` minus ``(n,)`` broadcasts to ``(n, n)``, and a loss of that trains, badly and in silence.
As with JAX's ``numpy_rank_promotion``, the guard looks at the numbers of dims alone; numbers and
0-d tensors go with everything, and whoever writes ``unsqueeze`` or ``expand`` has said what is
meant.
"""

from __future__ import annotations

import sys
import threading
import warnings
from types import FrameType, TracebackType
from typing import Any

from weft._core.errors import ShapeError, did_you_mean
from weft._core.modes import flags, here
from weft._core.tensor import Tensor

_MODES = ("allow", "warn", "raise")
_lock = threading.Lock()
#: Where users' code was warned already: file, line, function.
_told: set[tuple[str, int, str]] = set()

#: What stands between a user's call and the guard, whatever was called.
_WRAPPERS = ("weft._core.", "weft.ops.families.", "weft._tensor.operators", "weft._tensor.writing")
#: Modules whose composites combine their caller's operands element by element. What others combine
#: is their own affair: a bias and a row of means are meant to broadcast.
_POINTWISE = frozenset(
    f"weft.{name}"
    for name in (
        "foreach",
        "ops.arithmetic",
        "ops.bounds",
        "ops.closeness",
        "ops.combined",
        "ops.comparison",
        "ops.division",
        "ops.floats",
        "ops.masking",
        "ops.powers",
        "ops.signs",
    )
)


class RankPromotionWarning(UserWarning):
    """Operands of different numbers of dims were broadcast; see ``weft.set_rank_promotion``."""


class set_rank_promotion:
    """Set what broadcasting between operands of different numbers of dims does in this thread.

    It counts for elementwise functions, operators and in-place forms that users call; what a layer
    or a derivative broadcasts inside is its own affair. Python numbers and 0-d tensors go with
    every tensor, and ``unsqueeze``, ``expand`` or ``broadcast_to`` say what is meant.

    Args:
        mode: ``"allow"``, as at first; ``"warn"``, once for each line of the caller's; or
            ``"raise"``.

    Used in ``with``, it holds until the block ends, else until the next call.

    Raises:
        ValueError: there is no such mode.

    Source: JAX's ``numpy_rank_promotion``.

    Example:
        >>> with weft.set_rank_promotion("raise"):
        ...     try:
        ...         weft.ones(3, 1) - weft.ones(3)
        ...     except weft.ShapeError as error:
        ...         print(str(error)[:56])
        sub: operands of 2 and 1 dims, (3, 1) and (3,), would br
    """

    def __init__(self, mode: str) -> None:
        if mode not in _MODES:
            raise ValueError(
                f"set_rank_promotion: mode must be one of {', '.join(_MODES)}, got {mode!r}"
                f"{did_you_mean(str(mode), _MODES)}"
            )
        self._before = here.rank
        _switch(mode)

    def __enter__(self) -> set_rank_promotion:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _switch(self._before)

    def __repr__(self) -> str:
        return f"<weft.set_rank_promotion: {here.rank}>"


def get_rank_promotion() -> str:
    """Return what broadcasting between different numbers of dims does: allow, warn or raise."""
    return here.rank


def _switch(mode: str) -> None:
    was_plain, is_plain = here.rank == "allow", mode == "allow"
    here.rank = mode
    with _lock:
        _told.clear()
        if was_plain is not is_plain:
            flags.rank += -1 if is_plain else 1


def guard(name: str, args: tuple[Any, ...]) -> None:
    """Warn or raise, as this thread is set, where operands differ in their number of dims.

    Args:
        name: the op, for messages.
        args: its operands: tensors, numbers, None.

    Raises:
        ShapeError: they differ, and the mode is ``"raise"``.
    """
    mode = here.rank
    if mode == "allow":
        return
    shapes = [tuple(a.shape) for a in args if isinstance(a, Tensor) and a.ndim]
    ranks = dict.fromkeys(map(len, shapes))
    if len(ranks) < 2:
        return
    caller, depth = _caller()
    if caller is None:
        return
    text = (
        f"{name}: operands of {' and '.join(map(str, ranks))} dims, "
        f"{' and '.join(map(str, shapes))}, would broadcast; say what is meant with "
        f"unsqueeze or expand, or allow it with weft.set_rank_promotion('allow')"
    )
    if mode == "raise":
        raise ShapeError(text)
    place = caller.f_code.co_filename, caller.f_lineno, name
    if place not in _told:
        _told.add(place)
        warnings.warn(text, RankPromotionWarning, stacklevel=depth)


def _caller() -> tuple[FrameType | None, int]:
    """Return the frame of the user's code that combines the operands, and how far up it is.

    None where it is weft's own code that does.
    """
    frame: FrameType | None = sys._getframe(1)  # guard's
    depth = 1
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_WRAPPERS) or frame.f_code.co_filename.startswith("<weft public"):
            pass
        elif module == "weft" or module.startswith("weft."):
            if module not in _POINTWISE:
                return None, depth
        else:
            return frame, depth
        frame = frame.f_back
        depth += 1
    return None, depth
