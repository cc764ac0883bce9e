"""Where loaded tensors are put: what `map_location` says, in PyTorch's ways of saying it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import weft

from .errors import WeightsError, Where, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["MapLocation", "Placing", "placing"]

MapLocation: TypeAlias = (
    "weft.device | str | Mapping[str, Any] | Callable[[Tensor, str], Tensor | None] | None"
)
#: Puts a tensor read from a file where it belongs: the tensor, where it was saved from ("cuda:0"),
#: and the file's name for messages.
Placing: TypeAlias = "Callable[[Tensor, str, Where], Tensor]"


def placing(map_location: MapLocation) -> Placing:
    """Return what puts tensors in their place.

    Args:
        map_location: None: where they were saved from. A device or its name: there. A mapping from
            places to places ({"cuda:0": "cpu"}); others stay. A function of a 1-d tensor on the
            CPU, which is the memory of one tensor or of several that share it, and of the place it
            was saved from: it returns the tensor where it is to be, or None for that place.

    Raises:
        TypeError: it is none of these.
        ValueError: it names no device.
    """
    if map_location is None:
        return _restored
    if isinstance(map_location, str | weft.device):
        place = weft.device(map_location)
        return lambda tensor, saved_from, origin: _moved(tensor, place)
    if isinstance(map_location, Mapping):
        places = dict(map_location)
        return lambda tensor, saved_from, origin: _restored(
            tensor, str(places.get(saved_from, saved_from)), origin
        )
    if callable(map_location):
        return _asked(map_location)
    raise TypeError(
        "map_location is a device, its name, a dict of places, a function or None, but here it is "
        f"{shown(map_location)}"
    )


def _moved(tensor: Tensor, place: weft.device) -> Tensor:
    return tensor if place.type == "cpu" else tensor.to(place)


def _restored(tensor: Tensor, saved_from: str, origin: Where) -> Tensor:
    """Put a tensor back on the device that it was saved from."""
    if saved_from == "cpu":
        return tensor
    try:
        return _moved(tensor, weft.device(saved_from))
    except (ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{origin}: a tensor was saved from {shown(saved_from)}, which is not to be had here "
            f"({error}); map_location='cpu' loads it on the CPU"
        ) from error


def _asked(function: Callable[[Tensor, str], Tensor | None]) -> Placing:
    def place(tensor: Tensor, saved_from: str, origin: Where) -> Tensor:
        found = function(tensor, saved_from)
        if found is None:
            return _restored(tensor, saved_from, origin)
        if not isinstance(found, weft.Tensor) or found.numel() != tensor.numel():
            raise TypeError(
                f"map_location returns the tensor of {tensor.numel()} elements that it was given, "
                f"moved, or None, but here it returned {shown(found)}"
            )
        return found

    return place
