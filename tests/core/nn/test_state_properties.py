"""Loading as a property: whatever is wrong with a state_dict, the module is loaded or untouched."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

import weft
from weft import nn

leaves = st.sampled_from(
    [
        lambda: nn.Linear(2, 3),
        lambda: nn.Linear(1, 1, bias=False),
        lambda: nn.BatchNorm1d(2),
        lambda: nn.ReLU(),
        lambda: nn.LSTMCell(1, 2),
    ]
).map(lambda make: make())
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3).map(lambda modules: nn.Sequential(*modules))
)


def values(module: nn.Module) -> dict[str, Any]:
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def filled(module: nn.Module, number: int) -> dict[str, Any]:
    return {
        name: weft.full(tuple(tensor.shape), number, dtype=tensor.dtype)
        for name, tensor in module.state_dict().items()
    }


CORRUPTIONS: dict[str, Any] = {
    "drop": lambda state, name: state.pop(name),
    "rename": lambda state, name: state.update({name + "x": state.pop(name)}),
    "deepen": lambda state, name: state.update({name + ".x": weft.ones(1)}),
    "add": lambda state, name: state.update({"x." + name: weft.ones(1)}),
    "reshape": lambda state, name: state.update({name: weft.ones(7, 1, 7)}),
    "replace": lambda state, name: state.update({name: [1.0]}),
    "imaginary": lambda state, name: state.update(
        {name: state[name].to(weft.complex64)}
    ),
}  # fmt: skip
FITS_WITHOUT_STRICT = {"drop", "rename", "deepen", "add"}


@settings(deadline=None, max_examples=60, derandomize=True)
@given(trees, st.integers(1, 9))
def test_what_was_saved_loads_into_any_tree(module: nn.Module, number: int) -> None:
    state = filled(module, number)
    module.load_state_dict(state)
    assert values(module) == {name: tensor.tolist() for name, tensor in state.items()}


@settings(deadline=None, max_examples=200, derandomize=True)
@given(trees, st.sampled_from(sorted(CORRUPTIONS)), st.booleans(), st.data())
def test_a_corrupted_state_dict_leaves_the_module_as_it_was(
    module: nn.Module, corruption: str, strict: bool, data: st.DataObject
) -> None:
    state = filled(module, 5)
    assume(state)
    name = data.draw(st.sampled_from(sorted(state)))
    # files without a version may lack the count of batches
    assume(corruption != "drop" or not name.endswith("num_batches_tracked"))
    before = values(module)
    CORRUPTIONS[corruption](state, name)
    given_names = list(state)
    try:
        module.load_state_dict(state, strict=strict)
        failed = False
    except nn.StateDictError as error:
        failed = True
        assert name in str(error)
    assert failed == (strict or corruption not in FITS_WITHOUT_STRICT)
    assert list(state) == given_names
    if failed:
        assert values(module) == before
    else:
        after = values(module)
        kept = {"drop", "rename"} & {corruption} and {name}
        assert all(after[key] == before[key] for key in kept)
        assert all(after[k] == state[k].tolist() for k in after if k not in kept)
