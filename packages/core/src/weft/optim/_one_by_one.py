"""Optimizers that update their parameters one after the other, by formula."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft.optim.optimizer import Optimizer, evaluated, with_gradient


class OneByOne(Optimizer):
    """An optimizer whose rule is ``_update``, called for each parameter that has a gradient."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; see :meth:`weft.optim.Optimizer.step`."""
        loss = evaluated(closure)
        with weft.no_grad():
            for group in self.param_groups:
                for p in with_gradient(group["params"]):
                    self._update(group, p, p.grad)
        return loss

    def _update(self, group: dict[str, Any], p: Tensor, g: Tensor) -> None:
        """Update one parameter, and its state, by its gradient; nothing is recorded."""
        raise NotImplementedError(f"{type(self).__name__} defines no _update")
