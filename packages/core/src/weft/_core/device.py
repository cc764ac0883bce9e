"""Devices: where a tensor's data is, told by the kind of array it holds."""

from __future__ import annotations

import builtins
from types import TracebackType
from typing import Any

from weft._backend import ndarray
from weft._backend.libraries import Unavailable, by_array, library_for
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import DeviceError, did_you_mean
from weft._core.modes import here
from weft._core.tensor import Tensor

_TYPES = ("cpu", "cuda", "meta")


class device:
    """A place for tensors: ``device("cpu")``, ``device("cuda", 0)``, ``device("meta")``.

    Attributes:
        type: ``"cpu"``, ``"cuda"`` or ``"meta"``.
        index: the number of the GPU, or None.

    Used in ``with``, it is where functions of creation make tensors that name no device.
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type  # as in PyTorch, a number alone is a GPU's
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

    def __enter__(self) -> device:
        """Make tensors here that name no device, until the block ends."""
        here.devices = (*here.devices, require(self))
        return self

    def __exit__(
        self,
        kind: builtins.type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        here.devices = here.devices[:-1]

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
    return place_of(data)


def place_of(data: Any) -> device:
    """Return the device of what a tensor holds: an array, or an aval."""
    if type(data) is ndarray:
        return CPU
    if isinstance(data, Aval):
        return META
    library = by_array.get(type(data))
    return CPU if library is None else device("cuda", library.where(data))


def require(wanted: Any) -> device:
    """Return ``wanted`` as a device on which tensors can be made now; None is the default device.

    Raises:
        DeviceError: it is a GPU that cannot be used, with the reason in one sentence.
    """
    if wanted is None:
        return here.devices[-1] or CPU
    place = wanted if type(wanted) is device else device(wanted)
    if place.type != "cuda":
        return CPU if place.type == "cpu" else META
    try:
        library = library_for("cuda")
    except Unavailable as reason:
        raise DeviceError(f"device {place}: {reason}") from None
    index = library.current() if place.index is None else place.index
    count = library.count()
    if index >= count:
        there = (
            "is 1 GPU, cuda:0" if count == 1 else f"are {count} GPUs, cuda:0 to cuda:{count - 1}"
        )
        raise DeviceError(f"device {place}: out of range, there {there}")
    return device("cuda", index)


def placed(data: Any, place: device) -> Any:
    """Return a NumPy array's values as what a tensor on a device holds."""
    if place.type == "cpu":
        return data
    if place.type == "meta":
        return Aval(tuple(data.shape), data.dtype)
    return library_for("cuda").put(data, place.index or 0)


def set_default_device(device: Any) -> None:
    """Set where this thread's functions of creation make tensors that name no device.

    Args:
        device: the device, as :class:`weft.device` takes it; None is the CPU.

    Raises:
        DeviceError: it cannot be used, with the reason.
    """
    chosen = None if device is None else require(device)
    here.devices = (chosen, *here.devices[1:])


def get_default_device() -> device:
    """Return where tensors are made that name no device: the CPU unless something else is set."""
    return require(None)
