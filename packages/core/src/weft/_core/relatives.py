"""Who else shares a tensor's memory: what a recorded write has to reach."""

from __future__ import annotations

import gc
import sys

from weft._core.errors import GradError
from weft._core.node import Version
from weft._core.tensor import Tensor, wrap


def relatives(tensor: Tensor) -> list[Tensor]:
    """Return the other living tensors that are views of the same memory.

    Views are not registered when they are made, which would cost each a good part of its own
    time. The base is known, and counting references tells whether there is any other; only then
    are they looked for among all objects that Python's collector tracks, in milliseconds.

    Raises:
        GradError: there are others, and ``gc.freeze()`` has hidden objects from that search.
    """
    if tensor._version is None or tensor._version.base is None:
        return []
    holders = _holders(tensor)
    version = tensor._version
    base = version.base()
    known = [] if base is None or base is tensor or base._version is not version else [base]
    if holders == _ALONE + len(known):
        return known
    if gc.get_freeze_count():
        raise GradError(
            "a tensor that shares memory with other views is written in place while a graph is "
            "recorded, but gc.freeze() hides these views; call gc.unfreeze() first"
        )
    return [
        found
        for found in gc.get_referrers(version)
        if isinstance(found, Tensor) and found is not tensor and found._version is version
    ]


def _holders(tensor: Tensor) -> int:
    """Return how many references the version of a tensor has, with those of asking."""
    return sys.getrefcount(tensor._version)


def is_alone(tensor: Tensor) -> bool:
    """Whether no other living tensor is a view of the same memory."""
    return tensor._version is None or _holders(tensor) == _ALONE


def _holders_of_one() -> int:
    tensor = wrap(None)
    tensor._version = Version()
    return _holders(tensor)


#: What is counted where one tensor alone has the version; it depends on Python's version.
_ALONE = _holders_of_one()
