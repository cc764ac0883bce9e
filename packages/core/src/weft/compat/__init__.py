"""Programs written for other libraries, run on weft: ``weft.compat.torch``."""

from weft.compat import torch

__all__ = ["torch"]
