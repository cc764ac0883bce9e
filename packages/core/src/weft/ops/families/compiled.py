"""An elementwise op's formula as machine code: which calls take it, and what is kept for each kind.

Which calls take it depends on dtypes, settings and sizes alone, so that the same program gives the
same bits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import switches
from weft._core.aval import Aval

#: Ops of one cheap operation, which NumPy does as fast on arrays that are small.
_LIGHT = frozenset(
    {"plus", "minus", "mul", "true_divide", "neg", "abs", "eq", "ne", "lt", "le", "gt", "ge"}
    | {"bits_and", "bits_or", "bits_xor", "bits_not", "square", "reciprocal"}
)
#: Exponents that are part of the expression: products are quicker than powers, and exact.
_EXPONENTS = frozenset({2, 3, -1, 0.5})
#: Below that NumPy is as fast, whatever the formula; of each `launch.elementwise` knows its bound.
_FEWEST = 128
_NONE: dict[str, Any] = {}


def spread(*arrays: Any) -> int:
    """Return how many elements arrays broadcast to, where that may be more than any has; or 0."""
    if 1 not in max(arrays, key=_ndim).shape:
        return 0
    try:
        return int(np.broadcast(*arrays).size)
    except ValueError:  # they do not: the formula itself says so
        return 0


_ndim = operator.attrgetter("ndim")


class Compiled:
    """An op's formula as machine code.

    Attributes:
        least: from how many elements on it is worth a look.
    """

    __slots__ = ("_beside", "_kept", "_varied", "formula", "least", "name", "shape")

    def __init__(self, name: str, formula: Callable[..., Any], shape: Callable[..., Aval]) -> None:
        self.name, self.formula, self.shape = name, formula, shape
        self.least = 24576 if name in _LIGHT else _FEWEST
        self._kept: dict[Any, Any] = {}
        self._varied: set[Any] = set()
        self._beside: dict[Any, Any] = {}  # for one array beside settings that stay open

    def one(self, x: Any) -> Any:
        """Return the result of one plain array; None if NumPy is to compute it."""
        found = self._kept.get(x.dtype, _NONE)
        if found is _NONE:
            found = self._kept[x.dtype] = self._prepared((x,), (x.dtype,), _NONE)
        if found is None or x.size < found.least or not switches.codegen:
            return None
        return found.run((x,), _NONE)

    def beside(self, x: Any, settings: dict[str, Any]) -> Any:
        """Return the result of one plain array; None if a call of this object is to say."""
        found = self._beside.get((x.dtype, *map(type, settings.values())))
        if found is None or x.size < found.least or x.size < self.least or not switches.codegen:
            return None
        return found.run((x,), settings)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Return the result of canonical arguments; None if NumPy is to compute it."""
        size = 0
        kinds: list[Any] = []
        arrays: list[Any] = []
        for a in args:
            if type(a) is ndarray:
                kinds.append(a.dtype)
                arrays.append(a)
                size = max(size, a.size)
            elif type(a) is float or type(a) is int:
                power = self.name == "power" and a in _EXPONENTS
                kinds.append(a if power else float)
            else:
                return None
        if len(arrays) > 1:
            size = max(size, spread(*arrays))
        if size < self.least or not switches.codegen:
            return None
        # settings that are floats stay open in most formulas; where one does not, its value counts
        told = tuple(float if type(v) is float else v for v in settings.values())
        key: Any = (*kinds, *told)
        if key in self._varied:
            key = (*kinds, *settings.values())
        found = self._kept.get(key, _NONE)
        if found is _NONE:
            found = self._prepared(args, tuple(kinds), settings)
            if found is not None and float in told and not found.opened:
                self._varied.add(key)
                key = (*kinds, *settings.values())
            self._kept[key] = found
            if found is not None and len(args) == 1 and set(told) == {float} == {*key[1:]}:
                self._beside[key] = found
        if found is None or size < found.least:
            return None
        try:
            return found.run(args, settings)
        except OverflowError:  # an int beyond what floats hold
            return None

    def _prepared(self, args: Any, kinds: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        own = [k.kind for k in kinds if hasattr(k, "kind")]
        # numbers beside floats, and what a condition chooses of; beside whole ones they are arrays
        if len(own) < len(kinds) and not ({"f", "V"} & {*own} and {*own} <= {"f", "V", "b"}):
            return None
        from weft._backend.cpu.launch.elementwise import prepared

        avals = [Aval(a.shape, a.dtype) if type(a) is ndarray else a for a in args]
        dtype = self.shape(*avals, **settings).dtype
        return prepared(self.name, self.formula, kinds, settings, dtype)
