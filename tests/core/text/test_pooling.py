"""Pooling: each way by hand, whatever stands where a row was filled up."""

from __future__ import annotations

import pytest

import weft
from weft.text import Pooling

# Two rows; of the second, the last piece is none.
VECTORS = weft.tensor(
    [[[1.0, -4.0], [3.0, -2.0], [5.0, 0.0]], [[2.0, 2.0], [4.0, 8.0], [99.0, 99.0]]]
)
IS_TEXT = weft.tensor([[True, True, True], [True, True, False]])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("cls", [[1.0, -4.0], [2.0, 2.0]]),
        ("lasttoken", [[5.0, 0.0], [4.0, 8.0]]),
        ("max", [[5.0, 0.0], [4.0, 8.0]]),
        ("mean", [[3.0, -2.0], [3.0, 5.0]]),
        ("mean_sqrt_len_tokens", [[9 / 3**0.5, -6 / 3**0.5], [6 / 2**0.5, 10 / 2**0.5]]),
        ("weightedmean", [[22 / 6, -8 / 6], [10 / 3, 18 / 3]]),
    ],
)
def test_a_mode_is_what_its_name_says(mode: str, expected: list[list[float]]) -> None:
    found = Pooling((mode,), normalise=False)(VECTORS, IS_TEXT)
    assert weft.allclose(found, weft.tensor(expected))


def test_several_modes_stand_one_after_the_other_and_have_length_one_together() -> None:
    found = Pooling(("cls", "max"))(VECTORS, IS_TEXT)
    length = (1 + 16 + 25) ** 0.5
    assert weft.allclose(found[0], weft.tensor([1.0, -4.0, 5.0, 0.0]) / length)


def test_pieces_at_the_end_of_a_row_are_found_too() -> None:
    shifted = weft.tensor([[False, True, True], [False, False, True]])
    plain = {"normalise": False}
    assert Pooling(("cls",), **plain)(VECTORS, shifted).tolist() == [[3.0, -2.0], [99.0, 99.0]]
    assert Pooling(("lasttoken",), **plain)(VECTORS, shifted).tolist() == [[5.0, 0.0], [99.0, 99.0]]


@pytest.mark.parametrize("modes", [(), ("sum",), ("mean", "meen")])
def test_a_mode_that_is_none_is_refused(modes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cls, lasttoken, max"):
        Pooling(modes)
