"""Tools around training, by PyTorch's names: ``benchmark``, ``checkpoint``, ``data`` and others."""

from typing import TYPE_CHECKING, Any

from weft.utils import checkpoint
from weft.utils.swapping import swap_tensors

if TYPE_CHECKING:
    from weft.utils import benchmark, data, flop_counter

__all__ = ["benchmark", "checkpoint", "data", "flop_counter", "swap_tensors"]


def __getattr__(name: str) -> Any:
    """Load the larger ones when they are first used."""
    if name in ("benchmark", "data", "flop_counter"):
        import importlib

        return importlib.import_module(f"weft.utils.{name}")
    from weft._core.errors import did_you_mean

    hint = did_you_mean(name, __all__)
    raise AttributeError(f"module 'weft.utils' has no attribute {name!r}{hint}")
