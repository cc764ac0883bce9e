"""The weights in a TorchScript archive, without the program around them.

The archive's pickle is a tree of module objects whose classes are written out under `code/`. Here
an object of such a class is a bag of attributes; of `code/` no byte is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import weft

from ._pickle_machine import Budget, Constructor, InertClass
from ._pickle_result import InertObject
from ._torch_objects import TorchObjects
from ._torch_storage import Storages
from ._torch_zip import TorchArchive
from .errors import FormatError, Where, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["read_script_weights"]


def read_script_weights(memory: memoryview, origin: str, *, check_crc: bool) -> dict[str, Tensor]:
    """Return the tensors of the module tree in a TorchScript archive, by dotted path.

    Raises:
        FormatError: it is damaged, or no TorchScript archive.
        UnsafeCheckpointError: it wants something beyond modules, tensors and plain containers.
    """
    archive = TorchArchive(memory, origin, check_crc=check_crc)
    if not archive.is_script:
        raise FormatError(f"{origin}: this is no TorchScript archive; use weft.io.load_pytorch")
    budget = Budget()
    root = archive.unpickle(_ScriptObjects(Storages(archive.place), budget), budget)
    if not isinstance(root, InertObject):
        raise FormatError(f"{origin}: TorchScript keeps a module, but here it is {shown(root)}")
    found: dict[str, Tensor] = {}
    # The tree holds no cycle and is at most 200 deep: the interpreter has seen to it.
    pending = [("", root)]
    while pending:
        path, module = pending.pop()
        inner: list[tuple[str, InertObject]] = []
        for name, value in module.state.items():
            # A module that is shared has one path for each way to it, and ways can multiply.
            budget.spend(1 + len(path) // 16, origin)
            if not isinstance(name, str):
                raise FormatError(f"{origin}: an attribute of {module!r} is called {shown(name)}")
            if isinstance(value, InertObject):
                inner.append((f"{path}{name}.", value))
            elif isinstance(value, weft.Tensor):
                if path + name in found:
                    raise FormatError(f"{origin}: two tensors are called {shown(path + name)}")
                found[path + name] = value.detach()
        pending.extend(reversed(inner))
    return found


class _ScriptObjects(TorchObjects):
    """The vocabulary of checkpoints, and what TorchScript adds to it."""

    def __init__(self, storages: Storages, budget: Budget) -> None:
        super().__init__(storages, budget)
        for kind in ("int", "double", "bool", "tensor"):
            name = f"torch.jit._pickle.build_{kind}list"
            self._names[name] = Constructor(name, _same_list)
        name = "torch.jit._pickle.restore_type_tag"
        self._names[name] = Constructor(name, _untagged)

    def named(self, module: str, name: str, where: Where) -> object:
        if module == "__torch__" or module.startswith("__torch__."):
            return InertClass(f"{module}.{name}")
        return super().named(module, name, where)


def _same_list(arguments: tuple[object, ...], where: Where) -> object:
    if len(arguments) != 1 or type(arguments[0]) is not list:
        raise FormatError(f"{where} takes a list, not {shown(arguments)}")
    return arguments[0]


def _untagged(arguments: tuple[object, ...], where: Where) -> object:
    """Return the value; its type in TorchScript's words says nothing that we need."""
    if len(arguments) != 2:
        raise FormatError(f"{where} takes a value and its type, not {shown(arguments)}")
    return arguments[0]
