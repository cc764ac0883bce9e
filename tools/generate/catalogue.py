"""Loads the op catalogue from the source tree, without the generated modules it is to write."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "packages" / "core" / "src"
OPS = SOURCE / "weft" / "ops"


def load() -> Any:
    """Import every op module and return the catalogue module.

    The packages ``weft`` and ``weft.ops`` are stood in for by empty ones: their ``__init__`` import
    generated files, which may be missing or out of date when this runs.
    """
    sys.path.insert(0, str(SOURCE))
    for name, folder in (("weft", SOURCE / "weft"), ("weft.ops", OPS)):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    for path in sorted(OPS.glob("*.py")):
        if path.stem != "__init__":
            importlib.import_module(f"weft.ops.{path.stem}")
    return importlib.import_module("weft._core.catalogue")
