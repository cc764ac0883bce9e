"""``python -m benchmarks.rivals.onnx_export MODULE NETWORK PATH``: write a network as ONNX.

The exporter that follows one run needs no package beside ``onnx``; the newer one, which PyTorch
now prefers, needs two more and gives the same graphs here.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def main(module: str, network: str, path: str) -> None:
    """Export a network in evaluation, and write its inputs beside it."""
    import torch

    model, inputs = importlib.import_module(module).network(torch, network)
    with warnings.catch_warnings():
        # It says that it is the older one, and that batches of an LSTM are of a fixed size.
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), inputs, path, dynamo=False, opset_version=17)
    arrays: dict[str, Any] = {str(number): value.numpy() for number, value in enumerate(inputs)}
    np.savez(Path(path).parent / "inputs.npz", **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
