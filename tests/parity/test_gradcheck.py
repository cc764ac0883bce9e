"""weft's gradcheck beside torch's: the same verdicts on the same functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import weft
from tests.core.testing import planted
from weft.autograd.gradcheck import GradcheckError

MODES = pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])
WRONG = planted.wrong_rules(weft), planted.wrong_rules(torch)
RIGHT = planted.right_rules(weft), planted.right_rules(torch)
BORDERLINE = planted.borderline(weft), planted.borderline(torch)
CHECKS = ("gradcheck", "gradgradcheck")


def verdict(lib: Any, check: str, func: Any, inputs: Any, settings: dict[str, Any]) -> Any:
    """Return True, False for a wrong derivative, or the type of any other error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of single precision, and torch's about itself
        try:
            return getattr(lib.autograd, check)(func, inputs, raise_exception=False, **settings)
        except Exception as error:
            return type(error)


@MODES
@pytest.mark.parametrize("name", WRONG[0])
def test_both_catch_the_mistakes_that_torch_looks_for(name, fast):
    ours, theirs = (of[name] for of in WRONG)
    settings = {"fast_mode": fast, **ours.settings}
    assert verdict(weft, ours.check, ours.func, ours.inputs, settings) is False
    found = verdict(torch, theirs.check, theirs.func, theirs.inputs, settings)
    assert (found is not True) is (theirs.torch_fast if fast else theirs.torch)


@MODES
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", RIGHT[0])
def test_both_pass_what_is_right(name, check, fast):
    settings: dict[str, Any] = {"fast_mode": fast}
    if check == "gradcheck":
        settings["check_forward_ad"] = True
    for lib, of in zip((weft, torch), RIGHT, strict=True):
        assert verdict(lib, check, *of[name], settings) is True


@MODES
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", BORDERLINE[0])
def test_both_judge_borderline_functions_alike(name, check, fast):
    (ours, theirs) = (
        verdict(lib, check, *of[name][:2], {**of[name][2], "fast_mode": fast})
        for lib, of in zip((weft, torch), BORDERLINE, strict=True)
    )
    if name == "single_precision" and fast:
        return  # what single precision rounds away depends on the directions drawn
    if not isinstance(theirs, bool):
        return  # torch cannot mix dtypes in fast mode, or differentiate nothing twice
    assert ours is theirs


def misuse(lib: Any) -> dict[str, Callable[[], Any]]:
    """Return calls that are no checks at all."""
    x = lib.ones(2, dtype=lib.float64, requires_grad=True)
    gradcheck, twice = lib.autograd.gradcheck, lib.autograd.gradgradcheck
    return {
        "nothing_requires_grad": lambda: gradcheck(lib.sin, x.detach()),
        "overlap": lambda: gradcheck(lib.sin, lib.ones(1, dtype=lib.float64).expand(3)
                                     .requires_grad_()),
        "no_mode": lambda: gradcheck(lib.sin, x, check_backward_ad=False),
        "batched_without_backward": lambda: gradcheck(
            lib.sin, x, check_backward_ad=False, check_forward_ad=True, check_batched_grad=True),
        "batched_without_forward": lambda: gradcheck(lib.sin, x, check_batched_forward_grad=True),
        "no_mode_twice": lambda: twice(lib.sin, x, check_rev_over_rev=False),
        "undefined_without_reverse": lambda: twice(
            lib.sin, x, check_rev_over_rev=False, check_fwd_over_rev=True),
        "shape_that_depends_on_values": lambda: gradcheck(
            lambda x: x[x > 1], x),
        "raises": lambda: gradcheck(lambda x: 1 // 0, x),
        "absent_cotangent_unexpected": lambda: gradcheck(
            planted.absent_cotangent_unexpected(lib), x),
    }  # fmt: skip


@pytest.mark.parametrize("name", misuse(weft))
def test_both_refuse_what_cannot_be_checked(name):
    kinds = []
    for lib in (weft, torch):
        with pytest.raises(Exception) as caught:
            misuse(lib)[name]()
        kinds.append(caught.type)
    ours, theirs = kinds
    if theirs is AssertionError:  # what its user did wrong, or what func did
        assert ours in (ValueError, GradcheckError)
    else:
        assert issubclass(ours, theirs)


def test_the_error_is_imported_from_the_same_place():
    from torch.autograd.gradcheck import GradcheckError as theirs

    assert issubclass(GradcheckError, RuntimeError) and issubclass(theirs, RuntimeError)
    assert callable(weft.autograd.gradcheck) and callable(torch.autograd.gradcheck)
