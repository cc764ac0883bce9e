"""Reverse mode: walks the nodes that dispatch recorded and applies each op's vjp."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Sequence
from typing import Any
from warnings import warn

from weft._backend import add_into, ndarray, np, ones
from weft._backend.libraries import is_array
from weft._backend.numpy_ import restore, silence
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.errors import DTypeError, GradError, ShapeError
from weft._core.hooks import Run, changed_by
from weft._core.modes import here, switch
from weft._core.node import Leaf, Node, Pick
from weft._core.tensor import Tensor, extra_of, version_of, wrap
from weft.ops.creation import ones_like
from weft.transforms import lowering
from weft.transforms.edges import batched_grad, place_of, seed_of, several, zeros_for

Cotangents = dict[Any, Any]
_ONE = (True,)
#: For which of two arguments a cotangent is wanted, by whether each leads nowhere.
_TWO = {(a, b): (not a, not b) for a in (False, True) for b in (False, True)}
_Heap = list[tuple[int, Any]]
_Change = Callable[[Any], Any]
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
    """Visit nodes from the last made to the first; return the cotangents of ``targets``.

    On the way cotangents are tensors where the pass itself is recorded or watched. Otherwise they
    are what tensors hold, so that lowered rules can run on it.
    """
    pending: Cotangents = {}
    owned: set[Any] = set()  # whose pending cotangent has memory of its own, to be added into
    heap: list[tuple[int, Any]] = []
    needed = None if targets is None else _leading_to(targets, [node for node, _ in roots])
    found: Cotangents = {}
    run: Run | None = None  # what hooks are told of this pass
    before = here.grad
    lowers = not (create_graph or here.watchers or here.rule_watchers)
    if lowers:
        lowering.begin()
    outside, inside = (wrap, _data_of) if lowers else (_same, _same)
    send = _send_data if lowers else _send_tensor
    switch(create_graph, here.inference)  # the modes' managers would cost as much as a small op
    silenced = silence()
    try:
        for node, seed in roots:
            send(node, inside(seed), pending, owned, heap)
        while heap:
            node = heapq.heappop(heap)[1]
            g = pending.pop(node)
            if needed is not None and node not in needed:
                continue
            kind = type(node)
            if node.hooks:
                run = run or Run(roots, needed)
                tensor = node.hooks.run(outside(g), run)
                if kind is Leaf and accumulate and (targets is None or node in targets):
                    _accumulate_hooked(node, tensor, create_graph)
                    continue
                g = inside(tensor)
                owned.discard(node)
            if kind is Leaf:
                tensor = node.tensor() if accumulate else None
                if targets is not None and node in targets and not accumulate:
                    found[node] = outside(g)
                elif tensor is None or not (targets is None or node in targets):
                    pass  # nobody can read it, or nobody asked
                elif not lowers or not _added(tensor, g):
                    _accumulate(tensor, outside(g), create_graph, node in owned)
                continue
            if targets is not None and node in targets:
                found[node] = outside(g)
                owned.discard(node)
            if kind is Pick:
                _send_pick(node, g, pending, heap, outside, inside)
                continue
            parents = node.parents
            if needed is not None:
                wanted = tuple([p is not None and p in needed for p in parents])
            elif len(parents) == 1:
                wanted = _ONE
            elif len(parents) == 2:
                wanted = _TWO[parents[0] is None, parents[1] is None]
            else:
                wanted = tuple([p is not None for p in parents])
            if True in wanted:
                lowered = None
                if lowers:
                    if node.args is None or node.versions:
                        _check_saved(node)
                    lowered = lowering.cotangents(node, g, wanted)
                if lowered is not None:
                    for parent, ct, new in zip(parents, *lowered):  # noqa: B905  # as long as made
                        if parent is None or ct is None:
                            continue
                        if parent in pending:
                            _add_data(parent, ct, pending, owned)
                            continue
                        pending[parent] = ct
                        heapq.heappush(heap, (-parent.sequence, parent))
                        if new:
                            owned.add(parent)
                else:
                    many = kind is not Leaf and node.op.outputs != 1
                    given = {i: outside(one) for i, one in g.items()} if many else outside(g)
                    for parent, ct in zip(parents, _cotangents(node, given, wanted), strict=True):
                        if parent is not None and ct is not None:
                            send(parent, inside(ct), pending, owned, heap)
            if not keep and node.op.saves:  # what saved nothing can run backward again
                node.args = None
                node.out = None
                node.versions = ()  # it holds the saved tensors too
    finally:
        restore(silenced)
        switch(before, here.inference)
    return found


def _same(g: Any) -> Any:
    return g


def _data_of(g: Tensor) -> Any:
    return g._data


def _send_tensor(node: Any, g: Tensor, pending: Cotangents, owned: set[Any], heap: _Heap) -> None:
    """Add a cotangent to those that wait for a node, recorded."""
    held = pending.get(node)
    if held is None:
        pending[node] = g
        heapq.heappush(heap, (-node.sequence, node))
    else:
        pending[node] = held + g


def _send_data(node: Any, g: Any, pending: Cotangents, owned: set[Any], heap: _Heap) -> None:
    """Add what tensors hold to what waits for a node, in one memory where nothing else has it."""
    if node in pending:
        _add_data(node, g, pending, owned)
    else:
        pending[node] = g
        heapq.heappush(heap, (-node.sequence, node))


def _add_data(node: Any, g: Any, pending: Cotangents, owned: set[Any]) -> None:
    held = pending[node]
    if type(held) is not ndarray or type(g) is not ndarray or held.dtype is not g.dtype:
        pending[node] = (wrap(held) + wrap(g))._data
    elif node in owned:
        np.add(held, g, held)
    elif held.itemsize > 2 and held.ndim:
        pending[node] = held + g
        owned.add(node)
    else:
        pending[node] = (wrap(held) + wrap(g))._data


def _send_pick(
    pick: Pick, g: Any, pending: Cotangents, heap: _Heap, outside: _Change, inside: _Change
) -> None:
    """Put the gradient of one output in its place in the dict that its node waits for."""
    held = pending.get(pick.node)
    if held is None:
        held = pending[pick.node] = {}
        heapq.heappush(heap, (-pick.node.sequence, pick.node))
    if pick.index in held:  # places of one output may be several
        g = inside(outside(held[pick.index]) + outside(g))
    held[pick.index] = g


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


def _check_saved(node: Node) -> None:
    """Raise unless what the node saved is still there, and unwritten."""
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


def _cotangents(node: Node, g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    """Apply the node's rule, after checking that what it saved is still there, and unwritten."""
    _check_saved(node)
    op, args = node.op, node.args or ()
    if op.outputs == 1:
        out = None if node.out is None else _saved_output(node, node.out, node)
        result = op.vjp(wanted, g, out, *args, **node.params)
    else:
        gs = tuple(g.get(i) for i in range(len(node.out)))
        outs = tuple(
            one if isinstance(one, Aval) else _saved_output(node, one, Pick(node, i))
            for i, one in enumerate(node.out)
        )
        result = op.vjp(wanted, gs, outs, *args, **node.params)
    return result  # type: ignore[no-any-return]  # every family's vjp returns a tuple


def _saved_output(node: Node, data: Any, origin: Any) -> Tensor:
    """Return the output again, on the graph: a rule may differentiate through it once more."""
    out = wrap(data)
    out._node = origin
    return out


def _added(tensor: Tensor, g: Any) -> bool:
    """Add an array to the array of a ``.grad`` that is there already; whether that was so."""
    extra = tensor._extra
    if extra is None or extra.grad is None or extra.post_accumulate or type(g) is not ndarray:
        return False
    held = extra.grad
    data = held._data
    if type(data) is not ndarray or data.dtype is not g.dtype or held._node is not None:
        return False
    with _LOCKS[id(tensor) >> 6 & 15]:  # another thread may be adding to the same leaf
        np.add(data, g, data)
        version_of(held).writes.bump("backward")
    return True


def _accumulate(tensor: Tensor, g: Tensor, create_graph: bool, owned: bool = False) -> None:
    """Add a cotangent to a tensor's ``.grad``, into the same memory unless that is recorded.

    Args:
        tensor: the leaf.
        g: the cotangent.
        create_graph: whether the pass is recorded.
        owned: whether nothing else can hold g's memory.
    """
    with _LOCKS[id(tensor) >> 6 & 15]:  # another thread may be adding to the same leaf
        extra = extra_of(tensor)
        held = extra.grad
        if held is None:
            # The cotangent may be shared with another leaf or the user's own; .grad is written to.
            plain = type(g._data) is ndarray and g._node is None
            if owned:
                extra.grad = g
            else:
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
