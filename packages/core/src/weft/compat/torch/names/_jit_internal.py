"""``torch._jit_internal``: what libraries take from it though they need it for scripting only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

__all__ = [
    "BroadcastingList1",
    "BroadcastingList2",
    "BroadcastingList3",
    "Optional",
    "boolean_dispatch",
    "weak_module",
    "weak_script_method",
]  # fmt: skip


class _Broadcast:
    """``BroadcastingList2[int]`` in an annotation."""

    def __getitem__(self, item: Any) -> Any:
        return list[item]


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = _Broadcast()


def boolean_dispatch(
    arg_name: str,
    arg_index: int,
    default: bool,
    if_true: Callable[..., Any],
    if_false: Callable[..., Any],
    module_name: str = "",
    func_name: str = "",
) -> Callable[..., Any]:
    """Return a function that calls one of two by the value of an argument."""

    def choose(*args: Any, **settings: Any) -> Any:
        flag = settings.get(arg_name, args[arg_index] if len(args) > arg_index else default)
        return (if_true if flag else if_false)(*args, **settings)

    return choose


def weak_module(cls: Any) -> Any:
    """Return the class."""
    return cls


def weak_script_method(function: Any) -> Any:
    """Return the function."""
    return function
