"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import weft
from weft import Tensor
from weft._core.errors import DeviceError


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the elements of parameters, one after the other, in one vector.

    Args:
        parameters: all on one device.

    Returns:
        Tensor: 1-d; recorded, so that its gradient reaches the parameters.

    Raises:
        weft.DeviceError: they are on several devices.

    Source: PyTorch's `torch.nn.utils.parameters_to_vector`.

    Example:
        >>> weft.nn.utils.parameters_to_vector([weft.zeros(2, 2), weft.ones(1)])
        tensor([0., 0., 0., 0., 1.])
    """
    each = list(parameters)
    _check_devices("parameters_to_vector", each)
    return weft.cat([p.reshape(-1) for p in each])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give parameters the elements of a vector: each becomes a view of its part of it.

    Args:
        vec: 1-d, of as many elements as the parameters have together, or more.
        parameters: all on one device.

    Raises:
        TypeError: `vec` is no tensor.
        ValueError: it has too few elements.
        weft.DeviceError: the parameters are on several devices.

    Source: PyTorch's `torch.nn.utils.vector_to_parameters`.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a tensor, got {type(vec).__name__}")
    each = list(parameters)
    _check_devices("vector_to_parameters", each)
    needed = sum(p.numel() for p in each)
    if vec.numel() < needed:
        raise ValueError(
            f"vector_to_parameters: the parameters have {needed} elements, vec has {vec.numel()}"
        )
    begin = 0
    for p in each:
        part = vec[begin : begin + p.numel()]
        begin += p.numel()
        p.data = part.reshape(p.shape).data


def _check_devices(who: str, parameters: list[Tensor]) -> None:
    devices = {str(p.device): None for p in parameters}
    if len(devices) > 1:
        raise DeviceError(f"{who}: all parameters must be on one device, got {', '.join(devices)}")
