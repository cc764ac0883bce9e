"""Architectures of timm, run on weft by the alias: some here, all by the module that compares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = os.environ.get("WEFT_PARITY_LIBRARIES")
FAMILIES = [
    "byobnet", "convnext", "crossvit", "cspnext", "deit", "efficientnet", "ghostnet", "mlp_mixer",
    "mobilenetv3", "regnet", "resnet", "swiftformer", "vision_transformer", "xcit",
]  # fmt: skip


def test_a_family_gives_the_same_on_weft() -> None:
    if LIBRARIES is None:
        pytest.skip("WEFT_PARITY_LIBRARIES names no folder with timm: `nox -s parity` does")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, LIBRARIES])}
    said = subprocess.run(
        [sys.executable, "-m", "tests.parity.published.families", *FAMILIES],
        cwd=ROOT, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = {one["family"]: one for one in map(json.loads, said.stdout.splitlines())}
    assert sorted(found) == FAMILIES
    for one in found.values():
        # xcit computes the sines of its places in float32, whatever its weights are
        assert one["result"] < 1e-7 and one["gradients"] < 1e-7, one
