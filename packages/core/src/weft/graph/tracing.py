"""Graphs of ordinary modules: a module is run once, and what it calls is its graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.graph._trace.comparing import check_decisions, check_same
from weft.graph._trace.documenting import document, outputs_of
from weft.graph._trace.examples import Example, example_of
from weft.graph._trace.running import run
from weft.graph.errors import GraphError
from weft.graph.module import GraphModule
from weft.nn import Module

__all__ = ["trace"]


def trace(
    module: Module,
    args: Tensor | Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    dynamic_shapes: Any = None,
) -> GraphModule:
    """Return the graph of a module: what it computes, without its code.

    The module is run in evaluation mode on an example, and the functions that it calls are
    recorded. Its weights are copied under their names, tied ones once; other tensors that it reads
    become buffers. Arguments that are no tensors, and everything that Python decides, are as in the
    example for good. The graph is run at the end, and must give what the module gives.

    Args:
        module: an ordinary module. Its mode and state are left as they were.
        args: its argument, or a tuple of several, as for a call. Tensors may be nested in tuples,
            lists and dicts; each is an input of the graph, named by argument and place.
        kwargs: its keyword arguments.
        dynamic_shapes: which dims may vary, as in `torch.export`: for each argument, by name or in
            order, a dict from dims to a :class:`weft.graph.Dim`, to a name for one, or to True. All
            other sizes are fixed. The module is run at other sizes too, and what it does must be
            the same there.

    Returns:
        A module with the outputs in order, in one tuple if there are several.

    Raises:
        TypeError: the arguments do not fit the module, or have no tensor.
        ValueError: `dynamic_shapes` does not fit the arguments.
        weft.graph.GraphError: the module does what no graph says: it reads numbers out of tensors,
            writes into its inputs, weights or views, draws random numbers, decides by a size that
            varies, calls what is not among :func:`weft.graph.functions`, or returns something else
            than tensors. The message has the call, the module and the line.

    Source: the arguments are those of PyTorch's `torch.export.export`.

    Example:
        >>> import weft
        >>> model = weft.nn.Sequential(weft.nn.Linear(4, 3), weft.nn.ReLU())
        >>> graph = weft.graph.trace(model, weft.ones(2, 4), dynamic_shapes=({0: "batch"},))
        >>> graph(weft.ones(5, 4)).shape
        weft.Size([5, 3])
        >>> list(graph.state_dict())
        ['0.weight', '0.bias']
    """
    if not isinstance(module, Module):
        raise TypeError(
            f"weft.graph.trace: a weft.nn.Module was required, but this is {type(module).__name__}"
        )
    example = example_of(module, args, kwargs, dynamic_shapes)
    first = run(module, example.tensors, example.call)
    sizes = example.other_sizes()
    others = []
    for wanted in sizes:
        try:
            other = run(module, example.resized(wanted), example.call)
        except GraphError:
            raise
        except Exception as error:
            error.add_note(
                f"weft.graph.trace ran the module at other sizes, {wanted}, as dynamic_shapes says "
                "that these may vary; say less, or bound them by weft.graph.Dim(name, min=, max=)"
            )
            raise
        check_same(first, other, (example.sizes(), wanted))
        others.append(other)
    check_decisions(first, others)
    graph = GraphModule(*document(module, example, first, others))
    for tried in (None, *sizes):
        _check(module, graph, example, tried)
    return graph


def _check(
    module: Module, graph: GraphModule, example: Example, sizes: Mapping[str, int] | None
) -> None:
    """Check that a graph gives what its module gives, at the example's sizes or at others."""
    tensors = list((example.tensors if sizes is None else example.resized(sizes)).values())
    args, kwargs = example.call(tensors)
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        with weft.no_grad():
            wanted = [x for _, x in outputs_of(module(*args, **kwargs))]
            got = graph(*tensors)
    finally:
        for one, training in modes:
            one.training = training
    found = list(got) if isinstance(got, tuple) else [got]
    for name, a, b in zip(graph.output_names, wanted, found, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype or not _close(a, b):
            at = "" if sizes is None else f" at {dict(sizes)}"
            raise GraphError(
                f"weft.graph.trace: the graph's output {name!r}, {b.dtype} of shape "
                f"{tuple(b.shape)}, is not what the module gives{at}, {a.dtype} of shape "
                f"{tuple(a.shape)}: the module keeps something from call to call, or decides by a "
                "size that varies"
            )


def _close(a: Tensor, b: Tensor) -> bool:
    if not (a.is_floating_point() or a.is_complex()):
        return bool(weft.equal(a, b))
    if not a.numel():
        return True
    tolerance = 64 * weft.finfo(a.dtype).eps
    finite = weft.nan_to_num(a.abs(), nan=0.0, posinf=0.0)
    return bool(
        weft.allclose(
            a, b, rtol=tolerance, atol=tolerance * float(finite.max().item()), equal_nan=True
        )
    )
