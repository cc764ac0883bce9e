"""Schedules of learning rates."""

from weft.optim.lr_scheduler.base import LRScheduler
from weft.optim.lr_scheduler.by_function import LambdaLR, MultiplicativeLR
from weft.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from weft.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from weft.optim.lr_scheduler.cyclic import CyclicLR, OneCycleLR
from weft.optim.lr_scheduler.decaying import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from weft.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

_LRScheduler = LRScheduler  # PyTorch's old name, of which code in use still makes subclasses
