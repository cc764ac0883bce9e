"""Blocks of shared memory without a name, which a worker fills and lends to the loader's process.

A block is a file that no folder lists. The worker sends it, open, with the first message that needs
it; both processes map it, and the kernel frees it when neither does, however they ended. When the
last array over a block is gone on the other side, the worker may fill the block again: its pages
are there already, which is most of what sharing memory costs otherwise.
"""

from __future__ import annotations

import mmap
import os
import socket
import tempfile
import weakref
from collections import deque
from pathlib import Path
from typing import Any

from weft._backend import ndarray, np

#: Arrays of fewer bytes travel within the message: a copy of so few costs less than a block.
SMALL = 16384
_LEAST = 65536
#: How many blocks that fit nothing are kept.
_IDLE = 8


def supported() -> bool:
    """Whether open files can be sent to another process here (not on Windows)."""
    return hasattr(socket, "send_fds") and hasattr(socket, "AF_UNIX")


def _new_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("weft-data", os.MFD_CLOEXEC)
    else:
        folder = "/dev/shm" if Path("/dev/shm").is_dir() else None
        with tempfile.TemporaryFile(dir=folder) as temporary:  # has no name from the beginning
            file = os.dup(temporary.fileno())
    os.ftruncate(file, size)
    return file


def _rounded(size: int) -> int:
    """Return a size with at most an eighth more, so that batches of similar sizes share blocks."""
    step = max(_LEAST, 1 << max(size.bit_length() - 4, 0))
    return -(-size // step) * step


class _Held:
    """An array's hold on a block: NumPy makes an array over it, whose base it then is."""

    __slots__ = ("__array_interface__", "__weakref__", "block")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.__array_interface__ = _interface(block.address, block.size)


def _interface(address: int, size: int) -> dict[str, Any]:
    return {"data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3}


class Block:
    """A block in the worker's process."""

    __slots__ = ("_whole", "address", "held", "lent", "name", "size")

    def __init__(self, name: int, size: int, file: int) -> None:
        self._whole = np.frombuffer(mmap.mmap(file, size), np.uint8)
        self.name, self.size, self.address = name, size, self._whole.ctypes.data
        self.lent = 0
        self.held: weakref.ref[_Held] | None = None

    def idle(self) -> bool:
        """Whether neither process has an array over it."""
        return not self.lent and (self.held is None or self.held() is None)


class Lender:
    """The worker's blocks."""

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}
        self._next = 0
        #: What the other side does not know yet: new blocks as (name, size) with their files, and
        #: the names of those that are no more.
        self.new: list[tuple[int, int]] = []
        self.files: list[int] = []
        self.dropped: list[int] = []

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return a new array in a block of its own.

        Raises:
            OSError: there is no memory left for it.
        """
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        block = self._fitting(size) or self._made(size)
        held = _Held(block)
        block.held = weakref.ref(held)
        return ndarray(shape, dtype, np.asarray(held))

    def _fitting(self, size: int) -> Block | None:
        fitting = [b for b in self._blocks.values() if size <= b.size <= 2 * size + _LEAST]
        return min((b for b in fitting if b.idle()), key=lambda b: b.size, default=None)

    def _made(self, size: int) -> Block:
        idle = [b.name for b in self._blocks.values() if b.idle()]
        for name in idle[_IDLE:]:
            del self._blocks[name]
            self.dropped.append(name)
        size = _rounded(size)
        file = _new_file(size)
        block = Block(self._next, size, file)
        self._next += 1
        self._blocks[block.name] = block
        self.new.append((block.name, size))
        self.files.append(file)
        return block

    def lend(self, array: Any) -> tuple[int, int, tuple[int, ...]]:
        """Lend an array's block, or that of a copy of it; return name, offset and strides."""
        base = array
        while type(base) is ndarray:
            base = base.base
        if type(base) is not _Held or base.block.lent or base.block.name not in self._blocks:
            copied = self.empty(array.shape, array.dtype)
            copied[...] = array
            return self.lend(copied)
        return base.block.name, array.ctypes.data - base.block.address, array.strides

    def sent(self, names: set[int]) -> None:
        """Note that a message that lends these blocks, with all that was new, was sent."""
        for name in names:
            self._blocks[name].lent += 1
        for file in self.files:
            os.close(file)
        self.new, self.files, self.dropped = [], [], []

    def returned(self, names: list[int]) -> None:
        """Note that the other side has no array over these blocks any more."""
        for name in names:
            if name in self._blocks:
                self._blocks[name].lent -= 1


class _Borrow:
    """An array's hold on a block in the loader's process: when it goes, the block is returned."""

    __slots__ = ("__array_interface__", "_back", "_name", "_whole")

    def __init__(self, name: int, whole: Any, back: deque[int]) -> None:
        self._name, self._whole, self._back = name, whole, back
        self.__array_interface__ = _interface(whole.ctypes.data, whole.nbytes)

    def __del__(self) -> None:
        self._back.append(self._name)


class Borrower:
    """One worker's blocks in the loader's process.

    Attributes:
        back: the names of blocks to be returned with the next message.
    """

    def __init__(self) -> None:
        self._wholes: dict[int, Any] = {}
        self._message: dict[int, Any] = {}
        self.back: deque[int] = deque()

    def begin(self, new: list[tuple[int, int]], files: list[int], dropped: list[int]) -> None:
        """Begin a message: take the files that came with it, forget blocks that are no more."""
        self._message = {}
        for (name, size), file in zip(new, files, strict=True):
            self._wholes[name] = np.frombuffer(mmap.mmap(file, size), np.uint8)
            os.close(file)
        for name in dropped:
            self._wholes.pop(name, None)

    def array(
        self, dtype: Any, shape: tuple[int, ...], name: int, offset: int, strides: tuple[int, ...]
    ) -> Any:
        """Return an array over a block; all of one message hold the block together."""
        whole = self._message.get(name)
        if whole is None:
            whole = np.asarray(_Borrow(name, self._wholes[name], self.back))
            self._message[name] = whole
        return ndarray(shape, dtype, whole, offset, strides)

    def end(self) -> None:
        """End a message: only its arrays hold its blocks now."""
        self._message = {}


class _State:
    """The worker's blocks, in a worker."""

    lender: Lender | None = None


_state = _State()


def use(lender: Lender | None) -> None:
    """Have :func:`room` take memory from here."""
    _state.lender = lender


def room(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a new array for a batch: in a worker one that need not be copied to be handed over."""
    lender = _state.lender
    size = dtype.itemsize
    for n in shape:
        size *= n
    if lender is None or size < SMALL:
        return np.empty(shape, dtype)
    return lender.empty(shape, dtype)
