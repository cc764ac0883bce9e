"""Reverse mode: what users ask of the graph that dispatch recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from warnings import warn

from weft._backend import ndarray, ones
from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.tensor import Tensor, wrap
from weft.ops.creation import ones_like
from weft.transforms.edges import batched_grad, place_of, seed_of, several, zeros_for
from weft.transforms.leaves import accumulate
from weft.transforms.walk import walk


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add to ``.grad`` of the leaves the gradients of ``tensors``.

    Args:
        tensors: a result that needs gradient, or several; a ``GradientEdge`` may stand for each.
        grad_tensors: for each its cotangent, of its shape; may be None for one-element tensors.
        retain_graph: keep what nodes saved, for another backward; by default ``create_graph``.
        create_graph: record the backward pass itself, for gradients of gradients.
        grad_variables: PyTorch's old name of ``grad_tensors``.
        inputs: the tensor or tensors to accumulate into, leaves or not; all leaves if None.

    Raises:
        GradError: a tensor needs no gradient, or its graph was freed.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise GradError("backward: grad_variables is the old name of grad_tensors; pass one")
        warn("backward: grad_variables is the old name of grad_tensors", stacklevel=2)
        grad_tensors = grad_variables
    if type(tensors) is not tuple or type(grad_tensors) is not tuple:
        tensors, grad_tensors = several(tensors), several(grad_tensors)
    roots = _roots(tensors, grad_tensors)
    keep = _keep(retain_graph, create_graph)
    if inputs is None:
        walk(roots, keep, create_graph, None, accumulate=True)
        return
    inputs = several(inputs)
    if not inputs:
        raise GradError("backward: inputs= is empty; name a tensor, or leave it out for all leaves")
    targets = {_target(x, i, roots): x for i, x in enumerate(inputs)}
    found = walk(roots, keep, create_graph, set(targets), accumulate=True)
    for node, g in found.items():
        if not isinstance(targets[node], Tensor):
            raise GradError(
                f"backward: inputs= names an edge at {node!r}, which is no leaf's, so there is no "
                f".grad to add to; use weft.autograd.grad"
            )
        accumulate(targets[node], g, create_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of ``outputs`` by ``inputs``, leaving every ``.grad`` as it is.

    Args:
        outputs: a tensor or several that need gradient; a ``GradientEdge`` may stand for each.
        inputs: a tensor or several they were computed from, leaves or not; or edges.
        grad_outputs: cotangents of the outputs; may be None for one-element outputs.
        retain_graph: keep what nodes saved, for another backward; by default ``create_graph``.
        create_graph: record the backward pass itself, for gradients of gradients.
        only_inputs: PyTorch's, ignored: nothing but ``inputs`` is given a gradient.
        allow_unused: return None for an input the outputs do not depend on, instead of raising;
            by default ``materialize_grads``.
        is_grads_batched: whether each cotangent has a batch dim first; the gradients then have it
            too: a whole Jacobian in one pass.
        materialize_grads: return zeros for an input the outputs do not depend on.

    Returns:
        tuple of Tensor: one for each input, of its shape and dtype.

    Raises:
        GradError: an input needs no gradient, is unused, or the graph was freed.
        ShapeError: a cotangent does not have its output's shape.
    """
    outs, ins, seeds = several(outputs), several(inputs), several(grad_outputs)
    if not ins:
        raise GradError("grad: inputs is empty; name the tensors whose gradients are wanted")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "grad: materialize_grads=True returns zeros for unused inputs, which "
            "allow_unused=False refuses; leave allow_unused out"
        )
    if is_grads_batched:
        return batched_grad(
            grad, outs, ins, seeds, retain_graph, create_graph, allow_unused, materialize_grads
        )
    roots = _roots(outs, seeds)
    targets = [_target(x, i, roots) for i, x in enumerate(ins)]
    found = walk(
        roots,
        _keep(retain_graph, create_graph),
        create_graph,
        set(targets),
        accumulate=False,
    )
    result = []
    for i, target in enumerate(targets):
        value = found.get(target)
        if value is None:
            if materialize_grads:
                value = zeros_for(ins[i])
            elif not allow_unused:
                raise GradError(
                    f"grad: input {i}{_of_shape(ins[i])} was not used to compute the outputs; "
                    f"pass allow_unused=True to get None for it"
                )
        result.append(value)
    return tuple(result)


def _keep(retain_graph: bool | None, create_graph: bool) -> bool:
    return create_graph if retain_graph is None else retain_graph


def _of_shape(x: Any) -> str:
    return f" of shape {tuple(x.shape)}" if isinstance(x, Tensor) else ""


def _target(x: Any, position: int, roots: Sequence[tuple[Any, Any]]) -> Any:
    if not isinstance(x, Tensor):
        return place_of(x, position, [node for node, _ in roots])
    if x._node is None:
        raise GradError(
            f"grad: input {position} of shape {tuple(x.shape)} needs no gradient; call "
            f".requires_grad_() on it before computing with it"
        )
    return x._node


def _roots(tensors: Sequence[Any], gradients: Any) -> list[tuple[Any, Tensor]]:
    """Pair the node of each result with its cotangent."""
    seeds = [None] * len(tensors) if gradients is None else list(gradients)
    if len(seeds) != len(tensors):
        raise GradError(
            f"backward: {len(tensors)} tensors need as many cotangents, got {len(seeds)}"
        )
    roots = []
    for position, (x, seed) in enumerate(zip(tensors, seeds, strict=True)):
        try:
            node = x._node
        except AttributeError:
            roots.append((place_of(x, position), seed_of(x) if seed is None else seed))
            continue
        if node is None:
            raise GradError(
                f"backward: tensor {position} of shape {tuple(x.shape)} needs no gradient: nothing "
                f"it was computed from has requires_grad, or it was computed under no_grad"
            )
        if seed is None:
            if x.numel() != 1:
                raise GradError(
                    f"backward: only a tensor of one element has an implicit cotangent, this one "
                    f"has shape {tuple(x.shape)}; reduce it, or pass gradient="
                )
            data = x._data
            if data.dtype.kind == "c":
                raise GradError(
                    f"backward: only a real tensor has an implicit cotangent, this one is of "
                    f"{x.dtype}; take the real part, or pass gradient="
                )
            seed = wrap(ones(data)) if type(data) is ndarray else ones_like(x)
        elif not isinstance(seed, Tensor):
            raise TypeError(
                f"backward: a cotangent must be a weft.Tensor or None, got {type(seed).__name__}"
            )
        elif tuple(seed.shape) != tuple(x.shape):
            raise ShapeError(
                f"backward: the cotangent of a tensor of shape {tuple(x.shape)} must have that "
                f"shape, got {tuple(seed.shape)}"
            )
        elif seed.dtype is not x.dtype:
            if seed.dtype.category > x.dtype.category:
                raise DTypeError(
                    f"backward: the cotangent of a tensor of {x.dtype} cannot be of {seed.dtype}"
                )
            seed = seed.to(x.dtype)
        roots.append((node, seed))
    return roots
