"""Scatter and index_* beside torch's where samples cannot say it: ties, NaN, overflow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, quietly

NAN, INF = float("nan"), float("inf")


def both(values, dtype="float64"):
    return (
        weft.tensor(values, dtype=getattr(weft, dtype)),
        torch.tensor(values, dtype=getattr(torch, dtype)),
    )


def same(run, *arguments):
    """Run a function of (module, *tensors) in both, and compare."""
    ours = run(weft, *(a for a, _ in arguments))
    theirs = quietly(run, torch, *(b for _, b in arguments))
    assert_same(ours, theirs)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("values", [[NAN, 1.0, 2.0], [INF, -INF, 1.0], [0.0, 0.0, 3.0]])
def test_special_values_meet_as_in_torch(reduce, own, values):
    for places in ([0, 0, 1], [2, 2, 2], [1, 0, 2]):
        x, index, src = both([1.0, NAN, -2.0]), both(places, "int64"), both(values)
        same(lambda m, x, i, s: x.scatter_reduce(0, i, s, reduce, include_self=own), x, index, src)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("reduce", ["amax", "amin", "prod", "mean", "sum"])
def test_gradients_at_ties_and_zeros_are_torchs(reduce, own):
    def run(m, x, i, s):
        x, s = x.clone().requires_grad_(), s.clone().requires_grad_()
        out = x.scatter_reduce(0, i, s, reduce, include_self=own)
        (out * m.arange(1, 4, dtype=x.dtype)).sum().backward()
        return x.grad, s.grad

    index = both([0, 0, 1, 1, 2], "int64")
    # without input's elements torch still counts them among those that share the gradient
    x = both([2.0, 3.0, 0.0] if own else [-7.0, -8.0, -9.0])
    for values in ([2.0, 2.0, 3.0, 1.0, 0.0], [0.0, 5.0, 0.0, 0.0, 4.0]):
        src = both(values)
        if reduce == "prod" and not own:
            continue  # torch's rule gives NaN where a replaced element is 0
        same(run, x, index, src)


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
def test_integers_wrap_round_and_means_round_down_as_in_torch(reduce, dtype):
    x, src = both([100, 7], dtype), both([100, 100, 3, 2], dtype)
    index = both([0, 0, 1, 1], "int64")
    same(lambda m, x, i, s: x.scatter_reduce(0, i, s, reduce), x, index, src)
    same(lambda m, x, i, s: x.scatter_reduce(0, i, s, reduce, include_self=False), x, index, src)


def test_many_arrivals_at_one_place_are_all_combined():
    n = 1000
    src = np.random.default_rng(0).uniform(0.99, 1.01, n)
    index = np.random.default_rng(1).integers(0, 3, n)
    for reduce in ("prod", "amax", "amin", "sum", "mean"):
        ours = weft.ones(3, dtype=weft.float64).scatter_reduce(
            0, weft.from_numpy(index), weft.from_numpy(src), reduce
        )
        theirs = torch.ones(3, dtype=torch.float64).scatter_reduce(
            0, torch.from_numpy(index), torch.from_numpy(src), reduce
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


def test_an_empty_index_changes_nothing():
    x, src, index = both([1.0, 2.0]), both([]), both([], "int64")
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        same(lambda m, x, i, s, r=reduce: x.scatter_reduce(0, i, s, r), x, index, src)
    same(lambda m, x, i, s: x.scatter(0, i, s), x, index, src)
    same(lambda m, x, i, s: x.index_add(0, i, s), x, index, src)
    same(lambda m, x, i, s: x.index_copy(0, i, s), x, index, src)
    same(lambda m, x, i, s: x.index_fill(0, i, 3.0), x, index, src)


def test_scatter_with_a_reduction_is_torchs():
    x, index, src = both([1.0, 2.0, 3.0]), both([0, 0, 2], "int64"), both([5.0, 7.0, 11.0])
    for reduce in ("add", "multiply"):
        same(lambda m, x, i, s, r=reduce: x.scatter(0, i, s, reduce=r), x, index, src)
        same(lambda m, x, i, s, r=reduce: x.scatter(0, i, 2.0, reduce=r), x, index, src)


IN_PLACE = {
    "scatter_": lambda x, i, s: x.scatter_(0, i, s),
    "scatter_ value": lambda x, i, s: x.scatter_(0, i, value=2.0),
    "scatter_add_": lambda x, i, s: x.scatter_add_(0, i, s),
    "scatter_reduce_": lambda x, i, s: x.scatter_reduce_(0, i, s, "amax"),
    "index_add_": lambda x, i, s: x.index_add_(0, i, s, alpha=3),
    "index_copy_": lambda x, i, s: x.index_copy_(0, i, s),
    "index_fill_": lambda x, i, s: x.index_fill_(0, i, 9),
    "index_reduce_": lambda x, i, s: x.index_reduce_(0, i, s, "prod"),
    "index_put_": lambda x, i, s: x.index_put_((i,), s),
    "index_put_ add": lambda x, i, s: x.index_put_((i,), s, accumulate=True),
    "put_": lambda x, i, s: x.put_(i, s),
    "masked_fill_": lambda x, i, s: x.masked_fill_(x > 2, 5.0),
    "masked_scatter_": lambda x, i, s: x.masked_scatter_(x > 2, s),
}


@pytest.mark.parametrize("name", list(IN_PLACE))
def test_in_place_forms_write_into_the_tensor_and_its_views(name):
    def run(m, x, i, s):
        x = x.clone()
        view = x[1:]
        out = IN_PLACE[name](x, i, s)
        assert out is x
        return x, view

    same(run, both([1.0, 2.0, 3.0, 4.0]), both([3, 1], "int64"), both([8.0, 9.0]))


@pytest.mark.parametrize("name", [n for n in IN_PLACE if "masked" not in n])
def test_in_place_forms_pass_gradients_on(name):
    def run(m, x, i, s):
        x, s = x.clone().requires_grad_(), s.clone().requires_grad_()
        out = IN_PLACE[name](x * 2, i, s)
        (out * out).sum().backward()
        return (x.grad,) if s.grad is None else (x.grad, s.grad)

    same(run, both([1.0, 2.0, 3.0, 4.0]), both([3, 1], "int64"), both([8.0, 9.0]))


def test_data_dependent_arguments_are_torchs():
    x = both([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    mask = both([[True, False, True], [False, False, True]], "bool")
    same(lambda m, x, k: m.argwhere(k), x, mask)
    same(lambda m, x, k: m.argwhere(x[0, 0]), x, mask)
    same(lambda m, x, k: x.index_put((k,), m.tensor(7.0, dtype=x.dtype)), x, mask)
    same(lambda m, x, k: x.masked_scatter(k, x * 10), x, mask)
    same(lambda m, x, k: m.narrow(x, 1, m.tensor(1), 2), x, mask)
    same(lambda m, x, k: m.tensor_split(x, m.tensor([1, 2]), 1), x, mask)
    same(lambda m, x, k: m.tensor_split(x, m.tensor(2), 1), x, mask)
    for size in (0, 2, 5):
        same(lambda m, x, k, n=size: m.nonzero_static(k, size=n), x, mask)


def test_a_mask_with_more_places_than_source_elements_is_refused():
    with pytest.raises(weft.ShapeError, match="for each of the 3 true ones of mask, got 2"):
        weft.zeros(3).masked_scatter(weft.ones(3, dtype=weft.bool), weft.ones(2))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.zeros(3).scatter(0, m.tensor([-1]), 1.0),
        lambda m: m.zeros(3).scatter_add(0, m.tensor([3]), m.ones(1)),
        lambda m: m.zeros(3).index_add(0, m.tensor([-1]), m.ones(1)),
        lambda m: m.zeros(3).index_copy(0, m.tensor([3]), m.ones(1)),
        lambda m: m.zeros(3).index_select(0, m.tensor([-1])),
        lambda m: m.zeros(3).gather(0, m.tensor([-1])),
        lambda m: m.take(m.zeros(3), m.tensor([3])),
        lambda m: m.zeros(3).put(m.tensor([-4]), m.ones(1)),
        lambda m: m.zeros(3).index_fill(0, m.tensor([-4]), 1),
        lambda m: m.zeros(3).index_put((m.tensor([3]),), m.ones(1)),
        lambda m: m.zeros(3)[m.tensor([5])],
    ],
)
def test_what_torch_refuses_as_out_of_range_weft_refuses_by_name(call):
    with pytest.raises((IndexError, RuntimeError)):
        call(torch)
    with pytest.raises(IndexError, match=r"^\w+: index -?\d is out of range for .*3"):
        call(weft)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int8", "uint16", "complex64"])
def test_places_that_are_not_zero_are_found_in_every_dtype(dtype):
    x = weft.tensor([[0, 2, 0], [1, 0, 3]], dtype=getattr(weft, dtype))
    assert weft.nonzero(x).tolist() == [[0, 1], [1, 0], [1, 2]]
    assert weft.argwhere(x).tolist() == weft.nonzero(x).tolist()
    assert [p.tolist() for p in weft.nonzero(x, as_tuple=True)] == [[0, 1, 1], [1, 0, 2]]
