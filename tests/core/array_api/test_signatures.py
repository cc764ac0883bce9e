"""The namespace has the standard's names with its signatures, and no others."""

from __future__ import annotations

import inspect

import pytest

import weft
import weft.array_api as xp
from tests.core.array_api.signatures import (
    ARRAY_ATTRIBUTES,
    ARRAY_METHODS,
    ARRAY_OPERATORS,
    SIGNATURES,
)

FUNCTIONS = [
    pytest.param(section, line.strip(), id=line.strip().partition("(")[0])
    for section, lines in SIGNATURES.items()
    for line in lines.splitlines()
    if "(" in line
]
PLAIN = [
    name for lines in SIGNATURES.values() if "(" not in lines for name in lines.split()
]  # constants and dtypes


def bare(signature: inspect.Signature) -> str:
    """The signature without annotations."""
    kept = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(kept))


def found(path: str) -> object:
    out: object = xp
    for part in path.split("."):
        out = getattr(out, part)
    return out


@pytest.mark.parametrize(("section", "line"), FUNCTIONS)
def test_a_function_has_the_standards_signature(section, line):
    name, _, rest = line.partition("(")
    function = found(name)
    assert bare(inspect.signature(function)) == f"({rest}", section
    assert function.__name__ == name.rpartition(".")[2]


@pytest.mark.parametrize(("section", "line"), FUNCTIONS)
def test_a_function_says_what_it_does(section, line):
    assert inspect.getdoc(found(line.partition("(")[0])), section


def test_the_namespace_has_the_standards_names_and_no_others():
    listed = {param.values[1].partition("(")[0] for param in FUNCTIONS} | set(PLAIN)
    main = {name for name in listed if "." not in name} | {"fft", "linalg"}
    assert set(xp.__all__) == main
    assert set(dir(xp)) == main
    for extension in ("fft", "linalg"):
        module = getattr(xp, extension)
        names = {n.partition(".")[2] for n in listed if n.startswith(f"{extension}.")}
        assert set(module.__all__) == names
        assert {n for n in vars(module) if not n.startswith("_")} == names


def test_as_many_functions_as_the_standard_counts():
    counts = {s: sum("(" in line for line in t.splitlines()) for s, t in SIGNATURES.items()}
    assert counts["Element-wise Functions"] == 67
    assert counts["Creation Functions"] == 16
    assert counts["Manipulation Functions"] == 15
    assert counts["Statistical Functions"] == 9
    assert counts["Searching Functions"] == 6
    assert counts["Set Functions"] == 5
    assert counts["Extension: Fourier transform"] == 14
    assert counts["Extension: Linear algebra"] == 25  # 4 of them of the main namespace too


def test_constants_are_pythons():
    import math

    assert (xp.e, xp.pi, xp.inf) == (math.e, math.pi, math.inf)
    assert math.isnan(xp.nan)
    assert xp.newaxis is None
    assert xp.__array_api_version__ == "2025.12"


def test_dtypes_are_the_tensors_own():
    for name in SIGNATURES["Data Types"].split():
        assert getattr(xp, name) is xp.zeros(1, dtype=getattr(weft, name)).dtype


# --- the array object --------------------------------------------------------------------------


@pytest.mark.parametrize("line", [line.strip() for line in ARRAY_METHODS.strip().splitlines()])
def test_an_array_method_has_the_standards_signature(line):
    name, _, rest = line.partition("(")
    parameters = list(inspect.signature(getattr(weft.Tensor, name)).parameters.values())
    assert parameters[0].name == "self"
    kept = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    wanted = f"(self, {rest}" if not rest.startswith("/)") else "(self, /)"
    assert str(inspect.Signature(kept)) == wanted


@pytest.mark.parametrize("name", [*ARRAY_OPERATORS.split(), *ARRAY_ATTRIBUTES.split()])
def test_an_array_has_what_the_standard_asks_of_it(name):
    assert hasattr(weft.ones(2, 2), name)


def test_an_array_names_its_namespace():
    x = weft.ones(2)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2025.12") is xp
    assert x.__array_namespace__(api_version="2022.12") is xp
    with pytest.raises(ValueError, match=r"2025\.12.*got '2030\.12'"):
        x.__array_namespace__(api_version="2030.12")


def test_the_size_of_an_array_is_a_number_and_pytorchs_method():
    x = weft.ones(2, 3)
    assert x.size == 6
    assert isinstance(x.size, int)
    assert x.size() == weft.Size([2, 3])
    assert x.size(1) == x.size(dim=-1) == 3
    assert weft.ones(()).size == 1
    assert weft.Tensor.size(x, 0) == 2


def test_to_device_moves_and_takes_no_stream():
    x = weft.ones(2)
    assert x.to_device(x.device) is x
    assert x.to_device("meta").device.type == "meta"
    with pytest.raises(ValueError, match="has no streams, got stream=1"):
        x.to_device("cpu", stream=1)
