"""The choice between kernels of attention, as programs for PyTorch make it: weft has one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """PyTorch's kernels of attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Choose nothing within a block: there is one attention.

    Args:
        backends: an :class:`SDPBackend`, or a list of some.
        set_priority: whether their order counts.

    Raises:
        TypeError: it is something else.
        ValueError: the list is empty.

    Source: PyTorch's ``torch.nn.attention.sdpa_kernel``.

    Example:
        >>> from weft.nn.attention import SDPBackend, sdpa_kernel
        >>> q = weft.ones(1, 1, 2, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     y = weft.nn.functional.scaled_dot_product_attention(q, q, q)
    """
    wanted = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(wanted, (list, tuple)) or not all(isinstance(b, SDPBackend) for b in wanted):
        raise TypeError(
            f"sdpa_kernel: backends must be an SDPBackend or a list of them, got {backends!r}"
        )
    if not wanted:
        raise ValueError("sdpa_kernel: at least one SDPBackend is required, got an empty list")
    yield
