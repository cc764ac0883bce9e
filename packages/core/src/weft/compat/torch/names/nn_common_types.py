"""``torch.nn.common_types``: the types of sizes, for annotations."""

from __future__ import annotations

from typing import Any

from weft import Tensor

_size_1_t = int | tuple[int]
_size_2_t = int | tuple[int, int]
_size_3_t = int | tuple[int, int, int]
_size_4_t = int | tuple[int, int, int, int]
_size_5_t = int | tuple[int, int, int, int, int]
_size_6_t = int | tuple[int, int, int, int, int, int]
_ratio_2_t = float | tuple[float, float]
_ratio_3_t = float | tuple[float, float, float]
_size_any_t: Any = int | tuple[int, ...]
_size_any_opt_t: Any = int | tuple[int | None, ...]
_size_2_opt_t: Any = int | tuple[int | None, int | None]
_size_3_opt_t: Any = int | tuple[int | None, int | None, int | None]
_ratio_any_t: Any = float | tuple[float, ...]
_tensor_list_t: Any = Tensor | tuple[Tensor, ...]
_maybe_indices_t: Any = Tensor | tuple[Tensor, Tensor]
