"""Schedules along a cosine, with restarts or without."""

from __future__ import annotations

import math

from weft.optim.lr_scheduler.base import LRScheduler, Rate
from weft.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Moves the rate along half a wave of the cosine, down to `eta_min` at epoch `T_max`.

    `lr = eta_min + (initial_lr - eta_min) (1 + cos(π epoch / T_max)) / 2`, computed from the rate
    of before, so that other schedulers may change it too.

    Args:
        optimizer: whose rates are set.
        T_max: epochs to the least rate; after it the rate rises again.
        eta_min: the least rate.
        last_epoch: see :class:`LRScheduler`.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016),
    equation 5, without the restarts; PyTorch's `torch.optim.lr_scheduler.CosineAnnealingLR`.

    Example:
        >>> optimizer = weft.optim.SGD([weft.ones(1)], lr=1.0)
        >>> scheduler = weft.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> optimizer.step()
        ... scheduler.step()
        ... round(scheduler.get_last_lr()[0], 6)
        0.5
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._asked()
        if self._is_initial:
            return self._same()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        least, epoch, length = self.eta_min, self.last_epoch, self.T_max
        if (epoch - 1 - length) % (2 * length) == 0:  # at the bottom: the ratio below has a pole
            rise = (1 - math.cos(math.pi / length)) / 2
            each = zip(self.base_lrs, self.optimizer.param_groups, strict=True)
            return [group["lr"] + (base - least) * rise for base, group in each]
        height = 1 + math.cos(math.pi * epoch / length)
        ratio = height / (1 + math.cos(math.pi * (epoch - 1) / length))
        return [ratio * (group["lr"] - least) + least for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Rate]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a wave of the cosine, again and again: SGDR.

    Args:
        optimizer: whose rates are set.
        T_0: epochs of the first half wave.
        T_mult: by how much each is longer than the one before.
        eta_min: the least rate.
        last_epoch: see :class:`LRScheduler`.

    Raises:
        ValueError: `T_0` or `T_mult` is no whole number from 1.

    Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2016);
    PyTorch's `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"CosineAnnealingWarmRestarts: {name} must be a whole number from 1, "
                    f"got {value!r}"
                )
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                f"CosineAnnealingWarmRestarts: eta_min must be a number, got {eta_min!r:.60}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        self._asked()
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of one that is given, fractions of epochs too.

        Args:
            epoch: from 0; `epoch + batch / batches` moves the rate within an epoch.

        Raises:
            ValueError: it is below 0.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with self._within_step():
            values = self.get_lr()
        self._set(values)

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: epoch must be from 0, got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            factor = self.T_mult
            waves = int(math.log(epoch / self.T_0 * (factor - 1) + 1, factor))
            self.T_cur = epoch - self.T_0 * (factor**waves - 1) / (factor - 1)
            self.T_i = self.T_0 * factor**waves
