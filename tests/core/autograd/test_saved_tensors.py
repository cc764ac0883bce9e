"""What the tape saves, under hooks: packed, on the CPU, copied, refused."""

from __future__ import annotations

import gc
import weakref

import pytest

import weft
from weft.autograd import graph


def leaf(*values: float) -> weft.Tensor:
    return weft.tensor(list(values), requires_grad=True)


def test_custom_functions_save_through_the_hooks_as_ops_do():
    class Square(weft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            assert y.tolist() == [4.0, 9.0]
            return g * 2 * x

    packed = []

    def pack(x):
        packed.append(x.tolist())
        return x.tolist()

    x = leaf(2.0, 3.0)
    with graph.saved_tensors_hooks(pack, weft.tensor):
        y = Square.apply(x)
    assert packed == [[2.0, 3.0], [4.0, 9.0]]
    (g,) = weft.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = weft.autograd.grad(g.sum(), x)
    assert (g.tolist(), h.tolist()) == ([4.0, 6.0], [2.0, 2.0])


def test_saved_attributes_of_nodes_are_unpacked():
    x = leaf(2.0, 3.0)
    with graph.saved_tensors_hooks(lambda t: t.tolist(), weft.tensor):
        y, z = x * x, x.exp()
    assert y.grad_fn._saved_self.tolist() == [2.0, 3.0]
    assert z.grad_fn._saved_result.tolist() == z.tolist()
    assert z.sum(0).grad_fn._saved_dim == (0,)
    with pytest.raises(AttributeError, match="MulBackward0 saves nothing called _saved_weight"):
        y.grad_fn._saved_weight  # noqa: B018  # the reading is what raises
    y.sum().backward()
    with pytest.raises(weft.GradError, match="was freed by an earlier backward"):
        y.grad_fn._saved_self  # noqa: B018  # the reading is what raises


def test_what_is_on_the_cpu_is_saved_there_as_it_is():
    x = leaf(2.0, 3.0)
    with graph.save_on_cpu(pin_memory=True):
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_saved_tensors_may_be_overwritten_where_that_is_allowed():
    x = leaf(1.0, 2.0)
    with graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        out = (y * y).sum()
        y.sin_()
        out.backward()
    assert x.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("how", ["after it", "after clearing"])
def test_a_graph_of_copies_runs_only_while_they_live(how):
    with graph.allow_mutation_on_saved_tensors() as copies:
        x = leaf(1.0, 2.0)
        out = (x * x).sum()
        if how == "after clearing":
            copies.clear()
            with pytest.raises(weft.GradError, match="only within it, before it is cleared"):
                out.backward()
    if how == "after it":
        with pytest.raises(weft.GradError, match="only within it"):
            out.backward()


def test_mutation_contexts_do_not_nest():
    with (
        graph.allow_mutation_on_saved_tensors(),
        pytest.raises(weft.GradError, match="cannot be entered within itself"),
        graph.allow_mutation_on_saved_tensors(),
    ):
        pass
    with graph.allow_mutation_on_saved_tensors():
        pass


def test_hooks_can_be_forbidden_with_a_message():
    with graph.disable_saved_tensors_hooks("not here"):
        with pytest.raises(weft.GradError, match="not here"), graph.save_on_cpu():
            pass
        with (
            graph.disable_saved_tensors_hooks("nor here"),
            pytest.raises(weft.GradError, match="nor here"),
            graph.save_on_cpu(),
        ):
            pass
        with pytest.raises(weft.GradError, match="not here"), graph.save_on_cpu():
            pass
    with (
        graph.save_on_cpu(),
        pytest.raises(weft.GradError, match="too late"),
        graph.disable_saved_tensors_hooks("too late"),
    ):
        pass


def test_a_write_that_weft_did_not_see_can_be_told():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    graph.increment_version(y)
    with pytest.raises(weft.GradError, match="increment_version was told of"):
        z.sum().backward()


def test_graphs_of_custom_functions_are_freed_by_reference_counts_alone():
    class Both(weft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y, z = x.exp(), x * 2
            ctx.save_for_backward(x, y, z)
            return y, z

        @staticmethod
        def backward(ctx, g, h):
            x, y, z = ctx.saved_tensors
            return g * y + h * 2 + 0 * z * x

    gc.collect()
    gc.disable()
    try:
        x = leaf(0.5, 1.5)
        y, z = Both.apply(x)
        watched = [weakref.ref(t) for t in (y, z, y.grad_fn)]
        del y, z
        assert [ref() for ref in watched] == [None] * 3
        y, z = Both.apply(x)
        (y * z).sum().backward()
        watched = [weakref.ref(t) for t in (y, z, y.grad_fn)]
        del y, z
        assert [ref() for ref in watched] == [None] * 3
    finally:
        gc.enable()
