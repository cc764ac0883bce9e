"""Pickles of tensors and plain values in protocol 2, in the words that torch.load admits.

Python's pickler would call what objects say of themselves; this writes what it knows, and refuses
the rest with the place where it stands. Its vocabulary is that of `_torch_objects`, so that what
is written here is also read here.
"""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import weft

from ._dtypes import TORCH_STORAGES
from ._pickle_opcodes import MAX_INTEGER_BYTES
from ._spans import Span, Window, windows_of
from ._structure import MAX_DEPTH, in_one_order, refusal, require_saveable_key
from .errors import WeightsError, shown

__all__ = ["pickled_checkpoint"]

_STORAGES = {dtype: name for name, dtype in TORCH_STORAGES.items()}


def pickled_checkpoint(value: object, origin: str) -> tuple[bytes, list[Span]]:
    """Return the pickle of an object, and its storages in the order of their keys ("0", "1", …).

    Raises:
        WeightsError: it holds something else than tensors and plain values, or itself.
    """
    finder = _Pickler({}, origin)
    finder.write(value, ())
    tensors = finder.tensors
    windows = windows_of(tensors, origin)
    known = {id(tensor): window for tensor, window in zip(tensors, windows, strict=True)}
    pickler = _Pickler(known, origin)
    pickler.write(value, ())
    return b"\x80\x02" + bytes(pickler.out) + pickle.STOP, list(pickler.keys)


class _Pickler:
    """Writes opcodes. The first of two runs finds the tensors, the second knows their windows."""

    def __init__(self, windows: dict[int, Window], origin: str) -> None:
        self._windows = windows
        self._origin = origin
        self._memo: dict[object, int] = {}
        self._open: set[int] = set()
        self.out = bytearray()
        self.tensors: list[weft.Tensor] = []
        self.keys: dict[Span, str] = {}
        self._same: dict[tuple[object, ...], bytes] = {}

    def write(self, value: object, path: tuple[str, ...]) -> None:
        """Write the opcodes that leave a value on the stack."""
        kind = type(value)
        if isinstance(value, weft.Tensor):
            self._tensor(value, path)
        elif kind in _SCALARS:
            _SCALARS[kind](self, value, path)
        elif isinstance(value, float):  # NumPy's float64 is one
            self.out += b"G" + struct.pack(">d", value)
        elif kind in _CONTAINERS:
            if id(value) in self._open:
                raise WeightsError(f"{self._at(path)} is a {kind.__name__} that holds itself")
            if self._recall(id(value)):
                return
            if len(path) >= MAX_DEPTH:
                raise WeightsError(f"{self._at(path)} is nested more than {MAX_DEPTH} deep")
            self._open.add(id(value))
            _CONTAINERS[kind](self, value, path)
            self._open.discard(id(value))
        else:
            raise WeightsError(f"{self._at(path)} {refusal(value)}")

    def _at(self, path: tuple[str, ...]) -> str:
        return f"{self._origin}: {shown('.'.join(path)) if path else 'the object'}"

    # The memo: what was written once is referred to afterwards. The caller keeps objects alive.

    def _recall(self, key: object) -> bool:
        place = self._memo.get(key)
        if place is None:
            return False
        self.out += b"h" + bytes([place]) if place < 256 else b"j" + struct.pack("<I", place)
        return True

    def _remember(self, key: object) -> None:
        place = self._memo[key] = len(self._memo)
        self.out += b"q" + bytes([place]) if place < 256 else b"r" + struct.pack("<I", place)

    def _name(self, module: str, name: str) -> None:
        key = (module, name)
        if not self._recall(key):
            self.out += f"c{module}\n{name}\n".encode("ascii")
            self._remember(key)

    # Plain values.

    def _none(self, value: None, path: tuple[str, ...]) -> None:
        self.out += b"N"

    def _bool(self, value: bool, path: tuple[str, ...]) -> None:
        self.out += b"\x88" if value else b"\x89"

    def _int(self, value: int, path: tuple[str, ...]) -> None:
        if 0 <= value < 256:
            self.out += b"K" + bytes([value])
        elif 0 <= value < 65536:
            self.out += b"M" + struct.pack("<H", value)
        elif -(2**31) <= value < 2**31:
            self.out += b"J" + struct.pack("<i", value)
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if len(raw) > MAX_INTEGER_BYTES:
                raise WeightsError(
                    f"{self._at(path)} is a whole number of {len(raw)} bytes, and "
                    f"{MAX_INTEGER_BYTES} are read again; save it as text"
                )
            self.out += b"\x8a" + bytes([len(raw)]) + raw

    def _float(self, value: float, path: tuple[str, ...]) -> None:
        self.out += b"G" + struct.pack(">d", value)

    def _str(self, value: str, path: tuple[str, ...]) -> None:
        if not self._recall(value):
            try:
                raw = value.encode("utf-8")
            except UnicodeEncodeError:
                raise WeightsError(
                    f"{self._at(path)} is text that UTF-8 cannot hold: {shown(value)}"
                ) from None
            self.out += b"X" + struct.pack("<I", len(raw)) + raw
            self._remember(value)

    def _complex(self, value: complex, path: tuple[str, ...]) -> None:
        self._name("__builtin__", "complex")
        self._float(value.real, path)
        self._float(value.imag, path)
        self.out += b"\x86R"

    def _bytes(self, value: bytes, path: tuple[str, ...]) -> None:
        self._name("_codecs", "encode")
        self._str(value.decode("latin-1"), path)
        self._str("latin1", path)
        self.out += b"\x86R"

    def _bytearray(self, value: bytearray, path: tuple[str, ...]) -> None:
        self._name("__builtin__", "bytearray")
        self._str(value.decode("latin-1"), path)
        self._str("latin-1", path)
        self.out += b"\x86R"

    def _size(self, value: weft.Size, path: tuple[str, ...]) -> None:
        self._name("torch", "Size")
        self._sequence(tuple(value), path)
        self.out += b"\x85R"

    def _dtype(self, value: weft.dtype, path: tuple[str, ...]) -> None:
        self._name("torch", value.name)

    def _device(self, value: weft.device, path: tuple[str, ...]) -> None:
        self._name("torch", "device")
        self._str(value.type, path)
        if value.index is None:
            self.out += b"\x85R"
        else:
            self._int(value.index, path)
            self.out += b"\x86R"

    # Containers.

    def _list(self, value: list[object], path: tuple[str, ...]) -> None:
        self.out += b"]"
        self._remember(id(value))
        self._items(value, path, b"e")

    def _tuple(self, value: tuple[object, ...], path: tuple[str, ...]) -> None:
        self._sequence(value, path)
        if value:
            self._remember(id(value))

    def _sequence(self, value: tuple[object, ...], path: tuple[str, ...]) -> None:
        if not value:
            self.out += b")"
        elif len(value) > 3:
            self._items(value, path, b"t")
        else:
            for place, item in enumerate(value):
                self.write(item, (*path, str(place)))
            self.out += (b"\x85", b"\x86", b"\x87")[len(value) - 1]

    def _items(self, value: Sequence[object], path: tuple[str, ...], end: bytes) -> None:
        if value:
            self.out += b"("
            for place, item in enumerate(value):
                self.write(item, (*path, str(place)))
            self.out += end

    def _set(self, value: set[object], path: tuple[str, ...]) -> None:
        self._name("__builtin__", "set")
        ordered, here = in_one_order(value), self._at(path)
        for item in ordered:
            require_saveable_key(item, here)
        self.out += b"]"
        self._items(ordered, path, b"e")
        self.out += b"\x85R"
        self._remember(id(value))

    def _dict(self, value: dict[object, object], path: tuple[str, ...]) -> None:
        self.out += b"}"
        self._remember(id(value))
        self._entries(value, path)

    def _ordered_dict(self, value: OrderedDict[object, object], path: tuple[str, ...]) -> None:
        self._name("collections", "OrderedDict")
        self.out += b")R"
        self._remember(id(value))
        self._entries(value, path)
        notes = getattr(value, "_metadata", None)  # of a state_dict: each module's version
        if notes is not None:
            self.out += b"}("
            self._str("_metadata", path)
            self.write(notes, (*path, "_metadata"))
            self.out += b"ub"

    def _counter(self, value: Counter[object], path: tuple[str, ...]) -> None:
        if not all(type(count) is int for count in value.values()):
            raise WeightsError(f"{self._at(path)} is a Counter of other than whole numbers")
        self._name("collections", "Counter")
        self.out += b"}"
        self._entries(value, path)
        self.out += b"\x85R"
        self._remember(id(value))

    def _entries(self, value: dict[Any, Any], path: tuple[str, ...]) -> None:
        if value:
            self.out += b"("
            here = self._at(path)
            for key, item in value.items():
                require_saveable_key(key, here)
                self.write(key, path)
                self.write(item, (*path, str(key)))
            self.out += b"u"

    # Tensors.

    def _tensor(self, value: weft.Tensor, path: tuple[str, ...]) -> None:
        if self._recall(id(value)):
            return
        from weft import nn  # here: weights of other kinds must not wait for it

        is_parameter = type(value) is nn.Parameter
        if type(value) not in (weft.Tensor, nn.Parameter, nn.Buffer):
            raise WeightsError(
                f"{self._at(path)} is a {type(value).__name__}; save plain tensors, parameters "
                "and buffers"
            )
        if value.device.type == "meta":
            raise WeightsError(f"{self._at(path)} is on the meta device and so has no data to save")
        window = self._windows.get(id(value))
        if window is None:  # the first run
            self.tensors.append(value)
            self._remember(id(value))
            return
        if is_parameter:
            self._name("torch._utils", "_rebuild_parameter")
            self.out += b"("
        self._rebuilt(window, value.requires_grad and not is_parameter, path)
        if is_parameter:
            self._bool(value.requires_grad, path)
            self._name("collections", "OrderedDict")
            self.out += b")RtR"
        self._remember(id(value))

    def _rebuilt(self, window: Window, requires_grad: bool, path: tuple[str, ...]) -> None:
        """Write a plain tensor: a storage, and which of its elements are shown."""
        span = window.span
        storage = _STORAGES.get(span.dtype)
        self._repeated((storage,), lambda: self._storage_type(storage, path))
        self._str(self.keys.setdefault(span, str(len(self.keys))), path)
        shown = (span, window.offset, window.size, window.stride, requires_grad)
        told = (span.dtype, span.device, span.count, *shown[1:])
        self._repeated(told, lambda: self._view(*shown, path))

    def _storage_type(self, storage: str | None, path: tuple[str, ...]) -> None:
        """Write how a tensor is made, and how its storage begins."""
        self._name("torch._utils", "_rebuild_tensor_v2" if storage else "_rebuild_tensor_v3")
        self.out += b"(("
        self._str("storage", path)
        if storage:
            self._name("torch", storage)
        else:  # PyTorch keeps its younger dtypes as bytes, and names the dtype beside
            self._name("torch.storage", "UntypedStorage")

    def _view(
        self,
        span: Span,
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        requires_grad: bool,
        path: tuple[str, ...],
    ) -> None:
        """Write what a storage is beside its key, and what of it a tensor shows."""
        typed = span.dtype in _STORAGES
        itemsize = 1 if typed else getattr(weft, span.dtype).itemsize
        self._str(span.device, path)
        self._int(span.count * itemsize, path)
        self.out += b"tQ"
        self._int(offset, path)
        self._sequence(size, path)
        self._sequence(stride, path)
        self._bool(requires_grad, path)
        self._name("collections", "OrderedDict")
        self.out += b")R"
        if not typed:
            self._name("torch", span.dtype)
        self.out += b"tR"

    def _repeated(self, key: tuple[object, ...], write: Callable[[], None]) -> None:
        """Write what is told by a key; from the second time on it is the same bytes.

        The first time brings words into the memo, to which the others refer.
        """
        known = self._same.get(key)
        if known:
            self.out += known
            return
        start = len(self.out)
        write()
        self._same[key] = b"" if known is None else bytes(self.out[start:])


_Step = Callable[[_Pickler, Any, tuple[str, ...]], None]
_SCALARS: dict[type, _Step] = {
    type(None): _Pickler._none,
    bool: _Pickler._bool,
    int: _Pickler._int,
    float: _Pickler._float,
    str: _Pickler._str,
    complex: _Pickler._complex,
    bytes: _Pickler._bytes,
    bytearray: _Pickler._bytearray,
    weft.Size: _Pickler._size,
    weft.dtype: _Pickler._dtype,
    weft.device: _Pickler._device,
}
_CONTAINERS: dict[type, _Step] = {
    list: _Pickler._list,
    tuple: _Pickler._tuple,
    set: _Pickler._set,
    dict: _Pickler._dict,
    OrderedDict: _Pickler._ordered_dict,
    Counter: _Pickler._counter,
}
