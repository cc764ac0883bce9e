"""For tests: comparisons that say what differs, and tensors of random values."""

from weft.testing._close import assert_close
from weft.testing._making import make_tensor

__all__ = ["assert_close", "make_tensor"]
