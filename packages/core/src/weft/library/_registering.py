"""The functions by which users define ops and fill in their rules by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft._core.errors import did_you_mean
from weft.library._definition import CustomOpDef, defined


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str] = (),
    device_types: str | Sequence[str] | None = None,
    outputs: int | None = None,
) -> Any:
    """Make an op of a function; to be used as a decorator.

    A function whose first parameter is ``xp`` is a kernel over an array namespace, as those of
    weft's own ops: it gets arrays, and runs with NumPy on the CPU and with CuPy on a GPU. Any other
    gets tensors. Parameters annotated ``Tensor`` (or ``Tensor | None``, ``list[Tensor]``) are
    differentiated by, those without annotation too if they have no default; all others are
    settings.

    Args:
        name: a qualified name, ``"mylib::name"``. One that is taken is given to the new op.
        fn: the function. It must not return memory of its arguments.
        mutates_args: the tensors that it writes to; such an op has no derivative.
        device_types: ``"cpu"`` or ``"cuda"``, or several: where it runs; everywhere by default.
        outputs: how many results it has; by default what its annotation says
            (``-> tuple[Tensor, Tensor]``), else one.

    Returns:
        CustomOpDef: the op, called like the function; without ``fn`` a decorator.

    Raises:
        ValueError: the name is not qualified, or an argument does not fit the function.

    Example:
        >>> @weft.library.custom_op("mylib::cube")
        ... def cube(xp, x):
        ...     return x * x * x
        >>> @cube.register_vjp(saves=("x",))
        ... def _(needs, g, out, x):
        ...     return (g * 3 * x * x,)
        >>> weft.func.grad(weft.func.grad(cube))(weft.tensor(2.0))
        tensor(12.)
    """
    space, separator, own = name.partition("::")
    if not (separator and space.isidentifier() and own.isidentifier()):
        raise ValueError(
            f"custom_op: expected a qualified name such as 'mylib::{own or space or 'name'}', got "
            f"{name!r}"
        )
    mutates = (mutates_args,) if isinstance(mutates_args, str) else tuple(mutates_args)
    devices = (device_types,) if isinstance(device_types, str) else device_types

    def define(function: Callable[..., Any]) -> CustomOpDef:
        return CustomOpDef(
            name,
            function,
            devices=None if devices is None else tuple(devices),
            mutates=mutates,
            outputs=outputs,
        )

    return define if fn is None else define(fn)


def get(name: str) -> CustomOpDef:
    """Return the op that was defined under a qualified name.

    Raises:
        KeyError: there is none; the nearest name is suggested.
    """
    if name not in defined:
        raise KeyError(f"no custom op is called {name!r}{did_you_mean(name, defined)}")
    return defined[name]


def _definition(op: str | CustomOpDef) -> CustomOpDef:
    return op if isinstance(op, CustomOpDef) else get(op)


def register_kernel(
    op: str | CustomOpDef,
    device_types: str | Sequence[str],
    func: Callable[..., Any] | None = None,
    /,
) -> Any:
    """Give an op, by name, a kernel for a kind of device: :meth:`CustomOpDef.register_kernel`."""
    return _definition(op).register_kernel(device_types, func)


def register_fake(op: str | CustomOpDef, func: Callable[..., Any] | None = None, /) -> Any:
    """Give an op, by name, its shape rule: :meth:`CustomOpDef.register_fake`."""
    return _definition(op).register_fake(func)


def register_autograd(
    op: str | CustomOpDef,
    backward: Callable[..., Any],
    /,
    *,
    setup_context: Callable[..., Any] | None = None,
    saves: Iterable[str] | None = None,
) -> None:
    """Give an op, by name, its derivative: :meth:`CustomOpDef.register_autograd`."""
    _definition(op).register_autograd(backward, setup_context=setup_context, saves=saves)


def register_vmap(op: str | CustomOpDef, func: Callable[..., Any] | None = None, /) -> Any:
    """Give an op, by name, its batching rule: :meth:`CustomOpDef.register_vmap`."""
    return _definition(op).register_vmap(func)
