"""Batching rules: every way a batch can enter indexing and convolution, and what each op costs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import weft
from tests.core.catalogued import COMPUTING, DIFFERENTIABLE, except_for
from tests.core.drawing import Call, outputs, weighted
from tests.core.tolerances import NO_BATCH
from weft._core import catalogue, watching
from weft.func import grad, jvp, vjp, vmap
from weft.ops import load_all

load_all()

SIZE = 3


def drawn(*shape: int, seed: int = 0) -> weft.Tensor:
    return weft.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def places(*shape: int, seed: int = 0, high: int = 3) -> weft.Tensor:
    return weft.from_numpy(np.random.default_rng(seed).integers(-high, high, shape))


def by_loop(function, args, dims):
    """Return what vmap of a function has to return, one example after another."""
    rows = []
    for i in range(SIZE):
        own = [a if d is None else a[i] for a, d in zip(args, dims, strict=True)]
        rows.append(function(*own))
    return weft.stack(rows)


def agree(function, args, dims) -> None:
    together = vmap(function, in_dims=tuple(dims))(*args)
    expected = by_loop(function, args, dims)
    assert together.shape == expected.shape
    np.testing.assert_allclose(together.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)


# --- indexing ----------------------------------------------------------------------------------

#: Keys over a tensor (3, 4, 3, 5), of one or two index arrays.
KEYS = {
    "first": lambda i, j: (i,),
    "second": lambda i, j: (slice(None), i),
    "last": lambda i, j: (..., i),
    "both_beside": lambda i, j: (i, j),
    "beside_inside": lambda i, j: (slice(1, 3), i, j),
    "beside_after_rest": lambda i, j: (..., i, j),
    "apart": lambda i, j: (i, slice(None), j),
    "apart_inside": lambda i, j: (slice(None), i, slice(0, 2), j),
    "apart_by_new": lambda i, j: (i, None, j),
    "apart_by_rest": lambda i, j: (i, ..., j),
    "after_new": lambda i, j: (None, slice(None), i),
    "after_int": lambda i, j: (1, i),
    "int_between": lambda i, j: (i, 1, j),
    "int_and_slice": lambda i, j: (slice(None), 0, i, slice(1, 4)),
}
#: Shapes of the two index arrays, which broadcast.
INDEX_SHAPES = [((), ()), ((2,), (2,)), ((2, 1), (3,)), ((4,), ()), ((1, 2), (2,))]
WHO = [w for w in itertools.product([True, False], repeat=3) if any(w)]


def index_case(shapes, who):
    """Return a tensor and two index arrays, with a batch in front of those that have one."""
    i_shape, j_shape = shapes
    x = drawn(*(SIZE,) * who[0], 3, 4, 3, 5)
    i = places(*(SIZE,) * who[1], *i_shape, seed=1)
    j = places(*(SIZE,) * who[2], *j_shape, seed=2)
    return [x, i, j], [0 if w else None for w in who]


@pytest.mark.parametrize("who", WHO, ids=lambda w: "".join("xij"[k] for k in range(3) if w[k]))
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("shapes", INDEX_SHAPES, ids=str)
def test_reading_by_arrays_agrees_with_a_loop(name, shapes, who):
    args, dims = index_case(shapes, who)
    if shapes == ((4,), ()) and who[2] and name == "apart_inside":
        # j counts as an int, and then stands in the way no more
        with pytest.raises(IndexError, match="in a step of its own"):
            vmap(lambda x, i, j: x[KEYS[name](i, j)], in_dims=tuple(dims))(*args)
        return
    agree(lambda x, i, j: x[KEYS[name](i, j)], args, dims)


@pytest.mark.parametrize("who", WHO, ids=lambda w: "".join("xij"[k] for k in range(3) if w[k]))
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("shapes", INDEX_SHAPES[:3], ids=str)
def test_gradients_of_reading_agree_with_a_loop(name, shapes, who):
    args, dims = index_case(shapes, who)

    def slope(x, i, j):
        return grad(lambda v: (v[KEYS[name](i, j)] ** 2).sum())(x)

    agree(slope, args, dims)


@pytest.mark.parametrize("value", ["number", "shared", "own", "own_row"])
@pytest.mark.parametrize("who", [w for w in WHO if w[0]], ids=str)
@pytest.mark.parametrize("name", KEYS)
def test_writing_by_arrays_agrees_with_a_loop(name, who, value):
    (x, _, _), dims = index_case(((2,), (2,)), who)
    # no place twice: which of two values for one place stays is not defined
    i = weft.tensor([[0, 2], [1, 0], [2, 1]]) if who[1] else weft.tensor([0, 2])
    j = weft.tensor([[1, 2], [0, 1], [2, 0]]) if who[2] else weft.tensor([1, 2])
    region = x[0][KEYS[name](i[0] if who[1] else i, j[0] if who[2] else j)].shape
    given = {
        "number": (weft.tensor(7.0, dtype=weft.float64), None),
        "shared": (drawn(*region, seed=4), None),
        "own": (drawn(SIZE, *region, seed=4), 0),
        "own_row": (drawn(SIZE, region[-1], seed=4), 0),
    }
    new, dim = given[value]

    def written(x, i, j, v):
        y = x.clone()
        y[KEYS[name](i, j)] = v
        return y

    def slopes(x, i, j, v):
        return grad(lambda x, v: (written(x, i, j, v) ** 3).sum(), argnums=1)(x, v)

    agree(written, [x, i, j, new], [*dims, dim])
    agree(slopes, [x, i, j, new], [*dims, dim])


@pytest.mark.parametrize("who", WHO, ids=str)
@pytest.mark.parametrize("name", KEYS)
def test_adding_by_arrays_agrees_with_a_loop(name, who):
    args, dims = index_case(((2,), (2,)), who)
    agree(
        lambda x, i, j: x.index_put((i, j), weft.tensor(2.0, dtype=weft.float64), accumulate=True),
        args,
        dims,
    )


@pytest.mark.parametrize("who", [w for w in itertools.product([True, False], repeat=2) if any(w)])
@pytest.mark.parametrize("shape", [(), (4,), (4, 5)], ids=str)
def test_gather_and_scatter_agree_with_a_loop(shape, who):
    x = drawn(*(SIZE,) * who[0], *shape)
    high = shape[-1] if shape else 1
    own = (*shape[:-1], 3) if shape else ()
    index = places(*(SIZE,) * who[1], *own, high=high) % high
    dims = [0 if w else None for w in who]
    agree(lambda x, i: x.gather(-1, i), [x, index], dims)
    agree(lambda x, i: grad(lambda v: (v.gather(-1, i) ** 2).sum())(x), [x, index], dims)
    agree(
        lambda x, i: weft.zeros(own).double().scatter_add(-1, i % 1, x[..., :3] if shape else x),
        [x, index],
        dims,
    )


@pytest.mark.parametrize("in_dim", [0, 1, 2])
def test_strided_views_agree_with_a_loop(in_dim):
    x = drawn(4, 5, 6)
    together = vmap(lambda v: v.as_strided((2, 3), (3, 1), 1), in_dims=in_dim)(x)
    rows = [v.clone().as_strided((2, 3), (3, 1), 1) for v in x.unbind(in_dim)]
    assert together.tolist() == weft.stack(rows).tolist()


# --- convolution -------------------------------------------------------------------------------

CONVOLUTIONS = {
    "plain": {},
    "grouped": {"groups": 2},
    "depthwise": {"groups": 4},
    "strided": {"stride": 2, "padding": 1, "dilation": 2},
    "strided_grouped": {"stride": 2, "padding": 1, "groups": 2},
}


@pytest.mark.parametrize("who", [w for w in itertools.product([True, False], repeat=2) if any(w)])
@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("function", ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"])
def test_convolution_and_its_gradients_agree_with_a_loop(function, name, who):
    settings = CONVOLUTIONS[name]
    space = (7,) if "1d" in function else (7, 6)
    kernel = (2,) * len(space)
    groups = settings.get("groups", 1)
    channels = (4, 8 // groups) if "transpose" in function else (8, 4 // groups)
    x = drawn(*(SIZE,) * who[0], 2, 4, *space)
    w = drawn(*(SIZE,) * who[1], *channels, *kernel, seed=1)
    dims = [0 if one else None for one in who]
    convolve = getattr(weft.nn.functional, function)

    def loss(x, w):
        return (convolve(x, w, **settings) ** 3).sum()

    agree(lambda x, w: convolve(x, w, **settings), [x, w], dims)
    agree(grad(loss), [x, w], dims)
    agree(grad(loss, argnums=1), [x, w], dims)
    agree(lambda x, w: grad(lambda w: grad(loss)(x, w).sum())(w), [x, w], dims)


# --- cost --------------------------------------------------------------------------------------


def runs_of(function, x) -> int:
    """Count the ops that a call runs."""
    count = 0

    def counted(*_):
        nonlocal count
        count += 1

    watching.watch(counted)
    try:
        function(x)
    finally:
        watching.unwatch(counted)
    return count


#: Ops that run once for each example, and why.
LOOPS = {"lexicographic_order": "only unique calls it, whose result's shape depends on the data"}


def test_only_the_ops_named_here_run_once_for_each_example():
    looped = {
        name
        for name, op in catalogue.ops.items()
        if getattr(op.batch, "__qualname__", "").startswith("loop.")
    }
    assert looped == set(LOOPS)


@pytest.mark.parametrize(("entry", "sample"), except_for(NO_BATCH, COMPUTING))
def test_a_larger_batch_runs_no_more_ops(entry, sample):
    if entry.key in LOOPS:
        return
    call = Call(entry.function, sample, np.float64, entry.key)
    for at in range(len(call.variables)):

        def one(x, at=at):
            tensors = call.tensors()
            tensors[at] = x
            return tuple(outputs(call.run(tensors)))

        many = [weft.from_numpy(np.stack([call.variables[at]] * n)) for n in (2, 5)]
        few, more = (runs_of(vmap(one), x) for x in many)
        assert few == more


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "sample"), except_for(NO_BATCH, DIFFERENTIABLE))
def test_derivatives_of_a_larger_batch_run_no_more_ops(entry, sample):
    if entry.random:
        return  # what each example draws is told of in test_randomness.py
    call = Call(entry.function, sample, np.float64, entry.key)
    for at in range(len(call.variables)):
        if call.variables[at].dtype.kind not in "fc":
            continue

        def total(x, at=at):
            tensors = call.tensors()
            tensors[at] = x
            return weighted(call, tensors)

        for derivative in (
            lambda x: vjp(total, x)[1](weft.ones((), dtype=total(x).dtype)),
            lambda x: jvp(total, (x,), (weft.ones_like(x),)),
        ):
            many = [weft.from_numpy(np.stack([call.variables[at]] * n)) for n in (2, 5)]
            few, more = (runs_of(vmap(derivative), x) for x in many)
            assert few == more


# --- views and strides ---------------------------------------------------------------------------


@pytest.mark.parametrize("in_dim", [0, 1, 2, 3])
def test_a_slope_agrees_with_what_a_write_through_reshape_reached(in_dim):
    x = drawn(2, 3, 4, 5)

    def written(v):
        y = v * 1  # lies in memory as v does: whether reshape copies depends on the batch dim
        y.reshape(-1).mul_(2)
        return y

    factor = vmap(written, in_dims=in_dim)(x) / x.movedim(in_dim, 0)
    assert np.unique(np.round(factor.numpy(), 9)).size == 1
    slope = vmap(grad(lambda v: (written(v) * v).sum()), in_dims=in_dim)(x)
    expected = 2 * factor * x.movedim(in_dim, 0)
    np.testing.assert_allclose(slope.numpy(), expected.numpy(), rtol=1e-12)


def test_an_example_that_does_not_lie_in_order_is_copied_where_order_is_needed():
    x = drawn(3, 2, 8, seed=3)

    def lengths(v):
        return weft.view_as_complex(v.mT.contiguous()).abs()

    assert vmap(lengths)(x).tolist() == weft.stack([lengths(v) for v in x]).tolist()
    with pytest.raises(ValueError, match="stride"):
        vmap(lambda v: weft.view_as_complex(v.mT).abs())(x)
