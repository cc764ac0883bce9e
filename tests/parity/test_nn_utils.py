"""The smaller functions of nn.utils beside torch's, and the names of all."""

from __future__ import annotations

import inspect
from typing import TypeVar

import numpy as np
import pytest
import torch
import torch.nn.utils.prune

import weft
from weft.nn import utils

#: What is public there by its name alone: for binding methods, and for deprecations.
OF_THEIR_MAKING = {"bind", "copy_method_params"}
SUBMODULES = ("parametrizations", "parametrize", "prune", "rnn", "stateless", "fusion")


def test_every_name_of_torchs_is_here() -> None:
    assert set(torch.nn.utils.__all__) <= set(utils.__all__)
    for name in torch.nn.utils.__all__:
        assert callable(getattr(utils, name)) == callable(getattr(torch.nn.utils, name)), name


@pytest.mark.parametrize("where", SUBMODULES)
def test_every_public_function_of_a_submodule_is_here(where: str) -> None:
    theirs, ours = getattr(torch.nn.utils, where), getattr(utils, where)
    for name, subject in vars(theirs).items():
        own = getattr(subject, "__module__", "") == theirs.__name__ and type(subject) is not TypeVar
        if own and name[0] != "_" and name[-1] != "_" and name not in OF_THEIR_MAKING:
            assert hasattr(ours, name), f"{where}.{name}"


@pytest.mark.parametrize("where", ["", *SUBMODULES])
def test_functions_take_torchs_arguments(where: str) -> None:
    theirs = getattr(torch.nn.utils, where) if where else torch.nn.utils
    ours = getattr(utils, where) if where else utils
    for name in dir(theirs):
        subject = getattr(theirs, name)
        if name.startswith("_") or not inspect.isfunction(subject) or not hasattr(ours, name):
            continue
        if not subject.__module__.startswith("torch.nn.utils"):
            continue
        wanted = [p for p in inspect.signature(subject).parameters if p != "kwargs"]
        taken = [p for p in inspect.signature(getattr(ours, name)).parameters if p != "kwargs"]
        assert taken == wanted, f"{where}.{name}"


@pytest.mark.parametrize("which", ["2d", "3d"])
def test_weights_of_convolutions_are_laid_out(which: str) -> None:
    strides = []
    for m in (weft, torch):
        net = m.nn.Sequential(
            getattr(m.nn, f"Conv{which}")(2, 3, 2), m.nn.Linear(2, 2),
            m.nn.Sequential(getattr(m.nn, f"ConvTranspose{which}")(4, 3, 2)),
        )  # fmt: skip
        wanted = m.channels_last if which == "2d" else m.channels_last_3d
        convert = getattr(m.nn.utils, f"convert_conv{which}_weight_memory_format")
        before = net[0].weight.tolist()
        assert convert(net, wanted) is net
        assert net[0].weight.tolist() == before
        assert isinstance(net[0].weight, m.nn.Parameter)
        strides.append([tuple(p.stride()) for p in net.parameters()])
    assert strides[0] == strides[1]


def test_a_module_is_made_without_initial_values() -> None:
    layer = utils.skip_init(weft.nn.Conv2d, 3, 4, kernel_size=2, dtype=weft.float64)
    assert isinstance(layer, weft.nn.Conv2d)
    assert layer.weight.device.type == "cpu"
    assert layer.weight.dtype is weft.float64
    assert isinstance(layer.weight, weft.nn.Parameter)
    assert layer.weight.requires_grad
    layer.load_state_dict(weft.nn.Conv2d(3, 4, 2, dtype=weft.float64).state_dict())
    assert layer(weft.zeros(1, 3, 4, 4, dtype=weft.float64)).shape == (1, 4, 3, 3)
    assert utils.skip_init(weft.nn.Linear, 3, 4, device="meta").weight.device.type == "meta"
    with pytest.raises(RuntimeError, match="ReLU takes no device"):
        utils.skip_init(weft.nn.ReLU)
    with pytest.raises(RuntimeError, match="class of modules"):
        utils.skip_init(int)


def test_the_older_name_of_clipping_clips() -> None:
    with pytest.warns(FutureWarning, match="clip_grad_norm"):
        results = []
        for m in (weft, torch):
            p = m.tensor([3.0, 4.0], requires_grad=True)
            p.grad = m.tensor([6.0, 8.0])
            results.append([m.nn.utils.clip_grad_norm([p], 1.0).item(), p.grad.tolist()])
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-6)
    assert results[0][0] == results[1][0]


def test_functional_call_takes_other_tensors_and_leaves_the_module_its_own() -> None:
    results = []
    for m in (weft, torch):
        net = m.nn.Sequential(m.nn.Linear(2, 2), m.nn.BatchNorm1d(2)).double()
        own = {name: p.tolist() for name, p in net.named_parameters()}
        given = {"0.weight": m.eye(2, dtype=m.float64), "0.bias": m.ones(2, dtype=m.float64),
                 "1.running_mean": m.zeros(2, dtype=m.float64)}  # fmt: skip
        call = m.nn.utils.stateless.functional_call if m is weft else m.func.functional_call
        x = m.arange(6.0, dtype=m.float64).reshape(3, 2)
        results.append([call(net, given, x).tolist(), given["1.running_mean"].tolist()])
        assert {name: p.tolist() for name, p in net.named_parameters()} == own
        with pytest.raises(RuntimeError, match=r"0\.wieght"):
            call(net, {"0.wieght": m.ones(2)}, x, strict=True)
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-10)


@pytest.mark.parametrize("kind", ["tensor", "parameter"])
def test_swapped_tensors_are_each_other(kind: str) -> None:
    for m in (weft, torch):
        make = m.nn.Parameter if kind == "parameter" else (lambda x: x.requires_grad_())
        a, b = make(m.ones(2)), make(m.zeros(3))
        b.grad = m.ones(3)
        if kind == "parameter":
            a.mark = "a"
        m.utils.swap_tensors(a, b)
        assert a.tolist() == [0, 0, 0]
        assert b.tolist() == [1, 1]
        assert a.grad.tolist() == [1, 1, 1]
        assert b.grad is None
        assert not hasattr(a, "mark")
        assert kind == "tensor" or b.mark == "a"
        (2 * b).sum().backward()
        (3 * a).sum().backward()
        assert b.grad.tolist() == [2, 2]
        assert a.grad.tolist() == [4, 4, 4]


def test_views_follow_a_swap() -> None:
    a, b = weft.ones(2), weft.zeros(2)
    view = a[:1]
    weft.utils.swap_tensors(a, b)
    b[0] = 5.0
    assert view.tolist() == [5]
    assert a.tolist() == [0, 0]


def test_what_cannot_be_swapped_is_refused() -> None:
    x = weft.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="result of MulBackward0"):
        weft.utils.swap_tensors(x * 2, weft.ones(2))
    with pytest.raises(TypeError, match="one class, got Tensor and Parameter"):
        weft.utils.swap_tensors(weft.ones(2), weft.nn.Parameter(weft.ones(2)))
    with pytest.raises(TypeError, match="two tensors"):
        weft.utils.swap_tensors(x, 3)
