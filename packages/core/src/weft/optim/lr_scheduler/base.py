"""LRScheduler: sets the learning rate of each group anew after every epoch, or every step."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import weft
from weft import Tensor
from weft.optim.optimizer import Optimizer

Rate = Any  # a number, or a tensor of one element


class LRScheduler:
    """Base of schedulers. A subclass defines `get_lr`.

    Making one does its first step: rates are then those of epoch 0.

    Args:
        optimizer: whose groups' `"lr"` are set; the rate before the first step is kept in each
            group as `"initial_lr"`.
        last_epoch: the epoch that was finished last; -1 begins anew, another goes on with groups
            that have their `"initial_lr"`.

    Attributes:
        base_lrs: the initial rates of the groups.
        last_epoch: how many steps were done.

    Raises:
        TypeError: `optimizer` is none.
        KeyError: `last_epoch` is given, but a group has no `"initial_lr"`.

    Source: PyTorch's `torch.optim.lr_scheduler.LRScheduler`.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(self, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: group {i} has no 'initial_lr', which going on at "
                    f"last_epoch={last_epoch} needs; load the optimizer's state first, or leave "
                    f"last_epoch out to begin anew"
                )
        self.base_lrs: list[Rate] = rates(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        self._initial_step()

    def get_lr(self) -> list[Rate]:
        """Return the rates of epoch `last_epoch`, of all groups; called by :meth:`step`."""
        raise NotImplementedError(f"{type(self).__name__} defines no get_lr")

    def get_last_lr(self) -> list[Rate]:
        """Return the rates that were set last, of all groups."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch; to be called after the optimizer's step.

        Args:
            epoch: the epoch to go to instead, by the closed form where there is one; deprecated.
        """
        if self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(): the first rate of the "
                "schedule is skipped; call them in the other order",
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, as PyTorch lays it out."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` returned; load the optimizer's too."""
        self.__dict__.update(state_dict)

    # --- for subclasses

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._within_step():
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed: Callable[[], list[Rate]] = getattr(self, "_get_closed_form_lr", self.get_lr)
                values = closed()
        self._set(values)

    def _set(self, values: list[Rate]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            assign(group, "lr", value)
        self._last_lr = rates(self.optimizer)

    @contextmanager
    def _within_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _asked(self) -> None:
        """Warn where a user calls `get_lr`, which gives the next rates of a recursion."""
        if not self._get_lr_called_within_step:
            warnings.warn("use get_last_lr() for the rates that are set", stacklevel=3)

    def _times(self, factor: Any) -> list[Rate]:
        """Return the rates that are set, times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _same(self) -> list[Rate]:
        return rates(self.optimizer)

    def _base_times(self, factor: Any) -> list[Rate]:
        """Return the initial rates, times a factor."""
        return [base * factor for base in self.base_lrs]


def warn_of_epoch() -> None:
    """Warn that `epoch=` is deprecated."""
    warnings.warn("lr_scheduler.step(epoch) is deprecated: call step()", stacklevel=3)


def checked(scheduler: Any, optimizer: Any) -> Any:
    """Return an optimizer, or raise TypeError for what is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{type(scheduler).__name__}: needs an optimizer, got {type(optimizer).__name__}"
        )
    return optimizer


def copied(value: Rate) -> Rate:
    """Return a rate that later steps do not write to."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def rates(optimizer: Any, key: str = "lr") -> list[Rate]:
    """Return a setting of all groups."""
    return [copied(group[key]) for group in optimizer.param_groups]


def assign(group: dict[str, Any], key: str, value: Rate) -> None:
    """Give a group a setting; a tensor is written to and stays the one that it is."""
    if isinstance(group[key], Tensor):
        with weft.no_grad():
            group[key].fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def per_group(who: str, name: str, optimizer: Any, value: Any) -> list[Any]:
    """Return one value for each group.

    Raises:
        ValueError: a list is not as long as the groups are many.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * count
    elif len(value) != count:
        raise ValueError(
            f"{who}: {name} must have one value for each of the {count} groups, got {len(value)}"
        )
    return list(map(copied, value))
