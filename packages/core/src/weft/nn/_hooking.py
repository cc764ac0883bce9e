"""The part of Module that registers hooks on its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.nn import _hooks
from weft.nn._hooks import CallHooks, HookTable, RemovableHandle


class Hooking:
    """What `Module` has for hooks around forward and in the backward pass."""

    # None while no hook concerns the instance, so that a plain call pays for one comparison.
    # Hooks on all modules replace it on the class (see `_hooks`).
    _call_hooks: CallHooks | None = None

    @property
    def _forward_hooks(self) -> HookTable:
        """PyTorch's name for the table of forward hooks; clearing it removes them all."""
        return _hooks.own(self).forward

    @_forward_hooks.setter
    def _forward_hooks(self, hooks: HookTable) -> None:
        _hooks.refill(_hooks.own(self).forward, hooks)

    @property
    def _forward_pre_hooks(self) -> HookTable:
        """PyTorch's name for the table of forward pre-hooks."""
        return _hooks.own(self).pre

    @_forward_pre_hooks.setter
    def _forward_pre_hooks(self, hooks: HookTable) -> None:
        _hooks.refill(_hooks.own(self).pre, hooks)

    @property
    def _backward_hooks(self) -> HookTable:
        """PyTorch's name for the table of backward hooks."""
        return _hooks.own(self).backward

    @_backward_hooks.setter
    def _backward_hooks(self, hooks: HookTable) -> None:
        _hooks.refill(_hooks.own(self).backward, hooks)

    @property
    def _backward_pre_hooks(self) -> HookTable:
        """PyTorch's name for the table of backward pre-hooks."""
        return _hooks.own(self).backward_pre

    @_backward_pre_hooks.setter
    def _backward_pre_hooks(self, hooks: HookTable) -> None:
        _hooks.refill(_hooks.own(self).backward_pre, hooks)

    def _forget_empty_hooks(self) -> None:
        """Take the short way again if no hook is left."""
        held = self.__dict__.get("_call_hooks")
        if held is not None and held.is_empty():
            del self.__dict__["_call_hooks"]

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
        own = _hooks.own(self)
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
        own = _hooks.own(self)
        flags = [own.forward_kwargs] if with_kwargs else []
        if always_call:
            flags.append(own.always)
        return _hooks.add(own.forward, hook, *flags, prepend=prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the module's results are known.

        Args:
            hook: gets a tuple, None for results without a gradient; returns None, or gradients
                that take their place.
            prepend: run before the pre-hooks that are there already.

        Returns:
            A handle whose `remove()` takes the hook out.
        """
        return _hooks.add(_hooks.own(self).backward_pre, hook, prepend=prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the arguments are
        known.

        Args:
            hook: gets two tuples, for the positional arguments and for the results, None where
                there is no gradient; returns None, or gradients in the place of `grad_input`.
            prepend: run before the backward hooks that are there already.

        Returns:
            A handle whose `remove()` takes the hook out.

        Raises:
            RuntimeError: the module has hooks of `register_backward_hook`.
        """
        own = _hooks.own(self)
        _hooks.choose(own, True, f"this {type(self).__name__}")
        return _hooks.add(own.backward, hook, prepend=prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` with the gradients of the module's last op.

        The older form: `grad_input` belongs to that op's arguments, in weft's order, and not to
        the module's. Use `register_full_backward_hook`.

        Raises:
            RuntimeError: the module has hooks of `register_full_backward_hook`.
        """
        own = _hooks.own(self)
        _hooks.choose(own, False, f"this {type(self).__name__}")
        return _hooks.add(own.backward, hook)
