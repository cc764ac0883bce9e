"""The allow-list: every name that a PyTorch checkpoint may use, and what we build for it.

A file's name is a key into this table and nothing more. `torch._utils._rebuild_tensor_v2` does not
lead to PyTorch's function of that name (PyTorch is not even installed), but to `_tensor_v2` below.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import weft

from ._dtypes import TORCH_DTYPES, TORCH_STORAGES
from ._memory import has_dtype
from ._pickle_machine import Budget, Constructor, require_key
from ._torch_storage import MAX_DIMENSIONS, UNTYPED, Storage, Storages, StorageType
from .errors import FormatError, UnsafeCheckpointError, Where, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["TorchObjects"]

_Arguments = tuple[object, ...]
_TENSOR_UNITS = 4  # of the budget, beside the containers of its arguments


class TorchObjects:
    """The vocabulary of PyTorch checkpoints, for a `Machine`."""

    def __init__(self, storages: Storages, budget: Budget) -> None:
        self._storages = storages
        self._budget = budget
        constructors: dict[str, Callable[[_Arguments, Where], object]] = {
            "collections.OrderedDict": self._ordered_dict,
            "collections.Counter": self._counter,
            "builtins.bytearray": self._bytearray,
            "builtins.set": self._set,
            "builtins.complex": self._complex,
            "_codecs.encode": self._bytes,
            "torch.Size": self._size,
            "torch.device": self._device,
            "torch._utils._rebuild_tensor": self._tensor_v1,
            "torch._utils._rebuild_tensor_v2": self._tensor_v2,
            "torch._utils._rebuild_tensor_v3": self._tensor_v3,
            "torch._utils._rebuild_parameter": self._parameter,
        }
        self._names: dict[str, object] = {
            name: Constructor(name, build) for name, build in constructors.items()
        }
        for name, dtype in TORCH_STORAGES.items():
            for module in ("torch", "torch.cuda"):  # torch.cuda's in files older than version 2.0
                self._names[f"{module}.{name}"] = StorageType(f"{module}.{name}", dtype)
        for name in ("torch.storage.UntypedStorage", "torch.UntypedStorage"):
            self._names[name] = StorageType(name, UNTYPED)

    def named(self, module: str, name: str, where: Where) -> object:
        """Return what a name stands for; see `Vocabulary`."""
        module = "builtins" if module == "__builtin__" else module  # as protocol 2 has it
        full = f"{module}.{name}"
        if full in self._names:
            return self._names[full]
        if module == "torch" and name in TORCH_DTYPES:
            return _dtype(TORCH_DTYPES[name], where)
        raise UnsafeCheckpointError(
            f"{where}: the checkpoint wants {_plain(full)}, which is not among the names that "
            "tensors and plain containers need; nothing was executed. If you trust the file, load "
            "it with PyTorch, and save its state_dict (tensors, numbers, text) again"
        )

    def persistent(self, key: object, where: Where) -> object:
        """Return the storage that a persistent id stands for; see `Vocabulary`."""
        # By their types first: a tensor in the place of a text answers `!=` with a tensor.
        if type(key) is not tuple or not key or type(key[0]) is not str or key[0] != "storage":
            raise UnsafeCheckpointError(
                f"{where}: a persistent id is ('storage', type, key, location, count), but here "
                f"{shown(key)}; source code and anything else that it could carry is not taken; "
                "nothing was executed"
            )
        if len(key) == 5:
            (_, kind, name, location, count), view = key, None
        elif len(key) == 6:
            _, kind, name, location, count, view = key
        else:
            raise FormatError(f"{where}: a storage is named by 5 or 6 values, not {shown(key)}")
        texts = type(name) is str and type(location) is str
        if not isinstance(kind, StorageType) or not texts:
            raise FormatError(f"{where}: a storage has a type and a text as key, not {shown(key)}")
        count = _natural(count, "a storage's count", where)
        offset, length = 0, count
        if view is not None:
            if type(view) is not tuple or len(view) != 3:
                raise FormatError(f"{where}: a storage's view is 3 values, not {shown(view)}")
            offset = _natural(view[1], "a storage view's offset", where)
            length = _natural(view[2], "a storage view's length", where)
        return self._storages.refer(
            Storage(name, kind.dtype, count, offset, length, location), where
        )

    # Plain values. Each copies what it is given, so each pays for it.

    def _ordered_dict(self, arguments: _Arguments, where: Where) -> object:
        self._budget.spend(2, where)
        if not arguments:
            return OrderedDict()
        (pairs,) = _exactly(1, arguments, where)
        if type(pairs) is not list:
            raise FormatError(f"{where} takes a list of pairs, not {shown(pairs)}")
        self._budget.spend(len(pairs), where)
        found: OrderedDict[object, object] = OrderedDict()
        for pair in pairs:
            if type(pair) not in (list, tuple) or len(pair) != 2:
                raise FormatError(f"{where} takes a list of pairs, but one is {shown(pair)}")
            require_key(pair[0], where)
            found[pair[0]] = pair[1]
        return found

    def _counter(self, arguments: _Arguments, where: Where) -> object:
        """Counts of keys, as the milestones of a schedule are."""
        (counts,) = _exactly(1, arguments or ({},), where)
        if type(counts) is not dict or not all(type(n) is int for n in counts.values()):
            raise FormatError(f"{where} takes a dict of whole numbers, not {shown(counts)}")
        self._budget.spend(1 + len(counts), where)
        return Counter(counts)

    def _bytearray(self, arguments: _Arguments, where: Where) -> object:
        """Bytes that may be written to, given as bytes or as Latin-1 text."""
        if len(arguments) == 1 and type(arguments[0]) is bytes:
            self._budget.spend(1 + len(arguments[0]) // 16, where)
            return bytearray(arguments[0])
        if not arguments:
            return bytearray()
        text, codec = _exactly(2, arguments, where)
        plain = codec.replace("-", "") if type(codec) is str else codec
        made = self._bytes((text, plain), where)
        assert type(made) is bytes
        return bytearray(made)

    def _set(self, arguments: _Arguments, where: Where) -> object:
        self._budget.spend(1, where)
        (items,) = _exactly(1, arguments or ([],), where)
        if type(items) is not list:
            raise FormatError(f"{where} takes a list, not {shown(items)}")
        self._budget.spend(len(items), where)
        for item in items:
            require_key(item, where)
        return set(items)

    def _complex(self, arguments: _Arguments, where: Where) -> object:
        real, imaginary = _exactly(2, arguments, where)
        if type(real) is not float or type(imaginary) is not float:
            raise FormatError(f"{where} takes two floats, not {shown(arguments)}")
        return complex(real, imaginary)

    def _bytes(self, arguments: _Arguments, where: Where) -> object:
        """Bytes, which protocol 2 writes as Latin-1 text; no other codec is looked up."""
        text, codec = _exactly(2, arguments, where)
        if type(text) is not str or type(codec) is not str or codec != "latin1":
            raise FormatError(f"{where} takes a text and 'latin1', not {shown(arguments)}")
        self._budget.spend(1 + len(text) // 16, where)
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            raise FormatError(f"{where}: {shown(text)} is not Latin-1 text") from None

    def _size(self, arguments: _Arguments, where: Where) -> object:
        (sizes,) = _exactly(1, arguments, where)
        numbers = _naturals(sizes, "torch.Size", where)
        self._budget.spend(1 + len(numbers), where)
        return weft.Size(numbers)

    def _device(self, arguments: _Arguments, where: Where) -> object:
        """The device, or its name if it is of a kind that weft does not have."""
        kind, *index = arguments if 1 <= len(arguments) <= 2 else _exactly(1, arguments, where)
        if type(kind) is not str or not re.fullmatch(r"[a-z]{1,20}(:\d{1,4})?", kind, re.ASCII):
            raise FormatError(f"{where} takes a device's name, not {shown(kind)}")
        if index and index[0] is not None:
            kind = f"{kind}:{_natural(index[0], 'a device index', where)}"
        self._budget.spend(1, where)
        try:
            return weft.device(kind)
        except ValueError:
            return kind

    # Tensors.

    def _tensor_v1(self, arguments: _Arguments, where: Where) -> object:
        storage, offset, size, stride = _exactly(4, arguments, where)
        return self._window(storage, None, offset, size, stride, where)

    def _tensor_v2(self, arguments: _Arguments, where: Where) -> object:
        if len(arguments) == 7 and _is_nothing(arguments[6]):
            arguments = arguments[:6]
        elif len(arguments) == 7:
            raise FormatError(
                f"{where}: the tensor is a lazy conjugate or negative ({shown(arguments[6])}); "
                "save it after .resolve_conj().resolve_neg()"
            )
        storage, offset, size, stride, requires_grad, hooks = _exactly(6, arguments, where)
        _require_no_hooks(hooks, where)
        tensor = self._window(storage, None, offset, size, stride, where)
        return _with_gradient(tensor, requires_grad, where)

    def _tensor_v3(self, arguments: _Arguments, where: Where) -> object:
        """As version 2, with the dtype apart from a storage of bytes."""
        if len(arguments) < 7:
            _exactly(7, arguments, where)
        storage, offset, size, stride, requires_grad, hooks, dtype, *rest = arguments
        if len(rest) > 1 or (rest and not _is_nothing(rest[0])):
            raise FormatError(f"{where}: a tensor with further state {shown(rest)} is not read")
        _require_no_hooks(hooks, where)
        if not isinstance(dtype, weft.dtype):
            raise FormatError(f"{where} takes a dtype, not {shown(dtype)}")
        name: str = dtype.name
        tensor = self._window(storage, name, offset, size, stride, where)
        return _with_gradient(tensor, requires_grad, where)

    def _parameter(self, arguments: _Arguments, where: Where) -> object:
        """A Parameter, over the memory of its tensor, which the file may also hold by itself."""
        data, requires_grad, hooks = _exactly(3, arguments, where)
        _require_no_hooks(hooks, where)
        self._budget.spend(_TENSOR_UNITS, where)
        if self._storages.dry and data is None:
            return None
        if not isinstance(data, weft.Tensor):
            raise FormatError(f"{where} takes a tensor, not {shown(data)}")
        from weft import nn  # here: most files hold none

        return nn.Parameter(data, _checked_gradient(data, requires_grad, where))

    def _window(
        self,
        storage: object,
        dtype: str | None,
        offset: object,
        size: object,
        stride: object,
        where: Where,
    ) -> Tensor | None:
        sizes = _naturals(size, "a tensor's size", where)
        self._budget.spend(_TENSOR_UNITS + len(sizes) // 4, where)
        if not isinstance(storage, Storage):
            raise FormatError(f"{where} takes a storage, not {shown(storage)}")
        if storage.dtype != UNTYPED and dtype not in (None, storage.dtype):
            raise FormatError(f"{where}: a tensor of {dtype} over {storage!r}")
        own = dtype or storage.dtype
        if own == UNTYPED:
            raise FormatError(f"{where}: a tensor over {storage!r} needs a dtype")
        return self._storages.view(
            storage,
            own,
            _natural(offset, "a tensor's offset", where),
            sizes,
            _naturals(stride, "a tensor's stride", where),
            where,
        )


def _dtype(name: str, where: Where) -> object:
    if not has_dtype(name):
        raise FormatError(
            f"{where}: the checkpoint has dtype {name}, which weft does not have; convert its "
            "tensors with PyTorch (to float16, say) and save them again"
        )
    return getattr(weft, name)


def _with_gradient(tensor: Tensor | None, requires_grad: object, where: Where) -> Tensor | None:
    wanted = _checked_gradient(tensor, requires_grad, where)
    return tensor if tensor is None or not wanted else tensor.requires_grad_(True)


def _checked_gradient(tensor: Tensor | None, requires_grad: object, where: Where) -> bool:
    """Return whether a tensor (None in a dry run) is to require a gradient, if it can."""
    if type(requires_grad) is not bool:
        raise FormatError(f"{where}: requires_grad is True or False, not {shown(requires_grad)}")
    if tensor is None or not requires_grad:
        return requires_grad
    if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
        raise FormatError(f"{where}: a tensor of {tensor.dtype} cannot require a gradient")
    return True


def _require_no_hooks(hooks: object, where: Where) -> None:
    if hooks is not None and (not isinstance(hooks, dict) or hooks):
        raise UnsafeCheckpointError(
            f"{where}: the tensor brings backward hooks, which are code: {shown(hooks)}; "
            "nothing was executed"
        )


def _is_nothing(state: object) -> bool:
    """Whether a tensor's further state is none. Of other values nothing is asked."""
    return state is None or (isinstance(state, dict) and not state)


def _exactly(count: int, arguments: _Arguments, where: Where) -> _Arguments:
    if len(arguments) != count:
        raise FormatError(f"{where} takes {count} arguments, not {shown(arguments)}")
    return arguments


def _natural(value: object, what: str, where: Where) -> int:
    if type(value) is not int:
        raise FormatError(f"{where}: {what} is a whole number, not {shown(value)}")
    if not 0 <= value < 2**63:
        raise UnsafeCheckpointError(f"{where}: {what} is from 0 to 2**63 - 1, not {shown(value)}")
    return value


def _naturals(value: object, what: str, where: Where) -> tuple[int, ...]:
    if not isinstance(value, tuple):  # a weft.Size is one
        raise FormatError(f"{where}: {what} is a tuple of whole numbers, not {shown(value)}")
    if len(value) > MAX_DIMENSIONS:
        raise FormatError(f"{where}: {what} has {len(value)} numbers, more than {MAX_DIMENSIONS}")
    for number in value:
        if type(number) is not int or not 0 <= number < 2**63:
            _natural(number, what, where)
    return tuple(value)


def _plain(name: str) -> str:
    """Return a name as it is if it is plainly one, else as a repr that a terminal can bear."""
    return name if re.fullmatch(r"[\w.]{1,200}", name, re.ASCII) else shown(name)
