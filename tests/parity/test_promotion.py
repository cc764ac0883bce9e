"""The dtypes of results: every pair of dtypes, as tensors, 0-d tensors and Python scalars."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch

import weft
from tests.parity.torch_side import DTYPES, name_of, quietly

SCALARS: dict[str, Any] = {"bool": True, "int": 2, "float": 2.5, "complex": 2.5 + 1j}
OPERATORS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "add": lambda m, a, b: a + b,
    "sub": lambda m, a, b: a - b,
    "mul": lambda m, a, b: a * b,
    "truediv": lambda m, a, b: a / b,
    "floordiv": lambda m, a, b: a // b,
    "remainder": lambda m, a, b: a % b,
    "pow": lambda m, a, b: a**b,
    "eq": lambda m, a, b: a == b,
    "lt": lambda m, a, b: a < b,
    "ge": lambda m, a, b: a >= b,
    "and": lambda m, a, b: a & b,
    "where": lambda m, a, b: m.where(m.tensor([True, False]), a, b),
    "maximum": lambda m, a, b: m.maximum(a, b),
    "atan2": lambda m, a, b: m.atan2(a, b),
    "fmod": lambda m, a, b: m.fmod(a, b),
    "clamp": lambda m, a, b: m.clamp(a, min=b),
    "result_type": lambda m, a, b: m.zeros(1, dtype=m.result_type(a, b)),
    "cat": lambda m, a, b: m.cat([m.broadcast_to(a, (2,)), m.broadcast_to(b, (2,))]),
    "masked_fill": lambda m, a, b: m.broadcast_to(a, (2,)).masked_fill(m.tensor([True, False]), b),
    "iadd": lambda m, a, b: operator.iadd(m.broadcast_to(a, (2,)).clone(), b),
}


def differs(expected: str) -> bool:
    """Whether torch's dtype is one that weft has not: complex numbers of half precision."""
    return expected == "complex32"


def operand(module: Any, dtype: str, rank: str) -> Any:
    """Return [1, 2] of a dtype, a 0-d 2 of it, or a Python scalar of a kind."""
    if rank == "scalar":
        return SCALARS[dtype]
    return module.tensor([1, 2] if rank == "1-d" else 2, dtype=getattr(module, dtype))


def outcome(module: Any, run: Callable[..., Any], first: Any, second: Any) -> str:
    """Return the name of the result's dtype, or "raises"."""
    try:
        out = quietly(run, module, first, second)
    except (RuntimeError, TypeError, NotImplementedError, ValueError, AttributeError):
        return "raises"
    return name_of(out.dtype) if module is torch else out.dtype.name


def pairs(ranks: tuple[str, str]) -> list[tuple[str, str]]:
    return list(itertools.product(*(SCALARS if rank == "scalar" else DTYPES for rank in ranks)))


@pytest.mark.parametrize(
    "ranks",
    [
        (a, b)
        for a, b in itertools.product(("1-d", "0-d", "scalar"), repeat=2)
        if {a, b} != {"scalar"}
    ],
    ids="-".join,
)
@pytest.mark.parametrize("name", OPERATORS)
def test_the_results_dtype_is_torchs(name, ranks):
    wrong = []
    for first, second in pairs(ranks):
        expected, got = (
            outcome(m, OPERATORS[name], operand(m, first, ranks[0]), operand(m, second, ranks[1]))
            for m in (torch, weft)
        )
        if expected not in ("raises", got) and not differs(expected):
            wrong.append(f"{first} {name} {second}: {got} beside {expected}")
    assert not wrong, f"{len(wrong)} of {len(pairs(ranks))}:\n" + "\n".join(wrong)
