"""Runs elementwise formulas as machine code: memory's layouts, results, threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from weft._backend import np, symbolic
from weft._backend.cpu.language import usable
from weft._backend.cpu.language.types import type_of
from weft._backend.cpu.launch import formulas
from weft._backend.cpu.launch.direction import LARGE, against

#: After neighbours that lie so are joined; what has more is left to NumPy.
_MOST_DIMS = 4
#: Elements apart from which neighbours of a row are in lines of memory of their own.
_FAR = 8
_HEAVY = frozenset(
    {"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh"}
    | {"tanh", "erf", "erfc", "power", "arcsin", "arccos", "arctan", "arcsinh", "arccosh"}
    | {"arctanh", "arctan2", "logaddexp", "hypot", "fmod", "remainder", "erfinv"}
    | {"erfcx", "ndtr", "log_ndtr", "gammaln", "digamma", "trigamma", "i0", "i0e", "i1", "i1e"}
    | {"logaddexp2", "floor_divide"}
)
#: What NumPy does as fast on one thread.
_LIGHT = frozenset(
    {"add", "subtract", "multiply", "true_divide", "less", "less_equal", "greater"}
    | {"greater_equal", "equal", "not_equal", "bitwise_and", "bitwise_or", "bitwise_xor"}
    | {"negative", "abs", "invert"}
)
#: What NumPy and SciPy do one element at a time.
_SLOW = frozenset(
    {"erf", "erfc", "power", "logaddexp", "arctan2", "expm1", "log1p"}
    | {"hypot", "fmod", "remainder", "erfinv", "nextafter", "floor_divide", "logaddexp2"}
    | {"erfcx", "ndtr", "log_ndtr", "gammaln", "digamma", "trigamma", "i0", "i0e", "i1", "i1e"}
)


class Formula:
    """One formula for one choice of dtypes and settings.

    Attributes:
        least: from how many elements on it is quicker than NumPy.
        root: its expression.
        opened: the settings that each call gives.
        dtype: the result's.
    """

    def __init__(
        self, name: str, root: symbolic.Node, opened: list[str], kinds: tuple[Any, ...], dtype: Any
    ) -> None:
        nodes = symbolic.ordered(root)
        ops = [n.op for n in nodes if n.op not in ("array", "number", "constant", "cast")]
        heavy = sum(op in _HEAVY for op in ops)
        self.grain = max(2048, 65536 // (len(ops) + 8 * heavy + 1))
        light = len(ops) <= 1 and all(op in _LIGHT for op in ops)
        slow = len(ops) > 1 or any(op in _SLOW for op in ops)
        self.least = 24576 if light else 128 if slow else 2048
        self.name, self.root, self.opened, self.dtype = name, root, opened, dtype
        self.arrays = [i for i, k in enumerate(kinds) if isinstance(k, np.dtype)]
        used = {n.args[0]: "f64" for n in nodes if n.op == "number"}
        self.numbers = sorted(used.items())
        self.given = {f"A{i}": type_of(kinds[i]) for i in self.arrays} | {"R": type_of(dtype)}
        # what settings are open stands behind the arguments
        self.from_settings = [opened[i - len(kinds)] for i in used if i >= len(kinds)]
        self.from_args = [i for i, _ in self.numbers if i < len(kinds)]
        self._flat: Callable[..., Any] | None = None
        self._strided: dict[tuple[str, int], Callable[..., Any]] = {}
        self._tiled: dict[tuple[str, int], Callable[..., Any]] = {}

    @property
    def flat(self) -> Callable[..., Any]:
        """The function over arrays that lie alike in memory."""
        if self._flat is None:
            kernel = formulas.flat(self.name, self.root, self.arrays, self.numbers)
            self._flat = kernel.at(**self.given)
        return self._flat

    def strided(self, inner: str, dims: int) -> Callable[..., Any]:
        """Return the function over rows; see :func:`formulas.strided`."""
        made = self._strided.get((inner, dims))
        if made is None:
            kernel = formulas.strided(self.name, self.root, self.arrays, self.numbers, inner, dims)
            made = self._strided[inner, dims] = kernel.at(**self.given)
        return made

    def tiled(self, inner: str, dims: int) -> Callable[..., Any]:
        """Return the function over strips of rows; see :func:`formulas.tiled`."""
        made = self._tiled.get((inner, dims))
        if made is None:
            kernel = formulas.tiled(self.name, self.root, self.arrays, self.numbers, inner, dims)
            made = self._tiled[inner, dims] = kernel.at(**self.given)
        return made

    def run(self, args: tuple[Any, ...], settings: Mapping[str, Any], out: Any = None) -> Any:
        """Return the result; None where memory lies as no kernel takes it.

        Args:
            args: the arguments.
            settings: the settings, among which the open ones are read.
            out: the array to write to, of the result's shape and dtype; a new one if None.
        """
        arrays = args if len(args) == len(self.arrays) else [args[i] for i in self.arrays]
        if self.numbers:
            numbers = [float(args[i]) for i in self.from_args]
            numbers += [settings[name] for name in self.from_settings]
        else:
            numbers = []
        first = arrays[0]
        shape, strides = first.shape, first.strides
        alike = False
        if first.flags.c_contiguous:
            for a in arrays:
                if a.shape != shape or not a.flags.c_contiguous:
                    break
            else:
                if out is None:
                    out = np.empty(shape, self.dtype)
                alike = out.flags.c_contiguous
        elif out is None:
            for a in arrays:
                if a.shape != shape or a.strides != strides or a.itemsize != first.itemsize:
                    break
            else:
                made = np.empty_like(first, self.dtype)
                by, of = made.itemsize, first.itemsize  # if it is dense, the result lies alike
                if all(s * of == t * by for s, t in zip(made.strides, strides, strict=True)):
                    out, alike = made, True
        if not alike:
            return self._general(arrays, numbers, out)
        n = first.size
        self.flat(n, self.grain, *arrays, out, against() if n >= LARGE else 0, *numbers)
        return out

    def _general(self, arrays: Any, numbers: list[float], out: Any) -> Any:
        new = out is None
        if new:
            out = _allocated(arrays, self.dtype)
        shape = out.shape
        operands = [*(steps_of(a, shape) for a in arrays), steps_of(out, shape)]
        if None in operands:
            return None
        sizes, steps = joined(shape, operands)
        if not sizes or len(sizes) > _MOST_DIMS:
            return None if sizes else self._one(arrays, numbers, out)
        back = against() if out.size >= LARGE else 0
        inner = "".join("0" if s == 0 else "1" if s == 1 else "n" for s in steps[-1])
        if inner[-1] == "0":
            return None  # a result whose elements share memory
        if len(sizes) == 1:
            if set(inner) == {"1"}:
                self.flat(sizes[0], self.grain, *arrays, out, back, *numbers)
                return out
            sizes, steps = [1, *sizes], [[0] * len(operands), *steps]
        if new and "n" in inner:
            across = _turned(sizes, steps)
            if across is not None:
                return self._in_tiles(sizes, steps, across, arrays, numbers, out)
        rows = math.prod(sizes[:-1])
        told: list[int] = [back, *sizes[1:]]
        for k, letter in enumerate(inner):
            told += [dim[k] for dim in steps[:-1]]
            if letter == "n":
                told.append(steps[-1][k])
        function = self.strided(inner, len(sizes))
        function(rows, max(1, self.grain // sizes[-1]), *arrays, out, *told, *numbers)
        return out

    def _in_tiles(
        self, sizes: list[int], steps: Any, across: int, arrays: Any, numbers: Any, out: Any
    ) -> Any:
        """Run over strips along a dim in which arrays that do not lie along rows have step 1."""
        sizes.insert(-1, sizes.pop(across))
        steps.insert(-1, steps.pop(across))
        inner = "".join(
            "0" if s == 0 else "1" if s == 1 else "t" if t == 1 else "n"
            for s, t in zip(steps[-1], steps[-2], strict=True)
        )
        strips = -(-sizes[-2] // formulas.STRIP)
        told: list[int] = [*sizes, strips]
        for k, letter in enumerate(inner):
            told += [dim[k] for dim in steps[:-1]]
            if letter in "nt":
                told.append(steps[-1][k])
        function = self.tiled(inner, len(sizes))
        grain = max(1, self.grain // (formulas.STRIP * sizes[-1]))
        function(math.prod(sizes[:-2]) * strips, grain, *arrays, out, *told, *numbers)
        return out

    def _one(self, arrays: Any, numbers: list[float], out: Any) -> Any:
        self.flat(out.size, self.grain, *arrays, out, 0, *numbers)
        return out


def _turned(sizes: list[int], steps: Any) -> int | None:
    """Return the dim whose neighbours lie side by side in an array read along another; or None.

    Along a row such an array gives one element of each line of memory, and a strip of rows the
    others: read a row at a time it is read as many times over.
    """
    if sizes[-1] < formulas.LEAST_TURNED or steps[-1][-1] != 1:
        return None
    for k, step in enumerate(steps[-1]):
        if abs(step) >= _FAR:
            for d in range(len(sizes) - 1):
                if steps[d][k] == 1 and sizes[d] >= formulas.STRIP:
                    return d
    return None


def _allocated(arrays: Any, dtype: Any) -> Any:
    """Return memory for a result, in the order that NumPy would give it."""
    flags: Any = [["readonly"]] * len(arrays) + [["writeonly", "allocate"]]
    kinds: Any = [None] * len(arrays) + [dtype]
    iterator = np.nditer(
        [*arrays, None], flags=["zerosize_ok"], op_flags=flags, op_dtypes=kinds, order="K"
    )
    return iterator.operands[-1]


def steps_of(a: Any, shape: tuple[int, ...]) -> list[int] | None:
    """Return steps in elements over a shape to which an array broadcasts."""
    size = a.itemsize
    steps = [0] * (len(shape) - a.ndim)
    for length, stride in zip(a.shape, a.strides, strict=True):
        if stride % size:
            return None
        steps.append(0 if length == 1 else stride // size)
    return steps


def joined(shape: tuple[int, ...], operands: list[Any]) -> tuple[list[int], list[list[int]]]:
    """Return sizes and steps of the dims, in the result's order, neighbours joined where they can.

    The steps are by dim, then by operand; the result is the last operand.
    """
    result = operands[-1]
    order = sorted((d for d in range(len(shape)) if shape[d] != 1), key=lambda d: -abs(result[d]))
    sizes: list[int] = []
    steps: list[list[int]] = []
    for d in order:
        step = [operand[d] for operand in operands]
        if sizes and all(
            before == now * shape[d] for before, now in zip(steps[-1], step, strict=True)
        ):
            sizes[-1] *= shape[d]
            steps[-1] = step
        else:
            sizes.append(shape[d])
            steps.append(step)
    return sizes, steps


def can_hold(kinds: tuple[Any, ...]) -> bool:
    """Whether kernels can be made here for these dtypes; None stands for no array."""
    return usable() and all(k is None or type_of(k) is not None for k in kinds)


def prepared(
    name: str,
    formula: Callable[..., Any],
    kinds: tuple[Any, ...],
    settings: Mapping[str, Any],
    dtype: Any,
) -> Formula | None:
    """Return a formula made ready for some dtypes and settings; None if NumPy is to run it.

    Args:
        name: the op's, which its kernels have too.
        formula: ``formula(xp, *arrays, **settings)``.
        kinds: for each argument an array's dtype, ``float`` for a Python number, or a number.
        settings: the settings.
        dtype: the result's dtype, to which it is rounded.
    """
    if not usable() or type_of(dtype) is None:
        return None
    if any(isinstance(k, np.dtype) and type_of(k) is None for k in kinds):
        return None
    try:
        root, opened = symbolic.run(formula, kinds, settings)
    except symbolic.Unknown:
        return None
    return Formula(name, root, opened, kinds, dtype)
