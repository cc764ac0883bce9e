"""Computer vision on weft: images to tensors, transforms, models and what they were trained on."""

from weft.version import lockstep

# Before anything that another version of weft could break.
__version__ = lockstep("weft-vision")
# isort: split
from weft_vision import categories, data_sets, draw, io, models, presets, tasks, transforms

__all__ = [
    "__version__",
    "categories",
    "data_sets",
    "draw",
    "io",
    "models",
    "presets",
    "tasks",
    "transforms",
]
