"""FlopCounterMode: what is counted, for whom, and how it is told."""

from __future__ import annotations

import pytest

import weft
from weft import nn
from weft.utils.flop_counter import FlopCounterMode

LINEAR = 2 * 8 * 4 * 3  # two for each multiplication and addition


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
        self.head = nn.Linear(3, 4)

    def forward(self, x: weft.Tensor) -> weft.Tensor:
        return self.head(self.body(x))


def test_forward_and_backward_are_counted_by_module() -> None:
    model = Twice()
    with FlopCounterMode(display=False) as counter:
        y = model(weft.rand(8, 4))
        forward = LINEAR + LINEAR
        y.sum().backward()  # the input needs no gradient, so the first layer has one product less
    assert counter.get_total_flops() == forward + LINEAR + 2 * LINEAR
    counts = {name: sum(own.values()) for name, own in counter.get_flop_counts().items()}
    assert counts == {
        "Global": 5 * LINEAR,
        "Twice": 5 * LINEAR,
        "Twice.body": 2 * LINEAR,
        "Twice.body.0": 2 * LINEAR,
        "Twice.head": 3 * LINEAR,
    }


def test_what_no_module_does_counts_for_the_whole_alone() -> None:
    with FlopCounterMode(display=False) as counter:
        weft.rand(8, 4) @ weft.rand(4, 3)
    assert {name: sum(own.values()) for name, own in counter.get_flop_counts().items()} == {
        "Global": LINEAR
    }


def test_each_block_counts_anew() -> None:
    counter = FlopCounterMode(display=False)
    assert counter.get_total_flops() == 0
    for rows in (8, 4):
        with counter:
            nn.Linear(4, 3)(weft.rand(rows, 4))
        assert counter.get_total_flops() == 2 * rows * 4 * 3


def test_the_table_is_printed_to_its_depth(capsys: pytest.CaptureFixture[str]) -> None:
    with FlopCounterMode(depth=1) as counter:
        Twice()(weft.rand(1000, 4))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Module", "FLOP", "%", "Total"]
    assert [line.split() for line in lines[2:]] == [
        ["Global", "48.000K", "100.00%"],
        ["-", "affine", "48.000K", "100.00%"],
        ["Twice", "48.000K", "100.00%"],
        ["-", "affine", "48.000K", "100.00%"],
    ]
    assert "  Twice.head" in counter.get_table(depth=2)


def test_nothing_is_printed_of_a_block_that_raised(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(weft.ShapeError), FlopCounterMode():
        weft.rand(2, 3) @ weft.rand(2, 3)
    assert capsys.readouterr().out == ""
    with FlopCounterMode(display=False) as counter:  # and the profile was ended
        pass
    assert counter.get_table() == "Module  FLOP  % Total\n------  ----  -------"


def test_formulas_of_the_users_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="custom_mapping= has formulas of"):
        FlopCounterMode(custom_mapping={"op": lambda *shapes: 1})
