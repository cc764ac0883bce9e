"""Modules that hold other modules in order or by name."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar, overload

from weft._core.errors import did_you_mean
from weft.nn.module import Module

Self = TypeVar("Self", bound="_Indexed")


class _Indexed(Module):
    """A list of modules under the names "0", "1", and so on; what two containers share."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __contains__(self, module: object) -> bool:
        return any(module is held for held in self._modules.values())

    @overload
    def __getitem__(self: Self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.__class__(list(self)[index])
        return self._modules[_name_at(self, index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, _name_at(self, index), module)

    def __delitem__(self, index: int | slice) -> None:
        if isinstance(index, slice):
            gone = set(list(self._modules)[index])
        else:
            gone = {_name_at(self, index)}
        _renumber(self, [m for name, m in self._modules.items() if name not in gone])

    def append(self: Self, module: Module) -> Self:
        """Add one module at the end."""
        position = len(self)
        while str(position) in self._modules:  # a slice keeps its names, which start above 0
            position += 1
        self.add_module(str(position), module)
        return self

    def extend(self: Self, modules: Iterable[Module]) -> Self:
        """Add modules at the end, in their order.

        Raises:
            TypeError: `modules` is not iterable.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{self._get_name()}.extend expects an iterable of modules, "
                f"got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self: Self, index: int, module: Module) -> Self:
        """Put one module before position `index`; negative positions count from the end."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{self._get_name()}.insert expects a Module, got {type(module).__name__}"
            )
        listed = list(self._modules.values())
        listed.insert(index, module)
        _renumber(self, listed)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take out the module at `index` and return it."""
        module = self[index]
        del self[index]
        return module


def _position(container: _Indexed, index: Any) -> int:
    """A possibly negative index as a position.

    Raises:
        IndexError: it lies outside.
    """
    index = operator.index(index)
    size = len(container)
    if not -size <= index < size:
        raise IndexError(
            f"{container._get_name()}: index {index} is out of range for {size} modules"
        )
    return index % size


def _name_at(container: _Indexed, index: Any) -> str:
    return next(itertools.islice(container._modules, _position(container, index), None))


def _renumber(container: _Indexed, modules: Iterable[Module | None]) -> None:
    listed = list(modules)
    container._modules.clear()
    for position, module in enumerate(listed):
        container._modules[str(position)] = module


class Sequential(_Indexed):
    """Calls its modules one after the other, each on what the one before returned.

    Args:
        args: modules, or one ordered mapping of names to modules.

    Source: PyTorch's `torch.nn.Sequential`.

    Example:
        >>> net = weft.nn.Sequential(weft.nn.Linear(4, 2), weft.nn.ReLU())
        >>> net(weft.zeros(3, 4)).shape
        weft.Size([3, 2])
    """

    def __init__(self, *args: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            named: Iterable[tuple[str, Any]] = args[0].items()
        else:
            named = ((str(position), module) for position, module in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]  # None is refused by calling it
        return input

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            kept: Any = dict(list(self._modules.items())[index])
            return self.__class__(kept)  # names stay, as in PyTorch
        return super().__getitem__(index)

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        """The same modules, not copies of them, `times` times in a row."""
        if not isinstance(times, int):
            return NotImplemented
        if times <= 0:
            raise ValueError(f"Sequential: the factor must be positive, got {times}")
        return Sequential(*(list(self) * times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        if not isinstance(times, int):
            return NotImplemented
        if times <= 0:
            raise ValueError(f"Sequential: the factor must be positive, got {times}")
        return self.extend(list(self) * (times - 1))


class ModuleList(_Indexed):
    """A list of modules that are registered, without a forward of its own.

    Args:
        modules: what it holds at first.

    Source: PyTorch's `torch.nn.ModuleList`.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> ModuleList:
        return self.extend(other)

    def __repr__(self) -> str:
        """As PyTorch shows it: neighbours that look the same become one line with a count."""
        if not len(self):
            return f"{self._get_name()}()"
        lines = []
        first = 0
        for text, group in itertools.groupby(repr(module) for module in self):
            count = len(list(group))
            shown = text.replace("\n", "\n  ")
            if count == 1:
                lines.append(f"({first}): {shown}")
            else:
                lines.append(f"({first}-{first + count - 1}): {count} x {shown}")
            first += count
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dict of modules that are registered; it keeps the order of insertion.

    Args:
        modules: a mapping of names to modules, or pairs.

    Source: PyTorch's `torch.nn.ModuleDict`.
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise KeyError(f"ModuleDict has no module {key!r}{did_you_mean(key, self._modules)}")
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove everything."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove the module under `key` and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names, in order of insertion."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Any]:
        """The names and modules, in order of insertion."""
        return self._modules.items()

    def values(self) -> ValuesView[Any]:
        """The modules, in order of insertion."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules.

        Raises:
            TypeError: `modules` is neither a mapping nor pairs.
        """
        if isinstance(modules, (Mapping, ModuleDict)):
            pairs: Iterable[Any] = modules.items()
        elif isinstance(modules, Iterable):
            pairs = modules
        else:
            raise TypeError(
                "ModuleDict.update expects a mapping or pairs of name and module, "
                f"got {type(modules).__name__}"
            )
        for position, pair in enumerate(pairs):
            if not (isinstance(pair, (tuple, list)) and len(pair) == 2):
                raise TypeError(
                    f"ModuleDict.update: item {position} must be a pair of name and module, "
                    f"got {pair!r}"
                )
            self[pair[0]] = pair[1]


class Container(Module):
    """An older name of a module with children given by name; write a Module, or use ModuleDict.

    Args:
        modules: the children.

    Warns:
        FutureWarning: always.
    """

    def __init__(self, **modules: Module | None) -> None:
        super().__init__()
        warnings.warn(
            "Container is deprecated, as in PyTorch: a Module does all that it does; assign the "
            "children as attributes, or use ModuleDict",
            FutureWarning,
            stacklevel=2,
        )
        for name, module in modules.items():
            self.add_module(name, module)
