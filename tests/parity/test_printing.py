"""str() of tensors against torch's: layout, digits, truncation, and the notes beside the values."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import weft
from tests.parity.torch_side import quietly

LINES = """
m.tensor(3)
m.tensor(-1.5)
m.tensor(0.0)
m.tensor(True)
m.tensor(1e10)
m.tensor(1e-7)
m.tensor(float("nan"))
m.tensor(float("-inf"))
m.tensor(2.5, dtype=m.float64)
m.tensor(1 + 2j)
m.tensor([])
m.tensor([], dtype=m.int64)
m.tensor([], dtype=m.float64)
m.zeros(0, 3)
m.zeros(2, 0, dtype=m.int32)
m.zeros(2, 0, 3)
m.tensor([1, 2, 3])
m.tensor([1, -20, 300])
m.tensor([7], dtype=m.int8)
m.tensor([1, 255], dtype=m.uint8)
m.tensor([2**62, -1])
m.tensor([True, False])
m.tensor([[True], [False]])
m.tensor([1.0, 2.0, 3.0])
m.tensor([1.0, -20.0])
m.tensor([0.1, 0.25, -3.0])
m.tensor([0.0, 0.0])
m.tensor([-0.0, 0.5])
m.tensor([1.0, 10000.0])
m.tensor([1.0, 1000.0])
m.tensor([1.0, 1000.5])
m.tensor([0.5, 1000.0])
m.tensor([1e8])
m.tensor([123456789.0])
m.tensor([1e-4, 0.05])
m.tensor([9e-5, 0.05])
m.tensor([1e-8, 1.0])
m.tensor([3e38, 1e-38])
m.tensor([1.0, 0.99999])
m.tensor([0.99996, 9.99996])
m.tensor([1.5, float("nan"), float("inf")])
m.tensor([1.0, float("nan"), float("inf")])
m.tensor([1.0, float("nan"), -float("inf")])
m.tensor([float("nan"), float("inf")])
m.tensor([float("inf"), 1e-9])
m.tensor([1.0, 2.5], dtype=m.float16)
m.tensor([65504.0, 1.0], dtype=m.float16)
m.tensor([1.0, 2.5], dtype=m.bfloat16)
m.tensor([0.1, 300.0], dtype=m.bfloat16)
m.tensor([1.0, 2.5], dtype=m.float64)
m.tensor([1 + 2j, 3.5 - 1j])
m.tensor([1 + 2j, -3 - 1j])
m.tensor([1e-9 + 2j, 3.5 - 1e6j])
m.tensor([[1 + 2j]], dtype=m.complex128)
m.tensor([1.5, 2.0], requires_grad=True)
m.tensor([1.5, 2.0], dtype=m.float64, requires_grad=True)
m.tensor(1.0, requires_grad=True)
m.tensor([[1.5, 2.0], [3.0, -4.0]])
m.tensor([[1, 2], [3, 40]])
m.arange(24).reshape(2, 3, 4)
m.arange(24).reshape(2, 3, 4) / 7
m.zeros(2, 1, 2, 2)
m.arange(20) * 1000
m.arange(40) / 3
m.arange(30)
m.arange(1000)
m.arange(1001)
m.arange(2000) / 8
m.arange(1200).reshape(3, 400)
m.arange(1200).reshape(400, 3)
m.arange(1800).reshape(30, 6, 10)
m.arange(7**4).reshape(7, 7, 7, 7)
m.zeros(1001, dtype=m.bool)
m.arange(1100, dtype=m.float64) * 1e-3
m.arange(1001) + 0j
m.arange(90, dtype=m.int16).reshape(3, 30)
m.arange(15, dtype=m.float64, requires_grad=True)
m.ones(3, 30, requires_grad=True)
m.tensor([[[1.0]]])
m.tensor([1.0, 2.0])[None, :, None].expand(2, 2, 2)
m.arange(6).reshape(2, 3).t()
m.linspace(-1, 1, 9)
m.linspace(0, 1e-3, 5)
m.tensor([1e5, 1e-3])
m.zeros(2, 3) / 0
m.tensor([[float("nan")] * 30] * 2)
m.arange(40) * 1e-3 - 1j
"""


def names(module: Any) -> dict[str, Any]:
    return {"m": module}


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_a_tensor_prints_as_in_torch(line):
    expected = quietly(lambda: str(eval(line, names(torch)))).replace("torch.", "weft.")
    got = str(eval(line, names(weft)))
    assert got == expected
    assert repr(eval(line, names(weft))) == got


@pytest.mark.parametrize(
    "line",
    ["m.ones(2, requires_grad=True) * 2", "m.ones(3, 30, requires_grad=True) + 1.5"],
)
def test_beside_the_name_of_grad_fn_a_result_prints_as_in_torch(line):
    expected, got = (str(eval(line, names(module))) for module in (torch, weft))
    assert got.partition("grad_fn=")[0] == expected.partition("grad_fn=")[0]


@pytest.mark.parametrize("value", [0, 1.5, 1e-7, -1e10, True, 123456.789, float("nan")])
def test_a_number_formats_as_in_torch(value):
    for spec in (".3f", "8.2e", ">10"):
        if spec == ">10" and isinstance(value, bool):
            continue
        assert format(weft.tensor(value), spec) == format(torch.tensor(value), spec)
