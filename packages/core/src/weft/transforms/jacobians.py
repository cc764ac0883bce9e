"""Whole Jacobians and Hessians, by mapping one pullback or one tangent over a basis."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import DTypeError, GradError
from weft._core.tensor import Tensor
from weft._core.tree import flatten
from weft.transforms.jvp import jvp
from weft.transforms.vjp import places, vjp
from weft.transforms.vmap import vmap


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of ``func``, one row at a time but batched.

    Reverse mode: cheaper than :func:`jacfwd` where there are fewer results than arguments.

    Args:
        func: a function of tensors or nests of them, returning a tensor or a nest of them.
        argnums: which argument to differentiate by, or which ones.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.
        chunk_size: how many rows to compute at once; all if None. Fewer need less memory.

    Returns:
        callable: of the same arguments. Its result is nested like func's, and in the place of each
        tensor holds a nest like the argument (a tuple of them with several argnums), whose tensors
        have the shape ``(*result.shape, *argument.shape)``. With ``has_aux``, a pair with the rest.

    Raises:
        GradError: an argument holds what is no floating tensor.
        DTypeError: an argument or a result is complex.
        ValueError: chunk_size is not positive.

    Example:
        >>> weft.func.jacrev(weft.sin)(weft.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"jacrev: chunk_size must be None or positive, got {chunk_size}")

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, call = _by(func, "jacrev", argnums, args, kwargs)
        _check_real("jacrev", "argument", flatten(chosen)[0])
        value, pullback, *aux = vjp(call, *chosen, has_aux=has_aux)
        results, rebuild = flatten(value)
        _check_real("jacrev", "result", results)
        rows = [_no_rows(x) for x in results]
        basis = rebuild(one_hots(results))
        columns = vmap(pullback, chunk_size=chunk_size)(basis)
        # each gradient has one row for each element of each result, which here are told apart
        leaves, rejoin = flatten(_unpacked(columns, argnums))
        pieces = [leaf.split(rows, 0) for leaf in leaves]
        nested = [
            rejoin([own[i].reshape((*result.shape, *tuple(own[i].shape)[1:])) for own in pieces])
            for i, result in enumerate(results)
        ]
        out = rebuild(nested)
        return (out, *aux) if has_aux else out

    return jacobian


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of ``func``, by columns, batched.

    Forward mode: cheaper than :func:`jacrev` where there are fewer arguments than results.

    Args:
        func: a function of tensors or nests of them, returning a tensor or a nest of them.
        argnums: which argument to differentiate by, or which ones.
        has_aux: whether ``func`` returns a pair, of which only the first is differentiated.
        randomness: what a random draw in func does, as in :func:`vmap`: columns of one Jacobian
            need ``"same"``.

    Returns:
        callable: of the same arguments; its result is nested and shaped as :func:`jacrev`'s.

    Raises:
        GradError: an argument holds what is no floating tensor.
        DTypeError: an argument or a result is complex.

    Example:
        >>> weft.func.jacfwd(weft.sin)(weft.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, call = _by(func, "jacfwd", argnums, args, kwargs)
        points, renest = flatten(chosen)
        if not points:
            raise GradError("jacfwd: expected at least one tensor to differentiate by")
        for position, x in enumerate(points):
            _check_point("jacfwd", position, x)
        _check_real("jacfwd", "argument", points)

        def pushed(basis: Any) -> Any:
            _, slope, *aux = jvp(call, chosen, basis, has_aux=has_aux)
            return (slope, *aux)

        # the rest of what func returned does not depend on the direction
        slopes, *aux = vmap(pushed, randomness=randomness)(renest(one_hots(points)))
        leaves, rebuild = flatten(slopes)
        _check_real("jacfwd", "result", leaves)
        rows = [_no_rows(x) for x in points]
        columns = []
        for leaf in leaves:
            own = [
                _last(piece).reshape((*tuple(piece.shape)[1:], *x.shape))
                for piece, x in zip(leaf.split(rows, 0), points, strict=True)
            ]
            columns.append(_unpacked(renest(own), argnums))
        out = rebuild(columns)
        if not has_aux:
            return out
        rest, rejoin = flatten(aux[0])
        return out, rejoin([x[0] for x in rest])

    return jacobian


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that computes the Hessian of ``func``: forward mode over reverse mode.

    Args:
        func: a function of tensors or nests of them, returning a tensor or a nest of them.
        argnums: which argument to differentiate by, or which ones.

    Returns:
        callable: of the same arguments; its result is nested as that of :func:`jacfwd` of
        :func:`jacrev`.

    Example:
        >>> weft.func.hessian(lambda x: (x**3).sum())(weft.ones(2))
        tensor([[6., 0.],
                [0., 6.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def _by(
    func: Callable[..., Any], name: str, argnums: Any, args: tuple[Any, ...], kwargs: Any
) -> tuple[tuple[Any, ...], Callable[..., Any]]:
    """Return the arguments to differentiate by, and the function of them alone."""
    at = places(name, argnums, len(args))

    def call(*chosen: Any) -> Any:
        given = list(args)
        for i, x in zip(at, chosen, strict=True):
            given[i] = x
        return func(*given, **kwargs)

    return tuple(args[i] for i in at), call


def _unpacked(chosen: Any, argnums: Any) -> Any:
    return tuple(chosen) if isinstance(argnums, tuple) else chosen[0]


def _no_rows(x: Tensor) -> int:
    return math.prod(x.shape)


def _last(x: Any) -> Any:
    """Return a tensor with its first dim last."""
    return x.movedim(0, -1)


def _check_real(name: str, what: str, tensors: Sequence[Any]) -> None:
    """Raise if a tensor is complex: one column cannot tell its two partial derivatives apart."""
    for position, x in enumerate(tensors):
        if isinstance(x, Tensor) and x.dtype.is_complex:
            raise DTypeError(
                f"{name}: {what} {position} is {x.dtype}, whose Jacobian is not one number for "
                f"each pair of elements; differentiate a function of real tensors, with "
                f"weft.view_as_complex and weft.view_as_real inside"
            )


def _check_point(name: str, position: int, x: Any) -> None:
    if not isinstance(x, Tensor):
        raise GradError(
            f"{name}: expected a weft.Tensor to differentiate by, got {type(x).__name__} {x!r:.60}"
        )
    if x.dtype.category < 2:
        raise DTypeError(
            f"{name}: tensor {position} to differentiate by must be floating or complex, got "
            f"{x.dtype}"
        )


def one_hots(tensors: Sequence[Any]) -> list[Any]:
    """Return, for tensors of n elements in all, tensors (n, *shape): each row has one 1 in all."""
    from weft.ops.creation import eye, zeros
    from weft.ops.joining import cat

    counts = [_no_rows(x) for x in tensors]
    out = []
    before = 0
    for x, count in zip(tensors, counts, strict=True):
        settings = {"dtype": x.dtype, "device": x.device}
        own = [
            zeros(before, count, **settings),
            eye(count, **settings),
            zeros(sum(counts) - before - count, count, **settings),
        ]
        block = own[1] if len(tensors) == 1 else cat(own, 0)
        out.append(block.reshape((sum(counts), *x.shape)))
        before += count
    return out
