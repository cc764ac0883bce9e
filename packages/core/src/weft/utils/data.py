"""``weft.data`` by the name that PyTorch has for it."""

from weft.data import *  # noqa: F403 - under PyTorch's name, the whole of it
from weft.data import __all__ as __all__
