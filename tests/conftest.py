"""What every test may rely on: shipped media, and GPU tests that say why they are skipped."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the root of the working tree that the tests lie in."""
    return ROOT


@pytest.fixture(scope="session")
def media() -> Path:
    """Return the folder of shipped photos and recordings (see its NOTICE.md)."""
    return ROOT / "examples" / "media"


@pytest.fixture(scope="session")
def pretrained(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Load a model from the hub by name; downloads are kept in pytest's cache folder."""
    from weft_hub import Hub

    cache = request.config.cache
    assert cache is not None
    hub = Hub(cache=cache.mkdir("weft-hub"))
    loaded: dict[str, Any] = {}

    def load(name: str) -> Any:
        if name not in loaded:
            loaded[name] = hub.load(name, progress=False)
        return loaded[name]

    return load


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    reason = _why_no_gpu() if marked else None
    if reason:
        # one of each function says it for all of its cases, of which there are thousands
        cases: dict[str, list[pytest.Item]] = {}
        for item in marked:
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
        for first, *others in cases.values():
            skipped = f"{reason} ({1 + len(others)} cases)"
            first.add_marker(pytest.mark.skip(reason=skipped))
        left_out = {item for _, *others in cases.values() for item in others}
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=list(left_out))


def _why_no_gpu() -> str | None:
    if importlib.util.find_spec("cupy") is None:
        return "needs a GPU: CuPy is not installed"
    program = shutil.which("nvidia-smi")
    if program is None:
        return "needs a GPU: no NVIDIA driver on this machine"
    asked = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    return None if "GPU" in asked.stdout else "needs a GPU: nvidia-smi lists none"
