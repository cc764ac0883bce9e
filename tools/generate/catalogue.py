"""Loads the op catalogue from the source tree, without the generated modules it is to write."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "packages" / "core" / "src"


def load() -> Any:
    """Import every op module and return the catalogue module.

    The package ``weft`` is stood in for by an empty one: its ``__init__`` imports a generated file,
    which may be missing or out of date when this runs.
    """
    sys.path.insert(0, str(SOURCE))
    package = types.ModuleType("weft")
    package.__path__ = [str(SOURCE / "weft")]
    sys.modules["weft"] = package
    importlib.import_module("weft.ops").load_all()
    return importlib.import_module("weft._core.catalogue")
