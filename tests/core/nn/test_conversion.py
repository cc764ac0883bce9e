"""Changing dtypes and devices of modules."""

from __future__ import annotations

import pytest

import weft
from weft import nn


def dtypes(module: nn.Module) -> set[weft.dtype]:
    return {tensor.dtype for tensor in module.parameters()}


@pytest.mark.parametrize("name", ["double", "half", "bfloat16", "float"])
def test_each_floating_method_converts_in_place_and_returns_the_module(name: str) -> None:
    wanted = {
        "double": weft.float64, "half": weft.float16,
        "bfloat16": weft.bfloat16, "float": weft.float32,
    }[name]  # fmt: skip
    module = nn.Linear(2, 2)
    weight = module.weight
    assert getattr(module, name)() is module
    assert dtypes(module) == {wanted}
    assert module.weight is weight
    assert weight.requires_grad


def test_to_leaves_integer_buffers_alone() -> None:
    layer = nn.BatchNorm1d(2).to(weft.float64)
    assert layer.running_mean.dtype is weft.float64
    assert layer.num_batches_tracked.dtype is weft.int64
    layer = nn.BatchNorm1d(2).half()
    assert layer.num_batches_tracked.dtype is weft.int64


def test_type_converts_everything() -> None:
    layer = nn.BatchNorm1d(2).type(weft.float64)
    assert layer.num_batches_tracked.dtype is weft.float64


@pytest.mark.parametrize(
    "args",
    [
        (weft.float64,), ("cpu",), ("cpu", weft.float64), (weft.zeros(1, dtype=weft.float64),),
        (None, weft.float64), ("cpu", weft.float64, True),
    ],
)  # fmt: skip
def test_to_takes_what_pytorchs_takes(args: tuple[object, ...]) -> None:
    module = nn.Linear(2, 2).to(*args)
    expected = weft.float32 if args == ("cpu",) else weft.float64
    assert dtypes(module) == {expected}
    assert dtypes(nn.Linear(2, 2).to(dtype=weft.float64)) == {weft.float64}


def test_to_refuses_integer_dtypes() -> None:
    with pytest.raises(
        TypeError, match=r"must be floating or complex, got weft.int64; Module.type"
    ):
        nn.Linear(1, 1).to(weft.int64)


def test_gradients_are_converted_with_their_parameters() -> None:
    layer = nn.Linear(2, 1)
    layer(weft.ones(1, 2)).sum().backward()
    layer.double()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype is weft.float64
    assert layer.weight.grad.tolist() == [[1.0, 1.0]]


def test_a_converted_module_computes_in_its_new_dtype() -> None:
    layer = nn.Linear(2, 1).double()
    assert layer(weft.ones(1, 2, dtype=weft.float64)).dtype is weft.float64
    layer(weft.ones(1, 2, dtype=weft.float64)).sum().backward()
    assert layer.weight.grad.dtype is weft.float64


def test_modules_below_are_converted_too() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1)))
    assert dtypes(net.double()) == {weft.float64}
    assert net.cpu() is net


def test_a_memory_format_is_that_of_the_parameters_with_its_dims() -> None:
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv3d(2, 2, 3))
    before = {name: value.numpy().copy() for name, value in layers.state_dict().items()}
    weight = layers[0].weight
    assert layers.to(memory_format=weft.channels_last) is layers
    assert layers[0].weight is weight
    assert weight.is_contiguous(memory_format=weft.channels_last)
    assert not weight.is_contiguous()
    assert layers[2].weight.is_contiguous()
    layers.to(weft.float64, memory_format=weft.channels_last_3d)
    assert layers[2].weight.is_contiguous(memory_format=weft.channels_last_3d)
    assert weight.dtype is weft.float64
    for name, value in layers.state_dict().items():
        assert (value.numpy() == before[name]).all()
    layers.to(memory_format=weft.contiguous_format)
    assert weight.is_contiguous() and layers[2].weight.is_contiguous()
    with pytest.raises(ValueError, match="memory_format"):
        layers.to(memory_format="NHWC")


@pytest.mark.parametrize(
    "args", [("cpu", "cpu"), (weft.float32, weft.float64), (weft.ones(1), "cpu")]
)
def test_two_devices_or_dtypes_are_refused(args: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match=r"Module\.to takes"):
        nn.Linear(2, 2).to(*args)
    with pytest.raises(TypeError, match=r"Tensor\.to takes"):
        weft.ones(2).to(*args)
