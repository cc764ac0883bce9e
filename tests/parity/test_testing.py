"""weft.testing beside torch.testing: the same verdicts, the same numbers in messages."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import name_of

INF, NAN = math.inf, math.nan


def values_of(lib: Any) -> list[Any]:
    """Return things to compare with each other, the same in both libraries."""
    t = lib.tensor
    return [
        t([1.0, 2.0]),
        t([1.0, 2.0 + 1e-6]),
        t([1.0, 2.1]),
        t([1.0, NAN]),
        t([INF, 2.0]),
        t([-INF, 2.0]),
        t([[1.0, 2.0]]),
        t([1.0, 2.0], dtype=lib.float64),
        t([1.0, 2.0 + 1e-6], dtype=lib.float64),
        t([1.0, 2.0], dtype=lib.float16),
        t([1.0, 2.0], dtype=lib.bfloat16),
        t([1.0, 2.0 + 1e-6j], dtype=lib.complex64),
        t([1, 2]),
        t([1, 3], dtype=lib.uint8),
        t([True, True]),
        t(1.0),
        t(2.0, requires_grad=True),
        t([]),
        lib.nn.Parameter(t([1.0, 2.0])),
        1.0,
        1,
        1 + 0j,
        1.0 + 1e-8,
        NAN,
        INF,
        None,
        np.array([1.0, 2.0]),
        np.float64(1.0),
        [t([1.0]), 2.0],
        (t([1.0]), 2.0),
        [t([1.0]), 2.5],
        [t([1.0])],
        {"a": t([1.0]), "b": [1, 2]},
        OrderedDict(b=(1, 2), a=t([1.0])),
        {"a": t([1.0]), "b": [1, 3]},
        {"a": t([1.0])},
        "text",
    ]


SETTINGS: list[dict[str, Any]] = [
    {},
    {"rtol": 0, "atol": 0},
    {"rtol": 0.1, "atol": 0.5},
    {"equal_nan": True},
    {"check_dtype": False},
    {"check_dtype": False, "rtol": 0.0, "atol": 1e-3, "equal_nan": True},
    {"allow_subclasses": False},
    {"rtol": 0.1},
    {"check_stride": True},
]


def verdict(lib: Any, actual: Any, expected: Any, settings: dict[str, Any]) -> Exception | None:
    """Return the error of a comparison, or None."""
    try:
        lib.testing.assert_close(actual, expected, **settings)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_assert_close_gives_torchs_verdict_on_every_pair(settings):
    pairs = zip(
        itertools.product(values_of(weft), repeat=2),
        itertools.product(values_of(torch), repeat=2),
        strict=True,
    )
    verdicts = set()
    for ours, theirs in pairs:
        got, known = verdict(weft, *ours, settings), verdict(torch, *theirs, settings)
        assert type(got) is type(known), f"{ours}: {got!r} beside torch's {known!r}"
        verdicts.add(type(got))
        if isinstance(known, AssertionError) and "difference" in str(known):
            told = numbers_in(str(got), OURS)
            assert told
            assert told == numbers_in(str(known), THEIRS), f"{got} beside {known}"
    assert {type(None), AssertionError, TypeError} <= verdicts or settings == {"rtol": 0.1}


#: The count of what differs, how many there are, and both largest differences with their places.
OURS = (
    r"(\d+) of (\d+) elements",
    r"absolute difference (\S+) at \((.*?)\):",
    r"relative difference (\S+) at \((.*?)\):",
    r"apart by (\S+)",
    r"relative to .* by (\S+)",
)
THEIRS = (
    r"elements: (\d+) / (\d+)",
    r"absolute difference: (\S+) at index \((.*?)\)",
    r"relative difference: (\S+) at index \((.*?)\)",
    r"Absolute difference: (\S+)",
    r"Relative difference: (\S+)",
)


def numbers_in(message: str, patterns: tuple[str, ...]) -> list[str]:
    """Return the counts, differences and places in a message."""
    told = [
        part
        for pattern in patterns
        for found in re.finditer(pattern, message)
        for part in found.groups()
    ]
    # a float's last digits, and with them the place of one of two equal differences, may differ
    return [re.sub(r"(\d\.\d{4})\d+", r"\1", part) for part in told]


@pytest.mark.parametrize("name", ["assert_close", "make_tensor"])
def test_the_signatures_are_torchs(name):
    ours = inspect.signature(getattr(weft.testing, name)).parameters
    theirs = inspect.signature(getattr(torch.testing, name)).parameters
    assert list(ours) == list(theirs)
    for key, parameter in theirs.items():
        assert ours[key].kind is parameter.kind
        if not (name == "make_tensor" and key == "device"):  # which weft does not ask for
            assert ours[key].default == parameter.default


@pytest.mark.parametrize("name", ["gradcheck", "gradgradcheck"])
def test_the_signatures_of_gradient_checks_are_torchs(name):
    ours = inspect.signature(getattr(weft.autograd, name)).parameters
    theirs = inspect.signature(getattr(torch.autograd, name)).parameters
    assert list(ours) == list(theirs)
    for key, parameter in theirs.items():
        assert (ours[key].kind, ours[key].default) == (parameter.kind, parameter.default)


MAKING: list[dict[str, Any]] = [
    {},
    {"low": 2, "high": 5},
    {"low": -3},
    {"high": 1},
    {"low": 0.5, "high": 2.5},
    {"low": -1e400, "high": 1e400},
    {"low": 5, "high": 2},
    {"low": NAN},
    {"low": 1e39, "high": 1e40},
    {"low": 300, "high": 301},
    {"requires_grad": True},
    {"noncontiguous": True},
    {"exclude_zero": True},
    {"noncontiguous": True, "memory_format": "channels_last"},
    {"memory_format": "channels_last"},
]
DTYPES = """bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128
float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu""".split()


@pytest.mark.parametrize("settings", MAKING, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_make_tensor_gives_torchs_tensors(dtype, settings):
    if dtype.startswith("float8") and settings in ({"requires_grad": True}, {"exclude_zero": True}):
        return  # torch forgets the first and cannot do the second; weft's own tests hold both
    made = []
    for lib in (weft, torch):
        given = dict(settings)
        if "memory_format" in given:
            given["memory_format"] = getattr(lib, given["memory_format"])
        lib.manual_seed(0)
        try:
            made.append(
                lib.testing.make_tensor(
                    (4, 5, 6, 7), dtype=getattr(lib, dtype), device="cpu", **given
                )
            )
        except (ValueError, TypeError) as error:
            made.append(error)
    ours, theirs = made
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), f"{ours} beside {theirs}"
        return
    assert isinstance(ours, weft.Tensor), ours
    assert ours.dtype.name == name_of(theirs.dtype)
    assert (ours.shape, ours.stride(), ours.storage_offset(), ours.requires_grad) == (
        tuple(theirs.shape), theirs.stride(), theirs.storage_offset(), theirs.requires_grad,
    )  # fmt: skip
    ours, theirs = ours.detach(), theirs.detach()
    if ours.dtype.is_complex:
        ours, theirs = weft.view_as_real(ours), torch.view_as_real(theirs)
    low, high = (getattr(ours.to(weft.float64), end)().item() for end in ("amin", "amax"))
    their_low, their_high = (getattr(theirs.double(), end)().item() for end in ("amin", "amax"))
    width = max(their_high - their_low, 1e-30)
    # a third: half precision has steps of a quarter near 300, and weft rounds up to the bound
    assert abs(low - their_low) / width <= 0.34 and abs(high - their_high) / width <= 0.34
