"""Lazy modules: parameters without a shape, the first call, state_dicts, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import weft
from weft import nn
from weft.nn.uninitialized import is_lazy


def test_a_lazy_layer_becomes_the_ordinary_one_at_its_first_call() -> None:
    layer = nn.LazyLinear(3)
    weight = layer.weight
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert is_lazy(weight)
    assert layer(weft.ones(2, 5)).shape == (2, 3)
    assert type(layer) is nn.Linear
    assert layer.weight is weight  # the very parameter
    assert type(weight) is nn.Parameter
    assert weight.shape == (3, 5)
    assert weight.requires_grad
    assert abs(weight.detach().numpy()).max() > 0
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=True)"
    assert "_call_hooks" not in vars(layer)  # calls are short again
    layer(weft.ones(2, 5)).sum().backward()
    assert weight.grad is not None


def test_parameters_without_a_shape_say_what_to_do() -> None:
    weight = nn.LazyLinear(3).weight
    with pytest.raises(RuntimeError, match=r"UninitializedParameter has no shape yet: call its"):
        _ = weight.shape
    with pytest.raises(ValueError, match=r"has no values yet: call its module once"):
        weight + 1
    with pytest.raises(ValueError, match=r"has no values yet"):
        weight.numel()
    assert repr(weight) == "<UninitializedParameter>"
    assert repr(nn.LazyBatchNorm1d().running_mean) == "<UninitializedBuffer>"


def test_dtype_and_device_may_change_before_the_first_call() -> None:
    layer = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()).double()
    assert layer[0].weight.dtype is weft.float64
    assert layer[1].running_mean.dtype is weft.float64
    layer(weft.ones(2, 5, dtype=weft.float64))
    assert layer[0].weight.dtype is weft.float64
    assert layer[1].running_var.dtype is weft.float64
    assert nn.LazyLinear(3, dtype=weft.float64).weight.dtype is weft.float64
    assert nn.LazyLinear(3).to("meta").weight.device.type == "meta"


def test_uninitialized_parameters_are_made_and_materialized() -> None:
    parameter = nn.UninitializedParameter(requires_grad=False, dtype=weft.float64)
    assert isinstance(parameter, nn.Parameter)
    parameter.materialize((2, 3))
    assert (parameter.shape, parameter.dtype) == ((2, 3), weft.float64)
    assert not parameter.requires_grad
    buffer = nn.UninitializedBuffer()
    assert isinstance(buffer, nn.Buffer)
    buffer.materialize((4,), dtype=weft.int64)
    assert (buffer.shape, buffer.dtype) == ((4,), weft.int64)


def test_a_state_dict_gives_a_lazy_layer_its_shapes() -> None:
    full = nn.Linear(5, 3)
    lazy = nn.LazyLinear(3)
    assert list(lazy.state_dict()) == ["weight", "bias"]
    assert is_lazy(lazy.state_dict()["weight"])
    lazy.load_state_dict(full.state_dict())
    assert not lazy.has_uninitialized_params()
    assert lazy.weight.tolist() == full.weight.tolist()
    assert lazy(weft.ones(1, 5)).tolist() == full(weft.ones(1, 5)).tolist()
    assert repr(lazy) == repr(full)


def test_a_lazy_state_dict_leaves_a_lazy_layer_lazy() -> None:
    lazy = nn.LazyConv2d(3, 2)
    lazy.load_state_dict(nn.LazyConv2d(3, 2).state_dict())
    assert lazy.has_uninitialized_params()


def test_a_lazy_state_dict_is_refused_by_a_layer_with_shapes() -> None:
    with pytest.raises(nn.StateDictError, match=r"has no shape in the state_dict"):
        nn.Linear(5, 3).load_state_dict(nn.LazyLinear(3).state_dict())


def test_a_failed_load_leaves_the_layer_lazy() -> None:
    lazy = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 2))
    state = nn.Sequential(nn.Linear(5, 3), nn.Linear(3, 4)).state_dict()
    with pytest.raises(nn.StateDictError):
        lazy.load_state_dict(state)
    assert lazy[0].has_uninitialized_params()
    lazy[0].register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.append("x"))
    with pytest.raises(nn.StateDictError):
        lazy[0].load_state_dict(nn.Linear(5, 3).state_dict())
    assert lazy[0].has_uninitialized_params()
    assert is_lazy(lazy[0].weight)


def test_a_lazy_layer_loads_by_assignment() -> None:
    lazy = nn.LazyLinear(3)
    lazy.load_state_dict(nn.Linear(5, 3, dtype=weft.float64).state_dict(), assign=True)
    assert (lazy.weight.shape, lazy.weight.dtype) == ((3, 5), weft.float64)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_lazy_layers_are_lazy_by_themselves(way: Any) -> None:
    layer = nn.LazyConv1d(4, 3)
    other = way(layer)
    other(weft.ones(2, 5, 7))
    assert type(other) is nn.Conv1d
    assert other.in_channels == 5
    assert type(layer) is nn.LazyConv1d
    layer(weft.ones(2, 6, 7))
    assert type(layer) is nn.Conv1d
    assert (layer.in_channels, other.in_channels) == (6, 5)


def test_lazy_convolutions_refuse_inputs_and_channels_that_cannot_be() -> None:
    with pytest.raises(
        ValueError, match=r"LazyConv2d expects an input of 3 or 4 dimensions, got 2"
    ):
        nn.LazyConv2d(4, 3)(weft.ones(5, 5))
    with pytest.raises(ValueError, match=r"divisible by groups, got 5 and 2"):
        nn.LazyConv2d(4, 3, groups=2)(weft.ones(1, 5, 5, 5))
    with pytest.raises(ValueError, match=r"LazyBatchNorm2d expects an input of 4 dimensions"):
        nn.LazyBatchNorm2d()(weft.ones(5, 5))


def test_lazy_norms_of_single_samples_find_the_channels() -> None:
    norm = nn.LazyInstanceNorm2d()
    norm(weft.rand(3, 4, 5))
    assert norm.num_features == 3
    assert type(norm) is nn.InstanceNorm2d


class Affine(nn.LazyModuleMixin, nn.Module):
    """A user's own lazy module, which stays what it is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.UninitializedParameter()
        self.times = 0

    def initialize_parameters(self, x: weft.Tensor, *, start: float = 1.0) -> None:
        self.times += 1
        self.scale.materialize((x.shape[-1],))
        nn.init.constant_(self.scale, start)

    def forward(self, x: weft.Tensor, *, start: float = 1.0) -> weft.Tensor:
        return x * self.scale


def test_a_lazy_module_of_ones_own_is_initialised_once_from_forwards_arguments() -> None:
    module = Affine()
    assert module(weft.ones(2, 3), start=4.0).tolist() == [[4.0] * 3] * 2
    module(weft.ones(2, 3))
    assert module.times == 1
    assert type(module) is Affine


def test_a_lazy_module_must_shape_all_its_parameters() -> None:
    class Forgetful(Affine):
        def initialize_parameters(self, x: weft.Tensor, *, start: float = 1.0) -> None:
            pass

    with pytest.raises(RuntimeError, match=r"Forgetful: initialize_parameters\(\) left a"):
        Forgetful()(weft.ones(2, 3))

    class Unwritten(nn.LazyModuleMixin, nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"defines no initialize_parameters"):
        Unwritten()(weft.ones(2))


def test_a_lazy_model_learns_after_its_first_call() -> None:
    weft.manual_seed(0)
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    x = weft.rand(3, 2, 5, 5)
    model(x)
    steps = weft.optim.SGD(model.parameters(), lr=0.01)
    first = model(x).square().mean()
    first.backward()
    steps.step()
    assert model(x).square().mean().item() < first.item()
