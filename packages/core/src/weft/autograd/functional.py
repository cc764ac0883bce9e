"""Products with Jacobians and Hessians, and the matrices themselves, as ``autograd.functional``.

The functions of ``weft.func`` do the same on nests of tensors and nest in one another; these take a
tensor or a tuple of tensors and have PyTorch's older conventions: ``create_graph``, ``strict``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.modes import enable_grad
from weft._core.tensor import Tensor
from weft.ops.casting import detach
from weft.ops.creation import ones_like, zeros_like
from weft.transforms import jacobians, tape
from weft.transforms.jvp import jvp as forward
from weft.transforms.vjp import tracked
from weft.transforms.vmap import vmap

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
    given = _Inputs("vjp", inputs, create_graph)
    value = given.run(func)
    if v is None and (value.is_tuple or value.tensors[0].numel() != 1):
        raise GradError(
            "vjp: v can only be left out if the function returns one tensor of one element"
        )
    seeds = [ones_like(value.tensors[0])] if v is None else _vector("vjp", v, value.tensors)
    found = _gradients("vjp", value.tensors, given.tensors, seeds, create_graph, strict)
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
    given = _Inputs("jvp", inputs, create_graph)
    if strict:
        value = given.run(func)
        seeds = [ones_like(x) for x in value.tensors]
        _gradients("jvp", value.tensors, given.tensors, seeds, create_graph, strict)
    directions = given.vector("jvp", v)
    held: list[_Tuple] = []

    def call(*tensors: Tensor) -> Any:
        with enable_grad():
            out = _Tuple("jvp", "the function must return", func(*tensors))
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
    given = _Inputs("vhp", inputs, create_graph)
    directions = given.vector("vhp", v)
    value, slopes = _value_and_slopes("vhp", func, given, strict)
    found = _gradients(
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
    given = _Inputs("hvp", inputs, create_graph)
    directions = given.vector("hvp", v)
    if strict:
        _, slopes = _value_and_slopes("hvp", func, given, strict)
        _gradients("hvp", slopes, given.tensors, directions, create_graph, strict, "the gradient")

    def slope(*tensors: Tensor) -> Any:
        inner = _Inputs("hvp", tensors, create_graph=True)
        value, slopes = _value_and_slopes("hvp", func, inner, strict=False)
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
        return _by_columns(func, inputs)
    given = _Inputs("jacobian", inputs, create_graph)
    value = given.run(func)
    rows = _mapped_rows if vectorize else _looped_rows
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
        inner = _Inputs("hessian", tensors, create_graph=True)
        _, slopes = _value_and_slopes("hessian", func, inner, strict)
        return tuple(slopes) if is_tuple else slopes[0]

    return jacobian(
        slope,
        inputs,
        create_graph=create_graph,
        strict=strict,
        vectorize=vectorize,
        strategy=outer_jacobian_strategy,
    )


class _Tuple:
    """A tensor, or a tuple of tensors, that remembers which it was."""

    def __init__(self, name: str, what: str, given: Any) -> None:
        self.is_tuple = isinstance(given, tuple)
        self.tensors: list[Any] = list(given) if self.is_tuple else [given]
        bad = next((x for x in self.tensors if not isinstance(x, Tensor)), None)
        if bad is not None or not self.tensors:
            got = f"got {type(bad).__name__} {bad!r:.60}" if self.tensors else "got an empty tuple"
            raise TypeError(f"{name}: {what} a weft.Tensor or a tuple of them, {got}")

    def packed(self, results: Sequence[Any], create_graph: bool) -> Any:
        """Return results in the place of the tensors, cut from their graph unless asked for."""
        kept = list(results) if create_graph else [detach(x) for x in results]
        return tuple(kept) if self.is_tuple else kept[0]


class _Inputs(_Tuple):
    """The inputs of one call, ready to be differentiated by."""

    def __init__(self, name: str, inputs: Any, create_graph: bool) -> None:
        super().__init__(name, "inputs must be", inputs)
        self.name = name
        with enable_grad():
            self.tensors = [
                tracked(name, x) if create_graph else detach(x).requires_grad_()
                for x in self.tensors
            ]

    def run(self, func: Callable[..., Any]) -> _Tuple:
        """Return what a function makes of the inputs."""
        with enable_grad():
            return _Tuple(self.name, "the function must return", func(*self.tensors))

    def vector(self, name: str, v: Any) -> list[Any]:
        """Return a vector shaped as the inputs."""
        if v is not None:
            return _vector(name, v, self.tensors)
        if self.is_tuple or self.tensors[0].numel() != 1:
            raise GradError(f"{name}: v can only be left out for one input of one element")
        return [ones_like(self.tensors[0])]


def _vector(name: str, v: Any, like: Sequence[Any]) -> list[Any]:
    vector = _Tuple(name, "v must be", v).tensors
    if len(vector) != len(like):
        raise GradError(f"{name}: v must have {len(like)} tensors, got {len(vector)}")
    for i, (own, x) in enumerate(zip(vector, like, strict=True)):
        if tuple(own.shape) != tuple(x.shape):
            raise ShapeError(
                f"{name}: tensor {i} of v must have shape {tuple(x.shape)}, got {tuple(own.shape)}"
            )
    return vector


def _check_strategy(name: str, strategy: str, vectorize: bool) -> None:
    if strategy not in _STRATEGIES:
        raise ValueError(f"{name}: the strategy must be one of {_STRATEGIES}, got {strategy!r}")
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(f'{name}: strategy="forward-mode" needs vectorize=True')


def _value_and_slopes(
    name: str, func: Callable[..., Any], given: _Inputs, strict: bool
) -> tuple[_Tuple, list[Any]]:
    """Return the one number that a function computes, and its gradients, recorded."""
    value = given.run(func)
    if value.is_tuple or value.tensors[0].numel() != 1:
        shapes = ", ".join(str(tuple(x.shape)) for x in value.tensors)
        raise GradError(f"{name}: the function must return one tensor of one element, got {shapes}")
    seeds = [ones_like(value.tensors[0])]
    return value, _gradients(name, value.tensors, given.tensors, seeds, True, strict)


def _gradients(
    name: str,
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    seeds: Sequence[Any],
    create_graph: bool,
    strict: bool,
    of: str = "the function",
) -> list[Any]:
    """Return the gradients by the inputs, zeros where there is no path from one."""
    for i, out in enumerate(outputs):
        if strict and not out.requires_grad:
            raise GradError(
                f"{name}: result {i} of {of} does not depend on the inputs in a way that can be "
                f"differentiated, which strict=True forbids"
            )
    joined = [(x, s) for x, s in zip(outputs, seeds, strict=True) if x.requires_grad]
    found: Sequence[Any] = [None] * len(inputs)
    if joined:
        found = tape.grad(
            [x for x, _ in joined],
            list(inputs),
            [s for _, s in joined],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    for i, g in enumerate(found):
        if strict and g is None:
            raise GradError(f"{name}: {of} does not depend on input {i}, which strict=True forbids")
        if strict and create_graph and not g.requires_grad:
            raise GradError(
                f"{name}: the derivative of {of} by input {i} does not depend on the inputs, which "
                f"strict=True with create_graph=True forbids"
            )
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def _looped_rows(
    name: str, outputs: Sequence[Any], inputs: Sequence[Any], create_graph: bool, strict: bool
) -> list[list[Any]]:
    """Return for each output the blocks of the Jacobian by each input, one backward pass a row."""
    from weft.ops.joining import stack

    blocks = []
    for i, out in enumerate(outputs):
        if out.dtype.is_complex:
            raise DTypeError(
                f"{name}: result {i} is {out.dtype}; rows of its real and of its imaginary part "
                f"are not told apart: return real tensors, as weft.view_as_real makes them"
            )
        (basis,) = jacobians.one_hots([out])
        rows = [_gradients(name, [out], inputs, [seed], create_graph, strict) for seed in basis]
        if strict and not rows:
            _gradients(name, [out], inputs, [zeros_like(out)], create_graph, strict)
        blocks.append(
            [
                stack(list(column), 0).reshape((*out.shape, *x.shape))
                if rows
                else x.new_zeros((*out.shape, *x.shape))
                for column, x in zip(
                    zip(*rows, strict=True) if rows else inputs, inputs, strict=True
                )
            ]
        )
    return blocks


def _mapped_rows(
    name: str, outputs: Sequence[Any], inputs: Sequence[Any], create_graph: bool, strict: bool
) -> list[list[Any]]:
    """The same in one backward pass over all rows."""

    def pulled(*seeds: Any) -> Any:
        return tuple(_gradients(name, outputs, inputs, seeds, create_graph, strict))

    rows = [x.numel() for x in outputs]
    columns = vmap(pulled)(*jacobians.one_hots(outputs))
    pieces = [column.split(rows, 0) for column in columns]
    return [
        [own[i].reshape((*out.shape, *x.shape)) for own, x in zip(pieces, inputs, strict=True)]
        for i, out in enumerate(outputs)
    ]


def _by_columns(func: Callable[..., Any], inputs: Any) -> Any:
    given = _Inputs("jacobian", inputs, create_graph=False)
    held: list[_Tuple] = []

    def call(*tensors: Tensor) -> Any:
        out = _Tuple("jacobian", "the function must return", func(*tensors))
        held[:] = [out]
        return tuple(out.tensors)

    points = tuple(detach(x) for x in given.tensors)

    def pushed(*directions: Tensor) -> Any:
        return forward(call, points, directions)[1]

    slopes = vmap(pushed)(*jacobians.one_hots(points))
    counts = [x.numel() for x in points]
    blocks = []
    for slope in slopes:
        pieces = zip(slope.split(counts, 0), points, strict=True)
        blocks.append(
            [p.movedim(0, -1).reshape((*tuple(p.shape)[1:], *x.shape)) for p, x in pieces]
        )
    return held[0].packed([given.packed(row, False) for row in blocks], True)
