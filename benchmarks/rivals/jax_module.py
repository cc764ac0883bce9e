"""Modules with PyTorch's names of their state, whose arrays a traced function replaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax


class Parameter:
    """An array to train, on its way into a module."""

    def __init__(self, value: jax.Array) -> None:
        self.value = value


class Module:
    """Holds parameters, buffers and modules by name."""

    def __init__(self) -> None:
        self.__dict__.update(_trained={}, _kept={}, _modules={}, training=True)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._trained[name] = value.value
        elif isinstance(value, Module):
            self._modules[name] = value
        elif name in self._trained:
            self._trained[name] = value
        elif name in self._kept:
            self._kept[name] = value
        else:
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        for place in ("_trained", "_kept", "_modules"):
            found = self.__dict__.get(place, {})
            if name in found:
                return found[name]
        raise AttributeError(f"{type(self).__name__} has no {name}")

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    def forward(self, *inputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def train(self, mode: bool = True) -> Module:
        """Set the mode of this and of all inside."""
        for _, module in self._walk():
            module.__dict__["training"] = mode
        return self

    def eval(self) -> Module:
        """Set the mode of evaluation."""
        return self.train(False)

    def parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what is trained and what is kept beside it, by full name."""
        found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for prefix, module in self._walk():
            for kind, own in zip(found, (module._trained, module._kept), strict=True):
                kind.update({prefix + name: value for name, value in own.items()})
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return all arrays by full name."""
        trained, kept = self.parts()
        return {**trained, **kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Replace the arrays by name."""
        for prefix, module in self._walk():
            for own in (module._trained, module._kept):
                own.update({name: state[prefix + name] for name in own})

    @contextmanager
    def holding(self, state: dict[str, Any]) -> Iterator[None]:
        """Hold these arrays for the length of a block."""
        before = self.state_dict()
        self.load_state_dict(state)
        try:
            yield
        finally:
            self.load_state_dict(before)

    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for name, module in self._modules.items():
            yield from module._walk(f"{prefix}{name}.")
