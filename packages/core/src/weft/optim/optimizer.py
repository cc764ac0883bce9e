"""Optimizer: groups of parameters with their settings, the state of each, and its checkpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import weft
from weft import Tensor
from weft._core.errors import did_you_mean
from weft._core.hooks import RemovableHandle
from weft.optim._groups import checked_group, packed, required, unpacked
from weft.optim._hooks import (
    Hooks,
    add,
    hooked,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

__all__ = [
    "Optimizer",
    "ParamsT",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]

#: What an optimizer takes: parameters, pairs of names and parameters, or groups.
ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]

#: Settings that checkpoints of old lack, since they came later, and the values they then have.
_LATER = {
    "amsgrad": False,
    "capturable": False,
    "centered": False,
    "decoupled_weight_decay": False,
    "differentiable": False,
    "foreach": None,
    "fused": None,
    "maximize": False,
    "momentum": 0,
    "nesterov": False,
}


class Optimizer:
    """Base of all optimizers.

    A subclass passes `params` and `defaults` on and defines `step`.

    Args:
        params: an iterable of parameters, of pairs of name and parameter
            (`model.named_parameters()`), or of dicts: groups, each with its `"params"` and with the
            settings in which it differs from the defaults. The order counts: checkpoints know
            parameters by their place.
        defaults: every setting with its value for groups that do not name it.

    Attributes:
        param_groups: the groups, dicts of their parameters (`"params"`) and settings.
        state: what the optimizer keeps for each parameter, a dict of dicts.
        defaults: the settings of groups that do not name them.

    Raises:
        TypeError: a parameter is no tensor, or params is a single tensor or a set.
        ValueError: params is empty, a tensor is no leaf, or a parameter is in two groups.

    Source: PyTorch's `torch.optim.Optimizer`.
    """

    defaults: dict[str, Any]
    param_groups: list[dict[str, Any]]
    state: defaultdict[Any, Any]
    _hooks: Hooks
    _opt_called = False  # whether a step was done
    #: The 0-d tensors of a parameter's state that count: they keep their dtype when loaded.
    _counters: ClassVar[tuple[str, ...]] = ("step",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls).get("step")
        if own is not None and not getattr(own, "hooked", False):
            cls.step = hooked(own)  # type: ignore[method-assign]  # around a subclass's own

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._hooks = Hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                f"{type(self).__name__}: params must be an iterable of tensors or dicts, got one "
                f"tensor of shape {tuple(params.shape)}; pass it in a list"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError(
                f"{type(self).__name__}: got an empty list of parameters; an iterator such as "
                f"model.parameters() is empty once it was read"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_hooks" not in self.__dict__:
            self._hooks = Hooks()
        for group in self.param_groups:
            for name in self.defaults:
                if name in _LATER:
                    group.setdefault(name, _LATER[name])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [""] * (i > 0) + [f"Parameter Group {i}"]
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters by their gradients.

        Args:
            closure: computes the loss anew, calls `backward` on it and returns it. It is called
                before the update, and its result is returned.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: whether `.grad` becomes None, which is cheaper; otherwise it is filled with
                zeros. The difference shows for a parameter that the next backward pass does not
                reach: with None it is left alone by `step`, with zeros it still decays and drifts.
        """
        for group in self.param_groups:
            for p in group["params"]:
                extra = p._extra
                if extra is None or extra.grad is None:
                    continue
                if set_to_none:
                    extra.grad = None
                    continue
                if extra.grad._node is not None:
                    extra.grad = extra.grad.detach()
                with weft.no_grad():
                    extra.grad.zero_()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, as for layers that begin to train later.

        Args:
            param_group: `"params"` and the settings in which the group differs from the defaults.
                The dict itself becomes the group.

        Raises:
            TypeError: it is no dict, or a parameter is no tensor.
            ValueError: a tensor is no leaf, is in another group already, or has a name where the
                others have none.
        """
        checked_group(self, param_group)
        self.param_groups.append(param_group)

    # --- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return the state as PyTorch lays it out: parameters are named by their place.

        Returns:
            `{"state": {place: {name: value}}, "param_groups": [{"params": [place], ...}]}`; the
            tensors are the optimizer's own, not copies.
        """
        for hook in self._hooks.before_save.values():
            hook(self)
        made = packed(self.param_groups, self.state)
        for hook in self._hooks.after_save.values():
            changed = hook(self, made)
            if changed is not None:
                made = changed
        return made

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that :meth:`state_dict` returned, here or in PyTorch.

        The settings of the groups come with it, learning rates included. Floating state takes on
        its parameter's dtype, all but the counts of steps. Tensors that fit are taken as they are:
        deep-copy a state that another optimizer goes on with.

        Args:
            state_dict: it is not changed.

        Raises:
            ValueError: its groups are not as many, or not as long, as this optimizer's.
        """
        given = dict(state_dict)
        for hook in self._hooks.before_load.values():
            changed = hook(self, given)
            if changed is not None:
                given = changed
        for key in ("param_groups", "state"):
            if key not in given:
                raise KeyError(
                    f"{type(self).__name__}.load_state_dict: the state has no {key!r}"
                    f"{did_you_mean(key, list(map(str, given)))}"
                )
        groups, state = unpacked(self, given)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._hooks.after_load.values():
            hook(self)

    # --- hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new ones."""
        return add(self._hooks.before_step, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return add(self._hooks.after_step, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[[Any], None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before :meth:`state_dict` reads the state."""
        return add(self._hooks.before_save, hook, first=prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[[Any, dict[str, Any]], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on what is to be returned; a result replaces it."""
        return add(self._hooks.after_save, hook, first=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[[Any, dict[str, Any]], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on what is to be loaded; a result replaces it."""
        return add(self._hooks.before_load, hook, first=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[[Any], None], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after :meth:`load_state_dict`."""
        return add(self._hooks.after_load, hook, first=prepend)


def evaluated(closure: Callable[[], Any] | None) -> Any:
    """Return the loss that a closure computes, gradients recorded; None without one."""
    if closure is None:
        return None
    with weft.enable_grad():
        return closure()


def with_gradient(params: Iterable[Any]) -> list[Any]:
    """Return the parameters that have a gradient."""
    return [p for p in params if p._extra is not None and p._extra.grad is not None]
