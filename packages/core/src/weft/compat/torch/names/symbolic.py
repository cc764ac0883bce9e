"""Symbolic sizes: weft's sizes are numbers, so these are the types and functions of numbers."""

from __future__ import annotations

import math
from typing import Any

SymInt, SymFloat, SymBool = int, float, bool
sym_int, sym_float, sym_max, sym_min, sym_sqrt = int, float, max, min, math.sqrt


def sym_not(a: Any) -> bool:
    """Return whether ``a`` is false."""
    return not a


def sym_sum(args: Any) -> Any:
    """Return the sum of numbers."""
    return sum(args)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """Return ``t`` if ``b``, else ``f``."""
    return t if b else f


def guard_or_false(a: Any) -> bool:
    """Return whether ``a`` holds: it is never unknown."""
    return bool(a)


guard_or_true = statically_known_true = guard_or_false
