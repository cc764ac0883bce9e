"""str() of tensors against torch's: layout, digits, truncation, and the notes beside the values."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
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


# --- options and random tensors ----------------------------------------------------------------

OPTIONS: list[dict[str, Any]] = [
    {},
    {"profile": "short"},
    {"profile": "full"},
    {"precision": 2, "linewidth": 40},
    {"precision": 0},
    {"precision": 10, "linewidth": 120},
    {"sci_mode": True},
    {"sci_mode": False},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 0, "edgeitems": 2, "linewidth": 50},
    {"threshold": 3, "edgeitems": 0},
    {"profile": "short", "precision": 6, "sci_mode": True},
    {"linewidth": 1},
]
DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "bfloat16", "float32", "float64", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
]  # fmt: skip
SHAPES = [(), (1,), (7,), (40,), (3, 5), (2, 3, 4), (1, 1, 2, 1), (30, 50), (0,), (0, 2), (2, 0)]


@pytest.fixture
def same_options(monkeypatch):
    """Sets the options of both libraries; puts the defaults back.

    Lines break by their length, in which "weft" is a letter shorter than "torch": dtypes are
    called as torch's here.
    """
    monkeypatch.setattr(weft.dtype, "__repr__", lambda self: f"torch.{self.name}")

    def put(**options: Any) -> None:
        for module in (torch, weft):
            module.set_printoptions(**options)

    put(profile="default")
    yield put
    put(profile="default")


def numbers(generator: random.Random, count: int) -> np.ndarray:
    """Numbers of one of several kinds: whole, small, of all sizes, with inf and NaN among them."""
    rng = np.random.default_rng(generator.randrange(2**32))
    kind = generator.randrange(6)
    if kind == 0:
        out = rng.integers(-5, 5, count).astype(float)
    elif kind == 1:
        out = rng.normal(size=count)
    elif kind == 2:
        out = rng.normal(size=count) * 10.0 ** rng.integers(-9, 9, count)
    elif kind == 3:
        out = rng.normal(size=count) * 10.0 ** generator.randrange(-6, 10)
    elif kind == 4:
        out = rng.integers(0, 2, count) * rng.normal(size=count)
    else:
        out = rng.integers(-2000, 2000, count) * 1.0
    if generator.random() < 0.3:
        out[rng.random(count) < 0.2] = generator.choice([np.nan, np.inf, -np.inf, -0.0])
    return out


def pair(generator: random.Random, dtype: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The same random tensor in both libraries."""
    count = int(np.prod(shape))
    data = numbers(generator, count).reshape(shape)
    if dtype.startswith("complex"):
        parts = np.empty(shape, np.complex128)
        parts.real, parts.imag = data, numbers(generator, count).reshape(shape)
        data = parts
    elif "int" in dtype or dtype == "bool":
        data = np.nan_to_num(data, posinf=9, neginf=0)
        limits = (0, 1) if dtype == "bool" else (torch.iinfo(getattr(torch, dtype)).min, 100)
        data = np.clip(data, *limits).astype(np.int64)
    theirs = torch.from_numpy(np.ascontiguousarray(data)).reshape(shape).to(getattr(torch, dtype))
    return theirs, weft.from_dlpack(theirs)


def printed(theirs: Any) -> str:
    return str(quietly(lambda: str(theirs)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_tensors_print_as_in_torch_under_all_options(dtype, same_options):
    generator = random.Random(dtype)
    for options, shape in itertools.product(OPTIONS, SHAPES):
        same_options(profile="default")
        same_options(**options)
        theirs, mine = pair(generator, dtype, shape)
        assert str(mine) == printed(theirs), (options, shape)
        if theirs.dtype.is_complex or (theirs.is_floating_point() and theirs.element_size() > 1):
            assert str(mine.requires_grad_()) == printed(theirs.requires_grad_()), (options, shape)


def test_options_stay_until_they_are_set_again_but_sci_mode(same_options):
    theirs, mine = torch.tensor([0.123456, 12.0]), weft.tensor([0.123456, 12.0])
    for options in ({"precision": 2}, {"sci_mode": True}, {"linewidth": 30}, {"edgeitems": 1}):
        same_options(**options)
        assert str(mine) == printed(theirs), options


@pytest.mark.parametrize("default", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int64", "complex128", "bool"])
def test_notes_follow_the_default_dtype_as_in_torch(default, dtype, same_options):
    for module in (torch, weft):
        module.set_default_dtype(getattr(module, default))
    try:
        for make in ("m.ones(2, dtype=d)", "m.ones(0, dtype=d)", "m.ones(0, 2, dtype=d)"):
            theirs, mine = (eval(make, {"m": m, "d": getattr(m, dtype)}) for m in (torch, weft))
            assert str(mine) == printed(theirs)
        theirs, mine = (m.ones(2, dtype=getattr(m, dtype), device="meta") for m in (torch, weft))
        assert str(mine) == printed(theirs)
    finally:
        for module in (torch, weft):
            module.set_default_dtype(module.float32)


def test_a_users_subclass_prints_its_name_as_in_torch(same_options):
    shown = []
    for module in (torch, weft):
        kind = type("Mine", (module.Tensor,), {})
        x = module.ones(2, 30, dtype=module.float64)
        mine = x.as_subclass(kind) if module is torch else kind._make_subclass(x)
        shown.append(str(mine))
    assert shown[0] == shown[1]
