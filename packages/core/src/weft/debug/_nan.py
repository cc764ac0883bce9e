"""Finding the op that made the first NaN, and allowing some code to make it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any

from weft._core.modes import here
from weft._core.watching import unwatch, watch
from weft.debug._nan_watch import Watch
from weft.debug._report import NanReport
from weft.transforms.rules import unwatch_rules, watch_rules


class nan_origin(ContextDecorator):
    """Name the first op that makes NaN or Inf of finite input, forward and backward.

    An op is an origin of NaN if no input of it held NaN, and an origin of Inf if all that went in
    was finite; of an elementwise op each element is judged by its own inputs. So neither is a mask
    of -inf that you make an origin nor what it passes through, while softmax is, if it makes NaN of
    a row of nothing but -inf. Numbers and settings count as inputs: ``masked_fill(mask, -inf)`` is
    no origin. What a function of weft has inside counts only if it gets out of it.

    The error, or the report, names the op, its settings, the statistics of its inputs, the first
    such element with the values that made it, your line, and the module. In backward also the line
    of the forward call whose rule it was. Only this thread is watched, and while nothing is, ops
    cost what they always cost.

    Args:
        nan: whether NaN counts.
        inf: whether Inf counts.
        raise_error: whether to raise at the first origin, rather than only to report.
        ignore: ops that may make them, by name or as functions.
        limit: how many events to keep.

    Raises:
        NanOriginError: there was one; it has the ``event``.

    Used in ``with``, it gives a :class:`NanReport`; it is also a decorator.

    Example:
        >>> with weft.debug.nan_origin(raise_error=False) as report:
        ...     y = weft.log(weft.tensor([1.0, 0.0]))
        >>> report.first.op, report.first.kind, report.first.values
        ('log', 'inf', {'input': 0.0})
    """

    def __init__(
        self,
        *,
        nan: bool = True,
        inf: bool = True,
        raise_error: bool = True,
        ignore: Iterable[str | Callable[..., Any]] = (),
        limit: int = 100,
    ) -> None:
        if not nan and not inf:
            raise ValueError("nan_origin: nan=False and inf=False leave nothing to look for")
        self._settings: dict[str, Any] = {
            "nan": nan,
            "inf": inf,
            "raise_error": raise_error,
            "ignore": frozenset(map(_name, ignore)),
            "limit": limit,
        }
        self._watches: list[Watch] = []

    def _recreate_cm(self) -> nan_origin:
        fresh = nan_origin.__new__(nan_origin)  # a decorated function has one for each call
        fresh._settings = self._settings
        fresh._watches = []
        return fresh

    def __enter__(self) -> NanReport:
        one = Watch(**self._settings)
        self._watches.append(one)
        watch(one.saw)
        watch_rules(one.around, one.summed)
        return one.report

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        one = self._watches.pop()
        unwatch_rules(one.around, one.summed)
        unwatch(one.saw)
        one.settle(final=error is not None)


class allow_nan(ContextDecorator):
    """Let a block of code make NaN and Inf within :func:`nan_origin`. Also a decorator.

    The backward rules of the calls inside may make them too.
    """

    def __enter__(self) -> None:
        here.nan_allowed += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        here.nan_allowed -= 1


def _name(op: Any) -> str:
    return op if isinstance(op, str) else str(getattr(op, "__name__", op))
