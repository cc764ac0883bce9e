"""How the arguments of a user's function become an op's: tensors in a row, settings by name."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.tensor import Tensor

#: The setting that tells how many tensors each list of them has.
LENGTHS = "_lengths"


class Arguments:
    """The signature of a user's function, read once.

    Attributes:
        names: the parameters, without ``xp``.
        tensors: those that are tensors, or lists of them.
        lists: those that are lists of tensors.
        takes_xp: whether the function is written over an array namespace, its first parameter.
        outputs: how many results its annotation tells of; 1 if it has none.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        signature = inspect.signature(function)
        try:
            hints = typing.get_type_hints(function)
        except (NameError, TypeError):  # annotations that cannot be read here, such as local names
            hints = {}
        parameters = list(signature.parameters.values())
        self.takes_xp = bool(parameters) and parameters[0].name == "xp"
        if self.takes_xp:
            parameters = parameters[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"{name}: a custom op names each of its arguments, got {parameter}; a list of "
                    f"tensors is one argument, annotated list[Tensor]"
                )
        self._signature = signature.replace(parameters=parameters)
        self.names = [parameter.name for parameter in parameters]
        kinds = {p.name: _kind(p, hints.get(p.name, p.annotation), self) for p in parameters}
        self.tensors = [n for n in self.names if kinds[n] != "setting"]
        self.lists = [n for n in self.names if kinds[n] == "list"]
        self.outputs = _outputs(hints.get("return", signature.return_annotation))
        self._by_name = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        for own in self.tensors:
            if own in self._by_name:
                raise TypeError(
                    f"{name}: the tensor {own} can be passed by name only; tensors come first, by "
                    f"position"
                )

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name, with the defaults."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    def split(self, given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the tensors of a call in a row, and its settings."""
        flat: list[Any] = []
        lengths = []
        for name in self.tensors:
            value = given[name]
            if name in self.lists:
                flat += list(value)
                lengths.append(len(value))
            else:
                flat.append(value)
        settings = {n: given[n] for n in self.names if n not in self.tensors}
        if self.lists:
            settings[LENGTHS] = tuple(lengths)
        return tuple(flat), settings

    def join(
        self, flat: Sequence[Any], settings: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return what :meth:`split` took apart: arguments by position, and those by name."""
        values = iter(flat)
        lengths = iter(settings.get(LENGTHS, ()))
        args: list[Any] = []
        named: dict[str, Any] = {}
        for name in self.names:
            if name in self.lists:
                value: Any = [next(values) for _ in range(next(lengths))]
            elif name in self.tensors:
                value = next(values)
            else:
                value = settings[name]
            if name in self._by_name:
                named[name] = value
            else:
                args.append(value)
        return args, named

    def flat_gradients(self, found: Sequence[Any], settings: dict[str, Any]) -> list[Any]:
        """Return the gradients of the tensors in a row, of one value for each argument."""
        lengths = iter(settings.get(LENGTHS, ()))
        out: list[Any] = []
        for name, g in zip((n for n in self.names if n not in self._by_name), found, strict=False):
            if name in self.lists:
                length = next(lengths)
                out += [None] * length if g is None else list(g)
            elif name in self.tensors:
                out.append(g)
        return out

    def positions(self, names: Sequence[str]) -> tuple[int, ...] | None:
        """Return the places of tensors in a row; None if a list is there and has no fixed place.

        Raises:
            ValueError: there is no such tensor.
        """
        places = {name: i for i, name in enumerate(self.tensors)}
        for name in names:
            if name != "out" and name not in places:
                raise ValueError(f"saves names {name!r}; choose of {[*places, 'out']}")
        if self.lists:
            return None
        return tuple(-1 if name == "out" else places[name] for name in names)


def _kind(parameter: inspect.Parameter, hint: Any, own: Arguments) -> str:
    """Return ``"tensor"``, ``"list"`` or ``"setting"``."""
    if isinstance(hint, str):
        text = hint.replace(" ", "")
        if "Tensor" not in text:
            return "setting"
        return "list" if "[" in text and "Optional[" not in text else "tensor"
    if hint is parameter.empty or hint is Any:
        if parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty:
            return "tensor" if parameter.default is None and own.takes_xp else "setting"
        return "tensor"
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Tensor):
        return "tensor"
    if origin in (list, tuple, Sequence) and parts and _kind(parameter, parts[0], own) == "tensor":
        return "list"
    if origin in (typing.Union, types.UnionType):
        known = [_kind(parameter, part, own) for part in parts if part is not type(None)]
        return known[0] if known else "setting"
    return "setting"


def _outputs(hint: Any) -> int:
    """Return how many results an annotation tells of; 0 for None."""
    if hint is None or hint is type(None) or hint == "None":
        return 0
    if isinstance(hint, str):
        return hint.count("Tensor") if hint.lower().startswith("tuple") else 1
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and Ellipsis not in parts:
        return len(parts)
    return 1
