"""Computer vision on weft: images to tensors, transforms, models and what they were trained on."""

from weft_vision._version import __version__

# The version check comes before anything that a mismatch could break.
# isort: split
from weft_vision import categories, draw, io, models, presets, tasks, transforms

__all__ = [
    "__version__",
    "categories",
    "draw",
    "io",
    "models",
    "presets",
    "tasks",
    "transforms",
]
