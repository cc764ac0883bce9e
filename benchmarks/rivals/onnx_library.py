"""onnxruntime, for networks that PyTorch has exported in a process of its own before."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime

from benchmarks import machine


def session(module: str, network: str) -> tuple[Callable[[], Any], Any]:
    """Return a call of a network's forward pass, and the session that runs it.

    Args:
        module: the import name of a module with ``network(lib, name) -> (model, inputs)``.
        network: the name.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.rivals.onnx_export", module, network, str(path)],
            check=True,
        )
        options = onnxruntime.SessionOptions()
        # It does not read OMP_NUM_THREADS.
        options.intra_op_num_threads = int(
            os.environ.get("OMP_NUM_THREADS") or machine.default_threads()
        )
        options.log_severity_level = 3
        made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        # Inputs are small beside weights; they were written next to the network.
        inputs = _inputs(Path(folder))
    feed = {put.name: array for put, array in zip(made.get_inputs(), inputs, strict=True)}
    return (lambda: made.run(None, feed)), made


def _inputs(folder: Path) -> list[Any]:
    import numpy as np

    with np.load(folder / "inputs.npz") as stored:
        return [stored[name] for name in stored.files]
