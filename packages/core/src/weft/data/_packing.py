"""Messages of a worker as bytes: large arrays as blocks of shared memory, small ones within."""

from __future__ import annotations

import io
import pickle
import threading
from typing import Any

from weft._backend import ndarray
from weft._core.tensor import Tensor, wrap
from weft.data._blocks import SMALL, Borrower, Lender


class _Packer(pickle.Pickler):
    """Pickles tensors and arrays as what :func:`_array` makes them of."""

    def __init__(self, file: io.BytesIO, lender: Lender | None) -> None:
        super().__init__(file, 5)
        self._lender = lender
        self.lent: set[int] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Say how an object is pickled, if not as it would be anyway."""
        kind = type(obj)
        if kind is Tensor:
            if type(obj._data) is ndarray and obj._node is None:
                return _tensor, self._parts(obj._data)
        elif kind is ndarray and not obj.dtype.hasobject:
            return _array, self._parts(obj)
        return NotImplemented

    def _parts(self, array: Any) -> tuple[Any, ...]:
        dtype = array.dtype
        kind = dtype.str if dtype.isbuiltin == 1 else dtype
        if self._lender is None or array.nbytes < SMALL:
            return kind, array.shape, bytearray(array.tobytes())
        name, offset, strides = self._lender.lend(array)
        self.lent.add(name)
        return kind, array.shape, name, offset, strides


class _Here(threading.local):
    """Whose message this thread reads."""

    borrower: Borrower | None = None


_here = _Here()


def _array(dtype: Any, shape: tuple[int, ...], *rest: Any) -> Any:
    if len(rest) == 1:
        return ndarray(shape, dtype, rest[0])
    assert _here.borrower is not None
    return _here.borrower.array(dtype, shape, *rest)


def _tensor(*parts: Any) -> Tensor:
    return wrap(_array(*parts))


def pack(message: Any, lender: Lender | None) -> tuple[bytes, Any, set[int]]:
    """Return a message as what is said of blocks, its bytes, and the names of the blocks it lends.

    Raises:
        Exception: whatever the message's objects raise that cannot be pickled.
    """
    file = io.BytesIO()
    packer = _Packer(file, lender)
    packer.dump(message)
    said = b""
    if lender is not None and (lender.new or lender.dropped):
        said = pickle.dumps((lender.new, lender.dropped), 5)
    return said, file.getbuffer(), packer.lent


def unpack(said: Any, body: Any, files: list[int], borrower: Borrower) -> Any:
    """Return the message that a worker packed."""
    new, dropped = pickle.loads(said) if said else ([], [])
    borrower.begin(new, files, dropped)
    _here.borrower = borrower
    try:
        return pickle.loads(body)
    finally:
        _here.borrower = None
        borrower.end()
