"""What the settings of a node may be: each kind reads plain JSON and refuses all else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import weft
from weft.io.errors import shown

__all__ = ["BY_VALUE", "KINDS", "MOST_ITEMS", "read_setting", "write_setting"]

#: The longest list that a setting may be: what is longer is a tensor.
MOST_ITEMS = 4096
_BOUND = 2**63
_SPECIAL = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_BOUND <= value < _BOUND:
        raise ValueError("an integer of 64 bits")
    return value


def _integers(value: Any) -> tuple[int, ...] | int:
    if not isinstance(value, list):
        return _integer(value)
    if len(value) > MOST_ITEMS:
        raise ValueError(f"a list of at most {MOST_ITEMS} integers")
    return tuple(map(_integer, value))


def _number(value: Any) -> float | int:
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    if isinstance(value, float) and math.isfinite(value):
        return value
    try:
        return _integer(value)
    except ValueError:
        raise ValueError('a finite number, or "inf", "-inf" or "nan"') from None


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("a text of at most 200 characters")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > 16:
        raise ValueError("a list of at most 16 texts")
    return tuple(map(_text, value))


def _numbers(value: Any) -> tuple[float | int, ...] | float | int:
    if not isinstance(value, list):
        return _number(value)
    if len(value) > MOST_ITEMS:
        raise ValueError(f"a list of at most {MOST_ITEMS} numbers")
    return tuple(map(_number, value))


#: dtypes that a graph may name: those that weft computes with.
DTYPES = (
    "bool uint8 int8 int16 uint16 int32 uint32 int64 uint64 float16 bfloat16 float32 float64 "
    "complex64 complex128"
).split()


def _dtype(value: Any) -> weft.dtype:
    if not isinstance(value, str) or value not in DTYPES:
        raise ValueError(f"a dtype, one of {' '.join(DTYPES)}")
    found: weft.dtype = getattr(weft, value)
    return found


KINDS: dict[str, Callable[[Any], Any]] = {
    "int": _integer,
    "ints": _integers,
    "float": _number,
    "floats": _numbers,
    "bool": _truth,
    "text": _text,
    "texts": _texts,
    "dtype": _dtype,
}
#: The kinds that may be read from a tensor while the graph runs.
BY_VALUE = frozenset({"int", "ints", "float", "floats", "bool"})


def read_setting(kind: str, value: Any) -> Any:
    """Return what a function is called with for the JSON of a setting.

    Raises:
        ValueError: it is none of this kind; the text says what was required, and what came.
    """
    try:
        return KINDS[kind](value)
    except ValueError as error:
        raise ValueError(f"must be {error}, but is {shown(value)}") from None


def write_setting(value: Any) -> Any:
    """Return the JSON of a setting."""
    if isinstance(value, tuple | list):
        return [write_setting(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value.name if isinstance(value, weft.dtype) else value
