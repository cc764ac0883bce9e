"""Moving a tensor from one device to another."""

from __future__ import annotations

from typing import Any

from weft._backend import ndarray
from weft._backend.libraries import by_array, on_host
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.device import CPU, META, device, device_of, place_of, placed
from weft._core.errors import DeviceError
from weft._core.samples import Sample, array
from weft._core.tensor import Tensor
from weft.ops.families.batching import with_params
from weft.ops.families.linear import linear


def _back(g: Any, x: Any, *, source: device, target: device) -> Any:
    return transfer(g, source=target, target=source)


def _abstract(x: Any, *, source: device, target: device) -> Any:
    return Aval(tuple(x.shape), x.dtype)


@linear(
    shape=_abstract,
    transpose=_back,
    batch=with_params("transfer"),
    namespaces=(),
    methods=(),
    widen=False,
    samples=(Sample(array(2, 3), source=CPU, target=CPU),),
    keyword_only=("source", "target"),
)
def transfer(xp: Any, x: Any, *, source: device, target: device) -> Any:
    """Copy to another device; the gradient comes back to where the tensor was.

    Args:
        input: (...).
        source: the device it is on.
        target: the device to copy it to.

    Returns:
        Tensor: (...), on the target.
    """
    return _carried(x, source=source, target=target)


def _carried(x: Any, *, source: device, target: device) -> Any:
    """Copy an array between devices, by way of the host where the libraries differ."""
    if target.type == "meta":
        return Aval(tuple(x.shape), x.dtype)
    if target.type == "cpu":
        return x.copy() if type(x) is ndarray else on_host(x)
    return placed(x, target)


_OP = catalogue.ops["transfer"]
_OP.kernels[ndarray] = _carried


def _from_meta(x: Any, *, source: device, target: device) -> Any:
    if source != META or target == META:
        return _abstract(x, source=source, target=target)
    raise DeviceError(
        f"to: a tensor on the meta device has a shape and no data to move to {target}; make one "
        f"there with weft.empty_like(x, device={str(target)!r})"
    )


_OP.kernels[Aval] = _from_meta


def moved(x: Tensor, place: device) -> Tensor:
    """Return a tensor on a device: itself if it is there.

    Raises:
        DeviceError: it is on the meta device, which has no data to move.
    """
    here = device_of(x)
    if here == place:
        return x
    library = by_array.get(type(x._data))
    if library is not None:
        _OP.kernels.setdefault(library.array, _carried)
    return transfer(x, source=here, target=place)


def together(args: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the arguments of an elementwise op with 0-d CPU tensors moved to the others' device.

    As in PyTorch a 0-d tensor on the CPU counts as the number it holds.

    Returns:
        tuple or None: None where that does not bring all to one device.
    """
    tensors = [a for a in args if isinstance(a, Tensor)]
    places = {device_of(t) for t in tensors if t.ndim or device_of(t) != CPU}
    if len(places) != 1:
        return None
    (place,) = places
    return tuple(moved(a, place) if isinstance(a, Tensor) else a for a in args)


def beside(x: Tensor, other: Tensor) -> Tensor:
    """Return ``other`` where ``x`` is: what indexes and fills may lie on the CPU."""
    if type(x._data) is type(other._data) or place_of(other._data) != CPU:
        return other
    place = device_of(x)
    return other if place == CPU else moved(other, place)
