"""Operators."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray, np
from weft._core.inplace import compute, write
from weft._core.tensor import Tensor, wrap
from weft.ops import arithmetic, comparison, division, logic, powers
from weft.ops.families.elementwise_calls import declining
from weft.ops.matmul import matmul


def _reflected(function: Any) -> Any:
    """Return the operator for a tensor on the right of something else."""

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, ndarray):
            other = wrap(other)
        if not isinstance(other, (Tensor, int, float, complex, np.generic)):
            return NotImplemented
        return function(other, self)

    return method


def _in_place_operator(function: Any, name: str) -> Any:
    run = declining(function)

    def method(self: Tensor, other: Any) -> Any:
        value = compute(run, name, self, (other,))
        return value if value is NotImplemented else write(self, value, name)

    return method


_OPERATORS = {
    "add": arithmetic.plus,
    "sub": arithmetic.minus,
    "mul": arithmetic.mul,
    "truediv": division.true_divide,
    "floordiv": division.floor_divide,
    "mod": division.remainder,
    "pow": powers.power,
    "matmul": matmul,
    "and": logic.bitwise_and,
    "or": logic.bitwise_or,
    "xor": logic.bitwise_xor,
    "lshift": logic.bitwise_left_shift,
    "rshift": logic.bitwise_right_shift,
}
_COMPARISONS = {name: getattr(comparison, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}


METHODS: dict[str, Any] = {
    "__abs__": arithmetic.abs,
    "__hash__": object.__hash__,
    "__invert__": logic.bitwise_not,
    "__neg__": arithmetic.neg,
    "__pos__": arithmetic.positive,
    **{f"__{name}__": declining(function) for name, function in _COMPARISONS.items()},
    **{f"__{name}__": declining(function) for name, function in _OPERATORS.items()},
    **{f"__r{name}__": _reflected(function) for name, function in _OPERATORS.items()},
    **{
        f"__i{name}__": _in_place_operator(function, f"__i{name}__")
        for name, function in _OPERATORS.items()
    },
}
