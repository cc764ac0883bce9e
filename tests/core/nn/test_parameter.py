"""Parameter and Buffer: sharing, gradients, showing, copying."""

from __future__ import annotations

import copy
import pickle

import pytest

import weft
from weft import nn


def test_a_parameter_is_a_leaf_that_wants_a_gradient_and_shares_memory() -> None:
    data = weft.zeros(2)
    parameter = nn.Parameter(data)
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert isinstance(parameter, weft.Tensor)
    data.fill_(3)
    assert parameter.tolist() == [3.0, 3.0]


def test_a_parameter_of_a_computed_tensor_is_cut_from_its_history() -> None:
    source = weft.ones(2, requires_grad=True)
    parameter = nn.Parameter(source * 2)
    assert parameter.is_leaf
    (parameter * 3).sum().backward()
    assert parameter.grad.tolist() == [3.0, 3.0]
    assert source.grad is None


def test_operations_on_a_parameter_return_plain_tensors() -> None:
    parameter = nn.Parameter(weft.ones(2))
    assert type(parameter * 2) is weft.Tensor
    assert type(parameter.detach()) is weft.Tensor
    assert type(parameter.data) is weft.Tensor


def test_an_empty_parameter_needs_no_data() -> None:
    assert nn.Parameter().shape == (0,)


def test_only_tensors_become_parameters() -> None:
    with pytest.raises(TypeError, match=r"expects data to be a weft.Tensor, got list; wrap it"):
        nn.Parameter([1.0])
    with pytest.raises(TypeError, match=r"Buffer expects data to be a weft.Tensor, got int"):
        nn.Buffer(3)


def test_integers_can_be_parameters_only_without_a_gradient() -> None:
    with pytest.raises(RuntimeError, match=r"floating"):
        nn.Parameter(weft.zeros(2, dtype=weft.int64))
    assert not nn.Parameter(weft.zeros(2, dtype=weft.int64), requires_grad=False).requires_grad


def test_repr_says_that_it_is_a_parameter() -> None:
    assert repr(nn.Parameter(weft.ones(2))) == (
        "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    )


def test_a_parameter_takes_attributes_of_ones_own() -> None:
    parameter = nn.Parameter(weft.ones(2))
    parameter.no_weight_decay = True
    for other in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert isinstance(other, nn.Parameter)
        assert other.no_weight_decay
        assert other.requires_grad
        assert other.tolist() == [1.0, 1.0]


def test_a_deep_copy_shares_no_memory() -> None:
    parameter = nn.Parameter(weft.ones(2), requires_grad=False)
    other = copy.deepcopy(parameter)
    parameter.fill_(0)
    assert other.tolist() == [1.0, 1.0]
    assert not other.requires_grad


def test_a_buffer_remembers_whether_it_persists() -> None:
    buffer = nn.Buffer(weft.ones(2), persistent=False)
    assert not buffer.requires_grad
    for other in (copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        assert isinstance(other, nn.Buffer)
        assert not other.persistent


def test_data_can_be_replaced_by_another_dtype() -> None:
    parameter = nn.Parameter(weft.ones(2))
    parameter.data = parameter.data.double()
    assert parameter.dtype is weft.float64
    (parameter * 2).sum().backward()
    assert parameter.grad.dtype is weft.float64
