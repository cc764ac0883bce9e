"""``weft.data`` by the name that PyTorch has for it."""

from weft.data import *
from weft.data import __all__ as __all__
