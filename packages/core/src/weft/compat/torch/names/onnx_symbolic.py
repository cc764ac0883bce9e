"""``torch.onnx.symbolic_helper`` and the opsets beside it: for what defines symbolic functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["parse_args", "quantized_args"]


def parse_args(*descriptors: str) -> Callable[[Any], Any]:
    """Return a decorator that leaves a symbolic function as it is: nothing calls it here."""
    return lambda function: function


def quantized_args(*descriptors: bool, **settings: Any) -> Callable[[Any], Any]:
    """Return a decorator that leaves a symbolic function as it is: nothing calls it here."""
    return lambda function: function
