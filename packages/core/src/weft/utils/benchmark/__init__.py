"""Timing statements, and tables that compare them, by the names of ``torch.utils.benchmark``."""

from weft.utils.benchmark.comparison import Compare
from weft.utils.benchmark.measurement import Measurement, TaskSpec
from weft.utils.benchmark.timing import Timer, timer

__all__ = ["Compare", "Measurement", "TaskSpec", "Timer", "timer"]
