"""In-place changes of shape and memory, memory formats, views by strides of a whole memory."""

from __future__ import annotations

import numpy as np
import pytest

import weft


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda x: x.t_(), (3, 2)),
        (lambda x: x.transpose_(0, 1), (3, 2)),
        (lambda x: x.swapaxes_(0, 1), (3, 2)),
        (lambda x: x.swapdims_(0, -1), (3, 2)),
        (lambda x: x.unsqueeze_(1), (2, 1, 3)),
        (lambda x: x.unsqueeze_(0).squeeze_(0), (2, 3)),
        (lambda x: x.as_strided_((2, 2), (1, 2), 1), (2, 2)),
    ],
)
def test_the_tensor_itself_becomes_the_view(change, shape):
    x = weft.arange(6).reshape(2, 3)
    other = x[0]
    assert change(x) is x
    assert tuple(x.shape) == shape
    x[(0,) * len(shape)] = 100  # still the same memory as the views made before
    assert 100 in other.tolist() or 100 in x.tolist()
    assert other._version is x._version


def test_a_changed_tensor_keeps_its_place_in_the_graph():
    leaf = weft.arange(6.0).reshape(2, 3).requires_grad_()
    x = leaf * 2
    x.t_()
    (x * weft.arange(6.0).reshape(3, 2)).sum().backward()
    assert leaf.grad.tolist() == [[0.0, 4.0, 8.0], [2.0, 6.0, 10.0]]


def test_a_leaf_that_requires_grad_is_changed_only_without_a_graph():
    leaf = weft.ones(2, 3, requires_grad=True)
    with pytest.raises(weft.GradError, match="t_: a leaf tensor that requires grad"):
        leaf.t_()
    with weft.no_grad():
        leaf.t_()
    assert leaf.shape == (3, 2)
    assert leaf.requires_grad


def test_what_was_saved_under_the_old_shape_is_missed_in_the_backward_pass():
    a = weft.ones(2, 3, requires_grad=True)
    b = a * 2
    out = (b * b).sum()
    with weft.no_grad():
        b.t_()
    with pytest.raises(weft.GradError, match="t_"):
        out.backward()


def test_resize_keeps_the_elements_in_memory_order():
    x = weft.arange(6).reshape(2, 3)
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    x.resize_((3, 2))  # the memory still holds all six
    assert x.tolist() == [[0, 1], [2, 3], [4, 5]]
    x.resize_(8)
    assert x[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert x.resize_as_(weft.empty(1, 3)).shape == (1, 3)
    assert x.tolist() == [[0, 1, 2]]
    view = weft.arange(6)[2:4]
    assert view.resize_(3).tolist() == [2, 3, 4]
    assert weft.empty(2, device="meta").resize_(5).shape == (5,)


def test_resize_refuses_gradients_and_negative_lengths():
    with pytest.raises(weft.GradError, match="resize_: a tensor that requires grad"):
        weft.ones(2, requires_grad=True).resize_(3)
    with pytest.raises(weft.ShapeError, match="cannot be negative"):
        weft.ones(2).resize_(-1)


def test_set_shares_the_memory_of_another_tensor():
    x, y = weft.zeros(3), weft.arange(6.0)
    x.set_(y)
    y[0] = 9
    assert x.tolist() == [9.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert x.is_set_to(y)
    x.set_(y, 1, (2, 2), (1, 2))
    assert x.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert x.storage_offset() == 1
    assert not x.is_set_to(y)
    x.set_(y, 2, (2, 2))
    assert x.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    x.set_()
    assert x.shape == (0,)
    with pytest.raises(weft.DTypeError, match=r"expected a tensor of weft\.float32"):
        x.set_(weft.arange(3))


def test_as_strided_reaches_the_whole_memory_of_a_view():
    x = weft.arange(12.0).reshape(3, 4)
    view = x[1:, 1:]
    assert view.storage_offset() == 5
    assert view.as_strided((2, 2), (4, 1)).tolist() == [[5.0, 6.0], [9.0, 10.0]]
    assert view.as_strided((3,), (1,), 0).tolist() == [0.0, 1.0, 2.0]
    assert x.t().as_strided((12,), (1,)).tolist() == list(range(12))
    view.as_strided((1,), (1,), 11)[0] = 100
    assert x[2, 3].item() == 100
    with pytest.raises(weft.ShapeError, match="reaches element 12"):
        view.as_strided((2,), (1,), 11)


def test_as_strided_of_what_a_gradient_is_recorded_of_stays_within_it():
    x = weft.arange(6.0).requires_grad_()
    y = (x * 2)[1:]
    y.as_strided((2,), (2,), 1).sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 0.0, 2.0, 0.0, 0.0]
    with pytest.raises(weft.GradError, match="reaches memory outside of this tensor"):
        (x * 2)[1:].as_strided((2,), (1,), 0)


def test_as_strided_of_a_permuted_tensor_has_a_gradient():
    x = weft.arange(6.0).reshape(2, 3).requires_grad_()
    windows = (x * 2).t().as_strided((2, 4), (2, 1))  # the memory in its order, whatever the dims
    assert windows.tolist() == [[0.0, 2.0, 4.0, 6.0], [4.0, 6.0, 8.0, 10.0]]
    windows.sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0, 4.0], [4.0, 2.0, 2.0]]


def test_fill_diagonal_is_numpys():
    for shape, wrap in (((3, 3), False), ((5, 2), False), ((5, 2), True), ((2, 5), False),
                        ((3, 3, 3), False), ((7, 3), True)):  # fmt: skip
        expected = np.zeros(shape)
        np.fill_diagonal(expected, 4.0, wrap=wrap)
        x = weft.zeros(shape, dtype=weft.float64)
        assert x.fill_diagonal_(4.0, wrap) is x
        np.testing.assert_array_equal(x.numpy(), expected)
    with pytest.raises(weft.ShapeError, match="of one length"):
        weft.zeros(2, 3, 2).fill_diagonal_(1)
    leaf = weft.ones(2, 2, requires_grad=True)
    (leaf * 3).fill_diagonal_(7.0).sum().backward()
    assert leaf.grad.tolist() == [[0.0, 3.0], [3.0, 0.0]]


def test_new_makes_tensors_of_the_same_dtype_in_each_of_pytorchs_ways():
    x = weft.ones(2, dtype=weft.float64)
    assert x.new().shape == (0,)
    assert x.new(2, 3).shape == (2, 3)
    assert x.new(x.shape).shape == (2,)
    assert x.new([1, 2]).tolist() == [1.0, 2.0]
    assert x.new([1, 2]).dtype is weft.float64
    assert x.new_empty_strided((2, 3), (1, 2)).stride() == (1, 2)
    assert x.new_zeros(2, requires_grad=True).requires_grad


def test_the_diagonal_is_a_view():
    x = weft.zeros(3, 4)
    x.diagonal(1).fill_(5)
    x.diagonal(offset=-1)[0] = 7
    assert x.tolist() == [[0, 5, 0, 0], [7, 0, 5, 0], [0, 0, 0, 5]]
    y = weft.zeros(2, 3, 3)
    y.diagonal(dim1=1, dim2=2)[1] = 1
    assert y.sum().item() == 3
    assert weft.diag(x).data_ptr() != x.data_ptr()  # a copy, as in PyTorch


def test_memory_formats_order_memory_and_keep_values():
    x = weft.arange(120.0).reshape(2, 3, 4, 5)
    last = x.contiguous(memory_format=weft.channels_last)
    assert last.stride() == (60, 1, 15, 3)
    assert weft.equal(last, x)
    assert last.is_contiguous(memory_format=weft.channels_last)
    assert not last.is_contiguous()
    assert not x.is_contiguous(memory_format=weft.channels_last)
    assert last.contiguous(memory_format=weft.channels_last) is last
    assert last.clone().stride() == last.stride()
    assert last.clone(memory_format=weft.contiguous_format).is_contiguous()
    assert weft.zeros_like(last).stride() == last.stride()
    assert x.to(memory_format=weft.channels_last).stride() == last.stride()
    assert last.to(weft.float64).stride() == last.stride()
    assert weft.empty(2, 3, 4, 5, memory_format=weft.channels_last).stride() == last.stride()
    with pytest.raises(ValueError, match=r"weft\.channels_last needs a tensor of 4 dims, got 2"):
        weft.ones(2, 3).contiguous(memory_format=weft.channels_last)


def test_in_place_forms_at_the_top_level_are_the_methods():
    x = weft.ones(2, 3)
    assert weft.zero_(x) is x
    assert x.sum().item() == 0
    assert weft.as_strided_(x, (3,), (1,)).shape == (3,)
    assert weft.resize_as_(x, weft.ones(2)).shape == (2,)
    assert weft.fill_(x, 3.0).tolist() == [3.0, 3.0]
    assert weft.fill_(x, weft.tensor(4.0)).tolist() == [4.0, 4.0]
    with pytest.raises(weft.ShapeError, match="0-d tensor"):
        x.fill_(weft.ones(2))


def test_a_file_is_mapped_and_shared_if_asked(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    private = weft.from_file(str(path), size=3)
    private[0] = 9
    assert private.tolist() == [9.0, 1.0, 2.0]
    assert np.fromfile(path, np.float32)[0] == 0
    shared = weft.from_file(str(path), shared=True, size=6)
    shared[5] = 7
    del shared
    assert np.fromfile(path, np.float32).tolist() == [0.0, 1.0, 2.0, 3.0, 0.0, 7.0]
    with pytest.raises(
        ValueError, match=r"10 elements of weft\.float64 need 80 bytes, but .* holds 24"
    ):
        weft.from_file(str(path), size=10, dtype=weft.float64)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_as_strided_counts_in_memory_whose_dims_were_permuted_when_it_was_made(order):
    x = weft.arange(24, dtype=weft.uint8).reshape(2, 3, 4).permute(order).to(weft.float32)
    assert not x.is_contiguous()
    assert x.as_strided((24,), (1,)).tolist() == list(range(24))
    assert x[None].as_strided((1, *x.shape), (24, *x.stride())).tolist() == [x.tolist()]
    x.as_strided((24,), (1,))[5] = 100.0
    assert (x == 100.0).sum() == 1


def test_as_strided_of_gaps_in_memory_of_another_dtype_is_refused():
    records = np.zeros(4, dtype=[("place", "f4"), ("number", "i4")])
    x = weft.from_numpy(records["place"])
    with pytest.raises(ValueError, match=r"memory of another dtype.*\.contiguous\(\)"):
        x.as_strided((2,), (1,), 1)
