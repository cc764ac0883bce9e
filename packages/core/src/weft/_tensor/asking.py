"""What may be asked of a tensor, as a function, a method or an attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core import inference, layouts
from weft._core.device import device_of
from weft._core.node import Pick
from weft._core.tensor import Tensor
from weft._tensor.layout import dtype, ndim
from weft._tensor.reading import item


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return dtype(input).is_signed


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0.

    Raises:
        ValueError: there is not exactly one element.
    """
    return bool(item(input) != 0)


def is_inference(input: Tensor) -> bool:
    """Whether the tensor's memory was made in :class:`weft.inference_mode`.

    Outside of the mode such a tensor can neither be written to in place, nor be saved for a
    backward pass, nor be made to require grad.
    """
    return inference.is_inference(input)


def get_device(input: Tensor) -> int:
    """Return the number of the GPU that holds the tensor; -1 on the CPU."""
    place = device_of(input)
    return -1 if place.index is None else place.index


def typename(obj: Any) -> str:
    """Return a tensor's type as ``"weft.FloatTensor"``; of anything else, its class with module."""
    if isinstance(obj, Tensor):
        return f"weft.{_TYPE_NAMES.get(dtype(obj).name, dtype(obj).name)}Tensor"
    kind = type(obj)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


_TYPE_NAMES = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "bool": "Bool",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def _output_nr(self: Tensor) -> int:
    """Return which of its op's results this is."""
    return self._node.index if isinstance(self._node, Pick) else 0


def _is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is locked for copies to a GPU: never."""
    return False


def _is_cpu(self: Tensor) -> bool:
    """Whether the data is in the memory of the CPU."""
    return device_of(self).type == "cpu"


def _is_cuda(self: Tensor) -> bool:
    """Whether the data is on a GPU."""
    return device_of(self).type == "cuda"


def _is_meta(self: Tensor) -> bool:
    """Whether there is a shape and no data."""
    return device_of(self).type == "meta"


def _never(said: str) -> Callable[[Tensor], bool]:
    """Return what answers False for every tensor."""

    def answer(self: Tensor) -> bool:
        return False

    answer.__doc__ = said
    return answer


def _layout(self: Tensor) -> layouts.layout:
    """Return how elements are stored: ``weft.strided``."""
    return layouts.strided


def _name(self: Tensor) -> None:
    """Return the tensor's name: None, since tensors have none."""


METHODS: dict[str, Any] = {
    "get_device": get_device,
    "is_inference": is_inference,
    "is_nonzero": is_nonzero,
    "is_pinned": _is_pinned,
    "is_signed": is_signed,
    "ndimension": ndim,
}
PROPERTIES: dict[str, Any] = {
    "is_cpu": _is_cpu,
    "is_cuda": _is_cuda,
    "is_meta": _is_meta,
    "is_mkldnn": _never("Whether the data lies in a layout of oneDNN's: none is shown so."),
    "is_mps": _never("Whether the data is on an Apple GPU: weft has no such device."),
    "is_nested": _never("Whether it holds tensors of several shapes: weft has none that do."),
    "is_quantized": _never("Whether the elements are quantised: weft has none that are."),
    "is_sparse": _never("Whether only some elements are stored: weft's tensors store all."),
    "is_sparse_csr": _never("Whether only rows of elements are stored: weft's tensors store all."),
    "is_xpu": _never("Whether the data is on an Intel GPU: weft has no such device."),
    "layout": _layout,
    "name": _name,
    "output_nr": _output_nr,
}
