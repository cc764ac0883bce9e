"""``out=``: taken where torch takes it, and treated as torch treats it."""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path

import pytest
import torch

import weft
from tests.parity.torch_side import assert_same

#: torch's own stub of its functions, which says where out= is taken.
STUB = Path(torch.__file__).parent / "_C" / "_VariableFunctions.pyi"


def taking_out() -> list[str]:
    """Return the names of torch's public functions that take ``out=``."""
    found = re.finditer(r"^def (\w+)\((.*?)\) -> ", STUB.read_text(), re.DOTALL | re.MULTILINE)
    return sorted({m[1] for m in found if re.search(r"\bout: ", m[2]) and m[1][0] != "_"})


@pytest.mark.parametrize("name", [n for n in taking_out() if hasattr(weft, n)])
def test_out_is_taken_where_torch_takes_it(name):
    function = getattr(weft, name)
    assert "out" in inspect.signature(function, follow_wrapped=False).parameters


CALLS = [
    lambda lib, x, out: lib.add(x, 1, out=out),
    lambda lib, x, out: lib.sum(x, 0, out=out),
    lambda lib, x, out: lib.matmul(x, x.t(), out=out),
    lambda lib, x, out: lib.cumsum(x, 1, out=out),
    lambda lib, x, out: lib.cat([x, x], out=out),
    lambda lib, x, out: lib.linalg.norm(x, dim=1, out=out),
    lambda lib, x, out: lib.special.expit(x, out=out),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("call", CALLS)
def test_an_empty_out_is_given_the_results_shape_and_keeps_its_dtype(call, dtype):
    ours = weft.arange(6.0).reshape(2, 3)
    theirs = torch.arange(6.0).reshape(2, 3)
    mine, other = (
        weft.empty(0, dtype=getattr(weft, dtype)),
        torch.empty(0, dtype=getattr(torch, dtype)),
    )
    try:
        expected = call(torch, theirs, other)
    except RuntimeError:
        return  # some of torch's kernels want one dtype; weft converts
    got = call(weft, ours, mine)
    assert got is mine
    assert_same(got, expected)


def test_several_results_go_into_several_tensors():
    x = weft.tensor([[3.0, 1.0], [0.0, 2.0]])
    values, places = weft.empty(0), weft.empty(0, dtype=weft.int64)
    result = weft.sort(x, dim=1, out=(values, places))
    assert result.values is values
    assert places.tolist() == torch.tensor([[3.0, 1.0], [0.0, 2.0]]).sort(1).indices.tolist()


def test_another_shape_warns_as_torch_does_and_wrong_kinds_are_refused():
    x, y = weft.ones(3), torch.ones(3)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        weft.add(x, x, out=weft.zeros(2))
        torch.add(y, y, out=torch.zeros(2))
    assert len(seen) == 2
    with pytest.raises(RuntimeError):
        torch.add(y, y, out=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(RuntimeError, match=r"a result of weft\.float32 does not fit"):
        weft.add(x, x, out=weft.zeros(3, dtype=weft.int64))
    with pytest.raises(RuntimeError):
        torch.add(y.requires_grad_(), y, out=torch.zeros(3))
    with pytest.raises(RuntimeError, match="no gradient is recorded"):
        weft.add(x.requires_grad_(), x, out=weft.zeros(3))
    with pytest.raises(TypeError, match=r"out must be a weft\.Tensor, got list"):
        weft.add(x.detach(), x.detach(), out=[1.0])
