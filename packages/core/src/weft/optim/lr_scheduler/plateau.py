"""A schedule by what training reaches: the rate falls where it gets no better."""

from __future__ import annotations

import math
from typing import Any

from weft.optim.lr_scheduler.base import (
    LRScheduler,
    assign,
    checked,
    per_group,
    rates,
    warn_of_epoch,
)
from weft.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rate by `factor` where a metric was no better for `patience` epochs.

    Args:
        optimizer: whose rates are set.
        mode: whether a better metric is smaller (`"min"`) or greater (`"max"`).
        factor: below 1.
        patience: epochs without progress that are let pass.
        threshold: how much better counts as better.
        threshold_mode: whether that is a part of the best metric (`"rel"`) or a difference
            (`"abs"`).
        cooldown: epochs after a fall in which nothing is counted.
        min_lr: the least rate, one for all groups or a list.
        eps: falls that are smaller are left out.

    Raises:
        TypeError: `optimizer` is none.
        ValueError: a setting is out of its range.

    Source: PyTorch's `torch.optim.lr_scheduler.ReduceLROnPlateau`.

    Example:
        >>> optimizer = weft.optim.SGD([weft.ones(1)], lr=1.0)
        >>> scheduler = weft.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        who = type(self).__name__
        if not factor < 1:
            raise ValueError(f"{who}: factor must be below 1, got {factor}")
        self.factor = factor
        self.optimizer = checked(self, optimizer)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = per_group(who, "min_lr", optimizer, min_lr)
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = rates(optimizer)
        self._judge_by(mode, threshold, threshold_mode)
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]  # as PyTorch
        """Judge an epoch by its metric, and let the rates fall if it is time.

        Args:
            metrics: a number, or a tensor of one element.
            epoch: which epoch it is; deprecated.
        """
        current = float(metrics)
        if epoch is not None:
            warn_of_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = rates(self.optimizer)

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted yet since the last fall."""
        return self.cooldown_counter > 0

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` returned; load the optimizer's too."""
        super().load_state_dict(state_dict)
        self._judge_by(self.mode, self.threshold, self.threshold_mode)

    def _judge_by(self, mode: str, threshold: float, threshold_mode: str) -> None:
        who = type(self).__name__
        if mode not in ("min", "max"):
            raise ValueError(f'{who}: mode must be "min" or "max", got {mode!r}')
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f'{who}: threshold_mode must be "rel" or "abs", got {threshold_mode!r}'
            )
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode

    def _is_better(self, value: float, best: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            limit = best * (1.0 + sign * self.threshold)
        else:
            limit = best + sign * self.threshold
        return value < limit if self.mode == "min" else value > limit

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"ReduceLROnPlateau: the optimizer has {len(groups)} groups, min_lrs is for "
                    f"{len(self.min_lrs)}; give the new groups theirs in min_lrs"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            before = float(group["lr"])
            after = max(before * self.factor, least)
            if before - after > self.eps:
                assign(group, "lr", after)
