"""``torch.jit.annotations``: the types that scripted functions are annotated with."""

from __future__ import annotations

from typing import Any, Optional, Union

from weft import Tensor

__all__ = ["Any", "BroadcastingList2", "Dict", "List", "Optional", "Tensor", "Tuple", "Union"]

Dict, List, Tuple = dict, list, tuple
BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = list
