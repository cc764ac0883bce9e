"""What ``backward`` and ``grad`` take beside tensors: edges of the graph, batches of cotangents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from weft._core.aval import Aval
from weft._core.device import device_of
from weft._core.errors import GradError, ShapeError
from weft._core.node import Pick
from weft._core.tensor import Tensor


class GradientEdge(NamedTuple):
    """A place where a gradient flows: one output of a node.

    ``backward`` and ``grad`` take it wherever they take a tensor, so a program can drop a tensor
    and still ask for its gradient.

    Attributes:
        node: the node; a leaf's is the one that adds to its ``.grad``.
        output_nr: which of the node's outputs it is.
        ownership_token: what is known of the tensor it was made from; None if made by hand.
    """

    node: Any
    output_nr: int
    ownership_token: Any = None


class _Origin:
    """What stays known of an edge's tensor: its place in the graph and what it looked like."""

    __slots__ = ("aval", "device", "place")

    def __init__(self, tensor: Tensor) -> None:
        data = tensor._data
        self.place = tensor._node
        self.aval = Aval(tuple(data.shape), data.dtype)
        self.device = device_of(tensor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Origin) and self.place is other.place

    def __hash__(self) -> int:
        return hash(self.place)


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Return the edge at which a tensor's gradient arrives.

    Args:
        tensor: a tensor that needs gradient, a leaf or not.

    Returns:
        GradientEdge: ``grad(loss, edge)`` is ``grad(loss, tensor)``.

    Raises:
        GradError: the tensor needs no gradient.
    """
    if tensor._node is None:
        raise GradError(
            f"get_gradient_edge: a tensor of shape {tuple(tensor.shape)} that requires no gradient "
            f"has no edge in the graph; call requires_grad_() on it first"
        )
    node, output_nr = tensor._node.edge
    return GradientEdge(node, output_nr, _Origin(tensor))


def several(given: Any) -> Any:
    """Return one tensor or edge as a tuple of it; several, or None, as they are."""
    if isinstance(given, (Tensor, GradientEdge)):
        return (given,)
    return given if given is None or isinstance(given, (tuple, list)) else tuple(given)


def place_of(edge: Any, position: int, roots: Sequence[Any] = ()) -> Any:
    """Return the place in the graph that an edge names.

    An edge made by hand names one output of a node; the place of that output is what the nodes
    computed from it point to, which is looked for from the roots.

    Raises:
        TypeError: it is no edge.
    """
    if not isinstance(edge, GradientEdge):
        raise TypeError(
            f"expected a weft.Tensor or a GradientEdge in place {position}, got "
            f"{type(edge).__name__}"
        )
    if edge.ownership_token is not None:
        return edge.ownership_token.place
    if getattr(getattr(edge.node, "op", None), "outputs", 1) == 1:
        return edge.node
    seen: set[Any] = set()
    stack = list(roots)
    while stack:
        at = stack.pop()
        if at in seen:
            continue
        if isinstance(at, Pick) and at.edge == edge[:2]:
            return at
        seen.add(at)
        stack.extend(p for p in at.parents if p is not None)
    return Pick(edge.node, edge.output_nr)


def seed_of(edge: GradientEdge) -> Tensor:
    """Return the implicit cotangent of an edge: one, if its tensor had one element.

    Raises:
        GradError: it had more, or the edge was made by hand and does not tell.
    """
    origin = edge.ownership_token
    if origin is None or origin.aval.size != 1:
        what = "made by hand" if origin is None else f"of a tensor of shape {origin.aval.shape}"
        raise GradError(
            f"backward: only a tensor of one element has an implicit cotangent, this is an edge "
            f"{what}; pass the cotangent"
        )
    from weft._core.dtypes import of
    from weft.ops.filled import ones

    return ones(origin.aval.shape, dtype=of(origin.aval.dtype), device=origin.device)


def zeros_for(x: Any) -> Any:
    """Return a zero gradient for a tensor, or for an edge that was made from one."""
    from weft._core.dtypes import of
    from weft.ops.filled import zeros
    from weft.ops.filled_like import zeros_like

    if isinstance(x, Tensor):
        return zeros_like(x)
    origin = x.ownership_token
    if origin is None:
        raise GradError(
            "grad: an edge made by hand does not tell the shape of its gradient, which "
            "materialize_grads needs; make it with get_gradient_edge"
        )
    return zeros(origin.aval.shape, dtype=of(origin.aval.dtype), device=origin.device)


def batched_grad(
    grad: Callable[..., Any],
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    seeds: Sequence[Any] | None,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool | None,
    materialize_grads: bool,
) -> tuple[Any, ...]:
    """Return gradients for every entry of batched cotangents, by one backward pass under vmap.

    Raises:
        GradError: a cotangent is missing.
        ShapeError: a cotangent does not have its output's shape after the batch dim.
    """
    from weft.transforms.vmap import vmap

    if seeds is None or any(seed is None for seed in seeds):
        raise GradError(
            "grad: is_grads_batched=True needs a cotangent for every output, with the batch dim "
            "first; got None"
        )
    for i, (x, seed) in enumerate(zip(outputs, seeds, strict=False)):
        if isinstance(x, Tensor) and tuple(seed.shape[1:]) != tuple(x.shape):
            raise ShapeError(
                f"grad: with is_grads_batched=True cotangent {i} of an output of shape "
                f"{tuple(x.shape)} must have that shape after a batch dim, got {tuple(seed.shape)}"
            )

    used: list[bool] = []

    def one(*cotangents: Any) -> Any:
        found = grad(
            outputs,
            inputs,
            cotangents,
            retain_graph,
            create_graph,
            allow_unused=allow_unused,
            materialize_grads=materialize_grads,
        )
        used[:] = [g is not None for g in found]
        return tuple(g for g in found if g is not None)

    batches = iter(vmap(one)(*seeds))
    return tuple(next(batches) if has else None for has in used)
