"""Autocast asked and set by function calls, as `torch` has them at its top level."""

from __future__ import annotations

import weft
from weft.amp._casting import begin, forget, here, known_kind


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Return whether autocast is on in this thread for a kind of device; for CUDA by default."""
    return known_kind("cuda" if device_type is None else device_type) in here.active


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Turn autocast on or off in this thread."""
    kind = known_kind(device_type)
    others = {name: dtype for name, dtype in here.active.items() if name != kind}
    begin({**others, kind: here.dtypes[kind]} if enabled else others)


def get_autocast_dtype(device_type: str) -> weft.dtype:
    """Return the dtype of products under autocast on a kind of device."""
    return here.dtypes[known_kind(device_type)]


def set_autocast_dtype(device_type: str, dtype: weft.dtype) -> None:
    """Set the dtype of products under autocast on a kind of device, in this thread."""
    kind = known_kind(device_type)
    here.dtypes = {**here.dtypes, kind: dtype}
    if kind in here.active:
        begin({**here.active, kind: dtype})


def is_autocast_cache_enabled() -> bool:
    """Return whether parameters that were rounded are kept for the rest of a block."""
    return here.keeps


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Say whether parameters that were rounded are kept for the rest of a block."""
    here.keeps = enabled


def clear_autocast_cache() -> None:
    """Drop the parameters that are kept in half precision."""
    forget()


def autocast_increment_nesting() -> int:
    """Enter a block by hand: what is kept stays until the outermost is left."""
    here.depth += 1
    return here.depth


def autocast_decrement_nesting() -> int:
    """Leave a block by hand."""
    here.depth -= 1
    return here.depth
