"""How the arrays of a convolution come to lie as its primitive wants them, and how weights do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft._backend.cpu.addresses import address_of
from weft._backend.cpu.launch import copying
from weft._backend.cpu.onednn_primitives import (
    NUMBERS,
    Descriptor,
    here,
    reorder,
    strided,
)
from weft._backend.numpy_ import ndarray, np

Array = Any

#: Elements of an input from which a kernel of ours is quicker at exchanging channels and places.
LEAST_TURNED = 1 << 16
#: Channels from which it is.
LEAST_CHANNELS = 16
#: Layouts that are kept of one weight: other sizes of the input may want another.
MOST_LAYOUTS = 3


def last_strides(shape: Sequence[int], itemsize: int = 1) -> tuple[int, ...]:
    """Return the strides of an array (N, C, *spatial) whose channels are innermost in memory."""
    step = shape[1] * itemsize
    inner = []
    for n in reversed(shape[2:]):
        inner.append(step)
        step *= n
    return (step, itemsize, *reversed(inner))


def empty_last(shape: Sequence[int], dtype: Any) -> Array:
    """Return an uninitialised array (N, C, *spatial) whose channels are innermost in memory."""
    return ndarray(shape, dtype, None, 0, last_strides(shape, dtype.itemsize))


def lies(a: Array, strides: Sequence[int]) -> bool:
    """Whether an array has these strides, where its length lets them matter."""
    return all(
        step == wanted or n == 1
        for n, step, wanted in zip(a.shape, a.strides, strides, strict=True)
    )


def plain_steps(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides, in elements, of an array in the order of its indices."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def weight_steps(w: Array) -> tuple[int, ...]:
    return plain_steps(w.shape) if w.flags.c_contiguous else last_strides(w.shape)


class Input:
    """How an array comes to lie as a primitive wants it: channels last, or as the primitive chose.

    It is taken as it is, copied by a reorder or, where channels and places are exchanged in much
    memory, by a kernel that does that twice as fast; or by NumPy, from strides of any other kind.
    """

    __slots__ = ("_chosen", "_copy", "_dtype", "_gather", "_last", "_shape", "_turn", "descriptor")

    def __init__(self, lib: Any, a: Array, wanted: Descriptor | None = None) -> None:
        number = NUMBERS[a.dtype]
        self._shape, self._dtype = a.shape, a.dtype
        self._last = wanted is None
        self._chosen = 0  # bytes of the layout that the primitive chose
        last = strided(lib, a.shape, number, last_strides(a.shape))
        self.descriptor = last if wanted is None else wanted
        self._copy: Any = None
        self._turn = False
        lies_last = lies(a, last_strides(a.shape, a.itemsize))
        self._gather = not lies_last and not a.flags.c_contiguous
        if wanted is None and (lies_last or self._gather):
            return
        own = last if lies_last else strided(lib, a.shape, number, plain_steps(a.shape))
        if own != self.descriptor:
            self._copy = reorder(own, self.descriptor)
            self._chosen = 0 if wanted is None else wanted.nbytes
        if wanted is None and a.size >= LEAST_TURNED and a.shape[1] >= LEAST_CHANNELS:
            self._turn = True

    def ready(self, a: Array) -> Array:
        """Return the array, or memory that holds a copy of it as it is wanted."""
        if self._gather:
            if self._last:
                out = empty_last(self._shape, self._dtype)
                np.copyto(out, a)
                return out
            a = np.ascontiguousarray(a)
        copy = self._copy
        if copy is None:
            return a
        if self._chosen:
            out = np.empty(self._chosen, np.uint8)
        else:
            out = empty_last(self._shape, self._dtype)
            if self._turn and copying.into(out, a):
                return out
        copy(address_of(a), address_of(out))
        return out


class Weights:
    """A weight's plain layout, and the copy between it and the one that a primitive chose."""

    __slots__ = ("_reorder", "_size", "_wanted", "plain", "shape")

    def __init__(
        self, lib: Any, shape: Sequence[int], steps: Sequence[int], dtype: Any, groups: int
    ) -> None:
        self.shape = tuple(shape)
        if groups > 1:
            self.shape = (groups, shape[0] // groups, *shape[1:])
            steps = (shape[0] // groups * steps[0], *steps)
        self.plain = strided(lib, self.shape, NUMBERS[dtype], steps)
        self._reorder: Any = None
        self._size = 0
        self._wanted: Any = None

    def to(self, wanted: Descriptor) -> None:
        """Prepare :meth:`ready`."""
        if wanted != self.plain:
            self._reorder = reorder(self.plain, wanted)
            self._size = wanted.nbytes
            self._wanted = wanted

    def back(self, found: Descriptor) -> None:
        """Prepare :meth:`room` and :meth:`plainly`."""
        if found != self.plain:
            self._reorder = reorder(found, self.plain)
            self._size = found.nbytes

    def ready(self, w: Array) -> Array:
        """Return memory that holds a contiguous weight in the primitive's layout."""
        if self._reorder is None:
            return w
        own = here()
        made = own.made if own.made_of == id(w) else None
        if made is not None:
            for layout, memory in made:
                if layout is self._wanted or layout == self._wanted:
                    return memory
        out = np.empty(self._size, np.uint8)
        self._reorder(address_of(w), address_of(out))
        if made is not None and len(made) < MOST_LAYOUTS:
            made.append((self._wanted, out))
        return out

    def room(self, out: Array) -> Array:
        """Return memory for the primitive to write to: the result itself if the layouts agree."""
        return out if self._reorder is None else np.empty(self._size, np.uint8)

    def plainly(self, room: Array, out: Array) -> None:
        """Copy what the primitive wrote into the result."""
        if self._reorder is not None:
            self._reorder(address_of(room), address_of(out))


def dense(w: Array) -> Array:
    """Return an array that lies in the order of its indices or channels last: this, or a copy."""
    if w.flags.c_contiguous or (w.ndim > 2 and lies(w, last_strides(w.shape, w.itemsize))):
        return w
    return np.ascontiguousarray(w)
