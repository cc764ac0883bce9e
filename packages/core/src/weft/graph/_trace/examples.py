"""What a module is called with: the tensors by name, the dims that may vary, a second size."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import weft
from weft import Tensor
from weft._core.errors import did_you_mean
from weft._core.tree import flatten
from weft.graph.dims import Dim
from weft.graph.errors import GraphError
from weft.nn import Module

__all__ = ["Example", "example_of"]

_WHO = "weft.graph.trace"


@dataclasses.dataclass(frozen=True)
class Example:
    """The arguments of a module, taken apart.

    Attributes:
        tensors: by the names that the graph's inputs get.
        dims: the dims that may vary, by the name of the input and the dim.
    """

    tensors: dict[str, Tensor]
    dims: dict[tuple[str, int], Dim]
    _rebuild: Any
    _leaves: list[Any]

    def call(self, tensors: Sequence[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the module with other tensors in place of the example's."""
        supply = iter(tensors)
        leaves = [next(supply) if isinstance(x, Tensor) else x for x in self._leaves]
        args, kwargs = self._rebuild(leaves)
        return tuple(args), kwargs

    def sizes(self) -> dict[str, int]:
        """Return the example's size of each name."""
        return {dim.name: self.tensors[name].shape[at] for (name, at), dim in self.dims.items()}

    def resized(self, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """Return the tensors with dims of other sizes, their elements repeated or cut."""
        found = dict(self.tensors)
        for (name, at), dim in self.dims.items():
            x = found[name]
            places = weft.remainder(weft.arange(sizes[dim.name]), x.shape[at])
            found[name] = x.index_select(at, places.to(x.device))
        return found

    def other_sizes(self) -> list[dict[str, int]]:
        """Return the sizes to try beside the example's: larger ones, then all bounds promised."""
        own = self.sizes()
        known = {dim.name: dim for dim in self.dims.values()}
        larger = {}
        for place, (name, size) in enumerate(own.items()):
            limit = known[name].max
            grown = size * (2 + place)
            if limit is not None and grown > limit:
                grown = limit if limit != size else max(known[name].min or 1, 1)
            larger[name] = grown
        bounds = [
            {name: getattr(known[name], end) or size for name, size in own.items()}
            for end in ("min", "max")
            if any(getattr(dim, end) is not None for dim in known.values())
        ]
        return [larger, *bounds] if own else []


def example_of(module: Module, args: Any, kwargs: Any, dynamic_shapes: Any) -> Example:
    """Take the arguments of a module apart.

    Raises:
        TypeError: there is no tensor among them.
        ValueError: `dynamic_shapes` does not fit them.
    """
    given = (args,) if isinstance(args, Tensor) else tuple(args)
    named = dict(kwargs or {})
    try:
        arguments = inspect.signature(module.forward).bind(*given, **named).arguments
    except TypeError as error:
        raise TypeError(f"{_WHO}: {type(module).__name__}.forward: {error}") from None
    leaves, rebuild = flatten((list(given), named))
    names = _names(module, arguments)
    tensors = [x for x in leaves if isinstance(x, Tensor)]
    if not tensors:
        raise TypeError(f"{_WHO}: a graph has inputs, but there is no tensor among the arguments")
    table = dict(zip(names, tensors, strict=True))
    if len(table) != len(tensors):
        raise ValueError(f"{_WHO}: two inputs would have one name among {', '.join(names)}")
    return Example(table, _dims(table, arguments, dynamic_shapes), rebuild, leaves)


def _names(module: Module, arguments: Mapping[str, Any]) -> list[str]:
    """Return a name for each tensor among arguments, in the order in which they are given."""
    kinds = inspect.signature(module.forward).parameters
    found: list[str] = []
    for name, value in arguments.items():
        if kinds[name].kind is inspect.Parameter.VAR_KEYWORD:
            for key, inner in value.items():
                found += _paths(key, inner)
        else:
            found += _paths(name, value)
    return found


def _paths(name: str, value: Any) -> list[str]:
    if isinstance(value, Tensor):
        return [name]
    if isinstance(value, Mapping):
        return [path for key, inner in value.items() for path in _paths(f"{name}_{key}", inner)]
    if isinstance(value, tuple | list):
        return [path for at, one in enumerate(value) for path in _paths(f"{name}_{at}", one)]
    return []


def _dims(
    tensors: Mapping[str, Tensor], arguments: Mapping[str, Any], dynamic_shapes: Any
) -> dict[tuple[str, int], Dim]:
    if dynamic_shapes is None:
        return {}
    if isinstance(dynamic_shapes, tuple | list):
        if len(dynamic_shapes) > len(arguments):
            raise ValueError(
                f"{_WHO}: dynamic_shapes has {len(dynamic_shapes)} entries for {len(arguments)} "
                f"arguments ({', '.join(arguments)})"
            )
        dynamic_shapes = dict(zip(arguments, dynamic_shapes, strict=False))
    if not isinstance(dynamic_shapes, Mapping):
        raise TypeError(
            f"{_WHO}: dynamic_shapes must be a dict by the names of the arguments, or a tuple in "
            f"their order, but is {type(dynamic_shapes).__name__}"
        )
    found: dict[tuple[str, int], Dim] = {}
    for name, spec in dynamic_shapes.items():
        if name not in arguments and name not in tensors:
            raise ValueError(
                f"{_WHO}: dynamic_shapes names {name!r}, which is no argument"
                f"{did_you_mean(str(name), arguments)}; they are {', '.join(arguments)}"
            )
        _add_dims(found, tensors, name, spec)
    _check_sizes(tensors, found)
    return found


def _add_dims(
    found: dict[tuple[str, int], Dim], tensors: Mapping[str, Tensor], name: str, spec: Any
) -> None:
    if spec is None:
        return
    if name not in tensors:  # nested: each part has a spec of its own
        parts = spec.items() if isinstance(spec, Mapping) else enumerate(spec)
        for key, inner in parts:
            if f"{name}_{key}" not in tensors and not isinstance(inner, Mapping | tuple | list):
                raise ValueError(f"{_WHO}: dynamic_shapes: {name!r} has no tensor at {key!r}")
            _add_dims(found, tensors, f"{name}_{key}", inner)
        return
    rank = tensors[name].ndim
    pairs = spec.items() if isinstance(spec, Mapping) else enumerate(spec)
    for at, dim in pairs:
        if dim is None:
            continue
        if not isinstance(at, int) or not -rank <= at < rank:
            raise ValueError(
                f"{_WHO}: dynamic_shapes: {name!r} has {rank} dims, so that there is no dim {at!r}"
            )
        found[name, at % rank] = _dim(name, at % rank, dim)


def _dim(name: str, at: int, given: Any) -> Dim:
    if isinstance(given, Dim):
        return given
    if isinstance(given, str):
        return Dim(given)
    own = getattr(given, "name", None)
    if given is True or own in ("AUTO", "DYNAMIC"):
        return Dim(f"{name}_{at}")
    raise TypeError(
        f"{_WHO}: dynamic_shapes: a dim that may vary is a weft.graph.Dim, a name or True, and one "
        f"that may not is None, but for {name!r}, dim {at}, it is {given!r}"
    )


def _check_sizes(tensors: Mapping[str, Tensor], dims: Mapping[tuple[str, int], Dim]) -> None:
    sizes: dict[str, tuple[int, str]] = {}
    for (name, at), dim in dims.items():
        size = tensors[name].shape[at]
        if size < 1:
            raise GraphError(
                f"{_WHO}: dim {at} of {name!r} may vary, so the example must have at least one "
                "element there, but it is empty"
            )
        first = sizes.setdefault(dim.name, (size, name))
        if first[0] != size:
            raise GraphError(
                f"{_WHO}: dims called {dim.name!r} have one size, but the example has {first[0]} "
                f"in {first[1]!r} and {size} in {name!r}"
            )
        least, most = dim.min or 0, dim.max
        if size < least or (most is not None and size > most):
            raise GraphError(
                f"{_WHO}: {dim.name!r} is promised from {dim.min} to {dim.max}, but the example's "
                f"size is {size}"
            )
