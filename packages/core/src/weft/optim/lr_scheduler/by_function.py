"""Schedules by functions of the epoch."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from weft.optim.lr_scheduler.base import LRScheduler, Rate
from weft.optim.optimizer import Optimizer

Function = Callable[[int], float]


class _ByFunction(LRScheduler):
    """A scheduler with one function for each group."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Function | list[Function], last_epoch: int = -1
    ) -> None:
        self.optimizer = optimizer
        count = len(optimizer.param_groups)
        functions = lr_lambda if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * count
        who = type(self).__name__
        if len(functions) != count:
            raise ValueError(f"{who}: needs {count} functions, one a group, got {len(functions)}")
        for function in functions:
            if not callable(function):
                raise TypeError(f"{who}: lr_lambda must be a function, got {function!r:.60}")
        self.lr_lambdas = list(functions)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the state; of functions that are objects their attributes, of others None."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(f, types.FunctionType) else dict(vars(f)) for f in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; functions stay, and those that are objects get their attributes."""
        state = dict(state_dict)
        for function, kept in zip(self.lr_lambdas, state.pop("lr_lambdas"), strict=True):
            if kept is not None:
                vars(function).update(kept)
        super().load_state_dict(state)


class LambdaLR(_ByFunction):
    """The initial rate times a function of the epoch: `lr = initial_lr * lr_lambda(epoch)`.

    Args:
        optimizer: whose rates are set.
        lr_lambda: the function, or a list with one for each group.
        last_epoch: see :class:`LRScheduler`.

    Source: PyTorch's `torch.optim.lr_scheduler.LambdaLR`.

    Example:
        >>> optimizer = weft.optim.SGD([weft.ones(1)], lr=1.0)
        >>> scheduler = weft.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
        >>> optimizer.step()
        ... scheduler.step()
        ... scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[Rate]:
        self._asked()
        each = zip(self.lr_lambdas, self.base_lrs, strict=True)
        return [base * function(self.last_epoch) for function, base in each]


class MultiplicativeLR(_ByFunction):
    """The rate of before times a function of the epoch.

    Args:
        optimizer: whose rates are set.
        lr_lambda: the function, or a list with one for each group.
        last_epoch: see :class:`LRScheduler`.

    Source: PyTorch's `torch.optim.lr_scheduler.MultiplicativeLR`.
    """

    def get_lr(self) -> list[Rate]:
        self._asked()
        if self._is_initial:
            return self._same()
        each = zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)
        return [group["lr"] * function(self.last_epoch) for function, group in each]
