"""nn.functional's signatures against PyTorch's: the same names in the same order."""

from __future__ import annotations

import inspect

import pytest
import torch.nn.functional as theirs
import torch.overrides

import weft.nn.functional as ours

# PyTorch's own remnants: where a warning points to, what `reduction` replaced long ago, and the
# tensor that `normalize` alone of these functions may write into.
DROPPED = {"_stacklevel", "size_average", "reduce", "out"}
RENAMED = {"one_hot": {"tensor": "input"}}  # a builtin there, whose argument is positional


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]  # a function


def reference(name: str) -> list[str] | None:
    """PyTorch's parameters: of the Python function, or of its stand-in for a builtin."""
    function = getattr(theirs, name)
    if name.endswith(
        ("max_pool1d", "max_pool2d", "max_pool3d")
    ):  # the public one only dispatches on return_indices
        function = getattr(theirs, f"_{name}")
    try:
        return parameters(function)
    except ValueError:
        stand_in = torch.overrides.get_testing_overrides().get(function)
        return None if stand_in is None else parameters(stand_in)


# Those that write into their input are builtins in PyTorch, which tell no arguments.
@pytest.mark.parametrize("name", [n for n in ours.__all__ if not n.endswith("_")])
def test_arguments_have_pytorchs_names_and_order(name: str) -> None:
    expected = reference(name)
    assert expected is not None, f"PyTorch tells no signature of {name}"
    renamed = RENAMED.get(name, {})
    expected = [renamed.get(p, p) for p in expected if p not in DROPPED]
    assert "args" not in expected, f"PyTorch's {name} only dispatches to another function"
    found = parameters(getattr(ours, name))
    missing = set(expected) - set(found)
    assert missing == set(), f"{name} lacks {sorted(missing)}: {found} beside {expected}"
    shared = [p for p in found if p in expected]
    assert shared == [p for p in expected if p in found]
    # what weft adds must not stand where PyTorch's positional arguments do
    signature = inspect.signature(getattr(ours, name)).parameters
    extra = [p for p in found if p not in expected]
    positional = [p for p in extra if signature[p].kind is not inspect.Parameter.KEYWORD_ONLY]
    ordered = [p for p in found if signature[p].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert ordered[len(ordered) - len(positional) :] == positional
