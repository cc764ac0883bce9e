"""In-place writes to memory that several tensors view, while a graph is recorded."""

from __future__ import annotations

import gc

import pytest

import weft


def leaf(*values: float) -> weft.Tensor:
    return weft.tensor(values, requires_grad=True)


def test_a_write_through_a_view_reaches_the_base():
    x = leaf(1.0, 2.0)
    y = x * 1
    y[:1].mul_(3)
    y.sum().backward()
    assert y.tolist() == [3, 2]
    assert x.grad.tolist() == [3, 1]


def test_a_write_to_the_base_reaches_views_made_before():
    x = leaf(1.0, 2.0)
    y = x * 1
    before = y[:1]
    y.mul_(3)
    before.sum().backward()
    assert before.tolist() == [3]
    assert x.grad.tolist() == [3, 0]


def test_views_whose_base_is_gone_still_see_one_another():
    x = leaf(1.0, 2.0, 3.0)
    left, right = (x * 1)[:2], None
    right = left[1:]
    left.mul_(weft.tensor([5.0, 7.0]))
    right.sum().backward()
    assert x.grad.tolist() == [0, 7, 0]


def test_what_was_computed_before_the_write_keeps_its_gradient():
    x = leaf(1.0, 2.0)
    y = x * 1
    early = y[0] + 0
    y[0] = 10.0
    (early * 100 + y.sum()).backward()
    assert x.grad.tolist() == [100, 1]


def test_a_plain_buffer_filled_row_by_row_gathers_the_gradients():
    x = leaf(1.0, 2.0, 3.0)
    buffer = weft.zeros(3, 2)
    rows = list(buffer.unbind(0))
    for i, row in enumerate(rows):
        row.copy_((x[i] * (i + 1)).expand(2))
    assert buffer.requires_grad
    buffer.sum().backward()
    assert x.grad.tolist() == [2, 4, 6]


def test_all_views_require_grad_once_one_was_written_with_a_gradient():
    buffer = weft.zeros(4)
    other = buffer[2:]
    buffer[:2].copy_(leaf(1.0, 2.0) * 1)
    assert other.requires_grad  # as in PyTorch, though nothing was written there
    other.mul_(2)
    buffer.sum().backward()


def test_constants_written_cut_the_gradient_and_keep_requires_grad():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.zero_()
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_parts_of_complex_numbers_are_written_through_their_views():
    x = weft.tensor([1 + 2j, 3 + 4j], requires_grad=True)
    z = x * 1
    z.real.mul_(5)
    (z.real.sum() + z.imag.sum()).backward()
    assert x.grad.tolist() == [5 + 1j, 5 + 1j]
    pairs = leaf(1.0, 2.0).reshape(1, 2) * 1
    weft.view_as_complex(pairs).mul_(2j)
    assert pairs.tolist() == [[-4, 2]]
    pairs[0, 0].backward()


def test_columns_share_a_span_and_no_element():
    x = weft.ones(3, 2, requires_grad=True)
    y = x * 1
    a, b = y[:, 0], y[:, 1]
    a.mul_(2)
    b.mul_(3)
    (a.sum() + b.sum() * 10 + y.sum() * 100).backward()
    assert x.grad.tolist() == [[202, 330]] * 3


def test_a_gradient_of_a_gradient_passes_through_writes():
    x = leaf(2.0, 3.0)
    y = x * x
    y[:1].mul_(x[1:])
    (first,) = weft.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = weft.autograd.grad(first.sum(), x)
    # y = (x0 x0 x1, x1 x1)
    assert first.tolist() == [12, 10]
    assert second.tolist() == [2 * 3 + 2 * 2, 2 * 2 + 2]


def test_meta_tensors_write_through_views_too():
    x = weft.ones(3, 2, device="meta", requires_grad=True)
    y = x * 1
    y[0].mul_(2)
    y[:, 0] = weft.ones(3, device="meta")
    y.sum().backward()
    assert x.grad.shape == (3, 2)


@pytest.mark.parametrize(
    "write",
    [lambda x: x[0].mul_(2), lambda x: x.view(2, 1).zero_(), lambda x: x.__setitem__(0, 1.0)],
)
def test_a_leaf_is_not_written_through_its_views(write):
    x = leaf(1.0, 2.0)
    with pytest.raises(weft.GradError, match="leaf"):
        write(x)
    assert x.tolist() == [1, 2]


def test_a_view_made_under_no_grad_is_not_written_while_recording():
    y = leaf(1.0, 2.0) * 1
    with weft.no_grad():
        view = y[:1]
    with pytest.raises(weft.GradError, match="made under no_grad"):
        view.mul_(2)
    with weft.no_grad():
        view.mul_(2)
    assert y.tolist() == [2, 2]


def test_a_detached_twin_is_written_without_a_graph():
    x = leaf(1.0, 2.0)
    y = x * 1
    y.detach()[0] = 9.0
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_what_a_write_overwrote_is_still_noticed_where_it_was_saved():
    x = leaf(1.0, 2.0)
    y = x * 1
    squared = y * y
    y[:1].add_(1)
    with pytest.raises(weft.GradError, match="add_"):
        squared.sum().backward()


def test_views_hidden_from_the_collector_are_an_error_and_not_a_wrong_gradient():
    x = leaf(1.0, 2.0)
    y = x * 1
    views = y[:1], y[1:]
    gc.freeze()
    try:
        with pytest.raises(weft.GradError, match=r"gc\.unfreeze"):
            y.mul_(2)
    finally:
        gc.unfreeze()
    y.mul_(2)
    assert views[0].tolist() == [2]


def doubled_in_parts(x: weft.Tensor) -> weft.Tensor:
    y = x * 1
    first, last = y[0], y[-1]
    first.mul_(x[1])
    y[1:].add_(first)
    last.copy_(x[0] * x[0])
    return y


def by_value(x: weft.Tensor) -> weft.Tensor:
    first = x[0] * x[1]
    return weft.stack([first, x[1] + first, x[0] * x[0]])


@pytest.mark.parametrize(
    "transformed",
    [
        lambda f: weft.func.vmap(f),
        lambda f: weft.func.vmap(f, in_dims=1),
        lambda f: weft.func.vmap(lambda x: weft.func.vjp(f, x)[1](weft.ones(3))[0]),
        lambda f: lambda x: weft.func.jvp(f, (x[0],), (x[1],)),
        lambda f: weft.func.vmap(lambda x: weft.func.jvp(f, (x,), (x * 2,))),
        lambda f: lambda x: weft.func.jvp(weft.func.vmap(f), (x,), (x * 3,)),
        lambda f: lambda x: weft.func.vjp(weft.func.vmap(f), x)[1](x)[0],
        lambda f: (
            lambda x: weft.func.vjp(lambda z: weft.func.jvp(f, (z,), (z,))[1], x[0])[1](x[1])[0]
        ),
    ],
    ids=["vmap", "in_dims", "vmap vjp", "jvp", "vmap jvp", "jvp vmap", "vjp vmap", "vjp jvp"],
)
def test_writes_through_views_inside_transforms(transformed):
    x = weft.tensor([[2.0, 3.0, 5.0], [7.0, 11.0, 13.0], [1.0, -1.0, 4.0]])
    before = x.tolist()
    ours, expected = transformed(doubled_in_parts)(x), transformed(by_value)(x)
    if not isinstance(ours, tuple):
        ours, expected = (ours,), (expected,)
    for a, b in zip(ours, expected, strict=True):
        assert a.tolist() == b.tolist()
    assert x.tolist() == before


def test_a_constant_gets_a_tangent_when_one_is_written_into_it():
    def filled(x):
        buffer = weft.zeros(3)
        row = buffer[1:]
        row.copy_(x * x)
        return buffer

    value, slope = weft.func.jvp(filled, (weft.tensor([2.0, 3.0]),), (weft.tensor([1.0, 10.0]),))
    assert value.tolist() == [0, 4, 9]
    assert slope.tolist() == [0, 4, 60]


def test_what_all_examples_share_cannot_hold_a_value_of_each():
    with pytest.raises(RuntimeError, match="that all examples share"):
        weft.func.vmap(lambda x: weft.zeros(2).copy_(x))(weft.ones(3, 2))


def test_a_retained_gradient_is_that_of_the_value_after_the_write():
    x = leaf(1.0, 2.0)
    y = x * 1
    view = y[:1]
    y.retain_grad()
    view.retain_grad()
    y.mul_(3)
    (y.sum() + view.sum() * 10).backward()
    assert y.grad.tolist() == [11, 1]
    assert view.grad.tolist() == [10]
    assert x.grad.tolist() == [33, 3]
