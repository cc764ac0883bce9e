"""Parameters that are computed from others: a module's tensor becomes a function of what it learns.

`register_parametrization` moves the tensor into `parametrizations.NAME.original` and gives the
module a class of its own, in which NAME is a property that computes the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any

import weft
from weft import Tensor
from weft.nn.containers import ModuleDict, ModuleList
from weft.nn.module import Module
from weft.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache_enabled = 0
_cache: dict[tuple[int, str], Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrised tensor once within a block, at its first use.

    What is learned must not change within the block: a step of an optimizer, or assigning to the
    tensor, shows only after it.

    Source: PyTorch's `torch.nn.utils.parametrize.cached`.

    Example:
        >>> layer = weft.nn.utils.parametrizations.orthogonal(weft.nn.Linear(3, 3))
        >>> with weft.nn.utils.parametrize.cached():
        ...     print(layer.weight is layer.weight)
        True
    """
    global _cache_enabled
    _cache_enabled += 1
    try:
        yield
    finally:
        _cache_enabled -= 1
        if not _cache_enabled:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, in the order in which they act, and what they act on.

    `original` is what is learned, or `original0`, `original1` and so on where the first
    parametrisation takes several tensors. It is a parameter if the tensor was one, else a buffer.

    Args:
        modules: the parametrisations.
        original: the tensor as it was.
        unsafe: whether they may change the tensor's dtype or shape.

    Raises:
        ValueError: a `right_inverse` gives no tensor or tensors, or what is computed has another
            dtype or shape than the tensor and `unsafe` is not set.

    Source: PyTorch's `torch.nn.utils.parametrize.ParametrizationList`.
    """

    original: Tensor
    unsafe: bool
    is_tensor: bool
    ntensors: int

    def __init__(
        self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False
    ) -> None:
        if not modules:
            raise ValueError("ParametrizationList needs at least one parametrisation, got none")
        super().__init__(modules)
        self.unsafe = unsafe
        with weft.no_grad():
            new: Any = original
            for module in reversed(modules):
                new = _before(module, new)
        if not isinstance(new, Tensor) and not isinstance(new, Sequence):
            raise ValueError(
                f"{type(modules[0]).__name__}.right_inverse must return a tensor or a sequence of "
                f"tensors, got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if isinstance(new, Tensor):
            if original.dtype is not new.dtype:
                raise ValueError(
                    f"{type(modules[0]).__name__}.right_inverse of one tensor must keep its dtype "
                    f"{original.dtype}, got {new.dtype}"
                )
            _become(original, new)  # it stays the parameter that optimizers hold
            self._register("original", original)
        else:
            for i, each in enumerate(new):
                if not isinstance(each, Tensor):
                    raise ValueError(
                        f"{type(modules[0]).__name__}.right_inverse must return tensors, got "
                        f"{type(each).__name__} at {i}"
                    )
                if isinstance(original, Parameter):
                    each = Parameter(each, each.requires_grad)
                each.requires_grad_(original.requires_grad)
                self._register(f"original{i}", each)
        if not unsafe:
            _check_same("what is computed", self(), original)

    def _register(self, name: str, tensor: Tensor) -> None:
        if isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set what is learned so that `value` is computed, by each `right_inverse` from the last.

        Raises:
            RuntimeError: a parametrisation has none.
            ValueError: what they give does not fit what is learned.
        """
        with weft.no_grad():
            given: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"{type(module).__name__} has no right_inverse, so the tensor cannot be "
                        f"assigned to; assign to {', '.join(self._names())} instead"
                    )
                given = module.right_inverse(given)
            if self.is_tensor:
                given = [given]
            originals = self._originals()
            if not isinstance(given, Sequence) or len(given) != len(originals):
                raise ValueError(
                    f"right_inverse must return as many tensors as are learned, {len(originals)}; "
                    f"got {given!r}"
                )
            for name, original, new in zip(self._names(), originals, given, strict=True):
                if not isinstance(new, Tensor):
                    raise ValueError(f"right_inverse must return tensors, got {new!r} for {name}")
                if new.dtype is not original.dtype:
                    raise ValueError(
                        f"right_inverse must keep the dtype of {name}, {original.dtype}; got "
                        f"{new.dtype}"
                    )
                _become(original, new)

    def _names(self) -> list[str]:
        return ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        """The tensor that is computed."""
        first, *others = self
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value


def _before(module: Any, value: Any) -> Any:
    """What a parametrisation computes a value from; the value itself if it does not know."""
    if not hasattr(module, "right_inverse"):
        return value
    with suppress(NotImplementedError):
        return module.right_inverse(value)
    return value


def _become(tensor: Tensor, new: Tensor) -> None:
    """Give a tensor the data of another; it stays the object that it is."""
    if new is not tensor:
        tensor.data = new.detach()


def _check_same(what: str, new: Any, old: Tensor) -> None:
    """Refuse a value that could not stand where a tensor stood."""
    if not isinstance(new, Tensor):
        raise ValueError(
            f"register_parametrization: {what} must be a tensor, got {type(new).__name__}"
        )
    if new.dtype is not old.dtype:
        raise ValueError(
            f"register_parametrization: {what} must keep the dtype {old.dtype}, got {new.dtype}; "
            f"unsafe=True allows another"
        )
    if tuple(new.shape) != tuple(old.shape):
        raise ValueError(
            f"register_parametrization: {what} must keep the shape {tuple(old.shape)}, got "
            f"{tuple(new.shape)}; unsafe=True allows another"
        )


# --- the class of a parametrised module --------------------------------------------------------


def _refuse_pickling(self: Any) -> Any:
    raise RuntimeError(
        f"{type(self).__name__} cannot be pickled, since its class was made for it; save its "
        f"state_dict(), and load that into a module with the same parametrisations"
    )


def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    known = memo.get(id(self))
    if known is not None:
        return known
    base: Any = type(self).__bases__[0]
    copied = self.__new__(type(self))
    memo[id(self)] = copied
    base.__setstate__(copied, deepcopy(base.__getstate__(self), memo))
    return copied


def _inject_new_class(module: Module) -> None:
    """Give a module a subclass of its class, to which properties can be added."""
    base = type(module)
    members: dict[str, Any] = {"__getstate__": _refuse_pickling, "__module__": __name__}
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def _inject_property(module: Module, tensor_name: str) -> None:
    """Make a name a property that computes its value, or takes it from the cache."""

    def get(self: Any) -> Tensor:
        if not _cache_enabled:
            return self.parametrizations[tensor_name]()
        key = (id(self), tensor_name)
        value = _cache.get(key)
        if value is None:
            value = _cache[key] = self.parametrizations[tensor_name]()
        return value

    def put(self: Any, value: Tensor) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(get, put))


# --- what users call ---------------------------------------------------------------------------


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a module's tensor be computed by another module from what is learned.

    The first parametrisation of `weight` moves it to `parametrizations.weight.original`; another
    one acts on what those before it compute. Assigning to `module.weight` sets what is learned, if
    every parametrisation has a method `right_inverse`; the first may return several tensors, which
    it then takes.

    Args:
        module: the module; its class becomes one of its own.
        tensor_name: a parameter or buffer of it, or a tensor that is parametrised already.
        parametrization: a module that takes the tensor, or what its `right_inverse` returns.
        unsafe: whether it may change the dtype or shape; nothing is checked then.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor; or the parametrisation changes dtype or shape.

    Source: PyTorch's `torch.nn.utils.parametrize.register_parametrization`.

    Example:
        >>> class Symmetric(weft.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).mT
        >>> parametrize = weft.nn.utils.parametrize
        >>> layer = parametrize.register_parametrization(
        ...     weft.nn.Linear(3, 3), "weight", Symmetric()
        ... )
        >>> weft.equal(layer.weight, layer.weight.mT)
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held: Any = module.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            _check_same(f"what {type(parametrization).__name__} computes", parametrization(before),
                        before)  # fmt: skip
            back = _before(parametrization, before)
            if back is not before:
                _check_same(f"{type(parametrization).__name__}.right_inverse", back, before)
        held.append(parametrization)
        held.unsafe = held.unsafe or unsafe
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        original = getattr(module, tensor_name)
        new = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = new
    else:
        raise ValueError(
            f"register_parametrization: {type(module).__name__} has no parameter, buffer or "
            f"parametrised tensor {tensor_name!r}"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrised tensors, or this one of that name.

    Args:
        module: the module.
        tensor_name: the name; any when None.

    Source: PyTorch's `torch.nn.utils.parametrize.is_parametrized`.
    """
    held = module._modules.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a parametrised tensor a plain parameter or buffer again.

    Args:
        module: the module; it gets its class back with its last parametrisation gone.
        tensor_name: the tensor.
        leave_parametrized: whether it keeps the value that is computed; else it becomes what was
            learned, if that is one tensor.

    Returns:
        The module.

    Raises:
        ValueError: it is not parametrised; or it is to become what was learned, and those are
            several tensors.

    Source: PyTorch's `torch.nn.utils.parametrize.remove_parametrizations`.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} of {type(module).__name__} is not "
            f"parametrised"
        )
    held: Any = module.parametrizations[tensor_name]
    if held.is_tensor:
        restored = held.original
        if leave_parametrized:
            with weft.no_grad():
                _become(restored, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        restored = Parameter(value.detach()) if value.requires_grad else value.detach()
    else:
        raise ValueError(
            f"remove_parametrizations: {tensor_name!r} is computed from {held.ntensors} tensors, "
            f"so it cannot become one of them; leave_parametrized=True keeps what is computed"
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(restored, Parameter):
        module.register_parameter(tensor_name, restored)
    else:
        module.register_buffer(tensor_name, restored)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before it was parametrised; its class if it is not.

    Source: PyTorch's `torch.nn.utils.parametrize.type_before_parametrizations`.
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give a module the parametrisations of another, and what they learn.

    Args:
        from_module: whose parametrisations they are.
        to_module: which shares them from then on, and what they learn.
        tensor_name: the tensor; all when None.

    Returns:
        `to_module`.

    Raises:
        ValueError: `from_module` has no parametrisation of that name.

    Source: PyTorch's `torch.nn.utils.parametrize.transfer_parametrizations_and_params`.
    """
    if tensor_name is None:
        names = list(from_module.parametrizations) if is_parametrized(from_module) else []
    elif is_parametrized(from_module, tensor_name):
        names = [tensor_name]
    else:
        raise ValueError(
            f"transfer_parametrizations_and_params: {tensor_name!r} of "
            f"{type(from_module).__name__} is not parametrised"
        )
    for name in names:
        held: Any = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            value = getattr(from_module, name).detach().clone()
            if isinstance(held._originals()[0], Parameter):
                to_module.register_parameter(name, Parameter(value))
            else:
                to_module.register_buffer(name, value)
        for parametrization in held:
            register_parametrization(to_module, name, parametrization, unsafe=held.unsafe)
        for original in held._names():
            setattr(to_module.parametrizations[name], original, getattr(held, original))
    return to_module
