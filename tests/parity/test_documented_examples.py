"""The examples in torch's own documentation, run on weft: read from the installed torch.

Each line of an example that torch runs must run on weft, and where it is an expression without
random numbers, give torch's value. What draws is compared by shape and dtype.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weft
import weft.nn.functional
from tests.parity.torch_side import assert_same

SPACES = (
    "torch",
    "torch.Tensor",
    "torch.linalg",
    "torch.fft",
    "torch.special",
    "torch.signal.windows",
    "torch.nn.functional",
)
#: What an example uses that is another part of torch, or of the machine.
ELSEWHERE = re.compile(r"cuda|jit|sparse|quantize|torch\.testing|torch\.utils|hooks?\b")
#: Functions whose documentation shows values that need not be equal, each with the reason.
NOT_COMPARED = {
    "torch.Tensor.storage_offset": "NumPy's memory",
    "torch.empty": "memory as it is found",
    "torch.empty_like": "memory as it is found",
    "torch.empty_permuted": "memory as it is found",
    "torch.empty_strided": "memory as it is found",
    "torch.Tensor.new_empty": "memory as it is found",
    "torch.Tensor.new_empty_strided": "memory as it is found",
}
_DRAWS = re.compile(r"rand|normal|bernoulli|multinomial|poisson|dropout|seed|empty|binomial|nn\.")


def examples(doc: str) -> list[str]:
    """Return the source of each ``>>>`` of a docstring, continued lines included."""
    try:
        return [example.source for example in doctest.DocTestParser().get_examples(doc)]
    except ValueError:  # some are not indented as doctest wants it
        return [line.strip()[4:] for line in doc.splitlines() if line.strip().startswith(">>> ")]


def holder_of(space: str, root: Any) -> Any:
    found = root
    for part in space.split(".")[1:]:
        found = getattr(found, part)
    return found


def documented() -> Iterator[Any]:
    """Yield each function that both have and torch documents by an example, once."""
    seen: set[str] = set()
    for space in SPACES:
        theirs, ours = holder_of(space, torch), holder_of(space, weft)
        for name in dir(theirs):
            doc = getattr(getattr(theirs, name, None), "__doc__", None)
            if name.startswith("_") or not isinstance(doc, str) or ">>> " not in doc:
                continue
            if isinstance(getattr(theirs, name), type) or doc in seen or not hasattr(ours, name):
                continue
            seen.add(doc)
            yield pytest.param(f"{space}.{name}", doc, id=f"{space}.{name}")


def names(root: Any) -> dict[str, Any]:
    """Return the names that examples use for a library."""
    functional = root.nn.functional
    more = {"nn": root.nn, "F": functional, "LA": root.linalg, "linalg": root.linalg}
    return {"torch": root, "np": np, "numpy": np, "math": math, **more}


def run(source: str, scope: dict[str, Any]) -> Any:
    """Run a line; return its value if it is an expression."""
    tree = ast.parse(source)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            return eval(source.strip(), scope)  # torch's own documentation
        exec(source, scope)  # likewise
    return None


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let an example write its files elsewhere, and undo what it sets for the process."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield
    for root in (torch, weft):
        root.set_default_dtype(root.float32)
        root.use_deterministic_algorithms(False)
        root.set_printoptions(profile="default")
        root.set_grad_enabled(True)
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("name", "doc"), list(documented()))
def test_what_torch_documents_runs_and_gives_its_value(name, doc):
    theirs, ours = names(torch), names(weft)
    random = bool(_DRAWS.search(doc)) or name in NOT_COMPARED
    for source in examples(doc):
        if ELSEWHERE.search(source):
            continue
        try:
            expected = run(source, theirs)
        except Exception:  # an excerpt, or an example of an error
            continue
        line = re.sub(r"^(import|from) torch\b", r"\1 weft", source, flags=re.MULTILINE)
        got = run(line, ours)
        if not random and _tensors(expected):
            assert_same(got, expected, f"{name}: {source.strip()}", (2e-5, 2e-5))


def _tensors(value: Any) -> bool:
    """Whether a value is a tensor, or tensors in a tuple."""
    if isinstance(value, tuple):
        return bool(value) and all(map(_tensors, value))
    return isinstance(value, torch.Tensor) and value.layout is torch.strided
