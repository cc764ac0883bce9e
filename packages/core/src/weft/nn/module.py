"""Module: the base class of everything that holds parameters.

What a module is made of lives beside this file: `_registry` (how attributes are kept),
`_traversal` (listing), `_state` (state_dict), `_conversion` (dtypes and devices), `_hooks`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from weft import Tensor
from weft._core.errors import did_you_mean
from weft.nn import _hooks
from weft.nn._conversion import Conversion
from weft.nn._hooks import CallHooks, HookTable, RemovableHandle
from weft.nn._registry import Registry
from weft.nn._state import StateDict
from weft.nn._traversal import Traversal
from weft.nn.parameter import Buffer, Parameter

Self = TypeVar("Self", bound="Module")

_REGISTRIES = ("_parameters", "_buffers", "_modules")


class Module(Traversal, StateDict, Conversion):
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

    training: bool
    _parameters: Registry[Parameter | None]
    _buffers: Registry[Tensor | None]
    _modules: Registry[Module | None]
    _non_persistent_buffers_set: set[str]

    # None while no hook concerns the instance, so that a plain call pays for one comparison.
    # Hooks on all modules replace it on the class (see `_hooks`).
    _hooks: CallHooks | None = None

    def __init__(self) -> None:
        attributes = self.__dict__
        attributes["training"] = True
        attributes["_parameters"] = Registry(self)
        attributes["_buffers"] = Registry(self)
        attributes["_non_persistent_buffers_set"] = set()
        attributes["_modules"] = Registry(self)

    # --- calling -------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; every subclass writes its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(); write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return _hooks.call_with_hooks(self, args, kwargs)

    def _own_hooks(self) -> CallHooks:
        own = self.__dict__.get("_hooks")
        if own is None:
            own = self.__dict__["_hooks"] = CallHooks()
        return own

    @property
    def _forward_hooks(self) -> HookTable:
        """PyTorch's name for the table of forward hooks; clearing it removes them all."""
        return self._own_hooks().forward

    @_forward_hooks.setter
    def _forward_hooks(self, hooks: HookTable) -> None:
        _hooks.refill(self._own_hooks().forward, hooks)

    @property
    def _forward_pre_hooks(self) -> HookTable:
        """PyTorch's name for the table of forward pre-hooks."""
        return self._own_hooks().pre

    @_forward_pre_hooks.setter
    def _forward_pre_hooks(self, hooks: HookTable) -> None:
        _hooks.refill(self._own_hooks().pre, hooks)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every forward.

        Args:
            hook: returns None, or the new arguments (a tuple, or the only argument). With
                `with_kwargs` it is called as `hook(module, args, kwargs)` and returns None or
                `(args, kwargs)`.
            prepend: run before the pre-hooks that are there already.
            with_kwargs: whether the hook takes the keyword arguments.

        Returns:
            A handle whose `remove()` takes the hook out.
        """
        own = self._own_hooks()
        flags = (own.pre_kwargs,) if with_kwargs else ()
        return _hooks.add(own.pre, hook, *flags, prepend=prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every forward.

        Args:
            hook: returns None, or the new output. With `with_kwargs` it is called as
                `hook(module, args, kwargs, output)`.
            prepend: run before the forward hooks that are there already.
            with_kwargs: whether the hook takes the keyword arguments.
            always_call: run the hook (with None as the output) after an exception too.

        Returns:
            A handle whose `remove()` takes the hook out.
        """
        own = self._own_hooks()
        flags = [own.forward_kwargs] if with_kwargs else []
        if always_call:
            flags.append(own.always)
        return _hooks.add(own.forward, hook, *flags, prepend=prepend)

    # --- registering ---------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None reserves the name.

        Raises:
            TypeError: `param` is no Parameter, or `name` no string.
            KeyError: `name` is empty, has a dot, or is an attribute already.
            ValueError: `param` is the result of a computation.
        """
        registry = self._registry("_parameters", "parameter")
        self._check_new_name(name, "parameter", registry)
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
        registry = self._registry("_buffers", "buffer")
        self._check_new_name(name, "buffer", registry)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"{type(self).__name__}: buffer {name!r} must be a weft.Tensor or None, "
                f"got {type(tensor).__name__}"
            )
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
        registry = self._registry("_modules", "module")
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: child {name!r} must be a Module or None, "
                f"got {type(module).__name__}"
            )
        self._check_new_name(name, "module", registry)
        registry[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _registry(self, which: str, kind: str) -> Registry[Any]:
        registry = self.__dict__.get(which)
        if registry is None:
            raise AttributeError(
                f"cannot assign a {kind} to {type(self).__name__} before Module.__init__() ran; "
                "call super().__init__() first"
            )
        if type(registry) is not Registry or not registry.belongs_to(self):
            self._adopt_registries()
            registry = self.__dict__[which]
        return registry

    def _check_new_name(self, name: str, kind: str, registry: Registry[Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a {kind} must be a string, got {name!r}")
        if "." in name:
            raise KeyError(f"the name of a {kind} must not contain a dot, got {name!r}")
        if name == "":
            raise KeyError(f"the name of a {kind} must not be empty")
        if hasattr(self, name) and name not in registry:
            raise KeyError(f"{type(self).__name__} has an attribute {name!r} already")

    # --- attributes ----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if isinstance(value, Parameter):
            self._registry("_parameters", "parameter")
            self._forget(name, except_in="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            registry = self._registry("_modules", "module")
            self._forget(name, except_in="_modules")
            registry[name] = value
        elif name in attributes.get("_parameters", ()):
            self._require_none(name, value, "parameter", "weft.nn.Parameter")
            self._registry("_parameters", "parameter")[name] = None
        elif name in attributes.get("_modules", ()):
            self._require_none(name, value, "module", "weft.nn.Module")
            self._registry("_modules", "module")[name] = None
        elif isinstance(value, Buffer):
            self._registry("_buffers", "buffer")
            self._forget(name, except_in="_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in attributes.get("_buffers", ()):
            if not isinstance(value, Tensor):
                self._require_none(name, value, "buffer", "weft.Tensor")
            self._registry("_buffers", "buffer")[name] = value
        elif name in _REGISTRIES:
            self._replace_registry(name, value)
        else:
            object.__setattr__(self, name, value)

    def _require_none(self, name: str, value: Any, kind: str, expected: str) -> None:
        if value is not None:
            raise TypeError(
                f"cannot assign {type(value).__name__} to {kind} {name!r} of "
                f"{type(self).__name__}: {expected} or None is required; "
                f"`del` the {kind} first to reuse its name"
            )

    def _forget(self, name: str, *, except_in: str) -> None:
        """Drop whatever has `name` now, unless it is in the registry `except_in`."""
        attributes = self.__dict__
        if name in attributes[except_in]:
            return
        for which in _REGISTRIES:
            attributes[which].pop(name, None)
        attributes.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        for which in _REGISTRIES:
            if name in self.__dict__.get(which, ()):
                del self._registry(which, which)[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __getattr__(self, name: str) -> Any:
        # Reached only when the ordinary lookup found nothing, so it costs nothing elsewhere.
        attributes = self.__dict__
        for which in _REGISTRIES:
            # A registry restored by someone else's __setstate__ is a plain dict; adopt it.
            if name in attributes.get(which, ()):
                self._adopt_registries()
                return attributes[name]
        descriptor = getattr(type(self), name, None)
        if isinstance(descriptor, property) and descriptor.fget is not None:
            # A property raised AttributeError itself. Run it again, outside the lookup that
            # would hide the reason.
            return descriptor.fget(self)
        raise MissingAttributeError(self, name)

    def __dir__(self) -> list[str]:
        names = set(super().__dir__())
        for which in _REGISTRIES:
            names.update(self.__dict__.get(which, ()))
        return sorted(name for name in names if not name[0].isdigit())

    def _replace_registry(self, which: str, entries: dict[str, Any]) -> None:
        old = self.__dict__.get(which)
        if type(old) is Registry and old.belongs_to(self):
            old.release()
        self.__dict__[which] = Registry(self, entries)

    def _adopt_registries(self) -> None:
        """Make all registries this module's own, mirrored ones."""
        for which in _REGISTRIES:
            self.__dict__[which] = Registry(self, self.__dict__[which])

    # --- copying and pickling ------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for which in _REGISTRIES:
            if which in state:
                for name in state[which]:
                    state.pop(name, None)
                state[which] = dict(state[which])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_modules" in state:
            self._adopt_registries()

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


class MissingAttributeError(AttributeError):
    """An attribute that a module does not have; the message suggests the nearest name.

    The suggestion is looked for when the message is read: `hasattr` asks often and reads never.
    """

    def __init__(self, module: Module, name: str) -> None:
        super().__init__(f"{type(module).__name__!r} object has no attribute {name!r}")
        self._module = module
        self._name = name

    def __str__(self) -> str:
        known = [n for n in dir(self._module) if self._name.startswith("_") or n[0] != "_"]
        hint = did_you_mean(self._name, known)
        if "_modules" not in self._module.__dict__:
            hint = "; call super().__init__() before using the module"
        return str(self.args[0]) + hint


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module there is.

    Meant for debugging and profiling. Runs before the modules' own hooks.
    """
    handle = _hooks.add(_hooks.EVERYWHERE.pre, hook)
    Module._hooks = _hooks.EVERYWHERE
    return handle


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module there is.

    Meant for debugging and profiling. Runs before the modules' own hooks.
    """
    flags = [_hooks.EVERYWHERE.forward_kwargs] if with_kwargs else []
    if always_call:
        flags.append(_hooks.EVERYWHERE.always)
    handle = _hooks.add(_hooks.EVERYWHERE.forward, hook, *flags)
    Module._hooks = _hooks.EVERYWHERE
    return handle
