"""Audio on weft: recordings to tensors, resampling, and finding speech."""

from weft_audio._version import __version__

# The version check comes before anything that a mismatch could break.
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
