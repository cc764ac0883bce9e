"""The backward pass: from the nodes made last to the leaves, each op's rule applied on the way."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend.numpy_ import restore, silence
from weft._core.errors import GradError
from weft._core.hooks import Run
from weft._core.modes import here, switch
from weft._core.node import Leaf, Node, Pick
from weft._core.tensor import Tensor, wrap
from weft.transforms import leaves, lowering, plans
from weft.transforms.sums import summed

Cotangents = dict[Any, Any]
_Heap = list[tuple[int, Any]]
_Change = Callable[[Any], Any]
_ONE = (True,)
#: For which of two arguments a cotangent is wanted, by whether each leads nowhere.
_TWO = {(a, b): (not a, not b) for a in (False, True) for b in (False, True)}


def walk(
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
    found: Cotangents = {}
    run: Run | None = None  # what hooks are told of this pass
    before = here.asked
    lowers = not (create_graph or here.watchers or here.rule_watchers)
    if lowers:
        lowering.begin()
    outside, inside = (wrap, _data_of) if lowers else (_same, _same)
    send = _send_data if lowers else _send_tensor
    switch(create_graph, here.inference)  # the modes' managers would cost as much as a small op
    silenced = silence()
    steps: Any = None  # notes what is done, for a plan of passes like this
    try:
        if lowers and accumulate is (targets is None) and len(roots) == 1:
            ((node, seed),) = roots
            steps = plans.started(node, seed._data, keep, targets, found)
            if steps is True:
                return found
        needed = None if targets is None else _leading_to(targets, [node for node, _ in roots])
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
                steps = None
                tensor = node.hooks.run(outside(g), run)
                if kind is Leaf and accumulate and (targets is None or node in targets):
                    leaves.accumulate_hooked(node, tensor, create_graph)
                    continue
                g = inside(tensor)
                owned.discard(node)
            if kind is Leaf:
                tensor = node.tensor() if accumulate else None
                if targets is not None and node in targets and not accumulate:
                    found[node] = outside(g)
                elif tensor is None or not (targets is None or node in targets):
                    pass  # nobody can read it, or nobody asked
                elif not lowers or not leaves.added(tensor, g):
                    leaves.accumulate(tensor, outside(g), create_graph, node in owned)
                if steps is not None:
                    steps.add(node, Leaf)
                continue
            if targets is not None and node in targets:
                steps = None
                found[node] = outside(g)
                owned.discard(node)
            if kind is Pick:
                _send_pick(node, g, pending, heap, outside, inside)
                if steps is not None:
                    steps.add(node, Pick)
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
                    lowered = lowering.lowered(node, g, wanted)
                if lowered is not None:
                    program, arrays = lowered
                    if steps is not None:
                        steps.add(node, program, wanted)
                    for parent, ct, new in zip(parents, *program(*arrays)):  # noqa: B905  # as made
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
                    steps = None
                    many = kind is not Leaf and node.op.outputs != 1
                    given = {i: outside(one) for i, one in g.items()} if many else outside(g)
                    for parent, ct in zip(parents, _cotangents(node, given, wanted), strict=True):
                        if parent is not None and ct is not None:
                            send(parent, inside(ct), pending, owned, heap)
            if not keep and node.op.saves:  # what saved nothing can run backward again
                node.args = None
                node.out = None
                node.versions = ()  # it holds the saved tensors too
        if steps is not None:
            steps.finish()
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
    pending[node], new = summed(pending[node], g, node in owned)
    if new:
        owned.add(node)


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
            _saved_output(node, one, Pick(node, i)) if op.keeps(i) else one
            for i, one in enumerate(node.out)
        )
        result = op.vjp(wanted, gs, outs, *args, **node.params)
    return result  # type: ignore[no-any-return]  # every family's vjp returns a tuple


def _saved_output(node: Node, data: Any, origin: Any) -> Tensor:
    """Return the output again, on the graph: a rule may differentiate through it once more."""
    out = wrap(data)
    out._node = origin
    return out
