"""Schedules made of others: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from weft.optim.lr_scheduler.base import LRScheduler, assign, rates
from weft.optim.lr_scheduler.plateau import ReduceLROnPlateau
from weft.optim.optimizer import Optimizer


class _Composed(LRScheduler):
    """A scheduler whose state holds that of others."""

    _schedulers: Sequence[Any]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with that of the schedulers in it."""
        state = super().state_dict()
        state["_schedulers"] = [one.state_dict() for one in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, the schedulers' too."""
        state = dict(state_dict)
        for one, kept in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            one.load_state_dict(kept)
        super().load_state_dict(state)

    def _check(self, optimizer: Any, schedulers: Sequence[Any]) -> None:
        who = type(self).__name__
        for i, one in enumerate(schedulers):
            if not hasattr(one, "optimizer"):
                raise TypeError(f"{who}: scheduler {i} has no optimizer: {type(one).__name__}")
            if isinstance(one, ReduceLROnPlateau):
                raise ValueError(
                    f"{who}: scheduler {i} is ReduceLROnPlateau, whose step needs a metric"
                )
            if one.optimizer is not optimizer:
                raise ValueError(
                    f"{who}: all schedulers must have one optimizer, but that of scheduler {i} "
                    f"({type(one).__name__}) is another {type(one.optimizer).__name__}"
                )


class SequentialLR(_Composed):
    """Runs one scheduler until a milestone, then the next.

    Args:
        optimizer: that of all the schedulers.
        schedulers: those to run, in order.
        milestones: the epochs at which the second, third ... begin, one fewer than schedulers.
        last_epoch: see :class:`LRScheduler`.

    Raises:
        ValueError: there are not as many milestones, there is no scheduler, or one cannot be used.
        TypeError: one is no scheduler.

    Source: PyTorch's `torch.optim.lr_scheduler.SequentialLR`.

    Example:
        >>> optimizer = weft.optim.SGD([weft.ones(1)], lr=1.0)
        >>> warm = weft.optim.lr_scheduler.LinearLR(optimizer, 0.5, total_iters=2)
        >>> fall = weft.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        >>> scheduler = weft.optim.lr_scheduler.SequentialLR(optimizer, [warm, fall], [2])
        >>> rates = []
        >>> for _ in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 0.75, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        if not schedulers:
            raise ValueError("SequentialLR: needs at least one scheduler")
        self._check(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedulers have {len(schedulers) - 1} "
                f"milestones between them, got {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            assign(group, "lr", group["initial_lr"])
        self.recursive_undo()  # each did its first step when it was made
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take one step back, in all schedulers and those that they hold."""
        one = self if sched is None else sched
        if hasattr(one, "_schedulers"):
            for inner in one._schedulers:
                self.recursive_undo(inner)
        elif hasattr(one, "last_epoch"):
            one.last_epoch -= 1

    def step(self, epoch: int | None = None) -> None:
        """Step the scheduler whose turn it is.

        Raises:
            TypeError: an epoch is given.
        """
        if epoch is not None:
            raise TypeError("SequentialLR.step: takes no epoch")
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        one = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            one._update_lr(0)
        else:
            one.step()
        self._last_lr = one.get_last_lr()


class ChainedScheduler(_Composed):
    """Steps several schedulers at once: their factors multiply.

    Args:
        schedulers: those to step, in order, of one optimizer.
        optimizer: theirs; the first one's for None.

    Raises:
        ValueError: there is no scheduler, or one cannot be used.
        TypeError: one is no scheduler.

    Source: PyTorch's `torch.optim.lr_scheduler.ChainedScheduler`.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise ValueError("ChainedScheduler: needs at least one scheduler")
        if optimizer is None:
            optimizer = getattr(schedulers[0], "optimizer", None)
        self._check(optimizer, schedulers)
        self._schedulers = schedulers
        assert optimizer is not None
        self.optimizer = optimizer
        self._last_lr = rates(optimizer)

    def step(self, epoch: int | None = None) -> None:
        """Step all schedulers.

        Raises:
            TypeError: an epoch is given.
        """
        if epoch is not None:
            raise TypeError("ChainedScheduler.step: takes no epoch")
        for one in self._schedulers:
            one.step()
        self._last_lr = rates(self.optimizer)
