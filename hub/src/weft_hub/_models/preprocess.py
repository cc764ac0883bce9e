"""A model's preprocessing as an object that pickles: it is made anew where it is unpickled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Preprocess:
    """What `make(*arguments)` returns, called like it and with its attributes.

    A task may return any function, closures included, and a model that carries one could not be
    sent to another process. This pickles as `make` and its arguments, which name the installed
    package that knows the task.
    """

    def __init__(self, make: Callable[..., Callable[..., Any]], *arguments: Any) -> None:
        self._make = make
        self._arguments = arguments
        self._made = make(*arguments)

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Return the model's input for a source."""
        return self._made(*arguments, **settings)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the task's own object."""
        if name.startswith("_"):  # also while nothing is set yet
            raise AttributeError(name)
        return getattr(self._made, name)

    def __repr__(self) -> str:
        return repr(self._made)

    def __reduce__(self) -> tuple[Any, ...]:
        return Preprocess, (self._make, *self._arguments)

    def __deepcopy__(self, memo: dict[int, Any]) -> Preprocess:
        """Return itself: it holds settings, which never change."""
        return self
