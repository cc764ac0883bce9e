"""Schedules that rise and fall, with momentum falling and rising: cycles, or one cycle."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from weft.optim.lr_scheduler.base import LRScheduler, Rate, assign, checked, per_group
from weft.optim.optimizer import Optimizer


class CyclicLR(LRScheduler):
    """Moves the rate up and down between two bounds; to be stepped after every batch.

    Args:
        optimizer: whose rates are set.
        base_lr: the lower bound, one for all groups or a list.
        max_lr: the upper bound of the first cycle.
        step_size_up: steps from the lower bound to the upper.
        step_size_down: steps back; `step_size_up` for None.
        mode: `"triangular"`; `"triangular2"`, whose height halves with each cycle; `"exp_range"`,
            whose height is multiplied by `gamma` at each step.
        gamma: that factor.
        scale_fn: a height of one's own, in place of `mode`.
        scale_mode: whether it is a function of the `"cycle"` or of the `"iterations"`.
        cycle_momentum: whether momentum (or β₁) moves the other way.
        base_momentum: its lower bound.
        max_momentum: its upper bound.
        last_epoch: see :class:`LRScheduler`.

    Raises:
        ValueError: `mode` is none of these, a list is not as long as the groups are many, or the
            optimizer has no momentum to cycle.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2015); PyTorch's
    `torch.optim.lr_scheduler.CyclicLR`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        who = type(self).__name__
        self.optimizer = checked(self, optimizer)
        base_lrs = per_group(who, "base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                assign(group, "lr", lr)
        self.max_lrs = per_group(who, "max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(
                f'{who}: mode must be "triangular", "triangular2" or "exp_range" where there is '
                f"no scale_fn, got {mode!r}"
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = has_beta1(who, optimizer)
            self.base_momentums = per_group(who, "base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group(who, "max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                begin_momentum(self, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Return the height of cycle, or of step, `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return self.gamma**x if self.mode == "exp_range" else 1 / 2.0 ** (x - 1)

    def get_lr(self) -> list[Rate]:
        """Return the rates of step `last_epoch`, and set the momentum."""
        self._asked()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        share = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        share *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, bounds, strict=True):
                set_momentum(group, high - (high - low) * share, self.use_beta1)
        each = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * share for low, high in each]

    def state_dict(self) -> dict[str, Any]:
        """Return the state; of a `scale_fn` that is an object its attributes, else None."""
        state = super().state_dict()
        function = state.pop("_scale_fn_custom")
        is_object = function is not None and not isinstance(function, types.FunctionType)
        state["_scale_fn_custom"] = dict(vars(function)) if is_object else None
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; `scale_fn` stays, and an object gets its attributes."""
        state = dict(state_dict)
        kept = state.pop("_scale_fn_custom")
        super().load_state_dict(state)
        if kept is not None:
            vars(self._scale_fn_custom).update(kept)


class OneCycleLR(LRScheduler):
    """One cycle: up to `max_lr`, then far below the initial rate; stepped after every batch.

    Args:
        optimizer: whose rates are set.
        max_lr: the greatest rate, one for all groups or a list.
        total_steps: the steps of the cycle; or give
        epochs: and
        steps_per_epoch: whose product it is.
        pct_start: the part of the cycle that rises, in [0, 1].
        anneal_strategy: `"cos"` or `"linear"`.
        cycle_momentum: whether momentum (or β₁) moves the other way.
        base_momentum: its lower bound.
        max_momentum: its upper bound.
        div_factor: the initial rate is `max_lr / div_factor`.
        final_div_factor: the last is the initial one divided by it.
        three_phase: whether the fall to the initial rate mirrors the rise, and the rest follows.
        last_epoch: see :class:`LRScheduler`.

    Raises:
        ValueError: a setting is out of its range, the optimizer has no momentum to cycle, or it is
            stepped more than `total_steps` times.

    Source: Smith and Topin, "Super-Convergence" (2017); PyTorch's
    `torch.optim.lr_scheduler.OneCycleLR`, whose default is fastai's form of two phases.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        who = type(self).__name__
        self.optimizer = checked(self, optimizer)
        if total_steps is not None:
            self.total_steps = _positive(who, "total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = _positive(who, "epochs", epochs) * _positive(
                who, "steps_per_epoch", steps_per_epoch
            )
        else:
            raise ValueError(f"{who}: give total_steps, or both epochs and steps_per_epoch")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"{who}: pct_start must be a float in [0, 1], got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f'{who}: anneal_strategy must be "cos" or "linear", got {anneal_strategy!r}'
            )
        rising = pct_start * self.total_steps
        names = ["initial_lr", "max_lr", *(["initial_lr"] if three_phase else []), "min_lr"]
        momenta = ["max_momentum", "base_momentum", "max_momentum", "max_momentum"]
        ends = [rising - 1, *([2 * rising - 2] if three_phase else []), self.total_steps - 1]
        self._schedule_phases: list[dict[str, Any]] = [
            {
                "end_step": end,
                "start_lr": names[i],
                "end_lr": names[i + 1],
                "start_momentum": momenta[i],
                "end_momentum": momenta[i + 1],
            }
            for i, end in enumerate(ends)
        ]
        self._anneal_func_type = anneal_strategy
        tops = per_group(who, "max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = has_beta1(who, optimizer)
            highs = per_group(who, "max_momentum", optimizer, max_momentum)
            lows = per_group(who, "base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                begin_momentum(self, lows, highs)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Return the rates of step `last_epoch`, and set the momentum."""
        self._asked()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR: this is step {step} of a cycle of {self.total_steps} steps"
            )
        start = 0.0
        *early, phase = self._schedule_phases
        for one in early:
            if step <= one["end_step"]:
                phase = one
                break
            start = one["end_step"]
        share = (step - start) / (phase["end_step"] - start)
        values = []
        for group in self.optimizer.param_groups:
            values.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self._between(*ends, share), self.use_beta1)
        return values

    def _between(self, start: Any, end: Any, share: float) -> Any:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def has_beta1(who: str, optimizer: Any) -> bool:
    """Return whether an optimizer's momentum is β₁.

    Raises:
        ValueError: it has no momentum.
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            f"{who}: {type(optimizer).__name__} has neither momentum nor betas to cycle; pass "
            f"cycle_momentum=False"
        )
    return "betas" in optimizer.defaults


def begin_momentum(scheduler: Any, lows: list[Any], highs: list[Any]) -> None:
    """Give each group its bounds of momentum, and the upper one as momentum."""
    for group, low, high in zip(scheduler.optimizer.param_groups, lows, highs, strict=True):
        set_momentum(group, high, scheduler.use_beta1)
        group["max_momentum"], group["base_momentum"] = high, low


def set_momentum(group: dict[str, Any], value: Any, use_beta1: bool) -> None:
    """Give a group its momentum."""
    if use_beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def _positive(who: str, name: str, value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"{who}: {name} must be a whole number from 1, got {value!r}")
    return value
