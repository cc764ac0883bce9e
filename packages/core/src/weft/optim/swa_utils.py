"""Averages of weights over training: equal ones (SWA), exponential ones (EMA), and a schedule."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import weft
from weft import Tensor
from weft.nn import Module
from weft.nn.batchnorm import BatchNormalization
from weft.optim._averaging import lerp_all
from weft.optim.lr_scheduler.base import LRScheduler, Rate, per_group
from weft.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Tensors = Sequence[Tensor]


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Tensors, Tensors, Any], None]:
    """Return a function that moves exponential averages of many tensors on, in place.

    Args:
        decay: how much of the average stays, in [0, 1].

    Returns:
        `function(averages, current, num_averaged)`; floating tensors are one kernel call.

    Raises:
        ValueError: `decay` is out of its range.

    Source: PyTorch's `torch.optim.swa_utils.get_ema_multi_avg_fn`.
    """
    _check_decay(decay)

    def update(averages: Tensors, current: Tensors, num_averaged: Any) -> None:
        with weft.no_grad():
            if _is_inexact(averages[0]):
                lerp_all(averages, current, 1 - decay)
            else:
                for average, x in zip(averages, current, strict=True):
                    average.copy_((average * decay + x * (1 - decay)).to(average.dtype))

    return update


def get_swa_multi_avg_fn() -> Callable[[Tensors, Tensors, Any], None]:
    """Return a function that moves equal averages of many tensors on, in place.

    Returns:
        `function(averages, current, num_averaged)`; floating tensors are one kernel call.

    Source: PyTorch's `torch.optim.swa_utils.get_swa_multi_avg_fn`.
    """

    def update(averages: Tensors, current: Tensors, num_averaged: Any) -> None:
        share = 1 / (int(num_averaged) + 1)
        with weft.no_grad():
            if _is_inexact(averages[0]):
                lerp_all(averages, current, share)
            else:
                for average, x in zip(averages, current, strict=True):
                    average.copy_((average + (x - average) * share).to(average.dtype))

    return update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """Return a function that gives the exponential average of one tensor.

    Args:
        decay: how much of the average stays, in [0, 1].

    Raises:
        ValueError: `decay` is out of its range.

    Source: PyTorch's `torch.optim.swa_utils.get_ema_avg_fn`.
    """
    _check_decay(decay)

    @weft.no_grad()
    def update(average: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return average * decay + current * (1 - decay)

    return update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """Return a function that gives the equal average of one tensor.

    Source: PyTorch's `torch.optim.swa_utils.get_swa_avg_fn`.
    """

    @weft.no_grad()
    def update(average: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return average + (current - average) / (num_averaged + 1)

    return update


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those that training went through.

    Args:
        model: the model; it is copied.
        device: where the copy lies.
        avg_fn: `avg_fn(average, current, num_averaged)` returns the new average of one tensor.
        multi_avg_fn: `multi_avg_fn(averages, currents, num_averaged)` writes those of many. Without
            either all models count alike (SWA); :func:`get_ema_multi_avg_fn` gives EMA.
        use_buffers: whether buffers, such as the statistics of batch norm, are averaged too;
            otherwise they stay, and :func:`update_bn` computes those anew.

    Attributes:
        module: the averaged model.
        n_averaged: how many models it is the average of.

    Raises:
        ValueError: both functions are given.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization"
    (2018); PyTorch's `torch.optim.swa_utils.AveragedModel`.

    Example:
        >>> model = weft.nn.Linear(1, 1, bias=False)
        >>> average = weft.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 3.0):
        ...     with weft.no_grad():
        ...         _ = model.weight.fill_(value)
        ...     average.update_parameters(model)
        >>> average.module.weight.item()
        2.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[Tensors, Tensors, Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: give avg_fn or multi_avg_fn, not both")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", weft.tensor(0, dtype=weft.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the averaged model."""
        return self.module(*args, **kwargs)

    @weft.no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take a model's weights into the average; the first ones are copied."""
        averages, current = self._pairs(model)
        count = int(self.n_averaged)
        if count == 0:
            for average, x in zip(averages, current, strict=True):
                average.copy_(x)
        elif self.avg_fn is not None:
            for average, x in zip(averages, current, strict=True):
                average.copy_(self.avg_fn(average, x, self.n_averaged))
        else:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            groups: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
            for average, x in zip(averages, current, strict=True):
                mine, theirs = groups.setdefault((str(average.device), average.dtype), ([], []))
                mine.append(average)
                theirs.append(x)
            for mine, theirs in groups.values():
                update(mine, theirs, self.n_averaged)
        if not self.use_buffers:
            pairs = zip(self.module.buffers(), model.buffers(), strict=True)
            for kept, b in pairs:
                kept.detach().copy_(b.detach().to(kept.device))
        self.n_averaged += 1

    def _pairs(self, model: Module) -> tuple[list[Tensor], list[Tensor]]:
        """Return what is averaged, here and in a model."""
        found = []
        for one in (self.module, model):
            buffers: Iterable[Tensor] = one.buffers() if self.use_buffers else ()
            found.append([x.detach() for x in itertools.chain(one.parameters(), buffers)])
        mine, theirs = found
        each = zip(mine, theirs, strict=True)
        return mine, [x.to(average.device) for average, x in each]


@weft.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch norms anew, over one pass of data.

    Args:
        loader: gives batches: tensors, or lists and tuples whose first element is one.
        model: it is run in training mode, and then set back to the mode it had.
        device: where batches are moved to.

    Source: PyTorch's `torch.optim.swa_utils.update_bn`.
    """
    norms = [m for m in model.modules() if isinstance(m, BatchNormalization)]
    momenta = [m.momentum for m in norms]
    if not norms:
        return
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # the mean of all batches, each alike
    was_training = model.training
    model.train()
    try:
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    finally:
        for m, momentum in zip(norms, momenta, strict=True):
            m.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Moves the rate to a fixed one and keeps it there, for averaging.

    Args:
        optimizer: whose rates are set.
        swa_lr: the fixed rate, one for all groups or a list.
        anneal_epochs: epochs of the way to it, from 0.
        anneal_strategy: `"cos"` or `"linear"`.
        last_epoch: see :class:`weft.optim.lr_scheduler.LRScheduler`.

    Raises:
        ValueError: a setting is out of its range.

    Source: PyTorch's `torch.optim.swa_utils.SWALR`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        values = per_group("SWALR", "swa_lr", optimizer, swa_lr)
        for value, group in zip(values, optimizer.param_groups, strict=True):
            group["swa_lr"] = value
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f'SWALR: anneal_strategy must be "cos" or "linear", got {anneal_strategy!r}'
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                f"SWALR: anneal_epochs must be a whole number from 0, got {anneal_epochs!r}"
            )
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._asked()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        values = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (group["lr"] - before * end) / (1 - before)
            values.append(end * now + start * (1 - now))
        return values

    def _share(self, step: int) -> float:
        """Return which part of the way is done at a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t


def _check_decay(decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"EMA: decay must be in [0, 1], got {decay}")


def _is_inexact(x: Tensor) -> bool:
    return bool(x.is_floating_point() or x.is_complex())
