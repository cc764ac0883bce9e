"""Optimizers: rules that update parameters by their gradients."""

from typing import TYPE_CHECKING, Any

from weft.optim import lr_scheduler
from weft.optim.adadelta import Adadelta
from weft.optim.adafactor import Adafactor
from weft.optim.adagrad import Adagrad
from weft.optim.adam import Adam
from weft.optim.adamax import Adamax
from weft.optim.adamw import AdamW
from weft.optim.asgd import ASGD
from weft.optim.lbfgs import LBFGS
from weft.optim.muon import Muon
from weft.optim.nadam import NAdam
from weft.optim.optimizer import Optimizer
from weft.optim.radam import RAdam
from weft.optim.rmsprop import RMSprop
from weft.optim.rprop import Rprop
from weft.optim.sgd import SGD
from weft.optim.sparse_adam import SparseAdam

if TYPE_CHECKING:
    from weft.optim import swa_utils

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]


def __getattr__(name: str) -> Any:
    """Load what needs modules on first use; say of an absent name why, or which one is near."""
    from weft._core.errors import did_you_mean

    if name == "swa_utils":  # needs weft.nn
        import importlib

        return importlib.import_module("weft.optim.swa_utils")
    raise AttributeError(
        f"module 'weft.optim' has no attribute {name!r}{did_you_mean(name, __all__)}"
    )
