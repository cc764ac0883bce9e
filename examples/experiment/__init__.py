"""What an experiment has besides its model: options, data, progress, checkpoints, plots."""

from experiment.library import library
from experiment.loading import Batches, Order, Place
from experiment.options import command_line
from experiment.run import Run

__all__ = ["Batches", "Order", "Place", "Run", "command_line", "library"]
