"""Reading and writing: weft's own files, safetensors, PyTorch's, without running what they hold."""

from .errors import FormatError, MissingTensorError, UnsafeCheckpointError, WeightsError
from .opening import Outline, SavedFile, open_saved
from .pytorch import load_pytorch, load_torchscript, save_pytorch
from .safetensors import (
    SafetensorsFile,
    TensorSlice,
    load_safetensors,
    open_safetensors,
    save_safetensors,
)
from .saving import load, save
from .sharded import load_sharded, save_sharded
from .training import Checkpoint, list_checkpoints, load_checkpoint, save_checkpoint

__all__ = [
    "Checkpoint",
    "FormatError",
    "MissingTensorError",
    "Outline",
    "SafetensorsFile",
    "SavedFile",
    "TensorSlice",
    "UnsafeCheckpointError",
    "WeightsError",
    "list_checkpoints",
    "load",
    "load_checkpoint",
    "load_pytorch",
    "load_safetensors",
    "load_sharded",
    "load_torchscript",
    "open_safetensors",
    "open_saved",
    "save",
    "save_checkpoint",
    "save_pytorch",
    "save_safetensors",
    "save_sharded",
]
