"""``torch.utils.model_zoo``: the older name of ``torch.hub``; its bar shows nothing."""

from __future__ import annotations

from typing import Any

from weft.compat.torch.names.hub import load_state_dict_from_url, load_url

__all__ = ["load_state_dict_from_url", "load_url", "tqdm"]


class tqdm:
    """A bar that takes what tqdm's takes, and shows nothing."""

    def __init__(self, iterable: Any = (), **settings: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Any:
        return iter(self._iterable)

    def __enter__(self) -> tqdm:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def update(self, n: float = 1) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
