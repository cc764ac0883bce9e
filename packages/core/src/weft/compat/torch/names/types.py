"""``torch.types``: the types of arguments, for annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import weft

__all__ = ["Device", "FileLike", "Number", "Storage"]

_bool, _float, _int = bool, float, int
_dtype, _device, _layout = weft.dtype, weft.device, weft.layout
_size: Any = weft.Size | list[int] | tuple[int, ...]
_TensorOrTensors: Any = weft.Tensor | Sequence[weft.Tensor]
Number = int | float | bool
Device: Any = weft.device | str | int | None
FileLike: Any = str | os.PathLike[str] | Any
Storage: Any = Any
