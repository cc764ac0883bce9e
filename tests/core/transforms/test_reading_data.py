"""Where Python would read the values of a tensor inside a transform: what says so, what may."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import weft
from weft.func import grad, jvp, vmap

F = weft.nn.functional
WHOLE = weft.tensor([[0, 1, 1], [2, 2, 0]])
REAL = weft.tensor([[0.5, 1.5, 2.5], [3.5, -1.0, 0.25]])

#: What reads each example's values under vmap.
READS = {
    "item": lambda a: a[0].item(),
    "bool": lambda a: a if a.sum() > 0 else -a,
    "int": lambda a: int(a[0]),
    "float": lambda a: float(a[0]),
    "index": lambda a: [1, 2, 3][a[0]],
    "range": lambda a: range(a[0]),
    "tolist": lambda a: a.tolist(),
    "numpy": lambda a: a.numpy(),
    "asarray": np.asarray,
    "contains": lambda a: 1 in a,
    "format": lambda a: f"{a[0]:.2f}",
    "slice": lambda a: a[: a[0]],
    "arange": lambda a: weft.arange(a[0]),
    "full": lambda a: weft.full((2,), a[0]),
    "dim": lambda a: a.sum(a[0]),
    "equal": lambda a: weft.equal(a, a),
    "allclose": lambda a: weft.allclose(a, a),
    "mask": lambda a: a[a > 1],
    "mask_written": lambda a: a.clone().__setitem__(a > 1, 0),
    "masked_select": lambda a: a.masked_select(a > 1),
    "list": lambda a: weft.tensor([a[0], a[1]]),
    "bincount": weft.bincount,
    "repeat_interleave": lambda a: weft.repeat_interleave(weft.ones(3), a),
    "repeat_by_one": lambda a: weft.repeat_interleave(weft.ones(2), a[0]),
    "one_hot": F.one_hot,
    "tensor_split": lambda a: weft.tensor_split(a, a[:2].sort().values),
}
#: What has results of different shapes.
SHAPES = {
    "nonzero": weft.nonzero,
    "argwhere": weft.argwhere,
    "where": weft.where,
    "unique": weft.unique,
    "unique_consecutive": weft.unique_consecutive,
}
#: What goes by data and has one shape: as in a loop.
FIXED = {
    "nonzero_static": lambda a: weft.nonzero_static(a, size=2),
    "masked_scatter": lambda a: a.masked_scatter(a > 0, a * 0 + 7),
    "one_hot": lambda a: F.one_hot(a, 3),
    "where": lambda a: weft.where(a > 1, a, 0),
    "masked_fill": lambda a: a.masked_fill(a > 1, 9),
    "select": lambda a: a.select(0, a[0]),
    "index": lambda a: a[a[0]],
    "take": lambda a: weft.take(a, a),
    "searchsorted": lambda a: weft.searchsorted(weft.tensor([0, 1, 2]), a),
    "histc": lambda a: weft.histc(a.float(), 4),
    "bag": lambda a: F.embedding_bag(a, weft.eye(3), weft.stack([a[0] * 0, a[1]])),
    "ctc": lambda a: F.ctc_loss(
        weft.zeros(4, 1, 3).log_softmax(-1),
        weft.tensor([[1, 2]]),
        weft.tensor([4]),
        a[1].reshape(1),
        reduction="sum",
    ),
    "copied": lambda a: copy.deepcopy(a) * 2,
    "iterated": lambda a: sum(one * one for one in a),
}


@pytest.mark.parametrize("name", READS)
def test_vmap_says_that_there_is_no_one_value_to_read(name):
    with pytest.raises(RuntimeError, match=r"inside vmap a tensor stands for 2 values.*weft.where"):
        vmap(READS[name])(WHOLE)


@pytest.mark.parametrize("name", SHAPES)
def test_vmap_says_that_a_shape_depends_on_data(name):
    with pytest.raises(RuntimeError, match=r"cannot be batched.*run a loop over the examples"):
        vmap(SHAPES[name])(WHOLE)


@pytest.mark.parametrize("name", FIXED)
def test_what_has_one_shape_for_all_data_agrees_with_a_loop(name):
    together = vmap(FIXED[name])(WHOLE)
    apart = weft.stack([FIXED[name](row) for row in WHOLE])
    assert together.tolist() == apart.tolist()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.item() if x > 1 else x * float(x),
        lambda x: weft.stack([x, x])[weft.stack([x, x]) > 0.1].sum() * x.tolist(),
        lambda x: x * x.detach().numpy().item(),
        lambda x: x * float(f"{x:.6f}"),
        lambda x: x * weft.tensor([x, 2.0])[0],
    ],
)
@pytest.mark.parametrize("point", [0.5, 3.0])
def test_derivatives_may_read_values_which_count_as_constants(function, point):
    x = weft.tensor(point, dtype=weft.float64)
    _, slope = jvp(function, (x,), (weft.ones_like(x),))
    assert slope.item() == pytest.approx(grad(function)(x).item())


def test_a_tensor_prints_inside_a_transform():
    seen = []
    vmap(lambda a: (seen.append(f"{a}"), a)[1])(REAL)
    jvp(lambda a: (seen.append(repr(a)), a)[1], (REAL,), (REAL,))
    assert seen == ["tensor(batched, size=(3,))", "tensor(dual, size=(2, 3))"]


def test_debug_unwrap_shows_what_is_inside():
    seen = []

    def look(a):
        seen.append(weft.func.debug_unwrap(a).tolist())
        seen.append(weft.func.debug_unwrap(a, recurse=False).shape)
        return a

    vmap(lambda row: jvp(look, (row,), (row,))[0])(REAL)
    assert seen == [REAL.tolist(), (3,)]


# --- escapes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        lambda x: x + 1,
        lambda x: x.item() if x.ndim == 0 else x.tolist(),
        lambda x: x[0],
        lambda x: weft.ones(3).add_(x),
        lambda x: x.mul_(2),
        lambda x: vmap(lambda y: y + x)(weft.ones(2)),
        lambda x: grad(lambda y: (y * x).sum())(weft.ones(3)),
        lambda x: x > 0,
    ],
)
@pytest.mark.parametrize("name", ["vmap", "jvp"])
def test_a_tensor_that_escaped_its_transform_is_told(name, use):
    held = []

    def keep(a):
        held.append(a)
        return a

    if name == "vmap":
        vmap(keep)(REAL)
    else:
        jvp(keep, (REAL[0],), (REAL[0],))
    with pytest.raises(weft.GradError, match=f"escaped from the function that {name} transformed"):
        use(held[0])


def test_a_tensor_of_one_vmap_is_not_taken_for_anothers():
    held = []
    vmap(lambda a: (held.append(a), a)[1])(weft.ones(2))
    with pytest.raises(weft.GradError, match="escaped"):
        vmap(lambda b: b + held[0])(weft.ones(2))


def test_a_tensor_from_inside_grad_stays_a_plain_one():
    held = []
    grad(lambda x: (held.append(x * 2), x * x)[1])(weft.tensor(3.0))
    assert (held[0] + 1).item() == 7


def test_backward_inside_vmap_does_not_leak_into_grad():
    w = weft.tensor(2.0, requires_grad=True)

    def one(x):
        (x * w).backward()
        return x

    with pytest.raises(weft.GradError, match=r"would add to .grad of a tensor from outside"):
        vmap(one)(weft.ones(2))
    assert w.grad is None


def test_gradients_may_be_taken_by_hand_inside_a_transform():
    w = weft.tensor(2.0, requires_grad=True)
    found = vmap(lambda x: weft.autograd.grad(x * w * w, w)[0])(weft.tensor([3.0, 4.0]))
    assert found.tolist() == [12, 16]

    def own(x):
        x = x.clone().requires_grad_()
        (x * x).sum().backward()
        return x.grad

    assert vmap(own)(weft.tensor([3.0, 4.0])).tolist() == [6, 8]


def test_backward_runs_through_every_transform():
    w = weft.tensor(2.0, requires_grad=True)
    x = weft.tensor([3.0, 4.0])
    vmap(lambda x: x * w)(x).sum().backward()
    assert w.grad.item() == 7
    w.grad = None
    jvp(lambda x: x * x * w, (x,), (weft.ones(2),))[1].sum().backward()
    assert w.grad.item() == 14
    w.grad = None
    grad(lambda x: (x * x * w * w).sum())(x).sum().backward()
    assert w.grad.item() == 2 * 2 * 2 * 7


# --- methods that exchange what a tensor is ------------------------------------------------------


def test_detach_in_place_drops_slopes_of_every_kind():
    x = weft.tensor([1.0, 2.0])

    def half(v):
        return (v * 1).detach_() * v

    assert jvp(half, (x,), (weft.ones(2),))[1].tolist() == [1, 2]
    assert grad(lambda v: half(v).sum())(x).tolist() == [1, 2]
    assert vmap(grad(half))(x).tolist() == [1, 2]
    assert grad(lambda v: vmap(half)(v).sum())(x).tolist() == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.resize_(1),
        lambda x: x.resize_as_(weft.ones(1)),
        lambda x: x.set_(weft.ones(1)),
    ],
)
def test_memory_cannot_be_exchanged_inside_a_transform(change):
    with pytest.raises(weft.GradError, match="cannot get other memory"):
        vmap(change)(REAL)
    with pytest.raises(weft.GradError, match="cannot get other memory"):
        jvp(change, (REAL,), (REAL,))


def test_a_name_that_func_has_not_is_told():
    with pytest.raises(AttributeError, match=r"functionalize.*follow in-place writes as they are"):
        _ = weft.func.functionalize
    with pytest.raises(AttributeError, match="did you mean 'jacrev'"):
        _ = weft.func.jacrew
