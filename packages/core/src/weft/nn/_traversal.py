"""Walking a module's tree: children, modules, parameters and buffers, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from weft import Tensor
from weft._core.errors import did_you_mean

if TYPE_CHECKING:
    from weft.nn._registry import Registry
    from weft.nn.module import Module
    from weft.nn.parameter import Parameter

Self = TypeVar("Self", bound="Traversal")


class Traversal:
    """The part of `Module` that lists what it holds."""

    if TYPE_CHECKING:  # no hints at run time, where the names in them are not
        _parameters: Registry[Parameter | None]
        _buffers: Registry[Tensor | None]
        _modules: Registry[Module | None]

    def children(self) -> Iterator[Module]:
        """The direct children, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct children with their names; a module under two names comes once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self) -> Iterator[Module]:
        """This module and all below it, parents before children, each once."""
        for _, module in self.named_modules():
            yield module

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their dotted names.

        Args:
            memo: modules to leave out; those yielded are added to it.
            prefix: put in front of each name.
            remove_duplicate: whether a module that has two names comes only under the first.
        """
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self  # type: ignore[misc]  # every Traversal is a Module
        for name, module in self._modules.items():
            if module is not None:
                below = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, below, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, with `recurse`, of all below it, each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names.

        Args:
            prefix: put in front of each name.
            recurse: whether to go into the modules below.
            remove_duplicate: whether a parameter that has two names comes only under the first.
        """
        return self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, with `recurse`, of all below it, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names; arguments as for `named_parameters`."""
        return self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def _named_members(
        self,
        members_of: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        # Identity and not equality tells tensors apart: == compares their elements.
        seen: set[int] = set()
        modules: Any = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for module_prefix, module in modules:
            for name, member in members_of(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{module_prefix}.{name}" if module_prefix else name), member

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; the empty path is this module.

        Raises:
            AttributeError: there is no such attribute, or it is no module.
        """
        module: Any = self
        for depth, name in enumerate(target.split(".") if target else ()):
            where = ".".join(target.split(".")[:depth]) or "the module itself"
            if not hasattr(module, name):
                raise AttributeError(
                    f"get_submodule({target!r}): {type(module).__name__} (at {where}) has no "
                    f"attribute {name!r}{did_you_mean(name, module._modules)}"
                )
            module = getattr(module, name)
            if not isinstance(module, Traversal):
                raise AttributeError(
                    f"get_submodule({target!r}): {name!r} (in {where}) is no module but "
                    f"{type(module).__name__}"
                )
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a dotted path; all but the last name must exist.

        Args:
            target: the path, not empty.
            module: what is put there.
            strict: whether the last name must exist too.

        Raises:
            ValueError: `target` is empty.
            AttributeError: a part of the path does not exist or is no module.
        """
        if not target:
            raise ValueError("set_submodule: a module cannot replace itself; target is empty")
        *path, name = target.split(".")
        parent = self.get_submodule(".".join(path))
        if strict and not hasattr(parent, name):
            raise AttributeError(
                f"set_submodule({target!r}, strict=True): {type(parent).__name__} has no "
                f"attribute {name!r}{did_you_mean(name, parent._modules)}"
            )
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Traversal):
            raise AttributeError(
                f"set_submodule({target!r}): {name!r} is no module but "
                f"{type(getattr(parent, name)).__name__}"
            )
        if not isinstance(module, Traversal):
            raise ValueError(
                f"set_submodule({target!r}): a Module is required, got {type(module).__name__}"
            )
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path.

        Raises:
            AttributeError: there is none at that path.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        parameter = module._parameters.get(name)
        if parameter is None:
            raise AttributeError(
                f"get_parameter({target!r}): {type(module).__name__} has no parameter "
                f"{name!r}{did_you_mean(name, module._parameters)}"
            )
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path.

        Raises:
            AttributeError: there is none at that path.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = module._buffers.get(name)
        if buffer is None:
            raise AttributeError(
                f"get_buffer({target!r}): {type(module).__name__} has no buffer "
                f"{name!r}{did_you_mean(name, module._buffers)}"
            )
        return buffer

    def apply(self: Self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module, children before parents; the usual way to initialise.

        Returns:
            The module itself.
        """
        for module in self.children():
            module.apply(fn)
        fn(self)  # type: ignore[arg-type]  # every Traversal is a Module
        return self
