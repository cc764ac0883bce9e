"""Changing the dtype or the device of a whole module in place."""

from __future__ import annotations

from collections.abc import Callable
from mmap import mmap
from typing import TYPE_CHECKING, Any, TypeVar

import weft
from weft import Tensor
from weft.nn.uninitialized import is_lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.nn._registry import Registry
    from weft.nn.module import Module
    from weft.nn.parameter import Parameter

Self = TypeVar("Self", bound="Conversion")
#: How many dims the tensors have that a memory format is of.
_LAID_OUT: dict[Any, tuple[int, ...]] = {
    None: (),
    weft.channels_last: (4,),
    weft.channels_last_3d: (5,),
    weft.contiguous_format: (4, 5),
}


class Conversion:
    """The part of `Module` that converts parameters and buffers."""

    if TYPE_CHECKING:  # no hints at run time, where the names in them are not
        _parameters: Registry[Parameter | None]
        _buffers: Registry[Tensor | None]

        def children(self) -> Iterator[Module]: ...

    def _apply(self: Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace every parameter, its gradient and every buffer by `fn` of it.

        A parameter keeps its identity, so an optimizer that holds it sees the new data.
        """
        if recurse:
            for child in self.children():
                child._apply(fn)
        with weft.no_grad():
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                gradient = parameter.grad
                parameter.grad = None  # a gradient of the old dtype cannot stay, even for a moment
                parameter.data = fn(parameter.data)
                if gradient is not None:
                    parameter.grad = fn(gradient)
            for name, buffer in list(self._buffers.items()):
                if buffer is not None and is_lazy(buffer):
                    buffer.data = fn(buffer.data)
                elif buffer is not None:
                    setattr(self, name, fn(buffer))
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move to a dtype, a device or both, in place, or to another order in memory.

        `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(tensor)` or
        `to(memory_format=weft.channels_last)`. A dtype changes the floating and complex parameters
        and buffers only; integers stay. A memory format is that of images' dims, and changes the
        parameters and buffers that have as many.

        Returns:
            The module itself.

        Raises:
            TypeError: the dtype is neither floating nor complex, an argument is no dtype, device
                or tensor, or there are two of a kind.
            ValueError: the memory format is not one of images.
        """
        memory_format = kwargs.pop("memory_format", None)
        device, dtype = parse_to(*args, **kwargs)
        dims = _LAID_OUT.get(memory_format)
        if dims is None:
            raise ValueError(
                f"Module.to: memory_format must be one of {', '.join(map(str, _LAID_OUT))}, got "
                f"{memory_format!r}"
            )

        def convert(tensor: Tensor) -> Tensor:
            if device is not None:
                tensor = tensor.to(device)
            if dtype is not None and _is_inexact(tensor):
                tensor = tensor.to(dtype)
            if tensor.ndim in dims:
                tensor = tensor.contiguous(memory_format=memory_format)
            return tensor

        return self._apply(convert)

    def type(self: Self, dst_type: weft.dtype) -> Self:
        """Convert all parameters and buffers, integers too, to `dst_type`, in place."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self: Self) -> Self:
        """Convert floating parameters and buffers to float32, in place."""
        return self._apply(lambda t: t.to(weft.float32) if t.dtype.is_floating_point else t)

    def double(self: Self) -> Self:
        """Convert floating parameters and buffers to float64, in place."""
        return self._apply(lambda t: t.to(weft.float64) if t.dtype.is_floating_point else t)

    def half(self: Self) -> Self:
        """Convert floating parameters and buffers to float16, in place."""
        return self._apply(lambda t: t.to(weft.float16) if t.dtype.is_floating_point else t)

    def bfloat16(self: Self) -> Self:
        """Convert floating parameters and buffers to bfloat16, in place."""
        return self._apply(lambda t: t.to(weft.bfloat16) if t.dtype.is_floating_point else t)

    def cpu(self: Self) -> Self:
        """Move to the CPU, in place."""
        return self.to("cpu")

    def cuda(self: Self, device: Any = None) -> Self:
        """Move to a GPU, in place.

        Args:
            device: which, as an int or a device; the current one when None.

        Raises:
            DeviceError: there is no such GPU, or none can be used, with the reason.
        """
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self: Self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without the values, which are whatever the memory holds, in place.

        The way from the meta device to one with memory, before values are loaded.

        Args:
            device: where to; None keeps the device.
            recurse: whether modules below move too.
        """
        return self._apply(lambda tensor: weft.empty_like(tensor, device=device), recurse)

    def share_memory(self: Self) -> Self:
        """Move to memory that processes forked from this one share, in place.

        What one of them then writes to a parameter, all others read.

        Raises:
            RuntimeError: a parameter or buffer has no shape yet, or does not lie on the CPU.
        """
        return self._apply(_shared)


def _shared(tensor: Tensor) -> Tensor:
    """A copy of a tensor in memory that forked processes share."""
    if tensor.device.type != "cpu":
        raise RuntimeError(f"share_memory: the tensors must lie on the CPU, not {tensor.device}")
    if tensor.numel() == 0:
        return tensor
    memory = mmap(-1, tensor.numel() * tensor.dtype.itemsize)
    shared = weft.frombuffer(memory, dtype=tensor.dtype).reshape(tensor.shape)
    return shared.copy_(tensor)


def _is_inexact(tensor: Tensor) -> bool:
    return bool(tensor.dtype.is_floating_point or tensor.dtype.is_complex)


def parse_to(
    *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False
) -> tuple[Any, Any]:
    """The device and the dtype, each None when not named, of a call of `Module.to`."""
    for arg in args:
        if isinstance(arg, Tensor):
            before, device, dtype = device or dtype, arg.device, arg.dtype
        elif isinstance(arg, weft.dtype):
            before, dtype = dtype, arg
        elif arg is None or isinstance(arg, bool):
            continue  # to(None, dtype), and non_blocking given by position
        else:
            before, device = device, arg
        if before is not None:
            raise TypeError(
                f"Module.to takes a device, a dtype, or a device and a dtype, but here come "
                f"{before!r} and {arg if not isinstance(arg, Tensor) else 'a tensor'!r}"
            )
    if dtype is not None and not isinstance(dtype, weft.dtype):
        raise TypeError(f"Module.to: dtype must be a weft.dtype, got {dtype!r}")
    if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(
            f"Module.to: dtype must be floating or complex, got {dtype}; "
            "Module.type(dtype) converts to any dtype"
        )
    return device, dtype
