"""Tools around training, by PyTorch's names: ``checkpoint``, ``data``, ``swap_tensors``."""

from typing import TYPE_CHECKING, Any

from weft.utils import checkpoint
from weft.utils.swapping import swap_tensors

if TYPE_CHECKING:
    from weft.utils import data

__all__ = ["checkpoint", "data", "swap_tensors"]


def __getattr__(name: str) -> Any:
    """Load ``data`` when it is first used."""
    if name == "data":
        import importlib

        return importlib.import_module("weft.utils.data")
    from weft._core.errors import did_you_mean

    hint = did_you_mean(name, __all__)
    raise AttributeError(f"module 'weft.utils' has no attribute {name!r}{hint}")
