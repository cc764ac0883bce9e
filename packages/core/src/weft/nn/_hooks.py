"""Hooks that run around a module's forward: their storage, their handles, their order.

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
    """The hooks of one module (or of all modules) that run around forward."""

    __slots__ = ("always", "forward", "forward_kwargs", "pre", "pre_kwargs")

    def __init__(self) -> None:
        self.pre: HookTable = OrderedDict()
        self.pre_kwargs: HookTable = OrderedDict()  # ids of the pre-hooks that take kwargs too
        self.forward: HookTable = OrderedDict()
        self.forward_kwargs: HookTable = OrderedDict()
        self.always: HookTable = (
            OrderedDict()
        )  # ids of the forward hooks that run after an exception too


def own(module: Module) -> CallHooks:
    """The hooks of one module, made on first use."""
    held = module.__dict__.get("_call_hooks")
    if held is None:
        held = module.__dict__["_call_hooks"] = CallHooks()
    return held


EVERYWHERE = CallHooks()  # the hooks of all modules


def call_with_hooks(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run pre-hooks, forward and forward hooks; those for every module come first.

    A pre-hook may return new arguments, a forward hook a new result; None keeps what there was.
    """
    own = module.__dict__.get("_call_hooks")
    if own is None and not EVERYWHERE.pre and not EVERYWHERE.forward:
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
        return result
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
