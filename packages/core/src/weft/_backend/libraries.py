"""The array libraries beside NumPy: which one serves a kind of device, and how to speak to it.

A library is entered by the type of its arrays the first time its device is asked for, and from
then on an array of that type is a kind of tensor data like any other. CuPy serves ``cuda``; the
tests put another in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from weft._backend.cpu.launching import Launcher
from weft._backend.numpy_ import ndarray, xp

_truths = Launcher("truths")


class Library(Protocol):
    """What weft asks of an array library whose arrays live on numbered devices."""

    #: Its name, for messages.
    name: str
    #: The type of its arrays.
    array: type
    #: The namespace that kernels run with.
    xp: Any

    def count(self) -> int:
        """Return how many devices there are; at least one."""

    def current(self) -> int:
        """Return the number of the device that is used where none is named."""

    def on(self, index: int) -> AbstractContextManager[Any]:
        """Return a context in which the library works on one device."""

    def where(self, array: Any) -> int:
        """Return the number of the device that holds an array."""

    def put(self, array: Any, index: int) -> Any:
        """Return a NumPy array, or one of the library's own, as an array on a device."""

    def take(self, array: Any) -> Any:
        """Return one of the library's arrays as a NumPy array, a copy."""


class Unavailable(RuntimeError):
    """A kind of device that cannot be used here; the message is the one reason."""


def _cupy() -> Library:
    from weft._backend import cupy_

    return cupy_.load()


#: How to load the library of each kind of device; raises :class:`Unavailable` with the reason.
loaders: dict[str, Callable[[], Library]] = {"cuda": _cupy}
#: The loaded libraries by kind of device, and by the type of their arrays.
loaded: dict[str, Library] = {}
by_array: dict[type, Library] = {}


def library_for(kind: str) -> Library:
    """Return the library that serves a kind of device, loaded if it was not.

    Raises:
        Unavailable: it cannot be used, with the reason in one sentence.
    """
    library = loaded.get(kind)
    if library is None:
        library = loaded[kind] = loaders[kind]()
        by_array[library.array] = library
    return library


def forget(kind: str) -> None:
    """Drop a loaded library, so that the next use looks for one again."""
    library = loaded.pop(kind, None)
    if library is not None:
        by_array.pop(library.array, None)


def on_host(data: Any) -> Any:
    """Return an array as NumPy's: itself, or a copy from the device that holds it."""
    library = by_array.get(type(data))
    return data if library is None else library.take(data)


def is_array(data: Any) -> bool:
    """Whether this is an array of any library, whose values can be read: no aval and no box."""
    return type(data) is ndarray or type(data) in by_array


def copied(data: Any) -> Any:
    """Return a copy of an array in the order of its indices, on the device that holds it."""
    library = by_array.get(type(data))
    return data.copy() if library is None else library.put(data, library.where(data))


def store(data: Any, key: Any, value: Any) -> None:
    """Write into an array of any library, on the device that holds it."""
    library = by_array.get(type(data))
    if library is None:
        data[key] = value
    else:
        with library.on(library.where(data)):
            data[key] = value


def nonzero(data: Any) -> Any:
    """Return where an array is not 0, one index array for each dim, on the device that holds it."""
    library = by_array.get(type(data))
    if library is None:
        if data.size >= 2048 and _truths:
            found = _truths.true_places(data, together=False)
            if found is not None:
                return tuple(found)
        return xp.nonzero(data)
    with library.on(library.where(data)):
        return library.xp.nonzero(data)
