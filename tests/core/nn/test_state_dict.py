"""state_dict and load_state_dict: names, strictness, and never a half-loaded module."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import weft
from weft import nn


def net() -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), head=nn.Sequential(nn.Linear(4, 2))
        )
    )


def values(module: nn.Module) -> dict[str, object]:
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


# --- saving --------------------------------------------------------------------------------------


def test_names_are_pytorchs_in_pytorchs_order() -> None:
    assert list(net().state_dict()) == [
        "conv.weight", "conv.bias",
        "norm.weight", "norm.bias",
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
        "head.0.weight", "head.0.bias",
    ]  # fmt: skip


def test_a_state_dict_shares_memory_and_records_no_gradient() -> None:
    layer = nn.Linear(2, 2)
    state = layer.state_dict()
    assert not state["weight"].requires_grad
    state["weight"].zero_()
    assert layer.weight.abs().sum().item() == 0
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_prefix_and_destination_collect_several_modules() -> None:
    destination: OrderedDict[str, weft.Tensor] = OrderedDict()
    nn.Linear(1, 1).state_dict(destination=destination, prefix="a.")
    nn.Linear(1, 1, bias=False).state_dict(destination=destination, prefix="b.")
    assert list(destination) == ["a.weight", "a.bias", "b.weight"]


def test_metadata_holds_the_version_of_each_module() -> None:
    metadata = net().state_dict()._metadata
    assert metadata["norm"] == {"version": 2}
    assert metadata["conv"] == {"version": 1}
    assert "" in metadata and "head.0" in metadata


def test_non_persistent_buffers_are_left_out() -> None:
    module = nn.Module()
    module.register_buffer("kept", weft.ones(1))
    module.register_buffer("lost", weft.ones(1), persistent=False)
    assert list(module.state_dict()) == ["kept"]
    with pytest.raises(nn.StateDictError, match="Unexpected, 1:\n  lost"):
        module.load_state_dict({"kept": weft.ones(1), "lost": weft.ones(1)})


# --- loading -------------------------------------------------------------------------------------


def test_a_round_trip_makes_two_modules_equal() -> None:
    weft.manual_seed(0)
    source, target = net(), net()
    assert values(source) != values(target)
    result = target.load_state_dict(source.state_dict())
    assert values(source) == values(target)
    assert str(result) == "<All keys matched successfully>"


def test_loading_copies_and_keeps_the_parameters_identity() -> None:
    layer = nn.Linear(2, 2)
    weight = layer.weight
    given = weft.ones(2, 2)
    layer.load_state_dict({"weight": given, "bias": weft.zeros(2)})
    assert layer.weight is weight
    given.zero_()
    assert layer.weight.sum().item() == 4


def test_loading_converts_to_the_dtype_that_is_there() -> None:
    layer = nn.Linear(2, 2)
    layer.load_state_dict(nn.Linear(2, 2).double().state_dict())
    assert layer.weight.dtype is weft.float32


def test_assign_takes_the_tensors_themselves() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    given = weft.ones(2, 2, dtype=weft.float64)
    layer.load_state_dict({"weight": given, "bias": weft.zeros(2)}, assign=True)
    assert layer.weight.dtype is weft.float64
    assert isinstance(layer.weight, nn.Parameter)
    assert not layer.weight.requires_grad
    assert layer.bias.requires_grad
    given.zero_()
    assert layer.weight.abs().sum().item() == 0


def test_all_problems_are_listed_at_once_and_nothing_is_loaded() -> None:
    module = net()
    before = values(module)
    state = net().state_dict()
    state["conv.wieght"] = state.pop("conv.weight")
    state["norm.bias"] = weft.ones(5)
    state["head.0.bias"] = [0.0, 0.0]
    with pytest.raises(nn.StateDictError) as caught:
        module.load_state_dict(state)
    assert str(caught.value) == (
        "the state_dict does not fit Sequential; nothing was loaded.\n"
        "Missing, 1:\n"
        "  conv.weight (near: conv.wieght)\n"
        "Unexpected, 1:\n"
        "  conv.wieght (near: conv.weight)\n"
        "Wrong, 2:\n"
        "  norm.bias has shape (5,) in the state_dict but (4,) in the module\n"
        "  head.0.bias must be a weft.Tensor, got list\n"
        "Pass strict=False to load what fits by name."
    )
    assert caught.value.missing_keys == ["conv.weight"]
    assert caught.value.unexpected_keys == ["conv.wieght"]
    assert isinstance(caught.value, RuntimeError)
    assert values(module) == before


def test_a_message_about_thousands_of_names_stays_short_and_keeps_them_all() -> None:
    module = nn.Module()
    for i in range(3000):
        module.register_buffer(f"layer{i}", weft.zeros(()))
    with pytest.raises(nn.StateDictError, match=r"Missing, 3000:(\n.*){40}\n  and 2960 more") as e:
        module.load_state_dict({f"layer{i}_": weft.zeros(()) for i in range(3000)})
    assert len(e.value.missing_keys) == 3000
    assert "  layer0 (near: layer0_)" in str(e.value)
    assert str(e.value).count("\n") < 100


def test_a_wrong_last_shape_leaves_the_first_parameter_alone() -> None:
    module = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    before = values(module)
    state = {name: weft.full(t.shape, 7.0) for name, t in module.state_dict().items()}
    state["1.bias"] = weft.ones(2)
    for strict in (True, False):
        with pytest.raises(nn.StateDictError, match=r"1.bias has shape \(2,\)"):
            module.load_state_dict(state, strict=strict)
    assert values(module) == before


def test_without_strict_what_fits_is_loaded_and_the_rest_is_returned() -> None:
    layer = nn.Linear(1, 1)
    result = layer.load_state_dict({"weight": weft.full((1, 1), 7.0), "else": 3}, strict=False)
    assert layer.weight.item() == 7
    assert result.missing_keys == ["bias"]
    assert result.unexpected_keys == ["else"]


def test_a_common_prefix_is_recognised_and_can_be_taken_off() -> None:
    layer = nn.Linear(1, 1)
    state = {f"module.{name}": tensor for name, tensor in layer.state_dict().items()}
    with pytest.raises(nn.StateDictError, match=r"names fit once 'module\.' is taken off"):
        layer.load_state_dict(state)
    nn.consume_prefix_in_state_dict_if_present(state, "module.")
    layer.load_state_dict(state)


def test_the_imaginary_part_is_not_dropped_silently() -> None:
    layer = nn.Linear(1, 1, bias=False)
    with pytest.raises(nn.StateDictError, match=r"the imaginary part would be lost"):
        layer.load_state_dict({"weight": weft.zeros(1, 1, dtype=weft.complex64)})


def test_what_is_no_mapping_is_refused_with_a_way_out() -> None:
    with pytest.raises(TypeError, match=r"expects a dict .* got str; weft.io.load"):
        nn.Linear(1, 1).load_state_dict("weights.pth")


def test_a_scalar_takes_the_one_element_vector_of_old_checkpoints() -> None:
    module = nn.Module()
    module.register_buffer("count", weft.zeros(()))
    module.load_state_dict({"count": weft.full((1,), 3.0)})
    assert module.count.item() == 3
    assert module.count.shape == ()


def test_checkpoints_without_a_batch_count_load_into_batch_norm() -> None:
    layer = nn.BatchNorm1d(2)
    state = dict(layer.state_dict())
    del state["num_batches_tracked"]
    layer.load_state_dict(state)
    versioned = layer.state_dict()
    del versioned["num_batches_tracked"]
    with pytest.raises(nn.StateDictError, match=r"num_batches_tracked"):
        layer.load_state_dict(versioned)


def test_tied_parameters_are_saved_under_both_names_and_loaded() -> None:
    module = nn.Module()
    module.a = nn.Linear(1, 1)
    module.b = module.a
    assert list(module.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    module.load_state_dict(module.state_dict())


# --- the protocol of single modules --------------------------------------------------------------


class Renamed(nn.Module):
    """Reads an old checkpoint, in which `weight` was called `w`."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(weft.zeros(2))

    def _load_from_state_dict(self, state_dict, prefix, *args):  # type: ignore[no-untyped-def]  # as model code writes it
        old = prefix + "w"
        if old in state_dict:
            state_dict[prefix + "weight"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, *args)


def test_a_module_may_translate_old_names_without_changing_the_given_dict() -> None:
    given = {"0.w": weft.ones(2)}
    module = nn.Sequential(Renamed())
    module.load_state_dict(given)
    assert module[0].weight.sum().item() == 2
    assert list(given) == ["0.w"]


class Noted(nn.Module):
    """Keeps a note beside its tensors."""

    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note
        self.weight = nn.Parameter(weft.zeros(1))

    def get_extra_state(self) -> str:
        return self.note

    def set_extra_state(self, state: str) -> None:
        if state == "bad":
            raise ValueError("this note is refused")
        self.note = state


def test_extra_state_travels_with_the_tensors() -> None:
    source, target = Noted("hello"), Noted("")
    assert source.state_dict()["_extra_state"] == "hello"
    target.load_state_dict(source.state_dict())
    assert target.note == "hello"
    with pytest.raises(nn.StateDictError, match=r"_extra_state"):
        target.load_state_dict({"weight": weft.zeros(1)})


def test_a_failing_set_extra_state_leaves_everything_as_it_was() -> None:
    module = nn.Sequential(Noted("first"), Noted("second"))
    state = nn.Sequential(Noted("new"), Noted("bad")).state_dict()
    state["0.weight"] = weft.ones(1)
    with pytest.raises(ValueError, match=r"this note is refused"):
        module.load_state_dict(state)
    assert [m.note for m in module] == ["first", "second"]
    assert module[0].weight.item() == 0


def test_pre_hooks_edit_the_dict_and_post_hooks_the_keys() -> None:
    layer = nn.Linear(1, 1)
    layer.register_load_state_dict_pre_hook(
        lambda module, state, prefix, *rest: state.update({prefix + "weight": weft.ones(1, 1)})
    )
    seen = []

    def forgive(module: nn.Module, keys: object) -> None:
        seen.append(module.weight.item())
        keys.missing_keys.clear()  # type: ignore[attr-defined]  # IncompatibleKeys

    layer.register_load_state_dict_post_hook(forgive)
    layer.load_state_dict({})
    assert seen == [1.0]


def test_an_error_that_a_post_hook_leaves_undoes_the_copying() -> None:
    layer = nn.Linear(1, 1)
    layer.register_load_state_dict_post_hook(lambda module, keys: None)
    before = values(layer)
    with pytest.raises(nn.StateDictError, match=r"Missing, 1"):
        layer.load_state_dict({"weight": weft.full((1, 1), 7.0)})
    assert values(layer) == before


def test_state_dict_hooks_add_and_rename() -> None:
    layer = nn.Linear(1, 1)
    order = []
    layer.register_state_dict_pre_hook(lambda m, prefix, keep: order.append("before"))
    handle = layer.register_state_dict_post_hook(
        lambda m, state, prefix, meta: state.update({prefix + "added": weft.ones(1)})
    )
    assert list(layer.state_dict()) == ["weight", "bias", "added"]
    handle.remove()
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert order == ["before", "before"]


def test_calling_a_modules_own_loader_directly_loads_it() -> None:
    layer = nn.Linear(1, 1)
    missing: list[str] = []
    errors: list[str] = []
    layer._load_from_state_dict(
        {"x.weight": weft.full((1, 1), 7.0), "x.bias": weft.ones(2)},
        "x.", {}, True, missing, [], errors,
    )  # fmt: skip
    assert missing == []
    assert errors == ["x.bias has shape (2,) in the state_dict but (1,) in the module"]
    layer._load_from_state_dict(
        {"weight": weft.full((1, 1), 7.0), "bias": weft.ones(1)}, "", {}, True, [], [], []
    )
    assert layer.weight.item() == 7
