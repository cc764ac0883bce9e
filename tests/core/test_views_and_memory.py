"""Which ops share memory and which copy, who counts versions, and what refuses to be written."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import weft

VIEWS = {
    "getitem": lambda x: x[1:, ..., None],
    "reshape": lambda x: x.reshape(6, 2),
    "view": lambda x: x.view(-1),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1),
    "t": lambda x: x.t(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "movedim": lambda x: x.movedim(0, 1),
    "squeeze": lambda x: x.unsqueeze(0).squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "select": lambda x: x.select(0, 1),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "split": lambda x: x.split(2, 1)[1],
    "chunk": lambda x: x.chunk(2, 1)[0],
    "unbind": lambda x: x.unbind(0)[2],
    "as_strided": lambda x: x.as_strided((2, 2), (4, 1), 1),
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
}
COPIES = {
    "clone": lambda x: x.clone(),
    "index": lambda x: x[[0, 1]],
    "mask": lambda x: x[x > -1],
    "to another dtype": lambda x: x.to(weft.float64),
    "flip": lambda x: x.flip(0),
    "cat": lambda x: weft.cat([x]),
    "stack": lambda x: weft.stack([x]),
    "reshape of a transposed": lambda x: x.T.reshape(-1),
    "contiguous of a transposed": lambda x: x.T.contiguous(),
    "add": lambda x: x + 0,
    "gather": lambda x: x.gather(1, weft.zeros(3, 1, dtype=weft.int64)),
    "tensor": lambda x: weft.tensor(x),
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "where": lambda x: weft.where(x > -1, x, x),
    "sum over nothing": lambda x: x.unsqueeze(0).sum(0),
    "round to whole": lambda x: x.round(),
}


def matrix() -> weft.Tensor:
    return weft.arange(12.0).reshape(3, 4).clone()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_memory_and_version(name):
    x = matrix()
    view = VIEWS[name](x)
    assert np.shares_memory(view.numpy(), x.numpy())
    detached = name in ("detach", "data")
    assert (view._version is x._version) is not detached
    assert (view._version.writes is x._version.writes) is (name != "data")
    so_far = x._version.writes.so_far()
    view.zero_()
    assert x._version.writes.so_far() > so_far
    assert (x == 0).sum().item() >= view.numel()


def test_what_is_written_through_data_escapes_the_backward_pass_and_nothing_else():
    x = weft.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1.0
    z = y * y
    y.data.data[0] = 5.0
    z.sum().backward()
    assert x.grad.tolist() == [10.0, 4.0]  # of what y holds now
    again = y * y
    y.detach()[0] = 7.0
    with pytest.raises(weft.GradError, match="overwritten in place"):
        again.sum().backward()


@weft.no_grad()
def test_a_layer_sees_what_was_written_through_data_of_its_weight():
    layer, x = weft.nn.Linear(64, 64, bias=False), weft.randn(32, 64)
    kept = layer.weight.data
    for _ in range(3):
        layer(x)  # may keep the weight in an order of its own
    layer.weight.data.mul_(2)
    expected = x.numpy() @ layer.weight.numpy().T
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-4, atol=1e-4)
    kept.mul_(0)
    assert not layer(x).any()


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_shares_neither_memory_nor_version(name):
    x = matrix()
    made = COPIES[name](x)
    assert not np.shares_memory(made.numpy(), x.numpy())
    before = x.tolist()
    made.zero_()
    assert x.tolist() == before


def test_what_changes_nothing_returns_the_tensor_itself():
    x = matrix()
    assert x.to(weft.float32) is x
    assert x.to("cpu") is x
    assert x.contiguous() is x
    assert x.float() is x
    assert x.to(weft.float32, copy=True) is not x


def test_numpy_and_back_share_memory():
    a = np.arange(6.0).reshape(2, 3)
    x = weft.from_numpy(a)
    x[0, 0] = 42
    assert a[0, 0] == 42
    a[1, 1] = -1
    assert x[1, 1].item() == -1
    assert np.shares_memory(x.numpy(), a)
    assert np.shares_memory(np.asarray(x), a)
    assert np.shares_memory(weft.asarray(a).numpy(), a)
    assert not np.shares_memory(weft.asarray(a, copy=True).numpy(), a)


def test_a_buffer_is_shared_where_it_may_be_written():
    memory = bytearray(8)
    x = weft.frombuffer(memory, dtype=weft.int16)
    x[1] = 258
    assert bytes(memory) == b"\0\0\2\1\0\0\0\0"


@pytest.mark.parametrize(
    "make",
    [
        lambda: weft.frombuffer(b"\0" * 8, dtype=weft.float32),
        lambda: weft.zeros(1).expand(4),
        lambda: weft.zeros(5).unfold(0, 4, 1)[0],
        lambda: weft.from_numpy(np.broadcast_to(np.float32(1), (4,))),
    ],
    ids=["bytes", "expanded", "unfolded", "read_only_array"],
)
def test_read_only_memory_refuses_writes(make):
    x = make()
    for write in (lambda: x.add_(1), lambda: x.zero_(), lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(ValueError, match="read-only"):
            write()
    assert (x + 1).numel() == x.numel()
    x.clone().add_(1)


def test_strides_are_counted_in_elements():
    x = matrix()
    assert x.stride() == (4, 1)
    assert x.T.stride() == (1, 4)
    assert x.stride(0) == 4
    assert x[:, ::2].stride() == (4, 2)
    assert weft.zeros(2, 0, 3).stride() == (3, 3, 1)
    assert x[1:].data_ptr() == x.data_ptr() + 16


def test_in_place_ops_return_self_and_keep_memory_and_dtype():
    x = matrix()
    address = x.data_ptr()
    for made in (x.add_(1), x.mul_(2.5), x.copy_(weft.arange(4)), x.fill_(3), x.clamp_(0, 1)):
        assert made is x
    assert x.data_ptr() == address
    counts = weft.arange(3)
    with pytest.raises(
        weft.DTypeError, match=r"weft\.float32 cannot be written into .*weft\.int64"
    ):
        counts.add_(0.5)
    with pytest.raises(weft.ShapeError, match=r"\(2, 3\).* does not fit .*\(3,\)"):
        counts.add_(weft.ones(2, 3, dtype=weft.int64))


def test_an_in_place_op_on_overlapping_views_reads_before_it_writes():
    x = weft.arange(5.0)
    x[1:].add_(x[:-1])
    assert x.tolist() == [0, 1, 3, 5, 7]


def test_setting_data_keeps_identity_and_takes_the_new_memory():
    x = weft.ones(2, requires_grad=True)
    new = weft.tensor([3.0, 4.0])
    x.data = new
    assert x.tolist() == [3, 4]
    assert x.requires_grad
    assert x.is_leaf
    new[0] = 9
    assert x[0].item() == 9
    with pytest.raises(TypeError, match=r"data: expected a weft\.Tensor, got list"):
        x.data = [1.0]


def test_deepcopy_and_pickle_keep_what_a_leaf_is():
    x = weft.tensor([1.0, 2.0], dtype=weft.bfloat16, requires_grad=True)
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin.tolist() == [1, 2]
        assert twin.dtype is weft.bfloat16
        assert twin.requires_grad
        assert twin.is_leaf
    y = x * 2
    with pytest.raises(weft.GradError, match=r"use \.detach"):
        copy.deepcopy(y)
    twin = pickle.loads(pickle.dumps(y))  # as with PyTorch: a leaf that requires grad
    assert twin.is_leaf
    assert twin.requires_grad


def test_deepcopy_keeps_gradients_and_tensors_that_appear_twice():
    x = weft.tensor([1.0], requires_grad=True)
    (x * 3).sum().backward()
    twins = copy.deepcopy([x, x])
    assert twins[0] is twins[1]
    assert twins[0].grad.tolist() == [3]
    twins[0].grad.zero_()
    assert x.grad.tolist() == [3]


def test_a_pickled_view_holds_its_own_elements_only():
    x = weft.zeros(100_000)
    assert len(pickle.dumps(x[:10])) < 1000


def test_a_new_dim_has_the_stride_that_pytorch_gives_it():
    x = weft.ones(3, 4)
    assert x[:, :, None].stride() == (4, 1, 1)
    assert x[None].stride() == (12, 4, 1)
    assert x[:, None].stride() == (4, 4, 1)
    assert x[:, :1].expand(3, 4).stride() == (4, 0)


def test_an_expanded_tensor_in_which_nothing_repeats_can_be_written_to():
    x = weft.arange(3)
    wide = x.expand(1, -1)
    wide.copy_(weft.tensor([[5, 6, 7]]))
    assert x.tolist() == [5, 6, 7]
    same = x.expand(3)
    same[0] = 1
    assert x.tolist() == [1, 6, 7]
    with pytest.raises(ValueError, match="read-only"):
        x.expand(2, -1).copy_(weft.zeros(2, 3))


def test_parts_and_sums_of_a_shape_are_shapes():
    shape = weft.zeros(2, 3, 4).shape
    parts = [shape[1:], shape * 2, 2 * shape]
    parts += [shape[:1] + (5,), (5,) + shape]  # noqa: RUF005 - the sums are what is tested
    assert parts == [(3, 4), (2, 3, 4, 2, 3, 4), (2, 3, 4, 2, 3, 4), (2, 5), (5, 2, 3, 4)]
    assert all(type(part) is weft.Size for part in parts)
    assert shape[1:].numel() == 12
    assert type(shape[0]) is int
    with pytest.raises(TypeError, match="unsupported operand"):
        shape + [1]  # noqa: RUF005 - the sum is what is tested
