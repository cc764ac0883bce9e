"""OpenMP, whose GNU library is the pool of threads that kernels share."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether GNU's OpenMP library was found; ``weft.show_config()`` prints why not."""
    from weft._backend.cpu import threads

    return threads.library() is not None
