"""A nested object as JSON, in which tensors stand by name: the writing half.

Numbers, text, True, False, None and lists stand for themselves. Everything else is an object whose
first key says what it is: {"dict": {...}}, {"tuple": [...]}, {"tensor": "layer.weight", ...}. The
reading half is `_structure_reading`; docs/guide/io.md lists the whole of it.
"""

from __future__ import annotations

import base64
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import weft
from weft._backend import ndarray

from ._pickle_machine import require_key
from .errors import FormatError, WeightsError, shown

__all__ = [
    "MAX_DEPTH",
    "MAX_INTEGER_DIGITS",
    "Leaves",
    "described",
    "in_one_order",
    "refusal",
    "require_saveable_key",
]

MAX_DEPTH = 100  # three of Python's frames each, of the thousand that it allows by default

# Longer bytes are kept beside the tensors, where they take no third more than their length.
MAX_INLINE_BYTES = 1024
MAX_INTEGER_DIGITS = 4096  # hexadecimal

_Node = Any  # what JSON can hold


class Leaves:
    """The tensors of an object, each once, with the nodes that stand for them.

    A node is filled in when it is known where in the file its tensor goes.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.tensors: list[weft.Tensor] = []
        self.nodes: list[dict[str, Any]] = []
        self._taken: set[str] = {"__metadata__"}
        self._known: dict[int, dict[str, Any]] = {}
        self._kept: list[object] = []  # so that no id is given to another object meanwhile

    def known(self, value: object) -> dict[str, Any] | None:
        """Return the node of a tensor that was met before."""
        return self._known.get(id(value))

    def add(self, value: object, tensor: weft.Tensor, path: str) -> dict[str, Any]:
        """Take up the tensor that stands for `value`; return its node, which begins with a name."""
        name = self.unique(path)
        node: dict[str, Any] = {"tensor": name}
        self.names.append(name)
        self.tensors.append(tensor)
        self.nodes.append(node)
        self._known[id(value)] = node
        self._kept.append(value)
        return node

    def unique(self, path: str) -> str:
        """Return a name like `path` that no other tensor has, in characters that UTF-8 has."""
        name = path.encode("utf-8", "backslashreplace").decode("utf-8") or "value"
        number = 1
        candidate = name
        while candidate in self._taken:
            number += 1
            candidate = f"{name}#{number}"
        self._taken.add(candidate)
        return candidate


def described(value: object, leaves: Leaves, origin: str) -> _Node:
    """Return the JSON of an object, and its tensors in `leaves`.

    Raises:
        WeightsError: it holds something else than tensors and plain values, or itself.
    """
    return _Describer(leaves, origin).node(value, ())


class _Describer:
    def __init__(self, leaves: Leaves, origin: str) -> None:
        self._leaves = leaves
        self._origin = origin
        self._open: set[int] = set()

    def node(self, value: object, path: tuple[str, ...]) -> _Node:
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        plain = _PLAIN.get(kind)
        if plain is not None:
            return plain(value)
        if isinstance(value, float):
            return _float(value)  # NumPy's float64 too, which is one
        if isinstance(value, weft.Tensor):
            return self._tensor(value, path)
        if kind is bytes or kind is bytearray:
            return self._bytes(value, path)  # type: ignore[arg-type]  # its type was just asked
        if kind is ndarray:
            return self._array(value, path)
        container = _CONTAINERS.get(kind)
        if container is None:
            raise WeightsError(f"{self._at(path)} {refusal(value)}")
        if len(path) >= MAX_DEPTH:
            raise WeightsError(f"{self._at(path)} is nested more than {MAX_DEPTH} deep")
        if id(value) in self._open:
            raise WeightsError(f"{self._at(path)} is a {kind.__name__} that holds itself")
        self._open.add(id(value))
        node = container(self, value, path)
        self._open.discard(id(value))
        return node

    def _at(self, path: tuple[str, ...]) -> str:
        return f"{self._origin}: {shown('.'.join(path)) if path else 'the object'}"

    def _items(self, values: Any, path: tuple[str, ...]) -> list[_Node]:
        return [self.node(value, (*path, str(place))) for place, value in enumerate(values)]

    def _list(self, value: list[object], path: tuple[str, ...]) -> _Node:
        return self._items(value, path)

    def _tuple(self, value: tuple[object, ...], path: tuple[str, ...]) -> _Node:
        return {"tuple": self._items(value, path)}

    def _set(self, value: set[object], path: tuple[str, ...]) -> _Node:
        return {type(value).__name__: [self._key(item, path) for item in in_one_order(value)]}

    def _dict(self, value: dict[object, object], path: tuple[str, ...]) -> _Node:
        tag = {dict: "dict", OrderedDict: "ordered_dict", Counter: "counter"}[type(value)]
        inner: _Node
        if all(type(key) is str for key in value):
            inner = {key: self.node(item, (*path, str(key))) for key, item in value.items()}
        else:
            inner = [
                [self._key(key, path), self.node(item, (*path, str(key)))]
                for key, item in value.items()
            ]
        node: _Node = {tag: inner}
        notes = getattr(value, "_metadata", None)  # of a state_dict: each module's version
        if tag == "ordered_dict" and notes is not None:
            node["metadata"] = self.node(notes, (*path, "_metadata"))
        return node

    def _key(self, key: object, path: tuple[str, ...]) -> _Node:
        require_saveable_key(key, self._at(path))
        return self.node(key, path)

    def _bytes(self, value: bytes | bytearray, path: tuple[str, ...]) -> _Node:
        tag = type(value).__name__
        if len(value) <= MAX_INLINE_BYTES:
            return {tag: base64.b64encode(value).decode("ascii")}
        tensor = weft.frombuffer(bytearray(value), dtype=weft.uint8)
        kept = self._leaves.known(value) or self._leaves.add(value, tensor, ".".join(path))
        return {tag: kept}

    def _array(self, value: Any, path: tuple[str, ...]) -> _Node:
        known = self._leaves.known(value)
        if known is not None:
            return known
        try:
            tensor = weft.from_numpy(value)
        except (TypeError, ValueError):
            raise WeightsError(
                f"{self._at(path)} is a NumPy array of {value.dtype}, which no tensor can be; "
                "save .tolist()"
            ) from None
        node = self._leaves.add(value, tensor, ".".join(path))
        node["kind"] = "array"
        return node

    def _tensor(self, value: weft.Tensor, path: tuple[str, ...]) -> _Node:
        known = self._leaves.known(value)
        if known is not None:
            return known
        kind = _kind_of(value)
        if kind is None:
            raise WeightsError(
                f"{self._at(path)} is a {type(value).__name__}, of which only the class that "
                "defines it knows how to save it; save plain tensors (x.as_subclass(weft.Tensor))"
            )
        if value.device.type == "meta":
            node: dict[str, Any] = {"meta": value.dtype.name, "size": list(value.shape)}
            if kind != "tensor" or value.requires_grad:
                node |= {"kind": kind, "requires_grad": value.requires_grad}
            return node
        node = self._leaves.add(value, value, ".".join(path))
        if kind != "tensor":
            node["kind"] = kind
        if value.requires_grad:
            node["requires_grad"] = True
        # A plain tensor has no __dict__, and spends a while on saying so.
        own = {} if kind == "tensor" else dict(vars(value))
        if own:
            node["attributes"] = self.node(own, path)
        return node


def in_one_order(values: Iterable[object]) -> list[object]:
    """Return a set's elements in an order that is the same in every process, unlike their hashes'.

    The same set then gives the same bytes.
    """
    return sorted(values, key=lambda value: (type(value).__name__, repr(value)))


def require_saveable_key(key: object, where: str) -> None:
    """Refuse a key that no reader would take.

    Raises:
        WeightsError: it is one.
    """
    try:
        require_key(key, where)
    except FormatError as error:
        raise WeightsError(str(error)) from None


def _kind_of(value: weft.Tensor) -> str | None:
    """Return what a tensor is to be again, or None if it is of a class that is not known."""
    if type(value) is weft.Tensor:
        return "tensor"
    from weft import nn  # a saved Parameter has loaded it

    if type(value) is nn.Parameter:
        return "parameter"
    return "buffer" if type(value) is nn.Buffer else None


def _float(value: float) -> _Node:
    number = float(value)
    return number if math.isfinite(number) else {"float": repr(number)}


def _int(value: int) -> _Node:
    if -(2**63) <= value < 2**64:
        return value
    digits = hex(value)
    if len(digits) > MAX_INTEGER_DIGITS:
        raise WeightsError(
            f"save: a whole number may have {MAX_INTEGER_DIGITS} hexadecimal digits, but one has "
            f"{len(digits)}; save it as text"
        )
    return {"int": digits}


def refusal(value: object) -> str:
    """Say why a value is not saved, and what to save in its place."""
    kind = type(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        hint = "save tuple(x), or x._asdict()"
    elif hasattr(value, "state_dict"):
        hint = "save its state_dict()"
    elif isinstance(value, int | str | dict | list | tuple | set):
        base = next(b for b in kind.__mro__ if b in (int, str, dict, list, tuple, set))
        hint = f"save {base.__name__}(x)"
    elif hasattr(value, "item") and hasattr(value, "dtype"):
        hint = "save x.item()"
    elif hasattr(value, "__dict__") and not callable(value):
        hint = "save vars(x)"
    else:
        hint = "save what it is made from"
    return (
        f"is a {kind.__module__}.{kind.__qualname__} ({shown(value)}), but a file holds tensors, "
        f"arrays, numbers, text, bytes, None, and lists, tuples, dicts and sets of them; {hint}"
    )


_PLAIN: dict[type, Callable[[Any], _Node]] = {
    int: _int,
    float: _float,
    complex: lambda value: {"complex": [_float(value.real), _float(value.imag)]},
    weft.Size: lambda value: {"size": list(value)},
    weft.dtype: lambda value: {"dtype": value.name},
    weft.device: lambda value: {"device": str(value)},
}
_CONTAINERS: dict[type, Callable[[_Describer, Any, tuple[str, ...]], _Node]] = {
    list: _Describer._list,
    tuple: _Describer._tuple,
    set: _Describer._set,
    frozenset: _Describer._set,
    dict: _Describer._dict,
    OrderedDict: _Describer._dict,
    Counter: _Describer._dict,
}
