"""``torch._C._nn``: how ``Module.to`` reads its arguments."""

from __future__ import annotations

from typing import Any

import weft
from weft.nn._conversion import parse_to

__all__ = ["_parse_to"]


def _parse_to(*args: Any, **settings: Any) -> tuple[weft.device | None, Any, bool, Any]:
    """Return the device, the dtype, whether to wait for the copy, and the memory format."""
    memory_format = settings.pop("memory_format", None)
    device, dtype = parse_to(*args, **settings)
    where = None if device is None else weft.device(device)
    return where, dtype, bool(settings.get("non_blocking")), memory_format
