"""Kernels use what NumPy and CuPy both have: read in their sources, and recorded as they run.

CuPy's side is a list of its public names (``cupy_names.json``), so that no GPU is needed.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import array_api_strict
import pytest

import weft.ops
from tests.core.drawing import Call
from weft._backend import lapack
from weft._backend.cpu import switches
from weft._core import catalogue, kernels
from weft.ops import load_all
from weft.ops.families import reduction

load_all()
CUPY: dict[str, Any] = json.loads(Path(__file__).with_name("cupy_names.json").read_text("utf-8"))
OPS = Path(weft.ops.__file__).parent
FILES = sorted(OPS.rglob("*.py"))
#: What weft's own namespace adds to both libraries: a module that each backend has of its own.
OWN = {"name", "lapack"}
#: Where `xp.a.b` is found.
SPACES = {
    "linalg": "cupy.linalg",
    "fft": "cupy.fft",
    "lib.stride_tricks": "cupy.lib.stride_tricks",
    "scipy.linalg": "cupyx.scipy.linalg",
    "scipy.special": "cupyx.scipy.special",
    "scipy.fft": "cupyx.scipy.fft",
}
#: Methods of ufuncs, as in ``xp.add.at``.
UFUNC = set(CUPY["cupy.ufunc"])
#: Attributes of NumPy's arrays that CuPy's have not.
NUMPY_ARRAYS_ONLY = {"ctypes", "getfield", "resize", "setfield", "setflags"}


def known(path: str) -> bool:
    """Whether ``xp.<path>`` is in CuPy, or in the standard that both follow."""
    space, _, name = path.rpartition(".")
    if not space:
        return (
            name in CUPY["cupy"]
            or name in CUPY["cupyx.scipy.special"]
            or name in SPACES
            or name in ("scipy", "lib")
            or name in OWN
            or hasattr(array_api_strict, name)
        )
    if space in SPACES:
        return name in CUPY[SPACES[space]]
    if space == "lapack":
        return hasattr(lapack, name)
    if space in ("scipy", "lib"):
        return path in SPACES
    return known(space) and name in UFUNC


def parameters(path: str) -> list[str] | None:
    """Return what ``xp.<path>`` takes in CuPy, or None where that is not known."""
    space, _, name = path.rpartition(".")
    table = CUPY[SPACES.get(space, "cupy")]
    found: list[str] | None = table.get(name)
    return None if found is None or "kwargs" in found else found


def taken(node: ast.AST, root: str) -> str | None:
    """Return ``a.b`` of the expression ``root.a.b``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id == root and parts:
        return ".".join(reversed(parts))
    return None


def kernel_functions(tree: ast.AST) -> list[ast.FunctionDef]:
    """Return the functions that take an array namespace as their first argument."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = [*node.args.posonlyargs, *node.args.args][:1]
            if first and first[0].arg == "xp":
                found.append(node)
    return found


def problems(source: str, where: str) -> list[str]:
    """Return one sentence for each use in a source's kernels of what CuPy has not."""
    found = []
    tree = ast.parse(source)
    for node in ast.walk(tree):
        path = taken(node, "xp")
        # the longest chain counts, `xp.linalg.qr` and not the `xp.linalg` in it
        if (
            path is not None
            and not known(path)
            and not isinstance(parent(tree, node), ast.Attribute)
        ):
            found.append(f"{where}:{node.lineno}: xp.{path} is not in CuPy")
        if isinstance(node, ast.Call) and (called := taken(node.func, "xp")):
            accepted = parameters(called)
            for keyword in node.keywords:
                if accepted is not None and keyword.arg and keyword.arg not in accepted:
                    found.append(
                        f"{where}:{node.lineno}: xp.{called} has no {keyword.arg}= in CuPy"
                    )
    for kernel in kernel_functions(tree):
        for node in ast.walk(kernel):
            if (path := taken(node, "np")) is not None:
                found.append(f"{where}:{node.lineno}: np.{path} in the kernel {kernel.name}")
            if isinstance(node, ast.Attribute) and node.attr in NUMPY_ARRAYS_ONLY:
                found.append(f"{where}:{node.lineno}: .{node.attr} of arrays is not in CuPy")
    return found


def parent(tree: ast.AST, wanted: ast.AST) -> ast.AST | None:
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if child is wanted:
                return node
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(OPS)))
def test_kernels_are_written_over_what_cupy_has_too(path):
    where = str(path.relative_to(OPS))
    assert problems(path.read_text("utf-8"), where) == []


def test_the_check_finds_what_cupy_has_not():
    source = """
def rule(x):
    return np.copy(x)

def kernel(xp, x):
    a = xp.spacing(x) + xp.linalg.qr(x)[0] + xp.scipy.linalg.expm(x) + xp.erf(x)
    xp.add.at(a, 0, 1)
    xp.linalg.multi_dot([a, a])
    xp.scipy.linalg.sqrtm(a)
    xp.sort(a, axis=0, stable=True)
    return np.asarray(a.ctypes)
"""
    found = [p.partition(": ")[2] for p in problems(source, "f")]
    assert sorted(found) == [
        ".ctypes of arrays is not in CuPy",
        "np.asarray in the kernel kernel",
        "xp.linalg.multi_dot is not in CuPy",
        "xp.scipy.linalg.sqrtm is not in CuPy",
        "xp.sort has no stable= in CuPy",
        "xp.spacing is not in CuPy",
    ]


# --- as they run -------------------------------------------------------------------------------


class Recorder:
    """An array namespace that notes every name taken from it."""

    def __init__(self, inner: Any, seen: set[str], path: str = "") -> None:
        self._inner, self._seen, self._path = inner, seen, path

    def __getattr__(self, name: str) -> Any:
        path = f"{self._path}{name}"
        value = getattr(self._inner, name)
        if path in SPACES or path in ("scipy", "lib"):
            return Recorder(value, self._seen, f"{path}.")
        self._seen.add(path)
        return value


@pytest.fixture
def recorded(monkeypatch):
    """Puts a recorder in the place of the namespace that kernels get; gives what it noted.

    Compiled kernels ask no namespace: they are off.
    """
    monkeypatch.setattr(switches, "codegen", False)
    seen: set[str] = set()
    recorder = Recorder(kernels.xp, seen)
    for module in (kernels, reduction):
        monkeypatch.setattr(module, "xp", recorder)
    return seen


ENTRIES = [entry for entry in catalogue.public.values() if entry.op is not None]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.key)
def test_a_kernel_takes_from_its_namespace_what_cupy_has_too(entry, recorded):
    for sample in entry.samples:
        for dtype in ("float32", "float64"):
            call = Call(entry.function, sample, dtype, entry.key)
            call.run(call.tensors())
    assert sorted(name for name in recorded if not known(name)) == []


def test_the_recorder_sees_the_kernels(recorded):
    weft.softmax(weft.ones(3), 0)
    weft.cumsum(weft.ones(3), 0)
    assert {"exp", "cumsum"} <= recorded
