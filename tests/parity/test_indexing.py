"""x[key] and x[key] = value against torch: basic, advanced, masks, mixed; gradients too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, quietly

#: Keys of a tensor of shape (4, 3, 5); ``m`` is the module, ``t`` makes an index tensor.
KEYS = """
0
-1
3
slice(None)
slice(1, 3)
slice(None, None, 2)
slice(1, None, 2)
slice(-2, None)
slice(None, -1)
slice(2, 2)
slice(3, 1)
slice(0, 100)
slice(-100, 2)
slice(None, None, 7)
None
...
()
(0, 1)
(0, 1, 2)
(-1, -1, -1)
(0, ...)
(..., 0)
(..., 1, 2)
(0, ..., 0)
(..., slice(1, 3))
(slice(None), 1)
(slice(None), slice(None), 2)
(slice(1, 3), 0, slice(None, None, 2))
(slice(None, None, 2), slice(None, 2), slice(1, 4))
(None, 0)
(0, None)
(None, None)
(None, ..., None)
(slice(None), None, 1)
(..., None, 0)
(1, slice(None), None, 3)
(slice(1, 2), None, slice(0, 1), 2)
(0, slice(0, 0))
[0]
[0, 2]
[2, 0, 2]
[-1, 0]
([0, 1],)
([0, 1], [1, 2])
([0, 1, 2], [0, 1, 2], [4, 3, 2])
([0, 1], 1)
(1, [0, 1])
([0, 1], slice(None), [1, 2])
(slice(None), [0, 1], [1, 2])
(slice(None), [0, 2])
(slice(None), slice(None), [4, 0])
(..., [1, 2])
([1, 2], ...)
([0, 1], ..., [1, 2])
([0, 1], None, [1, 2])
(None, [0, 1])
([0, 1], None)
([0, 1], slice(0, 2), 3)
(0, slice(None), [1, 2])
(slice(1, 3), [0, 1])
(slice(None, None, 2), [0, 2], slice(0, 2))
t([0, 2])
t([3])
t(2)
t([-1, -4])
t([[0], [1]])
(t([[0], [1]]), t([0, 1, 2]))
(t([0, 1]), t([[1], [2]]), t([4, 0]))
(t([0, 1]), 0)
(0, t([0, 1]))
(t(1), slice(None), t(2))
(t(1), t([0, 1]))
(slice(None), t([0, 1]), None)
(slice(None), t([[0, 1], [2, 0]]))
(..., t([[0, 1], [2, 0]]))
t([], int64)
(slice(None), t([], int64))
t([0, 1], int32)
t([True, False, True, False])
[True, False, True, True]
t([False, False, False, False])
(slice(None), t([True, False, True]))
(slice(None), slice(None), t([True, False, True, False, True]))
(..., t([True, False, True, False, True]))
(t([True, False, True, False]), 0)
(t([True, False, True, False]), slice(0, 2))
(t([True, False, True, False]), t([0, 1]))
(t([True, False, True, False]), ..., t([0, 1]))
(0, t([True, False, True]))
(t([True, False, True, False]), t([True, False, True]))
(t([True, False, True, False]), slice(None), t([True, False, False, False, True]))
(None, t([True, False, True, False]))
x > 0
x[..., 0] > 0
(0, x[0, :, 0] > 0)
(slice(None), x[0] > 0)
(..., x[0] > 0)
(x[..., 0] > 0, 1)
(x[..., 0] > 0, slice(1, 3))
x > 9
True
False
(True, 0)
(None, True)
(0, False)
t(True)
(t(True), 0)
(t([0, 1]), t([1, 0]), slice(None, None, 2))
(slice(None), t([0, 0, 1]), 4)
(t([3, 3, 3]),)
"""
SHAPE = (4, 3, 5)
KEY_LINES = KEYS.strip().splitlines()
#: Keys that select one place twice: which value stays is not defined.
TWICE = {"[2, 0, 2]", "(slice(None), t([0, 0, 1]), 4)", "(t([3, 3, 3]),)"}


def numbers() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, SHAPE)


def key_of(line: str, module: Any, x: Any) -> Any:
    """Return a key with ``module``'s tensors in it."""

    def t(data: Any, dtype: Any = None) -> Any:
        return module.tensor(data, dtype=dtype)

    names = {"t": t, "x": x, "int64": module.int64, "int32": module.int32}
    return eval(line, names)


def both(data: np.ndarray) -> tuple[Any, Any]:
    return torch.from_numpy(data.copy()), weft.from_numpy(data.copy())


def test_the_list_has_a_hundred_keys():
    assert len(KEY_LINES) >= 100
    assert len(set(KEY_LINES)) == len(KEY_LINES)


@pytest.mark.parametrize("line", KEY_LINES)
def test_reading_and_its_gradient_are_torchs(line):
    theirs, ours = both(numbers())
    expected = quietly(lambda: theirs.requires_grad_()[key_of(line, torch, theirs.detach())])
    got = ours.requires_grad_()[key_of(line, weft, ours.detach())]
    assert_same(got, expected, line)
    weights = np.asarray(np.random.default_rng(1).uniform(0.5, 1.5, tuple(got.shape)))
    (expected * torch.from_numpy(weights)).sum().backward()
    (got * weft.from_numpy(weights)).sum().backward()
    assert_same(ours.grad, theirs.grad, f"gradient of {line}")


@pytest.mark.parametrize("line", KEY_LINES)
def test_a_view_is_where_torch_gives_a_view(line):
    theirs, ours = both(numbers())
    expected = quietly(lambda: theirs[key_of(line, torch, theirs.clone())])
    got = ours[key_of(line, weft, ours.clone())]
    with torch.no_grad():
        quietly(expected.fill_, 7.0)
    got.fill_(7.0)
    assert_same(ours, theirs, f"after writing into x[{line}]")


@pytest.mark.parametrize("line", [one for one in KEY_LINES if one not in TWICE])
@pytest.mark.parametrize("kind", ["number", "0-d", "whole", "row"])
def test_writing_and_its_gradients_are_torchs(line, kind):
    theirs, ours = both(numbers())
    region = tuple(quietly(lambda: theirs[key_of(line, torch, theirs)]).shape)
    shape = {"number": (), "0-d": (), "whole": region, "row": region[-1:]}[kind]
    value = np.asarray(np.random.default_rng(2).uniform(2, 3, shape))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, SHAPE)
    results = []
    for module, base in ((torch, theirs), (weft, ours)):
        leaf = base.requires_grad_()
        new = module.from_numpy(value.copy()).requires_grad_()
        out = leaf.clone()
        key = key_of(line, module, base.detach())
        quietly(out.__setitem__, key, 2.5 if kind == "number" else new)
        (out * module.from_numpy(weights)).sum().backward()
        results.append((out, leaf.grad, new.grad))
    (expected, *expected_gradients), (got, *gradients) = results
    assert_same(got, expected, line)
    for g, e in zip(gradients, expected_gradients, strict=True):
        if e is None:
            assert g is None or not g.count_nonzero().item()
        else:
            assert_same(g, e, f"gradient of {line}")


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8", "float16", "bfloat16", "complex64"])
def test_values_are_converted_to_the_tensors_dtype(dtype):
    for value in (True, 1, 2.5):
        theirs = torch.zeros(3, dtype=getattr(torch, dtype))
        ours = weft.zeros(3, dtype=getattr(weft, dtype))
        theirs[1], ours[1] = value, value
        theirs[2:], ours[2:] = torch.tensor(value), weft.tensor(value)
        assert_same(ours, theirs, f"{value} into {dtype}")


@pytest.mark.parametrize(
    "line",
    [
        "4", "-5", "(0, 3)", "(0, 1, 2, 0)", "[0, 4]", "([0, 1], [0, 1, 2])",
        "t([5])", "t([True, False])", "t([0.5])", "0.5", "'a'", "(0, 'a')", "slice(None, None, 0)",
        "x[0] > 0",
    ],
)  # fmt: skip
def test_what_torch_refuses_weft_refuses(line):
    theirs, ours = both(numbers())
    with pytest.raises((IndexError, TypeError, ValueError)):
        quietly(lambda: theirs[key_of(line, torch, theirs)])
    with pytest.raises((IndexError, TypeError, ValueError)):
        ours[key_of(line, weft, ours)]
