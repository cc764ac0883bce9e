"""Devices: where a tensor's data is, told by the kind of array it holds."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import did_you_mean
from weft._core.tensor import Tensor

_TYPES = ("cpu", "cuda", "meta")


class device:
    """A place for tensors: ``device("cpu")``, ``device("cuda", 0)``, ``device("meta")``.

    Attributes:
        type: ``"cpu"``, ``"cuda"`` or ``"meta"``.
        index: the number of the GPU, or None.
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        name, _, number = str(type).partition(":")
        if name not in _TYPES or (number and not number.isdigit()):
            raise ValueError(
                f"device: expected one of {', '.join(_TYPES)} or 'cuda:N', got {type!r}"
                f"{did_you_mean(name, _TYPES)}"
            )
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        number = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{number})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")
META = device("meta")


def device_of(x: Tensor) -> device:
    """Return the device that holds the tensor's data."""
    data = x._data
    while isinstance(data, Boxed):
        data = data.inner._data
    if type(data) is ndarray:
        return CPU
    if isinstance(data, Aval):
        return META
    return device("cuda", data.device.id)


def require(wanted: Any) -> device:
    """Return ``wanted`` as a device on which tensors can be made now.

    Raises:
        RuntimeError: it is a GPU and none can be used, with the reason in one sentence.
    """
    place = CPU if wanted is None else device(wanted)
    if place.type == "cuda":
        from weft._backend.cupy_ import why_unavailable

        reason = why_unavailable()
        raise RuntimeError(f"device {place}: {reason}")
    return place
