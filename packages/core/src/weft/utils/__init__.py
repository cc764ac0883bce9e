"""Tools around training, under PyTorch's names: ``checkpoint``, ``swap_tensors``."""

from weft.utils import checkpoint
from weft.utils.swapping import swap_tensors

__all__ = ["checkpoint", "swap_tensors"]
