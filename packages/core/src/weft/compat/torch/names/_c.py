"""``torch._C``: the few names of it that model code asks for."""

from __future__ import annotations

import weft

__all__ = ["Generator", "Size", "_has_cuda", "_log_api_usage_once", "device", "dtype"]

Generator, Size, device, dtype = weft.Generator, weft.Size, weft.device, weft.dtype
_has_cuda = False


def _log_api_usage_once(event: str) -> None:
    """Do nothing: weft counts no uses."""


def _get_tracing_state() -> None:
    """Return None: no program is traced."""
