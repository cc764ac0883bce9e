"""``torch.storage``: the class of a tensor's memory."""

from __future__ import annotations

import weft

__all__ = ["TypedStorage", "UntypedStorage"]

UntypedStorage = type(weft.empty(0).untyped_storage())
TypedStorage = type(weft.empty(0).storage())
