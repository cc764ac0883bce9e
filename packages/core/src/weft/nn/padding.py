"""Padding of the last axes: with a constant, by reflection, replication or periodically.

`padding` is one number for all sides, or (before, after) of the last axis, then of the one before
it, and so on. Negative numbers crop.
"""

from __future__ import annotations

from weft import Tensor
from weft.nn import functional as F
from weft.nn._sizes import Sizes, spread
from weft.nn.module import Module


class _Pad(Module):
    """Padding in one mode.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes: int
    _mode: str

    def __init__(self, padding: Sizes) -> None:
        super().__init__()
        self.padding = spread(padding, 2 * self._axes, f"{type(self).__name__}: padding")

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, mode=self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Padding with a constant.

    Args:
        padding: how many elements, see the module's first lines.
        value: the constant.
    """

    _mode = "constant"

    def __init__(self, padding: Sizes, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pads the last axis with a constant.

    Args:
        padding: how many elements, see the module's first lines.
        value: the constant.
    """

    _axes = 1


class ConstantPad2d(_ConstantPad):
    """Pads the last two axes with a constant.

    Args:
        padding: how many elements, see the module's first lines.
        value: the constant.
    """

    _axes = 2


class ConstantPad3d(_ConstantPad):
    """Pads the last three axes with a constant.

    Args:
        padding: how many elements, see the module's first lines.
        value: the constant.
    """

    _axes = 3


class ZeroPad1d(ConstantPad1d):
    """Pads the last axis with zeros.

    Args:
        padding: how many elements, see the module's first lines.
    """

    def __init__(self, padding: Sizes) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads the last two axes with zeros.

    Args:
        padding: how many elements, see the module's first lines.
    """

    def __init__(self, padding: Sizes) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads the last three axes with zeros.

    Args:
        padding: how many elements, see the module's first lines.
    """

    def __init__(self, padding: Sizes) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad1d(_Pad):
    """Pads the last axis by reflection at the border elements, which are not repeated.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Pads the last two axes by reflection at the border elements, which are not repeated.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Pads the last three axes by reflection at the border elements, which are not repeated.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pads the last axis by repeating the border elements.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Pads the last two axes by repeating the border elements.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Pads the last three axes by repeating the border elements.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 3
    _mode = "replicate"


class CircularPad1d(_Pad):
    """Pads the last axis as if the input were periodic.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 1
    _mode = "circular"


class CircularPad2d(_Pad):
    """Pads the last two axes as if the input were periodic.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 2
    _mode = "circular"


class CircularPad3d(_Pad):
    """Pads the last three axes as if the input were periodic.

    Args:
        padding: how many elements, see the module's first lines.
    """

    _axes = 3
    _mode = "circular"
