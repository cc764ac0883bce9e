"""torch's functions on lists of tensors: every name, its values, and what it returns."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, quietly

NAMES = sorted(name for name in dir(torch) if name.startswith("_foreach_"))
#: Functions of more than one list, with the expressions of their further arguments.
MORE = {
    "add": ["b", "2.5", "[1.0, 2.0]", "m.tensor(3.0)"],
    "sub": ["b", "2.5", "[1.0, 2.0]"],
    "mul": ["b", "2.5", "[1.0, 2.0]", "m.tensor(3.0)"],
    "div": ["b", "2.5", "[1.0, 2.0]", "m.tensor(3.0)"],
    "pow": ["b", "2.5", "[1.0, 2.0]"],
    "clamp_max": ["b", "0.5", "[0.1, 0.6]"],
    "clamp_min": ["b", "0.5", "[0.1, 0.6]"],
    "maximum": ["b", "0.5", "[0.1, 0.6]"],
    "minimum": ["b", "0.5", "[0.1, 0.6]"],
    "lerp": ["b, c", "b, 0.3", "b, [0.3, 0.8]"],
    "addcmul": ["b, c", "b, c, 2.0", "b, c, [1.0, 2.0]", "b, c, m.tensor([1.0, 2.0])"],
    "addcdiv": ["b, c", "b, c, 2.0", "b, c, [1.0, 2.0]", "b, c, m.tensor([1.0, 2.0])"],
    "norm": ["", "1", "float('inf')", "3.0, m.float64"],
    "powsum": ["", "3"],
    "copy_": ["b"],
    "mm": ["[m.ones(3, 2), m.ones(2, 1)]"],
}
CALLS = [
    (name, arguments)
    for name in NAMES
    for arguments in MORE.get(name[9:], MORE.get(name[9:].removesuffix("_"), [""]))
]


def lists(module: Any) -> dict[str, Any]:
    return {
        "m": module,
        "a": [module.tensor([[0.25, 0.5, 0.75]]), module.tensor([[0.125, 0.625]])],
        "b": [module.tensor([[0.5, 0.25, 0.125]]), module.tensor([[0.75, 0.5]])],
        "c": [module.tensor([[0.875, 0.5, 0.25]]), module.tensor([[0.5, 0.125]])],
    }


def test_every_name_is_there():
    assert [name for name in NAMES if not hasattr(weft, name)] == []


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_values_are_torchs(name, arguments):
    results = []
    for module in (weft, torch):
        places = lists(module)
        returned = quietly(eval, f"m.{name}(a, {arguments})", places)
        assert type(returned) is (list if name.endswith("_") else tuple)
        results.append((returned, places["a"]))
    assert_same(*results, f"{name}(a, {arguments})")


def test_a_number_to_the_power_of_each_of_a_list():
    results = [m._foreach_pow(2.0, lists(m)["b"]) for m in (weft, torch)]
    assert_same(*results)
