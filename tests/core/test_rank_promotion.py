"""The guard against silent broadcasting between different numbers of dims."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

import weft
from tests.core.drawing import Call
from weft import nn
from weft._core import catalogue
from weft._core.modes import flags
from weft.ops import load_all

load_all()

MISMATCHED = {
    "operator": lambda a, b: a - b,
    "reflected": lambda a, b: b * a,
    "function": weft.add,
    "settings": lambda a, b: weft.add(a, b, alpha=2),
    "method": lambda a, b: a.maximum(b),
    "in place": lambda a, b: a.clone().mul_(b),
    "in-place operator": lambda a, b: a.clone().__iadd__(b),
    "comparison": lambda a, b: a < b,
    "where": lambda a, b: weft.where(a > 0, a, b),
    "three operands": lambda a, b: weft.addcmul(a, a, b),
    "integers": lambda a, b: a.long() + b.long(),
    "half": lambda a, b: a.half() / b.half(),
    "composite": lambda a, b: weft.isclose(a, b),
}


@pytest.fixture(autouse=True)
def _allowed():
    yield
    weft.set_rank_promotion("allow")
    assert flags.rank == 0


@pytest.mark.parametrize("name", MISMATCHED)
def test_operands_of_other_rank_raise_with_their_shapes(name):
    a, b = weft.ones(3, 1), weft.ones(1)
    MISMATCHED[name](a, b)  # allowed at first
    with (
        weft.set_rank_promotion("raise"),
        pytest.raises(weft.ShapeError, match=r"(2 and 1|1 and 2) dims, .*\(3, 1\).*expand"),
    ):
        MISMATCHED[name](a, b)
    MISMATCHED[name](a, b)


@pytest.mark.parametrize("dtype", [weft.float32, weft.int64])
def test_numbers_0d_tensors_and_what_is_said_explicitly_are_fine(dtype):
    x = weft.ones(3, 2, dtype=dtype)
    with weft.set_rank_promotion("raise"):
        x + 1
        x * weft.tensor(2, dtype=dtype)
        weft.tensor(2, dtype=dtype) - x
        x + weft.ones(1, 2, dtype=dtype)  # the same number of dims
        x + weft.ones(2, dtype=dtype).unsqueeze(0)
        x + weft.ones(2, dtype=dtype).expand(3, 2)
        x + np.float32(2)
        x[0] = 1
        weft.broadcast_tensors(x, weft.ones(2))


def test_layers_and_gradients_broadcast_as_they_need():
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Flatten())
    with weft.set_rank_promotion("raise"):
        out = nn.Linear(144, 5)(net(weft.randn(2, 2, 8, 8)))
        nn.functional.cross_entropy(nn.LayerNorm(5)(out), weft.tensor([0, 1])).backward()


def test_no_function_raises_for_what_it_broadcasts_itself():
    """Every sample runs under the guard, unless its own tensors differ in their number of dims."""
    raised = []
    for entry in catalogue.public.values():
        for i, sample in enumerate(entry.samples):
            call = Call(entry.function, sample, np.float32, entry.key)
            with weft.set_rank_promotion("raise"):
                try:
                    call.run(call.tensors())
                except weft.ShapeError as error:
                    if "would broadcast" in str(error) and call.ranks() < 2:
                        raised.append(f"{entry.key}-{i}: {error}")
                except (TypeError, RuntimeError, ValueError):
                    pass  # what a sample cannot do in float32 is tested elsewhere
    assert raised == []


def test_it_warns_once_for_each_line_of_the_callers():
    a, b = weft.ones(3, 1), weft.ones(3)
    weft.set_rank_promotion("warn")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(3):
            a + b
        a + b
        b.add(a)
    assert [w.category for w in told] == [weft.RankPromotionWarning] * 3
    assert {w.filename for w in told} == {__file__}
    assert "sub" not in str(told[0].message)
    assert "operands of 2 and 1 dims, (3, 1) and (3,), would broadcast" in str(told[0].message)


def test_it_is_set_for_its_thread_and_until_its_block_ends():
    seen = []
    with weft.set_rank_promotion("warn"):
        with weft.set_rank_promotion("raise"):
            assert weft.get_rank_promotion() == "raise"
            other = threading.Thread(target=lambda: seen.append(weft.get_rank_promotion()))
            other.start()
            other.join()
        assert weft.get_rank_promotion() == "warn"
    assert (weft.get_rank_promotion(), seen) == ("allow", ["allow"])


def test_another_mode_is_refused_with_the_near_one():
    with pytest.raises(ValueError, match="one of allow, warn, raise, got 'raises'; did you mean"):
        weft.set_rank_promotion("raises")
