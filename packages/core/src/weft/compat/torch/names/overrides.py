"""``torch.overrides``: weft has no ``__torch_function__``, so nothing is ever overridden."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import weft

__all__ = [
    "TorchFunctionMode",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
]


def has_torch_function(relevant_args: Iterable[Any], /) -> bool:
    """Return False."""
    return False


def has_torch_function_unary(obj: Any, /) -> bool:
    """Return False."""
    return False


def has_torch_function_variadic(*args: Any) -> bool:
    """Return False."""
    return False


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **settings: Any
) -> Any:
    """Call the function itself."""
    return public_api(*args, **settings)


class TorchFunctionMode:
    """A block in which functions are overridden: can be derived from, and not entered."""

    def __enter__(self) -> NoReturn:
        raise NotImplementedError(
            f"{type(self).__name__}: weft has no __torch_function__ that a mode could override; "
            "weft.library and weft.func change what a function does"
        )

    def __exit__(self, *raised: object) -> None:
        """Never called: nothing enters."""


def is_tensor_like(inp: object) -> bool:
    """Return whether ``inp`` is a tensor."""
    return isinstance(inp, weft.Tensor)
