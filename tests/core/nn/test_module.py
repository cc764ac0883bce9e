"""Module: attributes, traversal, modes, showing, copying."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import get_type_hints

import pytest

import weft
from weft import nn


class Net(nn.Module):
    """Two linear layers, a parameter and two buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 2, bias=False)
        self.scale = nn.Parameter(weft.ones(2))
        self.register_buffer("count", weft.zeros(()))
        self.register_buffer("scratch", weft.zeros(5), persistent=False)

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        return self.second(self.first(x).relu()) * self.scale


def names(pairs: object) -> list[str]:
    return [name for name, _ in pairs]  # type: ignore[attr-defined]  # pairs is an iterator


# --- registering ---------------------------------------------------------------------------------


def test_attributes_are_registered_in_the_order_of_assignment() -> None:
    net = Net()
    assert names(net.named_parameters()) == [
        "scale", "first.weight", "first.bias", "second.weight",
    ]  # fmt: skip
    assert names(net.named_buffers()) == ["count", "scratch"]
    assert names(net.named_children()) == ["first", "second"]


def test_registered_attributes_are_found_without_getattr() -> None:
    net = Net()
    assert net.__dict__["scale"] is net._parameters["scale"]
    assert net.__dict__["count"] is net._buffers["count"]
    assert net.__dict__["first"] is net._modules["first"]


def test_writing_to_the_registry_directly_changes_the_attribute() -> None:
    net = Net()
    replacement = nn.Parameter(weft.zeros(2))
    net._parameters["scale"] = replacement
    assert net.scale is replacement
    del net._parameters["scale"]
    assert not hasattr(net, "scale")
    net._parameters.update(scale=replacement)
    assert net._parameters.pop("scale") is replacement
    assert "scale" not in net.__dict__
    net._buffers.clear()
    assert not hasattr(net, "count")


def test_assigning_a_registry_replaces_all_its_attributes() -> None:
    net = Net()
    net._parameters = {"other": nn.Parameter(weft.ones(1))}
    assert not hasattr(net, "scale")
    assert names(net.named_parameters(recurse=False)) == ["other"]
    assert net.other.shape == (1,)


def test_assigning_before_init_is_refused_with_the_reason() -> None:
    class Late(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(weft.ones(1))

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\) ran; call super"):
        Late()


def test_a_parameter_slot_takes_only_parameters_and_none() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"cannot assign Tensor to parameter 'scale' of Net"):
        net.scale = weft.ones(2)
    net.scale = None
    assert net.scale is None
    assert "scale" not in names(net.named_parameters())
    net.scale = nn.Parameter(weft.zeros(2))
    assert names(net.named_parameters())[0] == "scale"


def test_a_buffer_slot_takes_tensors_and_none() -> None:
    net = Net()
    net.count = weft.ones(3)
    assert net._buffers["count"].shape == (3,)
    with pytest.raises(TypeError, match=r"cannot assign int to buffer 'count'"):
        net.count = 3
    net.count = None
    assert names(net.named_buffers()) == ["scratch"]


def test_a_module_slot_takes_only_modules_and_none() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"cannot assign str to module 'first'"):
        net.first = "a"
    net.first = None
    assert names(net.named_children()) == ["second"]


def test_a_name_changes_its_kind_with_what_is_assigned() -> None:
    net = Net()
    net.thing = 3
    net.thing = nn.Parameter(weft.ones(1))
    assert "thing" in net._parameters
    net.thing = nn.Identity()
    assert "thing" not in net._parameters
    assert "thing" in net._modules
    del net.thing
    assert not hasattr(net, "thing")
    net.thing = weft.ones(1)
    assert "thing" not in net._buffers


def test_a_buffer_object_registers_itself() -> None:
    net = Net()
    net.kept = nn.Buffer(weft.ones(1))
    net.lost = nn.Buffer(weft.ones(1), persistent=False)
    assert "kept" in net.state_dict()
    assert "lost" not in net.state_dict()
    assert {"kept", "lost"} <= set(net._buffers)


@pytest.mark.parametrize(
    ("name", "error", "match"),
    [
        ("", KeyError, "must not be empty"),
        ("a.b", KeyError, r"must not contain a dot, got 'a\.b'"),
        (3, TypeError, "must be a string, got 3"),
        ("forward", KeyError, "has an attribute 'forward' already"),
    ],
)
def test_bad_names_are_refused_by_every_register(
    name: object, error: type[Exception], match: str
) -> None:
    net = Net()
    for register, value in (
        (net.register_parameter, nn.Parameter(weft.ones(1))),
        (net.register_buffer, weft.ones(1)),
        (net.register_module, nn.Identity()),
    ):
        with pytest.raises(error, match=match):
            register(name, value)


def test_registering_the_wrong_kind_is_refused() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"must be a weft.nn.Parameter or None, got Tensor"):
        net.register_parameter("p", weft.ones(1))
    with pytest.raises(TypeError, match=r"must be a weft.Tensor or None, got list"):
        net.register_buffer("b", [1.0])
    with pytest.raises(TypeError, match=r"must be a Module or None, got function"):
        net.add_module("m", lambda: None)


# --- misspelt and missing attributes -------------------------------------------------------------


def test_a_misspelt_attribute_suggests_the_near_one() -> None:
    with pytest.raises(AttributeError, match=r"'Net' object has no attribute 'frist'.*'first'"):
        _ = Net().frist
    with pytest.raises(AttributeError, match=r"no attribute 'wieght'; did you mean 'weight'"):
        _ = nn.Linear(1, 1).wieght


def test_an_attribute_error_inside_a_property_is_reported_as_itself() -> None:
    class Broken(nn.Module):
        @property
        def size(self) -> int:
            return self.no_such_thing

    with pytest.raises(AttributeError, match=r"'no_such_thing'"):
        _ = Broken().size


def test_dir_lists_what_is_registered() -> None:
    assert {"first", "scale", "count", "forward"} <= set(dir(Net()))


# --- traversal -----------------------------------------------------------------------------------


def test_shared_members_come_once_unless_duplicates_are_wanted() -> None:
    net = Net()
    net.alias = net.first
    assert names(net.named_parameters()).count("first.weight") == 1
    assert "alias.weight" not in names(net.named_parameters())
    assert "alias.weight" in names(net.named_parameters(remove_duplicate=False))
    assert names(net.named_modules()) == ["", "first", "second"]
    assert "alias" in names(net.named_modules(remove_duplicate=False))
    assert len(list(net.children())) == 2


def test_prefix_and_recurse_shape_the_names() -> None:
    net = Net()
    assert names(net.named_parameters(prefix="net", recurse=False)) == ["net.scale"]
    assert names(net.named_modules(prefix="net")) == ["net", "net.first", "net.second"]


def test_members_are_told_apart_by_identity_and_not_by_value() -> None:
    module = nn.Module()
    module.a = nn.Parameter(weft.ones(2))
    module.b = nn.Parameter(weft.ones(2))
    assert names(module.named_parameters()) == ["a", "b"]


def test_get_submodule_walks_dotted_paths() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(1, 1)))
    assert net.get_submodule("0.0") is net[0][0]
    assert net.get_submodule("") is net
    assert net.get_parameter("0.0.weight") is net[0][0].weight
    with pytest.raises(AttributeError, match=r"get_submodule\('0.1'\).*no attribute '1'"):
        net.get_submodule("0.1")
    with pytest.raises(AttributeError, match=r"'weight' .* is no module but Parameter"):
        net.get_submodule("0.0.weight")
    with pytest.raises(AttributeError, match=r"no parameter 'wieght'; did you mean 'weight'"):
        net.get_parameter("0.0.wieght")
    with pytest.raises(AttributeError, match=r"has no buffer 'weight'"):
        net.get_buffer("0.0.weight")


def test_get_buffer_finds_buffers() -> None:
    assert Net().get_buffer("count").shape == ()


def test_set_submodule_replaces_at_a_path() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(1, 1)))
    net.set_submodule("0.0", nn.ReLU())
    assert isinstance(net[0][0], nn.ReLU)
    with pytest.raises(ValueError, match=r"target is empty"):
        net.set_submodule("", nn.ReLU())
    with pytest.raises(AttributeError, match=r"strict=True.*no attribute 'new'"):
        net.set_submodule("0.new", nn.ReLU(), strict=True)
    with pytest.raises(ValueError, match=r"a Module is required, got int"):
        net.set_submodule("0.0", 3)


def test_apply_visits_children_before_parents() -> None:
    visited = []
    net = Net()
    assert net.apply(lambda module: visited.append(type(module).__name__)) is net
    assert visited == ["Linear", "Linear", "Net"]


# --- modes ---------------------------------------------------------------------------------------


def test_train_and_eval_reach_all_below_and_return_the_module() -> None:
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(ValueError, match=r"mode must be a bool, got 1"):
        net.train(1)


def test_requires_grad_freezes_every_parameter() -> None:
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())


def test_zero_grad_forgets_or_zeroes() -> None:
    net = Net()
    net(weft.ones(1, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(p.grad.abs().sum().item() == 0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty defines no forward"):
        Empty()(1)


# --- showing -------------------------------------------------------------------------------------


def test_repr_shows_the_tree_as_pytorch_does() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.2)))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU(inplace=True)\n"
        "    (1): Dropout(p=0.2, inplace=False)\n"
        "  )\n"
        ")"
    )


def test_repr_of_a_module_with_both_lines_and_children_shows_both() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.child = nn.Identity()

        def extra_repr(self) -> str:
            return "size=3"

    assert repr(Both()) == "Both(\n  size=3\n  (child): Identity()\n)"


def test_repr_without_anything_is_one_line() -> None:
    assert repr(nn.Identity()) == "Identity()"


# --- copying, pickling, dying --------------------------------------------------------------------


def test_deepcopy_shares_nothing_and_keeps_ties() -> None:
    net = Net()
    net.tied = net.first
    net.plain = {"kept": 1}
    other = copy.deepcopy(net)
    assert other.first is other.tied
    assert other.first is not net.first
    assert other.plain == {"kept": 1}
    with weft.no_grad():
        other.first.weight.zero_()
    assert net.first.weight.abs().sum().item() > 0
    assert other.first.weight is other.first._parameters["weight"]
    other._parameters["scale"] = nn.Parameter(weft.zeros(2))
    assert other.scale.abs().sum().item() == 0
    assert net.scale.abs().sum().item() == 2


def test_a_shallow_copy_shares_tensors_but_not_the_registry() -> None:
    net = Net()
    other = copy.copy(net)
    assert other.scale is net.scale
    other.scale = None
    assert net.scale is not None


def test_pickling_keeps_values_modes_and_buffers() -> None:
    net = Net().eval()
    net.scale.note = "kept"
    other = pickle.loads(pickle.dumps(net))
    assert not other.training
    assert other.scale.note == "kept"
    assert other.scale.requires_grad
    assert list(other.state_dict()) == list(net.state_dict())
    assert "scratch" in other._non_persistent_buffers_set
    x = weft.ones(2, 3)
    assert other(x).tolist() == net(x).tolist()


def test_a_subclass_with_its_own_setstate_still_finds_its_members() -> None:
    other = copy.deepcopy(Stateful())
    assert other.inner.weight.shape == (1, 1)
    other._modules["inner"] = nn.Identity()
    assert isinstance(other.inner, nn.Identity)


def test_writing_to_a_shallow_copys_registry_leaves_the_original_alone() -> None:
    module = Stateful()
    other = copy.copy(module)
    other._modules["inner"] = nn.Identity()
    assert isinstance(other.inner, nn.Identity)
    assert isinstance(module.inner, nn.Linear)
    assert isinstance(module._modules["inner"], nn.Linear)


class Stateful(nn.Module):
    """Restores itself without calling Module, as some model code does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(1, 1)

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)


def test_a_deleted_module_is_freed_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        net = Net()
        gone = weakref.ref(net.first)
        del net
        assert gone() is None
    finally:
        gc.enable()


def test_the_hints_of_a_modules_class_can_be_evaluated():
    class Scale(nn.Module):
        factor: weft.Tensor

    assert get_type_hints(Scale)["factor"] is weft.Tensor
    for name in nn.__all__:
        thing = getattr(nn, name)
        if isinstance(thing, type):
            get_type_hints(thing)
