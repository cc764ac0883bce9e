"""Functions with a derivative of the user's own: ``class Exp(Function)``, ``Exp.apply(x)``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from weft._core.errors import GradError
from weft._core.modes import here, no_grad
from weft._core.node import Node, next_sequence
from weft._core.op import Op, not_batchable, not_differentiable
from weft._core.tensor import Tensor, wrap
from weft.autograd._context import FunctionCtx

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]


class Function:
    """Base of functions whose derivative the user writes.

    A subclass defines static methods and is called by ``apply``, never instantiated:

    - ``forward(ctx, *args)``; or ``forward(*args)`` and ``setup_context(ctx, inputs, output)``,
      which ``vmap`` and nested transforms need.
    - ``backward(ctx, *grad_outputs)``, a gradient or None for each argument of ``forward``; ``vjp``
      is its other name.
    - ``jvp(ctx, *tangents)``, for forward mode.
    - ``vmap(info, in_dims, *args)``, for batching; or ``generate_vmap_rule = True``.

    Example:
        >>> class Exp(weft.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         y = x.exp()
        ...         ctx.save_for_backward(y)
        ...         return y
        ...
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (y,) = ctx.saved_tensors
        ...         return g * y
        >>> x = weft.tensor(0.0, requires_grad=True)
        >>> Exp.apply(x).backward()
        >>> x.grad
        tensor(1.)
    """

    #: Whether vmap batches the calls of forward, backward and jvp themselves.
    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} is not to be instantiated: its methods are static; call "
            f"{type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; of a subclass with ``setup_context`` without ``ctx``."""
        raise NotImplementedError(
            "a subclass of autograd.Function must define the static method forward(ctx, *args), "
            "or forward(*args) and setup_context(ctx, inputs, output)"
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what backward needs, when ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not defined")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradient by each argument of forward, None where there is none."""
        raise NotImplementedError(
            "a subclass of autograd.Function must define the static method "
            "backward(ctx, *grad_outputs) for reverse mode"
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Do what ``backward`` does, under another name."""
        raise NotImplementedError(
            "a subclass of autograd.Function must define the static method "
            "backward(ctx, *grad_outputs) for reverse mode"
        )

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Return the tangent of each result from those of the arguments."""
        raise NotImplementedError(
            "a subclass of autograd.Function must define the static method jvp(ctx, *tangents) "
            "for forward mode"
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        """Return the results for a whole batch, and where their batch dims are."""
        raise NotImplementedError("vmap is not defined")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` and record the call, so that gradients go through ``backward``.

        Args:
            args: the arguments of ``forward``, without ``ctx``. Tensors among them are
                differentiated by; tensors inside lists or other objects are not.
            kwargs: with ``setup_context``, arguments by name; without it they are passed to
                ``forward`` and have no gradient.

        Returns:
            what ``forward`` returned: a tensor, or a tuple with tensors and other values.
        """
        from weft.autograd._applying import call

        if has_setup(cls):
            bound = _signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        return call(cls, args, kwargs)[0]


class InplaceFunction(Function):
    """PyTorch's base for functions with a form that writes in place; marked by ``mark_dirty``."""


def has_setup(function: Any) -> bool:
    """Whether a custom function separates ``setup_context`` from ``forward``."""
    return function.setup_context is not Function.setup_context


@functools.lru_cache(maxsize=1024)
def _signature(forward: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(forward)


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a ``backward`` whose own gradient is not to be trusted.

    It runs without recording, and differentiating its results raises.

    Args:
        fn: the backward.

    Returns:
        callable: the guarded backward, to be decorated with ``@staticmethod``.
    """

    @functools.wraps(fn)
    def guarded(ctx: Any, *grad_outputs: Any) -> Any:
        with no_grad():
            found = fn(ctx, *grad_outputs)
        depends = [g for g in grad_outputs if isinstance(g, Tensor) and g._node is not None]
        if not here.grad or not depends:
            return found
        name = ctx.name() if hasattr(ctx, "name") else fn.__name__
        given = found if isinstance(found, tuple) else (found,)
        refused = tuple(_refusing(g, depends, name) if isinstance(g, Tensor) else g for g in given)
        return refused if isinstance(found, tuple) else refused[0]

    return guarded


def _refusing(g: Tensor, depends: list[Tensor], name: str) -> Tensor:
    """Return the same gradient with a node behind it that raises."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise GradError(
            f"{name}: its backward is marked once_differentiable, so its gradient cannot be "
            f"differentiated again"
        )

    out = wrap(g._data)
    node = Node()
    node.op = Op(
        f"{name}_once",
        "function",
        kernel=refuse,
        shape=refuse,
        vjp=refuse,
        jvp=not_differentiable("it is of a once-differentiable backward"),
        batch=not_batchable("it is of a once-differentiable backward"),
    )
    node.params, node.args, node.out, node.versions, node.hooks = {}, (), None, (), None
    node.sequence = next_sequence()
    node.parents = tuple(d._node for d in depends)
    out._node = node
    return out
