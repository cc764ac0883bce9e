"""state_dict and load_state_dict: a module's parameters and buffers as a flat dict of tensors.

Loading goes in two steps. First every module of the tree compares its entries with the dict and
plans copies; nothing is written. Only when the whole plan is sound is it carried out, so a failed
load leaves the model as it was. A module joins in by the same protocol as in PyTorch: it
overrides `_save_to_state_dict` and `_load_from_state_dict` and calls super.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import weft
from weft import Tensor
from weft.nn import _hooks
from weft.nn._hooks import HookTable, RemovableHandle
from weft.nn._loading import (
    Assign,
    Copy,
    Extra,
    LoadPlan,
    Shape,
    carry_out,
    compare,
    is_scalar_of_old,
)
from weft.nn._state_errors import IncompatibleKeys, StateDictError
from weft.nn.parameter import Parameter
from weft.nn.uninitialized import is_lazy

if TYPE_CHECKING:
    from weft.nn._registry import Registry
    from weft.nn.module import Module

_EXTRA_STATE = "_extra_state"
_NO_HOOKS: Mapping[int, Any] = MappingProxyType({})


class StateDict:
    """The part of `Module` that saves and loads."""

    _version: int = 1
    if TYPE_CHECKING:  # no hints at run time, where the names in them are not
        _parameters: Registry[Parameter | None]
        _buffers: Registry[Tensor | None]
        _modules: Registry[Module | None]
    _non_persistent_buffers_set: set[str]

    # Empty on the class, so that a module without such hooks stores nothing for them.
    _state_dict_hooks: Mapping[int, Any] = _NO_HOOKS
    _state_dict_pre_hooks: Mapping[int, Any] = _NO_HOOKS
    _load_state_dict_pre_hooks: Mapping[int, Any] = _NO_HOOKS
    _load_state_dict_post_hooks: Mapping[int, Any] = _NO_HOOKS

    # --- saving --------------------------------------------------------------------------------

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """All parameters and persistent buffers, by dotted name.

        The tensors share memory with the module; clone them to keep what they hold now.

        Args:
            destination: a dict to fill; a new one when left out.
            prefix: put in front of each name.
            keep_vars: return the parameters themselves, attached to autograd.

        Returns:
            An ordered dict; its `_metadata` holds each module's version, as in PyTorch.
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in list(self._state_dict_hooks.values()):
            replaced = hook(self, destination, prefix, local_metadata)
            if replaced is not None:
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own entries, not its children's, into `destination`."""
        for name, tensor in _own_state(self).items():
            plain = keep_vars or is_lazy(tensor)  # what has no values yet is kept as it is
            destination[prefix + name] = tensor if plain else tensor.detach()
        if _has_extra_state(self):
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def get_extra_state(self) -> Any:
        """What a subclass keeps in `state_dict` beside tensors; goes with `set_extra_state`."""
        raise RuntimeError(
            f"{type(self).__name__} defines set_extra_state() but no get_extra_state(); "
            "define both or none"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(
            f"{type(self).__name__} defines get_extra_state() but no set_extra_state(); "
            "define both or none"
        )

    # --- loading -------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy parameters and buffers from `state_dict` into this module and all below.

        Values are converted to the dtype that is there. Everything is checked before anything is
        written: when it raises, the module is as it was.

        Args:
            state_dict: tensors by dotted name, as `state_dict()` makes them.
            strict: whether missing and unexpected names are errors. Shapes always are.
            assign: put the given tensors in place of the old ones instead of copying, which
                takes over their dtype.

        Returns:
            The missing and the unexpected names.

        Raises:
            TypeError: `state_dict` is no mapping.
            StateDictError: it does not fit; all problems are listed at once.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict expects a dict of tensors by name, got "
                f"{type(state_dict).__name__}; "
                "weft.io.load_safetensors(path) and weft.io.load_pytorch(path) return one"
            )
        keys = IncompatibleKeys([], [])
        plan = LoadPlan()
        metadata = getattr(state_dict, "_metadata", None)
        entries: Any = OrderedDict(state_dict)
        if metadata is not None:
            entries._metadata = metadata
        post_hooks: list[tuple[Any, Any]] = []

        def visit(module: Any, entries: dict[str, Any], prefix: str) -> None:
            local_metadata = {} if metadata is None else dict(metadata.get(prefix[:-1], {}))
            if assign:
                local_metadata["assign_to_params_buffers"] = True
            module._load_from_state_dict(
                entries, prefix, local_metadata, True, keys.missing_keys, keys.unexpected_keys, plan
            )
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    visit(child, {k: v for k, v in entries.items() if k.startswith(below)}, below)
            post_hooks.extend(
                (module, hook) for hook in module._load_state_dict_post_hooks.values()
            )

        visit(self, entries, "")
        if plan:  # wrong shapes and the like: no hook can put those right
            raise StateDictError(type(self).__name__, keys, list(plan), strict=strict)
        if strict and not post_hooks and (keys.missing_keys or keys.unexpected_keys):
            raise StateDictError(type(self).__name__, keys, [], strict=True)
        with weft.no_grad():
            carry_out(
                plan,
                lambda: _after_copying(self, keys, post_hooks, strict=strict),
                reversible=bool(post_hooks),
            )
        return keys

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[Any],
    ) -> None:
        """Plan the loading of this module's own entries, not its children's.

        Subclasses override it to translate old layouts: change `state_dict` (a copy), then call
        super. Problems go into the three lists.
        """
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(
                state_dict, prefix, local_metadata, strict,
                missing_keys, unexpected_keys, error_msgs,
            )  # fmt: skip
        plan = error_msgs if isinstance(error_msgs, LoadPlan) else LoadPlan()
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = _own_state(self)
        for name, target in own.items():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            source = state_dict[key]
            if is_lazy(target) and is_lazy(source):
                continue
            if is_scalar_of_old(target, source):
                source = source[0]
            problem = compare(key, target, source)
            if problem is not None:
                plan.append(problem)
            elif assign:
                if isinstance(target, Parameter):
                    source = Parameter(source, requires_grad=target.requires_grad)
                plan.steps.append(Assign(self, name, source))  # type: ignore[arg-type]  # a Module
            else:
                plan.steps.append(
                    Shape(target, source) if is_lazy(target) else Copy(target, source)
                )
        if _takes_extra_state(self):
            if prefix + _EXTRA_STATE in state_dict:
                plan.steps.append(Extra(self, state_dict[prefix + _EXTRA_STATE]))  # type: ignore[arg-type]  # a Module
            elif strict:
                missing_keys.append(prefix + _EXTRA_STATE)
        if strict:
            unexpected_keys.extend(
                key for key in state_dict if _is_unexpected(self, key, prefix, own)
            )
        if plan is not error_msgs:  # called by someone outside load_state_dict
            error_msgs.extend(str(problem) for problem in plan)
            if not plan:
                with weft.no_grad():
                    carry_out(plan, lambda: None, reversible=False)

    # --- hooks ---------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before this module's state is collected."""
        return _hooks.add(_own_table(self, "_state_dict_pre_hooks"), hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after it; it edits in place."""

        def without_result(*args: Any) -> None:
            hook(*args)

        return _hooks.add(_own_table(self, "_state_dict_hooks"), without_result)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As `register_state_dict_post_hook`; the hook may return another dict."""
        return _hooks.add(_own_table(self, "_state_dict_hooks"), hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before this module's entries are looked at."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """As `register_load_state_dict_pre_hook`, without the module unless `with_module`."""
        if with_module:
            hook = _BoundHook(hook, self)
        return _hooks.add(_own_table(self, "_load_state_dict_pre_hooks"), hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after the copying; it may edit the keys in place.

        Names that it removes are no errors any more. When an error remains, the copying is undone.
        """
        return _hooks.add(_own_table(self, "_load_state_dict_post_hooks"), hook)


def _own_table(module: Any, which: str) -> HookTable:
    table = module.__dict__.get(which)
    if table is None:
        table = module.__dict__[which] = OrderedDict()
    return table


def _own_state(module: Any) -> dict[str, Tensor]:
    """A module's own parameters and persistent buffers by name."""
    kept: dict[str, Any] = {name: p for name, p in module._parameters.items() if p is not None}
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            kept[name] = buffer
    return kept


def _is_unexpected(module: Any, key: str, prefix: str, own: Mapping[str, Tensor]) -> bool:
    if not key.startswith(prefix):
        return False
    name, dot, _ = key[len(prefix) :].partition(".")
    if dot:
        return name not in module._modules
    if name == _EXTRA_STATE:
        return not _takes_extra_state(module)
    return name not in own


class _BoundHook:
    """A hook with its module as the first argument; a copy of the module rebinds it by deepcopy."""

    def __init__(self, hook: Callable[..., Any], module: Any) -> None:
        self.hook = hook
        self.module = module

    def __call__(self, *args: Any) -> Any:
        return self.hook(self.module, *args)


def _after_copying(
    module: Any, keys: IncompatibleKeys, post_hooks: list[tuple[Any, Any]], *, strict: bool
) -> None:
    for owner, hook in post_hooks:
        if hook(owner, keys) is not None:
            raise TypeError(
                f"a load_state_dict post-hook must edit the keys in place and return None; "
                f"{hook!r} returned something"
            )
    if strict and (keys.missing_keys or keys.unexpected_keys):
        raise StateDictError(type(module).__name__, keys, [], strict=True)


def _has_extra_state(module: Any) -> bool:
    return type(module).get_extra_state is not StateDict.get_extra_state


def _takes_extra_state(module: Any) -> bool:
    return type(module).set_extra_state is not StateDict.set_extra_state


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Strip `prefix` from every name that begins with it, in place.

    Checkpoints saved from PyTorch's DataParallel carry `module.` in front of every name.

    Source: PyTorch's function of this name in `torch.nn.modules.utils`.
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        for key in list(metadata):
            if key == prefix.rstrip("."):
                metadata[""] = metadata.pop(key)
            elif key.startswith(prefix):
                metadata[key[len(prefix) :]] = metadata.pop(key)
