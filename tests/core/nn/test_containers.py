"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import weft
from weft import nn


def names(container: nn.Module) -> list[str]:
    return [name for name, _ in container.named_children()]


# --- Sequential ----------------------------------------------------------------------------------


def test_sequential_calls_its_modules_in_order() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Identity())
    assert net(weft.ones(3, 2, 2)).shape == (3, 2)
    assert nn.Sequential()(3) == 3


def test_sequential_takes_names_from_a_mapping() -> None:
    net = nn.Sequential(OrderedDict(a=nn.Linear(1, 1), b=nn.ReLU()))
    assert names(net) == ["a", "b"]
    assert net.a is net[0]


def test_sequential_refuses_what_is_no_module() -> None:
    with pytest.raises(TypeError, match=r"must be a Module or None, got function"):
        nn.Sequential(lambda x: x)


def test_sequential_indexes_slices_and_deletes_like_a_list() -> None:
    layers = [nn.Linear(1, 1) for _ in range(4)]
    net = nn.Sequential(*layers)
    assert net[-1] is layers[3]
    assert list(net[1:3]) == layers[1:3]
    assert names(net[1:3]) == ["1", "2"]
    assert isinstance(net[1:3], nn.Sequential)
    replacement = nn.ReLU()
    net[0] = replacement
    assert net[0] is replacement
    del net[1]
    assert names(net) == ["0", "1", "2"]
    assert list(net) == [replacement, layers[2], layers[3]]
    del net[1:]
    assert len(net) == 1
    with pytest.raises(IndexError, match=r"index 1 is out of range for 1 modules"):
        _ = net[1]


def test_sequential_grows_at_any_place() -> None:
    a, b, c, d = (nn.Identity() for _ in range(4))
    net = nn.Sequential(b).append(d)
    net.insert(0, a).insert(-1, c)
    assert list(net) == [a, b, c, d]
    assert net.pop(1) is b
    assert list(net.extend([b])) == [a, c, d, b]
    assert c in net
    assert nn.Identity() not in net


def test_appending_to_a_slice_overwrites_nothing() -> None:
    net = nn.Sequential(nn.ReLU(), nn.Tanh())[1:]
    net.append(nn.Sigmoid())
    assert [type(m) for m in net] == [nn.Tanh, nn.Sigmoid]


def test_sequentials_add_and_repeat() -> None:
    a, b = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())
    assert [type(m) for m in a + b] == [nn.ReLU, nn.Tanh]
    assert list(2 * a) == [a[0], a[0]]
    a += b
    assert len(a) == 2
    b *= 3
    assert len(b) == 3
    with pytest.raises(ValueError, match=r"the factor must be positive, got 0"):
        _ = a * 0
    with pytest.raises(TypeError):
        _ = a + nn.ReLU()


# --- ModuleList ----------------------------------------------------------------------------------


def test_module_list_registers_and_indexes() -> None:
    layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(3))
    assert len(list(layers.parameters())) == 6
    assert isinstance(layers[:2], nn.ModuleList)
    assert names(layers[1:]) == ["0", "1"]
    layers += [nn.ReLU()]
    assert isinstance(layers[3], nn.ReLU)
    layers[3] = nn.Tanh()
    assert isinstance(layers.pop(), nn.Tanh)
    assert len(layers + nn.ModuleList([nn.ReLU()])) == 4
    with pytest.raises(TypeError, match=r"expects an iterable of modules, got int"):
        layers.extend(3)


def test_module_list_repr_counts_equal_neighbours() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Linear(1, 2), nn.ReLU()])
    assert repr(layers) == (
        "ModuleList(\n"
        "  (0-1): 2 x ReLU()\n"
        "  (2): Linear(in_features=1, out_features=2, bias=True)\n"
        "  (3): ReLU()\n"
        ")"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_list_has_no_forward() -> None:
    with pytest.raises(NotImplementedError, match=r"ModuleList defines no forward"):
        nn.ModuleList()(1)


# --- ModuleDict ----------------------------------------------------------------------------------


def test_module_dict_behaves_like_a_dict() -> None:
    modules = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
    modules["c"] = nn.Tanh()
    assert list(modules) == ["a", "b", "c"] == list(modules.keys())
    assert "b" in modules
    assert len(modules) == 3
    assert [type(m).__name__ for m in modules.values()] == ["ReLU", "Linear", "Tanh"]
    assert isinstance(modules.pop("c"), nn.Tanh)
    del modules["a"]
    modules.update([("d", nn.ReLU())])
    modules.update(nn.ModuleDict({"e": nn.ReLU()}))
    assert [name for name, _ in modules.items()] == ["b", "d", "e"]
    assert list(modules.state_dict()) == ["b.weight", "b.bias"]
    modules.clear()
    assert len(modules) == 0


def test_module_dict_suggests_the_near_key() -> None:
    modules = nn.ModuleDict({"encoder": nn.ReLU()})
    with pytest.raises(KeyError, match=r"no module 'encodr'; did you mean 'encoder'"):
        _ = modules["encodr"]
    with pytest.raises(KeyError, match=r"has an attribute 'keys' already"):
        modules["keys"] = nn.ReLU()
    with pytest.raises(TypeError, match=r"expects a mapping or pairs"):
        modules.update(3)
    with pytest.raises(TypeError, match=r"item 0 must be a pair"):
        modules.update(["a"])


# --- ParameterList, ParameterDict ----------------------------------------------------------------


def test_parameter_list_turns_tensors_into_parameters() -> None:
    values = nn.ParameterList([weft.ones(2), nn.Parameter(weft.zeros(1))])
    values.append(weft.ones(3))
    values += [weft.ones(4)]
    assert all(isinstance(p, nn.Parameter) for p in values)
    assert list(values.state_dict()) == ["0", "1", "2", "3"]
    assert values[-1].shape == (4,)
    values[0] = weft.zeros(5)
    assert values[0].shape == (5,)
    assert isinstance(values[1:3], nn.ParameterList)
    assert [tuple(p.shape) for p in values[1:3]] == [(1,), (3,)]
    assert values.pop(1).shape == (1,)
    assert list(values.state_dict()) == ["0", "1", "2"]
    with pytest.raises(IndexError, match=r"index 3 is out of range for 3 values"):
        _ = values[3]
    with pytest.raises(TypeError, match=r"expects an iterable of values, got Tensor"):
        values.extend(weft.ones(2))
    with pytest.raises(RuntimeError, match=r"computes nothing"):
        values(1)


def test_parameter_list_repr_shows_sizes() -> None:
    values = nn.ParameterList([weft.ones(2, 3), weft.ones(1)])
    assert repr(values) == (
        "ParameterList(\n"
        "    (0): Parameter containing: [weft.float32 of size 2x3]\n"
        "    (1): Parameter containing: [weft.float32 of size 1]\n"
        ")"
    )


def test_parameter_dict_behaves_like_a_dict() -> None:
    values = nn.ParameterDict({"a": weft.ones(1)})
    values["b"] = weft.ones(2)
    values.update({"c": nn.Parameter(weft.ones(3))})
    assert list(values.state_dict()) == ["a", "b", "c"]
    assert values.get("nothing") is None
    assert values.pop("b").shape == (2,)
    assert list(values.state_dict()) == ["a", "c"]
    values["b"] = weft.ones(5)
    assert values.pop("b").shape == (5,)
    assert list(values.keys()) == ["a", "c"]
    assert [tuple(p.shape) for _, p in values.items()] == [(1,), (3,)]
    assert len(list(values.values())) == 2
    assert "a" in values
    with pytest.raises(KeyError, match=r"has no value 'bb'"):
        _ = values["bb"]
    with pytest.raises(KeyError, match=r"has an attribute 'items' already"):
        values["items"] = weft.ones(1)
    values.clear()
    assert len(values) == 0
