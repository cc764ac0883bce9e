"""Tools around training, under PyTorch's names: ``checkpoint``."""

from weft.utils import checkpoint

__all__ = ["checkpoint"]
