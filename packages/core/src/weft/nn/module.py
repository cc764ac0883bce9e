"""Module: the base class of everything that holds parameters.

What a module is made of lives beside this file: `_registry` (how attributes are kept),
`_traversal` (listing), `_state` (state_dict), `_conversion` (dtypes and devices), `_hooking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from weft import Tensor
from weft.nn import _hooks
from weft.nn._attributes import (
    REGISTRIES,
    MissingAttributeError,
    adopt_registries,
    check_new_name,
    forget,
    registry_of,
    replace_registry,
    require_none,
)
from weft.nn._conversion import Conversion
from weft.nn._hooking import Hooking
from weft.nn._registry import Registry
from weft.nn._state import StateDict
from weft.nn._traversal import Traversal
from weft.nn.parameter import Buffer, Parameter

Self = TypeVar("Self", bound="Module")
#: What `state_dict` fills, for annotations.
T_destination = TypeVar("T_destination", bound=dict[str, Any])


class Module(Hooking, Traversal, StateDict, Conversion):
    """The base class of all layers and models.

    A subclass calls `super().__init__()`, assigns its parameters, buffers and submodules as
    attributes, and writes `forward`. Calling the module calls `forward`.

    Source: PyTorch's `torch.nn.Module`. Differences: `load_state_dict` changes nothing when it
    fails and reports every kind of error at once; a misspelt attribute suggests the near one;
    an AttributeError raised inside a property is reported as itself.

    Example:
        >>> class Scale(weft.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = weft.nn.Parameter(weft.ones(1))
        ...
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> [name for name, _ in Scale().named_parameters()]
        ['factor']
    """

    T_destination = T_destination
    training: bool
    if TYPE_CHECKING:  # no hints at run time, where the names in them are not
        _parameters: Registry[Parameter | None]
        _buffers: Registry[Tensor | None]
        _modules: Registry[Module | None]
    _non_persistent_buffers_set: set[str]

    #: Whether `__init__` passes its arguments on to the next class of a subclass's bases.
    call_super_init: bool = False
    dump_patches: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            given = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
            raise TypeError(
                f"{type(self).__name__}: Module.__init__() takes no arguments, got "
                f"{', '.join(given)}; set call_super_init = True on the class to pass them on to "
                "its next base"
            )
        attributes = self.__dict__
        attributes["training"] = True
        attributes["_parameters"] = Registry(self)
        attributes["_buffers"] = Registry(self)
        attributes["_non_persistent_buffers_set"] = set()
        attributes["_modules"] = Registry(self)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # --- calling -------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(); write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._call_hooks is None:
            return self.forward(*args, **kwargs)
        return _hooks.call_with_hooks(self, args, kwargs)

    _call_impl = __call__  # PyTorch's name for what runs the hooks and forward

    # --- registering ---------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None reserves the name.

        Raises:
            TypeError: `param` is no Parameter, or `name` no string.
            KeyError: `name` is empty, has a dot, or is an attribute already.
            ValueError: `param` is the result of a computation.
        """
        registry = registry_of(self, "_parameters", "parameter")
        check_new_name(self, name, "parameter", registry)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"{type(self).__name__}: parameter {name!r} must be a weft.nn.Parameter or None, "
                f"got {type(param).__name__}"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"{type(self).__name__}: parameter {name!r} must be a leaf, but it is the result "
                "of a computation; keep the leaf as the parameter and compute in forward()"
            )
        if _hooks.REGISTRATION["parameter"] and param is not None:
            param = _hooks.registered("parameter", self, name, param)
        registry[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer, a tensor that moves with the module and is no parameter.

        Args:
            name: the attribute's name, without a dot.
            tensor: the buffer; None reserves the name.
            persistent: whether `state_dict` holds it.

        Raises:
            TypeError: `tensor` is no tensor, or `name` no string.
            KeyError: `name` is empty, has a dot, or is an attribute already.
        """
        registry = registry_of(self, "_buffers", "buffer")
        check_new_name(self, name, "buffer", registry)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"{type(self).__name__}: buffer {name!r} must be a weft.Tensor or None, "
                f"got {type(tensor).__name__}"
            )
        if _hooks.REGISTRATION["buffer"]:
            tensor = _hooks.registered("buffer", self, name, tensor)
        registry[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child under `name`; None reserves the name.

        Raises:
            TypeError: `module` is no Module, or `name` no string.
            KeyError: `name` is empty, has a dot, or is an attribute already.
        """
        registry = registry_of(self, "_modules", "module")
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: child {name!r} must be a Module or None, "
                f"got {type(module).__name__}"
            )
        check_new_name(self, name, "module", registry)
        if _hooks.REGISTRATION["module"]:
            module = _hooks.registered("module", self, name, module)
        registry[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    # --- attributes ----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if isinstance(value, Parameter):
            registry_of(self, "_parameters", "parameter")
            forget(self, name, except_in="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            registry = registry_of(self, "_modules", "module")
            forget(self, name, except_in="_modules")
            if _hooks.REGISTRATION["module"]:
                value = _hooks.registered("module", self, name, value)
            registry[name] = value
        elif name in attributes.get("_parameters", ()):
            require_none(self, name, value, "parameter", "weft.nn.Parameter")
            registry_of(self, "_parameters", "parameter")[name] = None
        elif name in attributes.get("_modules", ()):
            require_none(self, name, value, "module", "weft.nn.Module")
            registry_of(self, "_modules", "module")[name] = None
        elif isinstance(value, Buffer):
            registry_of(self, "_buffers", "buffer")
            forget(self, name, except_in="_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in attributes.get("_buffers", ()):
            if not isinstance(value, Tensor):
                require_none(self, name, value, "buffer", "weft.Tensor")
            if _hooks.REGISTRATION["buffer"]:
                value = _hooks.registered("buffer", self, name, value)
            registry_of(self, "_buffers", "buffer")[name] = value
        elif name in REGISTRIES:
            replace_registry(self, name, value)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for which in REGISTRIES:
            if name in self.__dict__.get(which, ()):
                del registry_of(self, which, which)[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __getattr__(self, name: str) -> Any:
        # Reached only when the ordinary lookup found nothing, so it costs nothing elsewhere.
        attributes = self.__dict__
        for which in REGISTRIES:
            # A registry restored by someone else's __setstate__ is a plain dict; adopt it.
            if name in attributes.get(which, ()):
                adopt_registries(self)
                return attributes[name]
        descriptor = getattr(type(self), name, None)
        if isinstance(descriptor, property) and descriptor.fget is not None:
            # A property raised AttributeError itself. Run it again, outside the lookup that
            # would hide the reason.
            return descriptor.fget(self)
        raise MissingAttributeError(self, name)

    def __dir__(self) -> list[str]:
        names = set(super().__dir__())
        for which in REGISTRIES:
            names.update(self.__dict__.get(which, ()))
        return sorted(name for name in names if not name[0].isdigit())

    # --- copying and pickling ------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for which in REGISTRIES:
            if which in state:
                for name in state[which]:
                    state.pop(name, None)
                state[which] = dict(state[which])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_modules" in state:
            adopt_registries(self)

    # --- modes ---------------------------------------------------------------------------------

    def train(self: Self, mode: bool = True) -> Self:
        """Set training mode here and below; dropout and batch normalisation look at it.

        Raises:
            ValueError: `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be a bool, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Set evaluation mode here and below; the same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Say for every parameter whether gradients are recorded."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every parameter's gradient, or with `set_to_none=False` fill it with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach() * 0

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Take PyTorch's call and change nothing: weft compiles what it can by itself."""

    # --- showing -------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The settings shown in the parentheses of `repr`; subclasses write their own."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self._modules.items()
        ]
        if len(lines) == 1 and not children:
            return f"{self._get_name()}({extra})"
        if not lines and not children:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"
