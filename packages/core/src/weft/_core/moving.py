"""Whether a tensor's memory may be moved: whether nobody would see it.

A convolution leaves its result in the order that is quickest for the next layer, and the ops after
it keep that. Where a view needs the order of the indices, the memory is copied into that order and
takes the old one's place, if no other tensor or array shares it.
"""

from __future__ import annotations

import sys
from typing import Any
from weakref import ref

from weft._backend import ndarray
from weft._core.made import count_holder
from weft._core.node import Leaf
from weft._core.relatives import is_alone
from weft._core.tensor import Tensor, version_of


def share(tensor: Tensor) -> Any:
    """Say that others may know a tensor's memory from now on; return what it holds."""
    data = tensor._data
    count_holder(tensor)
    if type(data) is ndarray and not data.flags.c_contiguous:  # other memory is never moved
        version_of(tensor).known = True
    return data


def share_between(one: Tensor, other: Tensor) -> None:
    """Say that two tensors that are no views of each other have the same memory."""
    data = one._data
    if type(data) is not ndarray or data.flags.c_contiguous:
        return
    versions = version_of(one), version_of(other)
    before = [getattr(version, "known", None) for version in versions]
    if any(known is True or (known is not None and known() is not None) for known in before):
        versions[0].known = versions[1].known = True
    else:
        versions[0].known, versions[1].known = ref(other), ref(one)


def _holders(tensor: Tensor) -> int:
    """Return how many references a tensor's array has, with those of asking."""
    return sys.getrefcount(tensor._data)


def _holders_of_one() -> int:
    tensor = Tensor.__new__(Tensor)
    tensor._data = ndarray(1)
    return _holders(tensor)


_ALONE = _holders_of_one()


def may_move(tensor: Tensor) -> bool:
    """Whether a tensor's memory is its own, and nobody else knows it."""
    if not tensor._data.flags.owndata or isinstance(tensor._node, Leaf):
        return False
    known = getattr(tensor._version, "known", None)
    if known is True:
        return _holders(tensor) == _ALONE
    return (known is None or known() is None) and is_alone(tensor)
