"""Write every repository of `texts` and `pictures` into a folder, with what its library answers.

`python -m tests.parity.published FOLDER` runs in a process of its own: timm imports torchvision,
whose wheel is built for CUDA and cannot register its operators beside PyTorch's CPU build. Their
names are declared here first; no model and no transform of a picture calls one.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

OPERATORS = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def main(folder: Path) -> None:
    """Write them all; each folder has `repository/` and `expected.npz`."""
    from tests.parity.published import pictures, texts

    for written in (texts.WRITTEN, pictures.WRITTEN):
        for name, write in written.items():
            place = folder / name
            shutil.rmtree(place, ignore_errors=True)  # of a run that was broken off
            (place / "repository").mkdir(parents=True)
            torch.manual_seed(0)
            expected = write(place / "repository")
            np.savez(place / "expected.npz", **expected)
    names = sorted([*texts.WRITTEN, *pictures.WRITTEN])
    (folder / "written.json").write_text(json.dumps(names), "utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
