"""Switches of anomaly mode: find the forward call whose backward fails or makes NaN."""

from __future__ import annotations

from typing import Any

from weft._core.modes import here
from weft.transforms.anomaly import enter

__all__ = [
    "detect_anomaly",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "set_anomaly_enabled",
    "set_detect_anomaly",
]


class detect_anomaly:
    """Within it, a backward pass that raises or makes NaN shows the forward call to blame.

    Ops recorded within it keep the lines of code that called them, which costs time and memory; it
    is for debugging. It is of the current thread.

    Args:
        check_nan: whether a gradient with NaN in it raises.

    Example:
        >>> x = weft.tensor(-1.0, requires_grad=True)
        >>> with weft.autograd.detect_anomaly(check_nan=False):
        ...     (x * 2).backward()
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        self._before: list[bool | None] = []

    def __enter__(self) -> None:
        self._before.append(enter(self._check_nan))

    def __exit__(self, *_: Any) -> None:
        enter(self._before.pop())


class set_detect_anomaly:
    """Switch anomaly mode: at once when called, until exit when used in ``with``.

    Args:
        mode: whether it is on.
        check_nan: whether a gradient with NaN in it raises.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = enter(check_nan if mode else None)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        enter(self._before)


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switch this thread's anomaly mode.

    Args:
        mode: whether it is on.
        check_nan: whether a gradient with NaN in it raises.
    """
    enter(check_nan if mode else None)


def is_anomaly_enabled() -> bool:
    """Whether this thread is in anomaly mode."""
    return here.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether backward passes of this thread look for NaN."""
    return bool(here.anomaly)
