"""A nested object from the JSON that `_structure` writes; nothing but plain data can come of it."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import weft

from ._dtypes import ITEM_BITS
from ._pickle_machine import require_key
from ._structure import MAX_DEPTH, MAX_INTEGER_DIGITS
from ._torch_storage import require_dims
from .errors import FormatError, MissingTensorError, Where, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["Reader", "TensorSource", "parsed", "part_of", "tensor_nodes"]

_Node = Any  # what JSON can hold


class TensorSource(Protocol):
    """Where a reader gets the tensors that nodes stand for."""

    def tensor(self, node: dict[str, Any]) -> object:
        """Return what a node that begins with "tensor" stands for, or raise FormatError."""

    def data(self, node: dict[str, Any]) -> bytearray:
        """Return the bytes of such a node."""


def parsed(text: str, origin: Where) -> _Node:
    """Return the JSON of a structure.

    Raises:
        FormatError: it is none.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refused,
            parse_int=_bounded_integer,
        )
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"{origin}: the structure in the header is JSON, but {error}; the file is damaged"
        ) from None


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refused(literal: str) -> object:
    raise ValueError(f"{literal} stands in it")


def _bounded_integer(literal: str) -> int:
    if len(literal) > 20:
        raise ValueError(f"{shown(literal)} stands in it, more than 64 bits")
    return int(literal)


class Reader:
    """Makes objects of nodes."""

    def __init__(self, source: TensorSource, origin: Where) -> None:
        self._source = source
        self._origin = origin

    def value(self, node: _Node, depth: int = 0) -> object:
        """Return the object that a node stands for.

        Raises:
            FormatError: it is no node that `_structure` writes, or its tensor is damaged.
        """
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if depth > MAX_DEPTH:
            raise FormatError(f"{self._origin}: the structure is nested more than {MAX_DEPTH} deep")
        if isinstance(node, list):
            return [self.value(item, depth + 1) for item in node]
        tag = next(iter(node), None)
        if tag == "tensor":
            return self._source.tensor(node)
        step = _STEPS.get(tag)
        if step is None:
            raise self._broken(node)
        return step(self, node, node[tag], depth + 1)

    def _broken(self, node: _Node) -> FormatError:
        return FormatError(
            f"{self._origin}: the structure holds {shown(node)}, which stands for nothing; "
            "the file is damaged"
        )

    def _list(self, node: _Node, inner: _Node, depth: int) -> list[object]:
        if not isinstance(inner, list):
            raise self._broken(node)
        return [self.value(item, depth) for item in inner]

    def _tuple(self, node: _Node, inner: _Node, depth: int) -> object:
        return tuple(self._list(node, inner, depth))

    def _set(self, node: _Node, inner: _Node, depth: int) -> object:
        items = self._list(node, inner, depth)
        for item in items:
            require_key(item, self._origin)
        return frozenset(items) if "frozenset" in node else set(items)

    def _pairs(self, node: _Node, inner: _Node, depth: int) -> list[tuple[object, object]]:
        if isinstance(inner, dict):
            return [(key, self.value(item, depth)) for key, item in inner.items()]
        found = []
        for pair in inner if isinstance(inner, list) else [None]:
            if not isinstance(pair, list) or len(pair) != 2:
                raise self._broken(node)
            key = self.value(pair[0], depth)
            require_key(key, self._origin)
            found.append((key, self.value(pair[1], depth)))
        return found

    def _dict(self, node: _Node, inner: _Node, depth: int) -> object:
        return dict(self._pairs(node, inner, depth))

    def _ordered_dict(self, node: _Node, inner: _Node, depth: int) -> object:
        made = OrderedDict(self._pairs(node, inner, depth))
        if "metadata" in node:
            notes = self.value(node["metadata"], depth)
            if not isinstance(notes, dict):
                raise self._broken(node)
            vars(made)["_metadata"] = notes
        return made

    def _counter(self, node: _Node, inner: _Node, depth: int) -> object:
        made: Counter[Any] = Counter()
        made.update(dict(self._pairs(node, inner, depth)))
        return made

    def _float(self, node: _Node, inner: _Node, depth: int) -> object:
        if inner not in ("nan", "inf", "-inf"):
            raise self._broken(node)
        return float(inner)

    def _int(self, node: _Node, inner: _Node, depth: int) -> object:
        try:
            if len(inner) <= MAX_INTEGER_DIGITS:
                return int(inner, 16)
        except (TypeError, ValueError):
            pass
        raise self._broken(node)

    def _complex(self, node: _Node, inner: _Node, depth: int) -> object:
        parts = self._list(node, inner, depth)
        floats = [part for part in parts if isinstance(part, float)]
        if len(parts) != 2 or len(floats) != 2:
            raise self._broken(node)
        return complex(floats[0], floats[1])

    def _bytes(self, node: _Node, inner: _Node, depth: int) -> object:
        try:
            if isinstance(inner, dict):
                data = self._source.data(inner)
            else:
                data = bytearray(base64.b64decode(inner, validate=True))
        except (TypeError, ValueError, binascii.Error) as error:
            if isinstance(error, FormatError):
                raise
            raise self._broken(node) from None
        return data if "bytearray" in node else bytes(data)

    def _size(self, node: _Node, inner: _Node, depth: int) -> object:
        return weft.Size(naturals(inner, node, self._origin))

    def _dtype(self, node: _Node, inner: _Node, depth: int) -> object:
        return dtype_called(inner, self._origin)

    def _device(self, node: _Node, inner: _Node, depth: int) -> object:
        try:
            return weft.device(str(inner))
        except ValueError:
            raise self._broken(node) from None

    def _meta(self, node: _Node, inner: _Node, depth: int) -> object:
        size = naturals(node.get("size"), node, self._origin)
        require_dims(size, self._origin)
        made = weft.empty(size, dtype=dtype_called(inner, self._origin), device="meta")
        return dressed(made, node, {}, self._origin)


def dtype_called(name: object, origin: Where) -> weft.dtype:
    """Return a dtype by its name, or raise FormatError."""
    if isinstance(name, str) and name in ITEM_BITS and hasattr(weft, name):
        found: weft.dtype = getattr(weft, name)
        return found
    raise FormatError(f"{origin}: the structure has dtype {shown(name)}, which weft does not have")


def naturals(value: object, node: _Node, origin: Where) -> tuple[int, ...]:
    """Return a list of whole numbers from 0 as a tuple, or raise FormatError."""
    if not isinstance(value, list) or not all(type(n) is int and 0 <= n < 2**62 for n in value):
        raise FormatError(
            f"{origin}: whole numbers from 0 were required, but here they are {shown(value)}, in "
            f"{shown(node)}; the file is damaged"
        )
    if math.prod(n for n in value if n) >= 2**62:
        raise FormatError(f"{origin}: {shown(value)} is beyond any memory; the file is damaged")
    return tuple(value)


def dressed(tensor: Tensor, node: dict[str, Any], attributes: Any, origin: Where) -> object:
    """Return a tensor as what it was saved as: a parameter, a buffer, an array, with a gradient.

    Args:
        tensor: its values; it becomes part of the result.
        node: says what it is to be.
        attributes: what users had set on a parameter or buffer.
        origin: the file's name.
    """
    kind = node.get("kind", "tensor")
    wanted = node.get("requires_grad", False)
    differentiable = tensor.dtype.is_floating_point or tensor.dtype.is_complex
    if type(wanted) is not bool or (wanted and not differentiable):
        raise FormatError(
            f"{origin}: requires_grad is {shown(wanted)} for a tensor of {tensor.dtype}; "
            "the file is damaged"
        )
    if kind == "tensor":
        return tensor.requires_grad_(True) if wanted else tensor
    if kind == "array" and tensor.device.type == "cpu":
        return tensor.numpy()
    from weft import nn

    made: Any
    if kind == "parameter":
        made = nn.Parameter(tensor, wanted)
    elif kind == "buffer":
        made = nn.Buffer(tensor)
    else:
        raise FormatError(f"{origin}: a tensor is to be {shown(kind)}; the file is damaged")
    made.__dict__.update(attributes)
    return made


def tensor_nodes(node: _Node) -> Iterator[dict[str, Any]]:
    """Yield the nodes of tensors in a structure, in order, one for each place."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += reversed(node)
        elif isinstance(node, dict) and node:
            tag, inner = next(iter(node.items()))
            if tag == "tensor":
                yield node
            elif tag == "tuple":
                pending.append(inner)
            elif tag in _DICTS:
                pending += [item for _, item in reversed(_entries(inner))]


def part_of(node: _Node, keys: tuple[object, ...], reader: Reader, origin: Where) -> _Node:
    """Return the node at a place in a structure, without making anything on the way.

    Raises:
        MissingTensorError: there is no such place.
    """
    for depth, wanted in enumerate(keys):
        tag, inner = next(iter(node.items()), (None, None)) if type(node) is dict else ("", node)
        parts: list[tuple[object, _Node]] = []
        if tag in _DICTS:
            parts = [(reader.value(key), item) for key, item in _entries(inner)]
        elif isinstance(inner, list) and tag in ("", "tuple"):
            parts = list(enumerate(inner))
            if type(wanted) is int and wanted < 0:
                wanted += len(inner)
        # The type too: True equals 1, and neither is the other's key in a file.
        found = [item for key, item in parts if type(key) is type(wanted) and key == wanted]
        if not found:
            above = "".join(f"[{shown(key)}]" for key in keys[:depth]) or "the object"
            raise MissingTensorError(
                f"{origin}: {above} has no part {shown(wanted)}; it has "
                f"{shown([key for key, _ in parts])}"
            )
        node = found[0]
    return node


def _entries(inner: _Node) -> list[tuple[_Node, _Node]]:
    """Return the nodes of a dict's keys and values; nothing where it is malformed."""
    if isinstance(inner, dict):
        return list(inner.items())
    pairs = inner if isinstance(inner, list) else []
    return [(pair[0], pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2]


_DICTS = ("dict", "ordered_dict", "counter")
_STEPS: dict[Any, Callable[[Reader, _Node, _Node, int], object]] = {
    "tuple": Reader._tuple,
    "set": Reader._set,
    "frozenset": Reader._set,
    "dict": Reader._dict,
    "ordered_dict": Reader._ordered_dict,
    "counter": Reader._counter,
    "float": Reader._float,
    "int": Reader._int,
    "complex": Reader._complex,
    "bytes": Reader._bytes,
    "bytearray": Reader._bytes,
    "size": Reader._size,
    "dtype": Reader._dtype,
    "device": Reader._device,
    "meta": Reader._meta,
}
