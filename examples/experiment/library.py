"""Which library an experiment runs on: weft or, with ``--torch`` on the command line, PyTorch."""

from __future__ import annotations

import sys
from typing import Any


def library() -> Any:
    """Return weft, or PyTorch where the command line says ``--torch``.

    The programs that compare the two say ``lib = experiment.library()`` where a program of your
    own says ``import weft``. All that follows is the same for both.
    """
    if "--torch" in sys.argv[1:]:
        import torch

        return torch
    import weft

    return weft
