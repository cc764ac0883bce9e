"""Optimizers that update each element by itself: their step, by formula or by one fused kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import weft
from weft import Tensor
from weft._core.node import Writes
from weft._core.tensor import version_of
from weft.optim._fused import Plan, kernels
from weft.optim.optimizer import Optimizer, evaluated, with_gradient

Group = dict[str, Any]


class Elementwise(Optimizer):
    """An optimizer whose rule reads and writes, at each place, one element of each tensor.

    A subclass gives its rule twice: ``_formula`` in tensor ops, which runs on every device and can
    be differentiated, and as the kernel named ``_kernel``, which updates many parameters in one
    pass over their memory. Both are given the coefficients that ``_coefficients`` computes from the
    settings and from the state's ``_counters``.
    """

    #: The rule's name in weft/_backend/cpu/kernels/optimizers.py.
    _kernel: ClassVar[str]
    #: How many numbers ``_coefficients`` returns.
    _width: ClassVar[int]
    _plans: dict[int, Plan]

    def __init__(self, params: Any, defaults: Group) -> None:
        super().__init__(params, defaults)
        self._plans = {}
        if defaults.get("fused"):
            check_fused(type(self).__name__, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._plans = {}
        for kept in self.state.values():
            for name in self._counters:  # numbers in checkpoints of old
                if isinstance(kept, dict) and isinstance(kept.get(name), (int, float)):
                    kept[name] = weft.tensor(float(kept[name]), dtype=counter_dtype())

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient.

        Args:
            closure: computes the loss anew, calls `backward` on it and returns it. It is called
                before the update, and its result is returned.
        """
        loss = evaluated(closure)
        for index, group in enumerate(self.param_groups):
            params = with_gradient(group["params"])
            if params:
                self._update(index, group, params)
        return loss

    # --- what a subclass says

    def _buffers(self, group: Group) -> tuple[str, ...]:
        """Return the names of the state tensors of a parameter's shape, as the rule takes them."""
        raise NotImplementedError(f"{type(self).__name__} defines no _buffers")

    def _flags(self, group: Group) -> dict[str, Any]:
        """Return what the kernel is specialised for."""
        raise NotImplementedError(f"{type(self).__name__} defines no _flags")

    def _coefficients(
        self, group: Group, counters: Sequence[float], rounded: Callable[[Any], Any]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the counters after this step, and the rule's coefficients.

        Args:
            group: the settings; numbers, or in differentiable mode tensors.
            counters: the values before this step.
            rounded: rounds a number as storing it in a counter does.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no _coefficients")

    def _formula(self, group: Group, numbers: Any, p: Tensor, g: Tensor, *state: Tensor) -> None:
        """Update one parameter, and its state, by its gradient (negated if to be maximized)."""
        raise NotImplementedError(f"{type(self).__name__} defines no _formula")

    def _initial(self, group: Group, p: Tensor) -> dict[str, Any]:
        """Return the state of a parameter before its first step."""
        state: dict[str, Any] = {"step": counter(group, p, 0.0)}
        for name in self._buffers(group):
            state[name] = weft.zeros_like(p, memory_format=weft.preserve_format)
        return state

    # --- the step

    def _update(self, index: int, group: Group, params: list[Any]) -> None:
        """Update parameters of one group, all of which have gradients."""
        names = self._buffers(group)
        states = self._states(group, params, bool(names or self._counters))
        if (
            not group.get("differentiable")
            and group.get("fused") is not False
            and group.get("foreach") is not False
            and kernels() is not None
        ):
            plan = self._plans.get(index)
            if plan is None or not plan.fits(params, states, names):
                plan = Plan(params, states, names, self._counters, self._width)
                self._plans[index] = plan
            numeric = plain(group)
            if plan.buckets:
                plan.run(self._kernel, self._flags(numeric), numeric, self._coefficients)
                writer = type(self).__name__
                for p in plan.updated:
                    writes = version_of(p).writes
                    if type(writes) is Writes:  # `bump`, written out: a fifth of a small step
                        writes.count += 1
                        writes.writer = writer
                    else:
                        writes.bump(writer)
                for writes in plan.writes:
                    writes.count += 1
                    writes.writer = writer
            params = plan.rest
        if params:
            self._one_by_one(group, params)

    def _states(self, group: Group, params: list[Any], kept: bool) -> list[dict[str, Any]]:
        """Return the state of each parameter, made where it has none yet."""
        if not kept:
            return [{}] * len(params)
        state = self.state
        for p in params:
            if not state[p]:
                with weft.no_grad():
                    state[p].update(self._initial(group, p))
        return [state[p] for p in params]

    def _one_by_one(self, group: Group, params: list[Any]) -> None:
        differentiable = bool(group.get("differentiable"))
        if not differentiable:
            group = plain(group)
        with weft.set_grad_enabled(differentiable):
            names = self._buffers(group)
            states = self._states(group, params, bool(names or self._counters))
            for p, state in zip(params, states, strict=True):
                counters = [state[name] for name in self._counters]
                rounded = _rounding(counters)
                values, numbers = self._coefficients(group, [c.item() for c in counters], rounded)
                for one, value in zip(counters, values, strict=True):
                    one.fill_(value)
                g = -p.grad if group.get("maximize") else p.grad
                tensors = [p, g, *(state[name] for name in names)]
                if p.is_complex():
                    tensors = [weft.view_as_real(x) for x in tensors]
                self._formula(group, numbers, *tensors)


def counter_dtype(fused: Any = False) -> Any:
    """Return the dtype of counts of steps: as PyTorch has it."""
    wide = weft.get_default_dtype() is weft.float64 and not fused
    return weft.float64 if wide else weft.float32


def counter(group: Group, p: Tensor, value: Any) -> Tensor:
    """Return a counter of a parameter's state, on the CPU unless it is to be captured."""
    device = p.device if group.get("capturable") or group.get("fused") else None
    return weft.tensor(float(value), dtype=counter_dtype(group.get("fused")), device=device)


def plain(group: Group) -> Group:
    """Return a group with numbers for those settings that are tensors."""
    for value in group.values():
        if isinstance(value, Tensor) or (type(value) is tuple and isinstance(value[0], Tensor)):
            return {k: v if k == "params" else number(v) for k, v in group.items()}
    return group


def number(value: Any) -> Any:
    """Return a setting as Python's number, if it is a tensor of one element."""
    if isinstance(value, tuple):
        return tuple(map(number, value))
    return value.item() if isinstance(value, Tensor) else value


def scaled(p: Tensor, direction: Tensor, factor: Any) -> None:
    """Add a direction times a factor, which may be a tensor, to a parameter."""
    if isinstance(factor, Tensor):
        p.add_(kept(direction) * factor)
    else:
        p.add_(kept(direction), alpha=factor)


def kept(x: Tensor) -> Tensor:
    """Return what an op may save of a tensor that later steps write to: a copy, if recorded."""
    return x.clone() if weft.is_grad_enabled() else x


def decay_kind(group: Group) -> int:
    """Return how weights decay: 0 not, 1 by the gradient, 2 apart from it."""
    if isinstance(group["weight_decay"], (int, float)) and group["weight_decay"] == 0:
        return 0
    return 2 if group.get("decoupled_weight_decay") else 1


def decayed(group: Group, p: Tensor, g: Tensor, decay: Any) -> Tensor:
    """Return the gradient that a rule is to take, weights decayed."""
    kind = decay_kind(group)
    if kind == 2:
        p.mul_(decay)
    elif kind == 1:
        p = kept(p)
        return g + p * decay if isinstance(decay, Tensor) else g.add(p, alpha=decay)
    return g


def check_fused(who: str, defaults: Group) -> None:
    """Raise where ``fused=True`` contradicts another setting."""
    for other in ("differentiable", "foreach"):
        if defaults.get(other):
            raise RuntimeError(f"{who}: fused=True and {other}=True exclude each other")


def _rounding(counters: list[Tensor]) -> Callable[[Any], Any]:
    from weft.optim._fused import single

    narrow = bool(counters) and counters[0].dtype is weft.float32
    return single if narrow else float
