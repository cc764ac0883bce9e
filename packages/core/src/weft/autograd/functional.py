"""Products with Jacobians and Hessians, and the matrices themselves, as ``autograd.functional``.

The functions of ``weft.func`` do the same on nests of tensors and nest in one another; these take a
tensor or a tuple of tensors and have PyTorch's older conventions: ``create_graph``, ``strict``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft._core.errors import GradError
from weft._core.modes import differentiating
from weft._core.tensor import Tensor
from weft.autograd._operands import Inputs, Tuple, gradients, value_and_slopes, vector_like
from weft.autograd._rows import by_columns, looped_rows, mapped_rows
from weft.ops.casting import detach
from weft.ops.creation import ones_like
from weft.transforms.jvp import jvp as forward

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Tensor | tuple[Tensor, ...]
_STRATEGIES = ("reverse-mode", "forward-mode")


def vjp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return a function's value, and the product of a vector with its Jacobian.

    Args:
        func: a function of tensors that returns a tensor or a tuple of them.
        inputs: its argument, or a tuple of its arguments.
        v: the vector, shaped as the value; None stands for 1 if the value has one element.
        create_graph: whether the results can be differentiated in turn.
        strict: whether to raise where a result does not depend on an input; its derivative is zero
            otherwise.

    Returns:
        tuple: the value, and the product, shaped as inputs.

    Raises:
        TypeError: inputs or the value is neither a tensor nor a tuple of tensors.
        GradError: ``strict`` and a derivative is zero by construction, or v is missing.
        ShapeError: v has another shape than the value.

    Example:
        >>> weft.autograd.functional.vjp(weft.exp, weft.zeros(2), weft.ones(2))[1]
        tensor([1., 1.])
    """
    given = Inputs("vjp", inputs, create_graph)
    value = given.run(func)
    if v is None and (value.is_tuple or value.tensors[0].numel() != 1):
        raise GradError(
            "vjp: v can only be left out if the function returns one tensor of one element"
        )
    seeds = [ones_like(value.tensors[0])] if v is None else vector_like("vjp", v, value.tensors)
    found = gradients("vjp", value.tensors, given.tensors, seeds, create_graph, strict)
    return value.packed(value.tensors, create_graph), given.packed(found, create_graph)


def jvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return a function's value, and the product of its Jacobian with a vector, by forward mode.

    Args:
        func: a function of tensors that returns a tensor or a tuple of them.
        inputs: its argument, or a tuple of its arguments.
        v: the vector, shaped as inputs; None stands for 1 if they are one tensor of one element.
        create_graph: whether the results can be differentiated in turn.
        strict: whether to raise where a result does not depend on an input; its derivative is zero
            otherwise.

    Returns:
        tuple: the value, and the product, shaped as the value.

    Raises:
        TypeError: inputs or the value is neither a tensor nor a tuple of tensors.
        GradError: ``strict`` and a derivative is zero by construction, or v is missing.
        ShapeError: v has another shape than inputs.

    Example:
        >>> weft.autograd.functional.jvp(weft.exp, weft.zeros(2), weft.ones(2))[1]
        tensor([1., 1.])
    """
    given = Inputs("jvp", inputs, create_graph)
    if strict:
        value = given.run(func)
        seeds = [ones_like(x) for x in value.tensors]
        gradients("jvp", value.tensors, given.tensors, seeds, create_graph, strict)
    directions = given.vector("jvp", v)
    held: list[Tuple] = []

    def call(*tensors: Tensor) -> Any:
        with differentiating():
            out = Tuple("jvp", "the function must return", func(*tensors))
        held.append(out)
        return tuple(out.tensors)

    values, slopes = forward(call, tuple(given.tensors), tuple(directions))
    (out,) = held
    return out.packed(values, create_graph), out.packed(slopes, create_graph)


def vhp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return a number that a function computes, and the product of a vector with its Hessian.

    Args:
        func: a function of tensors that returns a tensor of one element.
        inputs: its argument, or a tuple of its arguments.
        v: the vector, shaped as inputs; None stands for 1 if they are one tensor of one element.
        create_graph: whether the results can be differentiated in turn.
        strict: whether to raise where the result, or its gradient, does not depend on an input.

    Returns:
        tuple: the value, and the product, shaped as inputs: reverse mode twice.

    Raises:
        TypeError: inputs is neither a tensor nor a tuple of tensors.
        GradError: the value has more than one element, ``strict`` and a derivative is zero by
            construction, or v is missing.
        ShapeError: v has another shape than inputs.

    Example:
        >>> weft.autograd.functional.vhp(lambda x: (x**3).sum(), weft.ones(2), weft.ones(2))[1]
        tensor([6., 6.])
    """
    given = Inputs("vhp", inputs, create_graph)
    directions = given.vector("vhp", v)
    value, slopes = value_and_slopes("vhp", func, given, strict)
    found = gradients(
        "vhp", slopes, given.tensors, directions, create_graph, strict, of="the gradient"
    )
    return value.packed(value.tensors, create_graph), given.packed(found, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return a number that a function computes, and the product of its Hessian with a vector.

    Forward mode over reverse mode, which costs less than :func:`vhp`'s reverse mode twice.

    Args:
        func: a function of tensors that returns a tensor of one element.
        inputs: its argument, or a tuple of its arguments.
        v: the vector, shaped as inputs; None stands for 1 if they are one tensor of one element.
        create_graph: whether the results can be differentiated in turn.
        strict: whether to raise where the result, or its gradient, does not depend on an input.

    Returns:
        tuple: the value, and the product, shaped as inputs.

    Raises:
        TypeError: inputs is neither a tensor nor a tuple of tensors.
        GradError: the value has more than one element, ``strict`` and a derivative is zero by
            construction, or v is missing.
        ShapeError: v has another shape than inputs.

    Example:
        >>> weft.autograd.functional.hvp(lambda x: (x**3).sum(), weft.ones(2), weft.ones(2))[1]
        tensor([6., 6.])
    """
    given = Inputs("hvp", inputs, create_graph)
    directions = given.vector("hvp", v)
    if strict:
        _, slopes = value_and_slopes("hvp", func, given, strict)
        gradients("hvp", slopes, given.tensors, directions, create_graph, strict, "the gradient")

    def slope(*tensors: Tensor) -> Any:
        inner = Inputs("hvp", tensors, create_graph=True)
        value, slopes = value_and_slopes("hvp", func, inner, strict=False)
        return (*value.tensors, *slopes)

    values, products = forward(slope, tuple(given.tensors), tuple(directions))
    value = values[0] if create_graph else detach(values[0])
    return value, given.packed(products[1:], create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of a function.

    Args:
        func: a function of tensors that returns a tensor or a tuple of them.
        inputs: its argument, or a tuple of its arguments.
        create_graph: whether the result can be differentiated in turn.
        strict: whether to raise where a result does not depend on an input; its derivative is zero
            otherwise.
        vectorize: whether to compute all rows at once by ``vmap``, rather than one by one.
        strategy: ``"reverse-mode"`` by rows, or with ``vectorize`` ``"forward-mode"`` by columns.

    Returns:
        Tensor or tuple: of shape ``(*output.shape, *input.shape)``; for several inputs a tuple of
        such, for several outputs a tuple of those.

    Raises:
        TypeError: inputs or the value is neither a tensor nor a tuple of tensors.
        GradError: ``strict`` and a derivative is zero by construction.
        ValueError: the strategy is unknown.
        NotImplementedError: ``strict`` or ``create_graph`` where it cannot be had.

    Example:
        >>> weft.autograd.functional.jacobian(weft.exp, weft.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    _check_strategy("jacobian", strategy, vectorize)
    if vectorize and strict:
        raise GradError("jacobian: strict=True needs vectorize=False, which asks row by row")
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'jacobian: create_graph=True needs strategy="reverse-mode"; weft.func.jacfwd has '
                "results that can be differentiated in turn"
            )
        return by_columns(func, inputs)
    given = Inputs("jacobian", inputs, create_graph)
    value = given.run(func)
    rows = mapped_rows if vectorize else looped_rows
    blocks = rows("jacobian", value.tensors, given.tensors, create_graph, strict)
    return value.packed([given.packed(row, create_graph) for row in blocks], True)


def hessian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of a function.

    Args:
        func: a function of tensors that returns a tensor of one element.
        inputs: its argument, or a tuple of its arguments.
        create_graph: whether the result can be differentiated in turn.
        strict: whether to raise where the result, or its gradient, does not depend on an input.
        vectorize: whether to compute all rows at once by ``vmap``, rather than one by one.
        outer_jacobian_strategy: how the gradient is differentiated: ``"reverse-mode"``, or with
            ``vectorize`` ``"forward-mode"``.

    Returns:
        Tensor or tuple: of shape ``(*input.shape, *input.shape)``; for several inputs a tuple of
        tuples, ``[i][j]`` by inputs i and j.

    Raises:
        TypeError: inputs is neither a tensor nor a tuple of tensors.
        GradError: the value has more than one element, or ``strict`` and a derivative is zero by
            construction.
        ValueError: the strategy is unknown.
        NotImplementedError: ``strict`` or ``create_graph`` where it cannot be had.

    Example:
        >>> weft.autograd.functional.hessian(lambda x: (x**3).sum(), weft.ones(2))
        tensor([[6., 0.],
                [0., 6.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy, vectorize)
    is_tuple = isinstance(inputs, tuple)

    def slope(*tensors: Tensor) -> Any:
        inner = Inputs("hessian", tensors, create_graph=True)
        _, slopes = value_and_slopes("hessian", func, inner, strict)
        return tuple(slopes) if is_tuple else slopes[0]

    return jacobian(
        slope,
        inputs,
        create_graph=create_graph,
        strict=strict,
        vectorize=vectorize,
        strategy=outer_jacobian_strategy,
    )


def _check_strategy(name: str, strategy: str, vectorize: bool) -> None:
    if strategy not in _STRATEGIES:
        raise ValueError(f"{name}: the strategy must be one of {_STRATEGIES}, got {strategy!r}")
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(f'{name}: strategy="forward-mode" needs vectorize=True')
