"""Parameters and buffers without a shape yet: lazy modules give them one at the first call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import weft
from weft import Tensor
from weft._core.tensor import wrap
from weft.nn.parameter import Buffer, Parameter

# The slot itself; instances have a property in its place, so that no op can read it unawares.
_HELD: Any = Tensor.__dict__["_data"]


class UninitializedTensorMixin:
    """A tensor that has a dtype and a device but no shape, until `materialize` gives it one.

    Any use of its values raises a ValueError, its shape a RuntimeError.
    """

    __slots__ = ()

    cls_to_become: type[Tensor]
    requires_grad: bool
    _version: Any

    @property
    def _data(self) -> Any:
        raise ValueError(
            f"this {type(self).__name__} has no values yet: call its module once with an input of "
            "the right size, or materialize(shape) it, before anything is computed with it"
        )

    @_data.setter
    def _data(self, value: Any) -> None:
        _HELD.__set__(self, value)

    @property
    def data(self) -> Tensor:
        """An empty tensor of the dtype and on the device that it will have; may be set."""
        return wrap(_HELD.__get__(self))

    @data.setter
    def data(self, value: Tensor) -> None:
        _HELD.__set__(self, weft.empty(0, dtype=value.dtype, device=value.device)._data)

    @property
    def shape(self) -> NoReturn:
        """None yet.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            f"this {type(self).__name__} has no shape yet: call its module once with an input of "
            "the right size, or materialize(shape) it"
        )

    @property
    def dtype(self) -> weft.dtype:
        """The dtype that it will have."""
        return self.data.dtype

    @property
    def device(self) -> Any:
        """Where it will lie."""
        return self.data.device

    def materialize(
        self, shape: Sequence[int], device: Any = None, dtype: weft.dtype | None = None
    ) -> None:
        """Become an ordinary parameter or buffer of this shape; its values are not set yet.

        Args:
            shape: the shape.
            device: where it lies; where it was to lie when None.
            dtype: its dtype; the one that it was to have when None.
        """
        held = self.data
        made = weft.empty(
            tuple(shape),
            dtype=held.dtype if dtype is None else dtype,
            device=held.device if device is None else device,
        )
        _HELD.__set__(self, made._data)
        self._version = None
        self.__class__ = self.cls_to_become  # type: ignore[assignment]  # of the same layout

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        known = memo.get(id(self))
        if known is None:
            known = memo[id(self)] = _again(type(self), *_settings(self))
        return known

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _again, (type(self), *_settings(self))


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet.

    Args:
        requires_grad: whether gradients are accumulated in `.grad`.
        device: where it will lie.
        dtype: its dtype.

    Source: PyTorch's `torch.nn.UninitializedParameter`.
    """

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: weft.dtype | None = None
    ) -> UninitializedParameter:
        return _made(cls, requires_grad, device, dtype)

    def __init__(
        self, requires_grad: bool = True, device: Any = None, dtype: weft.dtype | None = None
    ) -> None:
        """Nothing is left to do: `__new__` made it."""


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet.

    Args:
        requires_grad: whether it has a gradient.
        device: where it will lie.
        dtype: its dtype.
        persistent: whether the module's `state_dict` holds it.

    Source: PyTorch's `torch.nn.UninitializedBuffer`.
    """

    cls_to_become = Buffer

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        made = _made(cls, requires_grad, device, dtype)
        made.persistent = persistent
        return made

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
        persistent: bool = True,
    ) -> None:
        """Nothing is left to do: `__new__` made it."""


def is_lazy(param: Any) -> bool:
    """Whether `param` is a parameter or buffer without a shape yet."""
    return isinstance(param, UninitializedTensorMixin)


def _made(cls: Any, requires_grad: bool, device: Any, dtype: weft.dtype | None) -> Any:
    made = Tensor.__new__(cls)
    _HELD.__set__(made, weft.empty(0, device=device, dtype=dtype)._data)
    made._version = None
    made._node = None
    made._extra = None
    if requires_grad:
        made.requires_grad_(True)
    return made


def _settings(tensor: Any) -> tuple[Any, ...]:
    settings: tuple[Any, ...] = (tensor.requires_grad, tensor.device, tensor.dtype)
    return (*settings, tensor.persistent) if isinstance(tensor, Buffer) else settings


def _again(cls: Any, *settings: Any) -> Any:
    return cls(*settings)
