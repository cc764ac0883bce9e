"""Hooks that run around a module's calls: their storage, their handles, their order.

A module that has no hooks has no storage for them either: `Module._call_hooks` is None on the
class, and that one comparison is all that a plain call pays. Hooks for every module at once replace
that None on the class, so that they cost nothing until somebody registers one.
"""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from weft.nn.module import Module

HookTable: TypeAlias = OrderedDict[int, Any]  # ids to hooks, in the order they run

_ids = itertools.count()
_REGISTERED = ("parameter", "buffer", "module")


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook out again.

    It is a context manager too; leaving the block removes the hook. Removing twice is harmless.
    """

    __slots__ = ("__weakref__", "_tables", "id")

    def __init__(self, *tables: HookTable) -> None:
        self.id = next(_ids)
        self._tables = tuple(weakref.ref(table) for table in tables)

    def remove(self) -> None:
        """Take the hook out. Does nothing when it is out already or its module is gone."""
        for reference in self._tables:
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()

    # Weak references are not copied; a copied module's handle refers to the copied tables.
    def __getstate__(self) -> tuple[int, list[HookTable | None]]:
        return self.id, [reference() for reference in self._tables]

    def __setstate__(self, state: tuple[int, list[HookTable | None]]) -> None:
        self.id = state[0]
        self._tables = tuple(weakref.ref(table) for table in state[1] if table is not None)


def add(table: HookTable, hook: Any, *flags: HookTable, prepend: bool = False) -> RemovableHandle:
    """Put `hook` into `table`, mark its id in each of `flags`, and return its handle."""
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {type(hook).__name__}: {hook!r}")
    handle = RemovableHandle(table, *flags)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    for flag in flags:
        flag[handle.id] = True
    return handle


def refill(table: HookTable, hooks: HookTable) -> None:
    """Give `table` other hooks; it stays the same object, to which handles refer."""
    kept = OrderedDict(hooks)
    table.clear()
    table.update(kept)


class CallHooks:
    """The hooks of one module (or of all modules) that run around forward and in backward."""

    __slots__ = (
        "always",
        "backward",
        "backward_pre",
        "forward",
        "forward_kwargs",
        "full",
        "pre",
        "pre_kwargs",
    )

    def __init__(self) -> None:
        self.pre: HookTable = OrderedDict()
        self.pre_kwargs: HookTable = OrderedDict()  # ids of the pre-hooks that take kwargs too
        self.forward: HookTable = OrderedDict()
        self.forward_kwargs: HookTable = OrderedDict()
        self.always: HookTable = (
            OrderedDict()
        )  # ids of the forward hooks that run after an exception too
        self.backward_pre: HookTable = OrderedDict()
        self.backward: HookTable = OrderedDict()
        self.full: bool | None = None  # whether those are of all arguments, or of the last op

    def is_empty(self) -> bool:
        """Whether there are no hooks."""
        return not (self.pre or self.forward or self.backward or self.backward_pre)


def own(module: Any) -> CallHooks:
    """The hooks of one module, made on first use."""
    held = module.__dict__.get("_call_hooks")
    if held is None:
        held = module.__dict__["_call_hooks"] = CallHooks()
    return held


def choose(hooks: CallHooks, full: bool, where: str) -> None:
    """Say which kind the backward hooks of a table are.

    Raises:
        RuntimeError: they are of the other kind.
    """
    if hooks.full is not None and hooks.full is not full and hooks.backward:
        raise RuntimeError(
            f"{where} cannot have hooks of register_backward_hook and of "
            "register_full_backward_hook together; use the full ones"
        )
    hooks.full = full


EVERYWHERE = CallHooks()  # the hooks of all modules

#: The hooks that run when a parameter, a buffer or a child is registered with any module.
REGISTRATION: dict[str, HookTable] = {kind: OrderedDict() for kind in _REGISTERED}


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """What is to be registered after the hooks of its kind had their say."""
    for hook in list(REGISTRATION[kind].values()):
        other = hook(module, name, value)
        if other is not None:
            value = other
    return value


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run pre-hooks, forward and forward hooks; those for every module come first.

    A pre-hook may return new arguments, a forward hook a new result; None keeps what there was.
    """
    own = module.__dict__.get("_call_hooks")
    if own is None and EVERYWHERE.is_empty():
        # The last hook for every module was removed since: back to the short way.
        from weft.nn.module import Module

        Module._call_hooks = None
    groups = (EVERYWHERE,) if own is None else (EVERYWHERE, own)
    ran: set[int] = set()
    try:
        for group in groups:
            for key, hook in list(group.pre.items()):
                args, kwargs = _run_pre_hook(
                    module, hook, args, kwargs, with_kwargs=key in group.pre_kwargs
                )
        watch = None
        if any(group.backward or group.backward_pre for group in groups):
            from weft.nn._backward_hooks import Watch

            watch = Watch(module, groups)
            args = watch.enter(args)
        result = module.forward(*args, **kwargs)
        for group in groups:
            for key, hook in list(group.forward.items()):
                ran.add(key)
                if key in group.forward_kwargs:
                    replaced = hook(module, args, kwargs, result)
                else:
                    replaced = hook(module, args, result)
                if replaced is not None:
                    result = replaced
        return result if watch is None else watch.leave(result)
    except Exception:
        _run_always_hooks(module, groups, ran, args, kwargs)
        raise


def _run_pre_hook(
    module: Module,
    hook: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    with_kwargs: bool,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not with_kwargs:
        replaced = hook(module, args)
        if replaced is None:
            return args, kwargs
        return (replaced if isinstance(replaced, tuple) else (replaced,)), kwargs
    replaced = hook(module, args, kwargs)
    if replaced is None:
        return args, kwargs
    if isinstance(replaced, tuple) and len(replaced) == 2:
        return replaced
    raise RuntimeError(
        f"{type(module).__name__}: a forward pre-hook registered with_kwargs=True must return None "
        f"or a tuple (args, kwargs), but {hook!r} returned {replaced!r}"
    )


def _run_always_hooks(
    module: Module,
    groups: tuple[CallHooks, ...],
    ran: set[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """After an exception: run the always_call hooks that have not run, with None as the result."""
    for group in groups:
        for key in list(group.always):
            if key in ran or key not in group.forward:
                continue
            hook = group.forward[key]
            try:
                if key in group.forward_kwargs:
                    hook(module, args, kwargs, None)
                else:
                    hook(module, args, None)
            except Exception as error:
                # The exception of forward is the one to report; this one must not hide it.
                warnings.warn(
                    f"{type(module).__name__}: a forward hook with always_call=True raised "
                    f"{error!r} while another exception was being handled; it is ignored",
                    stacklevel=3,
                )
