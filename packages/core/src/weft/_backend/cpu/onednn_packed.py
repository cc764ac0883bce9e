"""Layers whose weight stays the same: kept in the order in which oneDNN's products read it.

A weight in plain order is brought into that order by parts at each call, which for few rows takes
as long as the product. What is kept belongs to the weight (see ``weft._core.made``) and goes when
its values change. All layers together keep so many bytes at most; beyond, weights stay plain.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from typing import Any

from weft._backend.cpu import onednn, threads
from weft._backend.cpu.addresses import address_of
from weft._backend.cpu.onednn import BIAS, DST, QUERY_WEIGHTS, SRC, WEIGHTS, OneDNNError
from weft._backend.cpu.onednn_primitives import (
    NUMBERS,
    Attributes,
    Primitive,
    chosen,
    kept,
    plan,
    reorder,
    strided,
)
from weft._backend.numpy_ import ndarray, np

Array = Any

#: Layouts that are kept of one weight: other numbers of rows may want another.
MOST_LAYOUTS = 3


class _Total:
    """How many bytes are kept of all weights."""

    bytes = 0
    lock = threading.RLock()


@functools.cache
def most_bytes() -> int:
    """Return how many bytes are kept at most: an eighth of the machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8
    except (AttributeError, ValueError, OSError):
        return 1 << 30


def kept_bytes() -> int:
    """Return how many bytes are kept of all weights now."""
    return _Total.bytes


def _room(nbytes: int) -> Array | None:
    """Return memory for a weight, counted while it lives; None if there is none left."""
    with _Total.lock:
        if _Total.bytes + nbytes > most_bytes():
            return None
        _Total.bytes += nbytes
    memory = np.empty(nbytes, np.uint8)
    weakref.finalize(memory, _released, nbytes).atexit = False
    return memory


def _released(nbytes: int) -> None:
    with _Total.lock:
        _Total.bytes -= nbytes


class _Product:
    """How products of one shape run, and how a weight comes into their order."""

    __slots__ = ("_dtype", "_pack", "_run", "_shape", "wanted")

    def __init__(self, dtype: Any, m: int, k: int, n: int, bias: bool) -> None:
        lib = onednn.loaded()
        number = NUMBERS[dtype]
        self._shape, self._dtype = (m, n), dtype
        rows, result = strided(lib, (m, k), number, (k, 1)), strided(lib, (m, n), number, (n, 1))
        added = strided(lib, (1, n), number, (n, 1)) if bias else None
        free, attributes = chosen(lib, (k, n), number), Attributes(lib)
        made = plan(
            "matmul", lib.engine, rows.handle, free.handle,
            None if added is None else added.handle, result.handle, attributes.handle,
        )  # fmt: skip
        plain = strided(lib, (k, n), number, (1, k))
        self.wanted = made.descriptor(QUERY_WEIGHTS)
        if made.implementation.startswith("ref") or self.wanted == plain:
            raise OneDNNError("oneDNN: no order of its own for this product")
        arguments = [(SRC, rows), (WEIGHTS, self.wanted), (DST, result)]
        self._run = Primitive(made, arguments if added is None else [*arguments, (BIAS, added)])
        self._pack = reorder(plain, self.wanted)

    def packed(self, weight: Array, made: list[Any]) -> Array | None:
        """Return the weight in the order that is wanted, kept in ``made``; None if it cannot be."""
        for layout, memory in made:
            if layout is self.wanted or layout == self.wanted:
                return memory
        if len(made) >= MOST_LAYOUTS:
            return None
        memory = _room(self.wanted.nbytes)
        if memory is not None:
            self._pack(address_of(weight), address_of(memory))
            made.append((self.wanted, memory))
        return memory

    def __call__(self, x: Array, weight: Array, bias: Array | None) -> Array:
        out = ndarray(self._shape, self._dtype)
        if bias is None:
            self._run(address_of(x), address_of(weight), address_of(out))
        else:
            self._run(address_of(x), address_of(weight), address_of(out), address_of(bias))
        return out


def _way(*arguments: Any) -> Any:
    try:
        return _Product(*arguments)
    except OneDNNError:  # none for this processor, or none that is other than plain
        return None


def product(x: Array, weight: Array, bias: Array | None, made: list[Any]) -> Array | None:
    """Return x weightᵀ + bias; None if the weight is not kept.

    Args:
        x: (m, k) without gaps, of a dtype that oneDNN takes.
        weight: (n, k) without gaps, of the same dtype.
        bias: (n,) of the same dtype without gaps, or None.
        made: a list that belongs to the weight and to its values as they are.
    """
    m, k = x.shape
    key = (_Product, x.dtype, m, k, weight.shape[0], bias is None)
    run = kept(key, _way, x.dtype, m, k, weight.shape[0], bias is not None)
    if run is None:
        return None
    threads.align()
    memory = run.packed(weight, made)
    return None if memory is None else run(x, memory, bias)
