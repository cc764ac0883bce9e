"""Reverse mode: walks the nodes that dispatch recorded and applies each op's vjp."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Sequence
from typing import Any
from warnings import warn

from weft._backend import add_into, ndarray, ones
from weft._backend.libraries import is_array
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.hooks import Run, changed_by
from weft._core.modes import here, switch
from weft._core.node import Leaf, Node, Pick
from weft._core.tensor import Tensor, extra_of, version_of, wrap
from weft.ops.creation import ones_like
from weft.transforms.edges import batched_grad, place_of, seed_of, several, zeros_for

Cotangents = dict[Any, Any]
#: A leaf takes the one of its address while a gradient is added to it.
_LOCKS = tuple(threading.Lock() for _ in range(16))


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
        _run(roots, keep, create_graph, None, accumulate=True)
        return
    inputs = several(inputs)
    if not inputs:
        raise GradError("backward: inputs= is empty; name a tensor, or leave it out for all leaves")
    targets = {_target(x, i, roots): x for i, x in enumerate(inputs)}
    found = _run(roots, keep, create_graph, set(targets), accumulate=True)
    for node, g in found.items():
        if not isinstance(targets[node], Tensor):
            raise GradError(
                f"backward: inputs= names an edge at {node!r}, which is no leaf's, so there is no "
                f".grad to add to; use weft.autograd.grad"
            )
        _accumulate(targets[node], g, create_graph)


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
    found = _run(
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


def _run(
    roots: list[tuple[Any, Tensor]],
    keep: bool,
    create_graph: bool,
    targets: set[Any] | None,
    *,
    accumulate: bool,
) -> Cotangents:
    """Visit nodes from the last made to the first; return the cotangents of ``targets``."""
    pending: Cotangents = {}
    heap: list[tuple[int, Any]] = []
    needed = None if targets is None else _leading_to(targets, [node for node, _ in roots])
    found: Cotangents = {}
    run: Run | None = None  # what hooks are told of this pass
    before = here.grad
    switch(create_graph, here.inference)  # the modes' managers would cost as much as a small op
    try:
        for node, seed in roots:
            _send(node, seed, pending, heap)
        while heap:
            node = heapq.heappop(heap)[1]
            g = pending.pop(node)
            if needed is not None and node not in needed:
                continue
            kind = type(node)
            if node.hooks:
                run = run or Run(roots, needed)
                g = node.hooks.run(g, run)
                if kind is Leaf and accumulate and (targets is None or node in targets):
                    _accumulate_hooked(node, g, create_graph)
                    continue
            if kind is Leaf:
                tensor = node.tensor() if accumulate else None
                if targets is not None and node in targets and not accumulate:
                    found[node] = g
                elif tensor is not None and (targets is None or node in targets):
                    _accumulate(tensor, g, create_graph)
                continue
            if targets is not None and node in targets:
                found[node] = g
            if kind is Pick:
                _send_pick(node, g, pending, heap)
                continue
            parents = node.parents
            if needed is None:
                wanted = [p is not None for p in parents]
            else:
                wanted = [p is not None and p in needed for p in parents]
            if needed is None or True in wanted:
                for parent, ct in zip(parents, _cotangents(node, g, wanted), strict=True):
                    if parent is not None and ct is not None:
                        _send(parent, ct, pending, heap)
            if not keep and node.op.saves:  # what saved nothing can run backward again
                node.args = None
                node.out = None
                node.versions = ()  # it holds the saved tensors too
    finally:
        switch(before, here.inference)
    return found


def _send(node: Any, g: Tensor, pending: Cotangents, heap: list[tuple[int, Any]]) -> None:
    held = pending.get(node)
    if held is None:
        pending[node] = g
        heapq.heappush(heap, (-node.sequence, node))
    else:
        pending[node] = held + g


def _send_pick(pick: Pick, g: Tensor, pending: Cotangents, heap: list[tuple[int, Any]]) -> None:
    """Put the gradient of one output in its place in the list that its node waits for."""
    held = pending.get(pick.node)
    if held is None:
        held = pending[pick.node] = {}
        heapq.heappush(heap, (-pick.node.sequence, pick.node))
    held[pick.index] = held[pick.index] + g if pick.index in held else g


def _leading_to(targets: set[Any], roots: list[Any]) -> set[Any]:
    """Return the nodes on a path from a root to a target, found without recursion."""
    needed = set(targets)
    seen: set[Any] = set()
    order = []
    stack = list(roots)
    oldest = min(t.sequence for t in targets) if targets else 0
    while stack:
        node = stack.pop()
        if node in seen or node.sequence < oldest:  # a node older than every target leads nowhere
            continue
        seen.add(node)
        order.append(node)
        stack.extend(p for p in node.parents if p is not None)
    for node in sorted(order, key=lambda n: n.sequence):
        if any(p in needed for p in node.parents if p is not None):
            needed.add(node)
    return needed


def _cotangents(node: Node, g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    """Apply the node's rule after checking that what it saved is still there, and unwritten."""
    op = node.op
    if node.args is None:
        raise GradError(
            f"backward: the graph through {op.called} was freed by an earlier backward; pass "
            f"retain_graph=True to that one"
        )
    for saved, count in node.versions:
        if isinstance(saved, Tensor):
            if saved._version is None:
                continue
            writes = saved._version.writes
        else:
            writes = saved
        if writes.count != count:
            raise GradError(
                f"backward: {op.called} needs a tensor that was since overwritten in place by "
                f"{writes.writer} ({writes.count - count} write(s) after it was saved); clone it "
                f"before {op.called}, or use the op that does not write in place"
            )
    if op.outputs == 1:
        out = None if node.out is None else _saved_output(node, node.out, node)
        result = op.vjp(wanted, g, out, *node.args, **node.params)
    else:
        gs = tuple(g.get(i) for i in range(len(node.out)))
        outs = tuple(
            one if isinstance(one, Aval) else _saved_output(node, one, Pick(node, i))
            for i, one in enumerate(node.out)
        )
        result = op.vjp(wanted, gs, outs, *node.args, **node.params)
    return result  # type: ignore[no-any-return]  # every family's vjp returns a tuple


def _saved_output(node: Node, data: Any, origin: Any) -> Tensor:
    """Return the output again, on the graph: a rule may differentiate through it once more."""
    out = wrap(data)
    out._node = origin
    return out


def _accumulate(tensor: Tensor, g: Tensor, create_graph: bool) -> None:
    """Add a cotangent to a tensor's ``.grad``, into the same memory unless that is recorded."""
    with _LOCKS[id(tensor) >> 6 & 15]:  # another thread may be adding to the same leaf
        extra = extra_of(tensor)
        held = extra.grad
        if held is None:
            # The cotangent may be shared with another leaf or the user's own; .grad is written to.
            plain = type(g._data) is ndarray and g._node is None
            extra.grad = wrap(g._data.copy()) if plain else _for_leaf(tensor, g).clone()
        elif create_graph or not (is_array(held._data) and type(held._data) is type(g._data)):
            extra.grad = held + _for_leaf(tensor, g)
        elif type(held._data) is not ndarray:
            held.add_(g)  # as below, on another device
        else:
            # into the memory: whoever holds .grad, such as an optimizer, keeps seeing the gradient
            add_into(held._data, g._data)
            version_of(held).writes.bump("backward")
    if extra.post_accumulate:
        for hook in tuple(extra.post_accumulate.values()):
            hook(tensor)


def _accumulate_hooked(node: Leaf, g: Tensor, create_graph: bool) -> None:
    """Add to the ``.grad`` of a leaf whose node may have hooks of its own."""
    tensor = node.tensor()
    if tensor is None:
        return
    (given,) = gradients = (g,)
    for hook in tuple(node.hooks.before.values()):
        (given,) = gradients = changed_by(hook, gradients, hook(gradients), exact=False)
    if given is not None:
        _accumulate(tensor, given, create_graph)
    for hook in tuple(node.hooks.after.values()):
        hook((), gradients)


def _for_leaf(tensor: Tensor, g: Tensor) -> Tensor:
    """Return a cotangent, unless a transform ends before the leaf that it is for."""
    box = g._data
    if isinstance(box, Boxed) and box.confined:
        own = tensor._data
        if not isinstance(own, Boxed) or own.level < box.level:
            raise GradError(
                f"backward: inside {box.transform} it would add to .grad of a tensor from outside "
                f"what is known inside only; take the gradient with weft.func.grad or "
                f"weft.autograd.grad and return it, or run backward on what {box.transform} returns"
            )
    return g
