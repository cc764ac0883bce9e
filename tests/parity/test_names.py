"""Which of torch's public functions weft has, and why the others are absent."""

from __future__ import annotations

import pytest
import torch

from tests.parity.names import FUNCTIONS, SPACES, public_names
from tools.generate import torch_names

LISTED = torch_names.listed()
MISSING = torch_names.absent(LISTED)


@pytest.mark.parametrize("space", SPACES)
def test_the_list_is_what_the_installed_torch_has(space):
    assert LISTED[space] == public_names(space), "run `python -m tests.parity.names`"


def test_the_list_says_of_which_torch_it_is():
    assert torch.__version__.partition("+")[0] == LISTED["version"]


@pytest.mark.parametrize("space", FUNCTIONS)
def test_nineteen_of_twenty_functions_are_present(space):
    assert len(MISSING[space]) <= 0.05 * len(LISTED[space])


def test_nine_of_ten_names_of_modules_are_present():
    modules = [space for space in SPACES if space not in FUNCTIONS]
    total = sum(len(LISTED[space]) for space in modules)
    assert sum(len(MISSING[space]) for space in modules) <= 0.1 * total


def test_every_absent_name_has_its_reason_and_every_reason_its_name():
    named = {name for own in MISSING.values() for name in own}
    assert named == set(torch_names.reasons())
