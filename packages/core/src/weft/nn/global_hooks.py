"""Hooks on all modules at once, for debugging and profiling; they run before a module's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.nn import _hooks
from weft.nn._hooks import EVERYWHERE, HookTable, RemovableHandle
from weft.nn.module import Module


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module there is.

    Meant for debugging and profiling. Runs before the modules' own hooks.
    """
    return _everywhere(EVERYWHERE.pre, hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module there is.

    Meant for debugging and profiling. Runs before the modules' own hooks.
    """
    flags = [EVERYWHERE.forward_kwargs] if with_kwargs else []
    if always_call:
        flags.append(EVERYWHERE.always)
    return _everywhere(EVERYWHERE.forward, hook, *flags)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` as `Module.register_full_backward_pre_hook` on every module.

    Meant for debugging and profiling. Runs before the modules' own hooks.
    """
    return _everywhere(EVERYWHERE.backward_pre, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` as `Module.register_full_backward_hook` does.

    That is on every module.

    Meant for debugging and profiling. Runs before the modules' own hooks.

    Raises:
        RuntimeError: there are hooks of `register_module_backward_hook`.
    """
    _hooks.choose(EVERYWHERE, True, "all modules")
    return _everywhere(EVERYWHERE.backward, hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` as `Module.register_backward_hook` does.

    That is on every module, with the gradients of its last op.

    Raises:
        RuntimeError: there are hooks of `register_module_full_backward_hook`.
    """
    _hooks.choose(EVERYWHERE, False, "all modules")
    return _everywhere(EVERYWHERE.backward, hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, parameter)` whenever a parameter is registered; it may return
    another one."""
    return _hooks.add(_hooks.REGISTRATION["parameter"], hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever a buffer is registered; it may return another."""
    return _hooks.add(_hooks.REGISTRATION["buffer"], hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, child)` whenever a child is registered; it may return another."""
    return _hooks.add(_hooks.REGISTRATION["module"], hook)


def _everywhere(table: HookTable, hook: Any, *flags: HookTable) -> RemovableHandle:
    handle = _hooks.add(table, hook, *flags)
    Module._call_hooks = EVERYWHERE
    return handle
