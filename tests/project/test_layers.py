"""Imports point only downward, the checker that says so works, and `import weft` stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import layers

HEAVY = ["cupy", "scipy", "numba", "llvmlite", "requests", "torch", "PIL", "soundfile"]


def test_no_import_in_the_tree_points_upward(repository: Path) -> None:
    assert layers.violations(repository) == []


def test_importing_weft_loads_no_heavy_library() -> None:
    program = (
        "import sys, json, weft; "
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_importing_weft_loads_nothing_that_only_a_first_use_needs() -> None:
    """Each of these takes some milliseconds, of which NumPy's own import leaves few."""
    late = ["pathlib", "hashlib", "difflib", "tempfile", "urllib", "importlib.metadata"]
    program = (
        "import sys, json, numpy, ml_dtypes; before = set(sys.modules); import weft; "
        f"print(json.dumps([name for name in {late!r} if name in set(sys.modules) - before]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_importing_the_hub_loads_no_domain_package() -> None:
    domains = {"weft_vision", "weft_audio"}
    program = f"import sys, weft_hub; print(sorted({domains!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a tree of our five packages, each with an empty module."""
    for package, folder in layers.SOURCE_FOLDERS.items():
        source = tmp_path / folder / "src" / package
        source.mkdir(parents=True)
        (source / "__init__.py").write_text("")
        declared = '["numpy", "pillow"]' if package in {"weft", "weft_vision"} else "[]"
        (tmp_path / folder / "pyproject.toml").write_text(
            f'[project]\nname = "{package}"\ndependencies = {declared}\n'
        )
    return tmp_path


def write(tree: Path, module: str, text: str) -> None:
    package, *rest = module.split(".")
    path = (tree / layers.SOURCE_FOLDERS[package] / "src" / package).joinpath(*rest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".py").write_text(text)


def test_a_tree_that_keeps_the_rules_has_no_violations(tree: Path) -> None:
    write(tree, "weft.__init__", "from weft._tensor import Tensor\nfrom . import nn\n")
    write(tree, "weft._tensor", "from weft import ops\nfrom weft._core.modes import grad\n")
    write(tree, "weft.nn.linear", "import weft\nfrom .module import Module\n")
    write(tree, "weft._backend.numpy_", "import numpy as np\n")
    write(tree, "weft_vision.io", "import PIL.Image\nfrom weft.nn import Module\n")
    assert layers.violations(tree) == []


@pytest.mark.parametrize(
    ("module", "text", "said"),
    [
        ("weft.ops.matmul", "from weft._tensor import Tensor", "points upward"),
        ("weft.ops.matmul", "from ..transforms.tape import record", "points upward"),
        ("weft._core.dispatch", "def late():\n    from weft import ops", "points upward"),
        ("weft._core.dispatch", "import weft", "below the package's public names"),
        ("weft._tensor", "from weft import nn", "points upward"),
        ("weft.nn.linear", "import numpy", "only weft._backend imports numpy"),
        ("weft.gadgets", "import math", "stands in no layer"),
        ("weft_vision.io", "from weft._core import op", "that is private"),
        ("weft_vision.io", "from weft.io import _reader", "that is private"),
        ("weft_vision.io", "import weft_hub", "weft_vision may import weft"),
        ("weft_vision.io", "import requests", "does not declare requests"),
        ("weft_hub.load", "import weft_vision.models", "weft_hub may import weft"),
        ("weft_steward.cli", "import weft", "weft_steward may import none of our packages"),
    ],
)
def test_a_forbidden_import_is_named(tree: Path, module: str, text: str, said: str) -> None:
    write(tree, module, text + "\n")
    found = layers.violations(tree)
    assert len(found) == 1, found
    assert said in found[0]
    assert module.rpartition(".")[2] in found[0]


def test_an_import_for_type_checking_alone_is_allowed(tree: Path) -> None:
    write(
        tree,
        "weft.ops.matmul",
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from weft._tensor import Tensor\n",
    )
    assert layers.violations(tree) == []


def test_the_branch_beside_a_type_checking_block_still_counts(tree: Path) -> None:
    write(
        tree,
        "weft.ops.matmul",
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import weft._tensor\nelse:\n    import weft.transforms.tape\n",
    )
    (found,) = layers.violations(tree)
    assert "weft.transforms.tape" in found
