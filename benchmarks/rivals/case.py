"""A case: one row of a table, as every rival's own call of the same computation.

The modules that list cases import no library: each is imported only by the process that runs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Takes a library (the module ``weft``, or ``torch``, ...) and returns what is timed.
Maker = Callable[[Any], Callable[[], Any]]

#: What is imported for the first word of a rival's name.
LIBRARIES = {
    "weft": "weft",
    "torch": "torch",
    "jax.jit": "benchmarks.rivals.jax_library",
    "onnxruntime": "benchmarks.rivals.onnx_library",
}


@dataclass(frozen=True)
class Case:
    """One row.

    Args:
        what: its name, once in its module.
        makers: for each rival what makes its call. The first word of a rival's name says which
            library it is, the rest in which form ("torch channels_last").
        tolerance: how far the results of the first call may lie from PyTorch's, relative to
            PyTorch's greatest.
        compared: what of a call's results is compared; all of it unless told.
        table: the heading under which the row stands.
        calls: the result of which call is compared: a later one shows what earlier ones changed.
    """

    what: str
    makers: Mapping[str, Maker]
    tolerance: float = 1e-4
    compared: Callable[[Any], Any] | None = None
    table: str = ""
    calls: int = 1

    def result(self, call: Callable[[], Any]) -> Any:
        """Call as often as it takes and return what is compared of the last result."""
        for _ in range(self.calls - 1):
            call()
        result = call()
        return self.compared(result) if self.compared else result


def alike(what: str, make: Maker, **options: Any) -> Case:
    """Return the case in which weft and PyTorch run one and the same program."""
    return Case(what, {"weft": make, "torch": make}, **options)


def library_of(rival: str) -> str:
    """Return the library that a rival's name begins with."""
    return rival.partition(" ")[0]


def load(library: str) -> Any:
    """Import a library and what the cases use of it."""
    module = importlib.import_module(LIBRARIES[library])
    if library in ("weft", "torch"):
        importlib.import_module(f"{library}.nn.functional")
    return module


def cases_of(module: str) -> dict[str, Case]:
    """Return the cases of a benchmark module by name.

    Raises:
        ValueError: two have the same name.
    """
    listed: Iterable[Case] = importlib.import_module(module).cases()
    found: dict[str, Case] = {}
    for case in listed:
        if case.what in found:
            raise ValueError(f"{module} has two cases called {case.what!r}")
        found[case.what] = case
    return found
