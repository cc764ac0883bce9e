"""Reading and writing weights: safetensors, and PyTorch checkpoints without running their code."""

from .errors import FormatError, MissingTensorError, UnsafeCheckpointError, WeightsError
from .pytorch import load_pytorch, load_torchscript
from .safetensors import (
    SafetensorsFile,
    TensorSlice,
    load_safetensors,
    open_safetensors,
    save_safetensors,
)

__all__ = [
    "FormatError",
    "MissingTensorError",
    "SafetensorsFile",
    "TensorSlice",
    "UnsafeCheckpointError",
    "WeightsError",
    "load_pytorch",
    "load_safetensors",
    "load_torchscript",
    "open_safetensors",
    "save_safetensors",
]
