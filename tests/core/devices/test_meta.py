"""The meta device: shapes and dtypes without data, through methods, writes and views."""

from __future__ import annotations

import pytest

import weft
from weft import nn


def meta(*shape: int, **kwargs) -> weft.Tensor:
    return weft.empty(*shape, device="meta", **kwargs)


def test_a_meta_tensor_prints_its_shape():
    assert repr(meta(2, 3)) == "tensor(..., device='meta', size=(2, 3))"
    assert repr(meta(2, dtype=weft.int32)) == (
        "tensor(..., device='meta', size=(2,), dtype=weft.int32)"
    )


def test_to_meta_and_nothing_back():
    x = weft.ones(2, 3, requires_grad=True)
    there = x.to("meta")
    assert (there.device.type, there.shape, there.requires_grad) == ("meta", (2, 3), True)
    with pytest.raises(weft.DeviceError, match="has a shape and no data to move to cpu"):
        there.cpu()
    with pytest.raises(RuntimeError, match="item: a tensor on the meta device"):
        meta().item()


@pytest.mark.parametrize(
    ("write", "shape"),
    [
        (lambda x: x.add_(1), (2, 3)),
        (lambda x: x.mul_(meta(3)), (2, 3)),
        (lambda x: x.zero_(), (2, 3)),
        (lambda x: x.fill_(2), (2, 3)),
        (lambda x: x.copy_(weft.ones(3)), (2, 3)),
        (lambda x: x.normal_(), (2, 3)),
        (lambda x: x.uniform_(0, 1), (2, 3)),
        (lambda x: x.bernoulli_(0.5), (2, 3)),
        (lambda x: x.exponential_(), (2, 3)),
        (lambda x: x.clamp_(0, 1), (2, 3)),
        (lambda x: x.unsqueeze_(0), (1, 2, 3)),
        (lambda x: x.t_(), (3, 2)),
        (lambda x: x.requires_grad_(), (2, 3)),
    ],
)
def test_in_place_methods_answer_on_meta(write, shape):
    x = meta(2, 3)
    assert write(x) is x
    assert (x.device.type, x.shape) == ("meta", shape)


@pytest.mark.parametrize(
    ("read", "shape"),
    [
        (lambda x: x[0], (3,)),
        (lambda x: x[:, 1:], (2, 2)),
        (lambda x: x[None, ..., 0], (1, 2)),
        (lambda x: x[[0, 1, 0]], (3, 3)),
        (lambda x: x[weft.tensor([1])], (1, 3)),
        (lambda x: x[weft.empty(4, dtype=weft.int64, device="meta")], (4, 3)),
        (lambda x: x.view(6), (6,)),
        (lambda x: x.reshape(3, 2), (3, 2)),
        (lambda x: x.transpose(0, 1), (3, 2)),
        (lambda x: x.T, (3, 2)),
        (lambda x: x.expand(4, 2, 3), (4, 2, 3)),
        (lambda x: x.unfold(1, 2, 1), (2, 2, 2)),
        (lambda x: x.as_strided((2, 2), (1, 1)), (2, 2)),
        (lambda x: x.diagonal(), (2,)),
        (lambda x: x.contiguous(), (2, 3)),
        (lambda x: x.clone(), (2, 3)),
        (lambda x: x.detach(), (2, 3)),
        (lambda x: x.narrow(1, 0, 2), (2, 2)),
        (lambda x: weft.nn.functional.one_hot(x.long(), 5), (2, 3, 5)),
        (lambda x: weft.nn.functional.embedding(x.long(), meta(7, 4)), (2, 3, 4)),
    ],
)
def test_views_and_reads_answer_on_meta(read, shape):
    out = read(meta(2, 3))
    assert (out.device.type, tuple(out.shape)) == ("meta", shape)


def test_writing_by_position_on_meta_checks_shapes():
    x = meta(2, 3)
    x[0] = 1
    x[:, 1] = meta(2)
    x[[0, 1], 0] = 5.0
    assert (x.shape, x.device.type) == ((2, 3), "meta")
    with pytest.raises(weft.ShapeError, match="does not fit the indexed region"):
        x[0] = meta(2)
    with pytest.raises(IndexError):
        x[5] = 1


def test_a_network_runs_and_differentiates_on_meta():
    with weft.device("meta"):
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
        x = weft.randn(2, 3, 8, 8)
    out = net(x)
    assert (out.shape, out.device.type) == ((2, 288), "meta")
    out.sum().backward()
    assert net[0].weight.grad.shape == net[0].weight.shape
    assert net[0].weight.grad.device.type == "meta"


def test_no_memory_is_taken_and_nothing_drawn_on_meta():
    weft.manual_seed(0)
    before = weft.get_rng_state().tolist()
    huge = weft.randn(1 << 40, device="meta") + weft.zeros(1 << 40, device="meta")
    assert huge.numel() == 1 << 40
    nn.init.kaiming_uniform_(weft.empty(1 << 20, 1 << 20, device="meta"))
    assert weft.get_rng_state().tolist() == before


def test_a_mask_on_meta_says_why_it_cannot_be_read():
    x = meta(4)
    with pytest.raises(RuntimeError, match="how many places a mask selects depends on its values"):
        x[x > 0]


def test_a_meta_tensor_and_one_with_data_are_on_two_devices():
    x = meta(2, 3)
    assert (x + weft.tensor(2.0)).device.type == "meta"  # a 0-d tensor counts as its number
    for run in (
        lambda: x + weft.ones(3),
        lambda: x @ weft.ones(3),
        lambda: weft.cat([x, x.new_ones(1, 3), weft.ones(1, 3)]),
    ):
        with pytest.raises(weft.DeviceError, match="on one device, got tensors on cpu and meta"):
            run()
