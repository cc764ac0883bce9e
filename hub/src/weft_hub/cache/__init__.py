"""The cache: what is in it was verified, and stays while a process uses it."""

from weft_hub.cache._store import Bytes, Cache

__all__ = ["Bytes", "Cache"]
