"""GradScaler: losses multiplied before the backward pass, so that small gradients do not vanish."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import weft
from weft import Tensor, foreach
from weft.amp._casting import known_kind


class _Progress:
    """How far a step of one optimizer has come since the last `GradScaler.update`."""

    __slots__ = ("finite", "stepped", "unscaled")

    def __init__(self) -> None:
        self.unscaled = False
        self.stepped = False
        self.finite = True


class GradScaler:
    """Multiplies losses by a factor that grows while gradients are finite, and shrinks when not.

    Gradients in ``float16`` that are smaller than 6e-8 become zero. Multiplied they do not; `step`
    divides them again, and skips a step whose gradients overflowed. ``bfloat16`` has the range of
    ``float32`` and needs none of it. In a training step::

        scaler = weft.amp.GradScaler("cpu")
        with weft.autocast("cpu", dtype=weft.float16):
            loss = loss_of(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    Args:
        device: the kind of device that the gradients are on.
        init_scale: the factor at first.
        growth_factor: what it is multiplied by after `growth_interval` steps without overflow.
        backoff_factor: what it is multiplied by after an overflow.
        growth_interval: see above.
        enabled: False makes every method do what would be done without a scaler.

    Raises:
        ValueError: a growth factor of 1 or less, a backoff factor of 1 or more, or no such device.

    Source: Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = known_kind(device)
        self._enabled = enabled
        if self._device == "cuda" and enabled and not weft.cuda.is_available():
            warnings.warn(f"GradScaler is disabled: {weft.cuda.why_unavailable()}", stacklevel=2)
            self._enabled = False
        if not growth_factor > 1.0:
            raise ValueError(f"GradScaler: growth_factor must be more than 1, got {growth_factor}")
        if not backoff_factor < 1.0:
            raise ValueError(
                f"GradScaler: backoff_factor must be less than 1, got {backoff_factor}"
            )
        self._scale = float(init_scale)
        self._scaled = False
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._optimizers: dict[int, _Progress] = {}

    def _of(self, optimizer: Any) -> _Progress:
        return self._optimizers.setdefault(id(optimizer), _Progress())

    def scale(self, outputs: Any) -> Any:
        """Return a tensor, or the tensors of a list or tuple, times the factor.

        Raises:
            TypeError: something else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            self._scaled = True
            return outputs * self._scale
        if isinstance(outputs, Iterable) and not isinstance(outputs, (str, dict)):
            scaled = [self.scale(one) for one in outputs]
            return tuple(scaled) if isinstance(outputs, tuple) else scaled
        raise TypeError(f"GradScaler.scale: expected tensors, got {type(outputs).__name__}")

    def unscale_(self, optimizer: Any) -> None:
        """Divide an optimizer's gradients by the factor now, to clip them, say; `step` will not.

        Raises:
            RuntimeError: it was done already since the last `update`, or the step was; or no loss
                was ever scaled.
            ValueError: a parameter, and so its gradient, is of ``float16``.
        """
        if not self._enabled:
            return
        progress = self._of(optimizer)
        if progress.unscaled or progress.stepped:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
                if progress.unscaled
                else "unscale_() is being called after step()."
            )
        if not self._scaled:
            raise RuntimeError(
                f"GradScaler: no loss was scaled yet, so that dividing its gradients by "
                f"{self._scale:g} would lose them; call scaler.scale(loss).backward()"
            )
        grads = [
            parameter.grad
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if any(grad.dtype is weft.float16 for grad in grads):
            raise ValueError(
                "Attempting to unscale FP16 gradients: keep parameters in float32 and compute in "
                "half precision by autocast"
            )
        with weft.no_grad():
            if grads:
                foreach.mul_(grads, 1.0 / self._scale)
            progress.finite = all(bool(grad.isfinite().all()) for grad in grads)
        progress.unscaled = True

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Divide the gradients if that was not done, and step if all of them are finite.

        Args:
            optimizer: whose step it is.
            args, kwargs: for its ``step``; a closure is refused.

        Returns:
            what the optimizer's ``step`` returns, None for one that was skipped.

        Raises:
            RuntimeError: it was called already since the last `update`, or with a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if args or "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        progress = self._of(optimizer)
        if progress.stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if not progress.unscaled:
            self.unscale_(optimizer)
        progress.stepped = True
        return optimizer.step(**kwargs) if progress.finite else None

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Let the factor grow or shrink, after the steps of all optimizers of an iteration.

        Args:
            new_scale: the factor to go on with, in place of that.

        Raises:
            RuntimeError: no optimizer's gradients were divided since the last one.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        else:
            seen = [one for one in self._optimizers.values() if one.unscaled]
            if not seen:
                raise RuntimeError("No inf checks were recorded prior to update.")
            if all(one.finite for one in seen):
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    grown = self._scale * self._growth_factor
                    self._scale = grown if grown < 3.4e38 else self._scale
                    self._growth_tracker = 0
            else:
                self._scale *= self._backoff_factor
                self._growth_tracker = 0
        self._optimizers.clear()

    def get_scale(self) -> float:
        """Return the factor; 1 if disabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """Return what the factor is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the factor is multiplied by when it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """Return what the factor is multiplied by after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the factor is multiplied by after an overflow."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """Return after how many steps without overflow the factor grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps without overflow the factor grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Return whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Return the factor and what it changes by, under PyTorch's keys; {} if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another scaler's `state_dict` was taken.

        Raises:
            RuntimeError: it is empty: it came from a disabled one.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
