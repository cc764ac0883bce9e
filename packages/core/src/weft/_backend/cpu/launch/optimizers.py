"""Running an optimizer's kernel over many tensors in one call.

The kernel finds the tensors' memory through the addresses of their array objects, which cost
nothing to ask for. They are looked up in ``Rows`` that live as long as the arrays stay the same;
only the gradients are looked at afresh in each step, since most programs make them anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from weft._backend import ndarray, np
from weft._backend.cpu import language
from weft._backend.cpu.kernels import optimizers as kernels
from weft._backend.cpu.language import Type, f32, f64, type_of

#: Elements that a thread gets at least: what takes as long as waking one, some microseconds.
GRAIN = 32768
_PARTS = {"complex64": f32, "complex128": f64}  # updated as pairs of real numbers


def usable() -> bool:
    """Whether kernels may be used and can be compiled here."""
    return language.usable()


def type_for(dtype: Any) -> Type | None:
    """Return the type that a kernel has for an array's elements; None if it takes no such."""
    found = _PARTS.get(dtype.name) or type_of(dtype)
    return found if found is not None and found.kind == "f" else None


def is_dense(array: Any) -> bool:
    """Whether an array's elements fill one block of memory, in whatever order of its dims."""
    if array.flags.forc:
        return True
    expected = array.itemsize
    for stride, size in sorted(zip(array.strides, array.shape, strict=True)):
        if size == 1:
            continue
        if stride != expected:
            return False
        expected *= size
    return True


def is_taken(param: Any, buffers: Sequence[Any]) -> bool:
    """Whether a kernel can update a parameter, which has these arrays of state beside it."""
    if type(param) is not ndarray or type_for(param.dtype) is None:
        return False
    return (
        param.flags.writeable
        and is_dense(param)
        and all(
            type(b) is ndarray
            and b.dtype == param.dtype
            and b.shape == param.shape
            and b.strides == param.strides
            and b.flags.writeable
            for b in buffers
        )
    )


def share_memory(arrays: Sequence[Any]) -> bool:
    """Whether any two dense arrays lie on top of each other."""
    spans = sorted((a.ctypes.data, a.ctypes.data + a.nbytes) for a in arrays if a.size)
    return any(low[1] > high[0] for low, high in itertools.pairwise(spans))


class Rows:
    """Tensors of one dtype that a kernel updates together.

    Attributes:
        arrays: their arrays by role: parameters, then each kind of state.
        numbers: a row of coefficients for each, which is to be filled before a step.
    """

    def __init__(self, arrays: Sequence[Sequence[Any]], coefficients: int) -> None:
        params, *states = self.arrays = [list(column) for column in arrays]
        count = self.count = len(params)
        kind = type_for(params[0].dtype)
        assert kind is not None
        self.kind = kind
        self._made: dict[tuple[Any, ...], Any] = {}  # kernels by name and what they are made for
        self.dtype = params[0].dtype
        self.layouts = [(p.shape, p.strides) for p in params]
        pairs = 2 if self.dtype.kind == "c" else 1
        self.starts = np.zeros(count + 1, np.int64)
        np.cumsum([p.size * pairs for p in params], out=self.starts[1:])
        self.total = int(self.starts[-1])
        self.numbers = np.empty((count, coefficients), np.float64)
        self.addresses = np.empty((2 + len(states), count), np.int64)
        for role, column in zip((0, *range(2, 2 + len(states))), self.arrays, strict=True):
            self.addresses[role] = [id(a) for a in column]

    def run(self, kernel: str, grads: Sequence[Any], **given: Any) -> None:
        """Run an optimizer's rule over all elements.

        Args:
            kernel: the rule's name.
            grads: a gradient for each parameter.
            given: what the kernel is specialised for.

        Raises:
            ValueError: a gradient has not its parameter's shape.
        """
        dtype = self.dtype
        used = [
            g if (g.shape, g.strides) == layout and g.dtype is dtype else _as_laid_out(g, p)
            for g, layout, p in zip(grads, self.layouts, self.arrays[0], strict=True)
        ]
        self.addresses[1] = [id(g) for g in used]
        key = (kernel, *given.values())
        run = self._made.get(key)
        if run is None:
            run = self._made[key] = kernels.step.at(
                T=self.kind,
                RULE=getattr(kernels, kernel),
                WIDTH=self.numbers.shape[1],
                **given,
            )
        run(self.total, GRAIN, self.count, self.addresses, self.starts, self.numbers)


class Counters:
    """Counters of many parameters, 0-d arrays: read and written all at once.

    Attributes:
        narrow: whether they are float32.
    """

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        kind = type_of(columns[0][0].dtype)
        assert kind is not None
        self.narrow = kind is f32
        self._arrays = [a for column in columns for a in column]
        self._addresses = np.array([id(a) for a in self._arrays], np.int64)
        count = self._count = len(columns[0])
        self._values = np.empty(len(self._arrays) + 1)  # at the end: whether columns are constant
        self._table = self._values[:-1].reshape(len(columns), count)
        self._read = kernels.read_counters.at(T=kind)
        self._write = kernels.write_counters.at(T=kind)

    def read(self) -> Any:
        """Return the values as a float64 array, a row for each kind of counter."""
        self._read(1, 2, self._addresses, len(self._arrays), self._count, self._values)
        return self._table

    def alike(self) -> bool:
        """Whether each kind had one value in all parameters when last read."""
        return bool(self._values[-1])

    def write(self) -> None:
        """Store the values that stand in what :meth:`read` returned."""
        self._write(1, 2, self._addresses, len(self._arrays), self._values)


def counter_kind(counters: Sequence[Any]) -> str | None:
    """Return the dtype of a parameter's counters; None if a kernel does not take them."""
    names = {
        a.dtype.name if type(a) is ndarray and a.size == 1 and a.flags.writeable else ""
        for a in counters
    }
    name = names.pop() if len(names) == 1 else "" if names else "none"
    return name if name in ("none", "float32", "float64") else None


def _as_laid_out(grad: Any, param: Any) -> Any:
    """Return a gradient's values in the order in memory that its parameter has."""
    if grad.shape != param.shape:
        raise ValueError(
            f"step: a gradient has shape {grad.shape}, its parameter {param.shape}; was the "
            f"parameter replaced after backward?"
        )
    out = np.empty_like(param)
    out[...] = grad
    return out
