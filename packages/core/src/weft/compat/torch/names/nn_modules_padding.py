"""``torch.nn.modules.padding``: the base classes of padding, one class for several modes."""

from weft.nn.padding import _ConstantPad as _ConstantPadNd
from weft.nn.padding import _Pad as _ReflectionPadNd

__all__ = ["_CircularPadNd", "_ConstantPadNd", "_ReflectionPadNd", "_ReplicationPadNd"]

_CircularPadNd = _ReplicationPadNd = _ReflectionPadNd
