"""A module beside the graph that is traced of it: saved, read again, and run at other sizes."""

from __future__ import annotations

import io
from typing import Any

import weft
from weft import Tensor
from weft._core.tree import flatten
from weft.graph import GraphModule
from weft.nn import Module


def through_a_file(graph: GraphModule) -> GraphModule:
    """Return the graph as a file has it."""
    file = io.BytesIO()
    weft.graph.save(graph, file)
    file.seek(0)
    return weft.graph.load(file)


def tensors_of(value: Any) -> list[Tensor]:
    """Return the tensors in nested arguments or results."""
    return [x for x in flatten(value)[0] if isinstance(x, Tensor)]


def assert_traces(
    module: Module, args: Any, *others: Any, dynamic_shapes: Any = None
) -> GraphModule:
    """Trace a module, and hold the graph to it on its example and on others, through a file."""
    before = [one.training for one in module.modules()]
    graph = weft.graph.trace(module, args, dynamic_shapes=dynamic_shapes)
    assert [one.training for one in module.modules()] == before
    read = through_a_file(graph)
    assert read.state_dict().keys() == graph.state_dict().keys()
    module.eval()
    for given in (args, *others):
        given = (given,) if isinstance(given, Tensor) else given
        with weft.no_grad():
            wanted, got = tensors_of(module(*given)), read(*tensors_of(list(given)))
        found = list(got) if isinstance(got, tuple) else [got]
        assert len(found) == len(wanted)
        for a, b in zip(wanted, found, strict=True):
            assert a.dtype == b.dtype
            weft.testing.assert_close(b, a, rtol=1e-6, atol=1e-6, equal_nan=True)
    return read
