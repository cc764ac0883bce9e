"""What an experiment has besides its model: options, data, progress, checkpoints, plots."""

from experiment.library import library
from experiment.loading import Order, Place, loader
from experiment.options import command_line
from experiment.program import program
from experiment.run import Run

__all__ = ["Order", "Place", "Run", "command_line", "library", "loader", "program"]
