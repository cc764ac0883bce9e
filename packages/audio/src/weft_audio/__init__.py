"""Audio on weft: recordings to tensors, resampling, and finding speech."""

from weft.version import lockstep

# Before anything that another version of weft could break.
__version__ = lockstep("weft-audio")
# isort: split
from weft_audio import functional, io, models, plot, tasks, transforms

__all__ = [
    "__version__",
    "functional",
    "io",
    "models",
    "plot",
    "tasks",
    "transforms",
]
