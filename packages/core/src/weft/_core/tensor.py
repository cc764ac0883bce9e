"""The tensor's slots. ``weft/_tensor`` fills the class with methods once the ops exist."""

from __future__ import annotations

import math
from typing import Any

from weft._core.inference import born
from weft._core.modes import flags
from weft._core.node import Version

_item = tuple.__getitem__


class Size(tuple[int, ...]):
    """A tensor's shape: a tuple that also counts elements, as its parts and sums do."""

    __slots__ = ()

    def __getitem__(self, place: Any) -> Any:
        found = _item(self, place)
        return Size(found) if type(place) is slice else found

    def __add__(self, other: Any) -> Any:
        return Size((*self, *other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Size((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Size:
        return Size(tuple(self) * times)

    __rmul__ = __mul__

    def numel(self) -> int:
        """Return the number of elements of a tensor with this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"weft.Size({list(self)})"


class Extra:
    """What few tensors have: a gradient, who wants to hear of it, what was made of the values."""

    __slots__ = ("grad", "made", "post_accumulate", "retains_grad")

    def __init__(self) -> None:
        self.grad: Any = None
        self.made: Any = None  # see weft._core.made
        self.post_accumulate: dict[int, Any] | None = None
        self.retains_grad = False


class Tensor:
    """An n-dimensional array of one dtype that records how it was computed.

    Make one with :func:`weft.tensor` or another function of creation.
    """

    # Ops make tensors through Tensor.__new__ and set all four slots themselves.
    __slots__ = ("__weakref__", "_data", "_extra", "_node", "_version")

    _data: Any  # an array; an Aval on the meta device; a transform's boxed value
    _node: Any  # the node that computed it, a Leaf if the user asked for its gradient, else None
    _version: Version | None  # shared by all views of one memory; None until the first view
    _extra: Extra | None

    # numpy must not take `array + tensor` apart element by element
    __array_priority__ = 1000


_new = Tensor.__new__


def wrap(data: Any) -> Tensor:
    """Return a tensor over ``data`` that records nothing."""
    out = _new(Tensor)
    out._data = data
    out._node = None
    out._version = None
    out._extra = None
    if flags.inference:
        born(out)
    return out


def version_of(tensor: Tensor) -> Version:
    """Return the tensor's version counter, made on first use."""
    version = tensor._version
    if version is None:
        version = tensor._version = Version()
    return version


def detached_version(tensor: Tensor) -> Version:
    """Return the version of another tensor over the same memory that is no view of this one."""
    return Version(version_of(tensor).writes)


def extra_of(tensor: Tensor) -> Extra:
    """Return the tensor's rare state, made on first use."""
    extra = tensor._extra
    if extra is None:
        extra = tensor._extra = Extra()
    return extra
