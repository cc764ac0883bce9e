"""Groups of parameters: what may be one, and how groups and state look in a checkpoint."""

from __future__ import annotations

import copy
import warnings
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import weft
from weft import Tensor

if TYPE_CHECKING:
    from weft.optim.optimizer import Optimizer


class _Required:
    """The default of a setting that each group must name."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def checked_group(optimizer: Optimizer, group: Any) -> None:
    """Bring a new group into its form: a list of tensors, and a value for every setting.

    Raises:
        TypeError: it is no dict, or a parameter is no tensor.
        ValueError: it cannot stand beside the optimizer's other groups.
    """
    who = f"{type(optimizer).__name__}.add_param_group"
    if not isinstance(group, dict):
        raise TypeError(f"{who}: a group must be a dict, got {type(group).__name__}")
    _name_params(who, group)
    differentiable = optimizer.defaults.get("differentiable")
    for position, p in enumerate(group["params"]):
        if not isinstance(p, Tensor):
            raise TypeError(
                f"{who}: an optimizer updates tensors, but parameter {position} is "
                f"{type(p).__name__} {p!r:.60}"
            )
        if not (differentiable or p.is_leaf or getattr(p, "retains_grad", False)):
            raise ValueError(
                f"{who}: parameter {position}, of shape {tuple(p.shape)}, is no leaf: it was "
                f"computed by an op; optimize what it was computed from, or detach it"
            )
    for name, default in optimizer.defaults.items():
        if default is required and name not in group:
            raise ValueError(f"{who}: {name} has no default, so each group must name it")
        group.setdefault(name, default)
    ids = [id(p) for p in group["params"]]
    if len(set(ids)) < len(ids):
        warnings.warn(f"{who}: a parameter is in the group more than once", stacklevel=4)
    for other in optimizer.param_groups:
        if ("param_names" in other) != ("param_names" in group):
            raise ValueError(
                f"{who}: either all groups have names of parameters or none has; this one "
                f"{'has' if 'param_names' in group else 'has none'}"
            )
        if not set(ids).isdisjoint(id(p) for p in other["params"]):
            raise ValueError(f"{who}: a parameter of this group is in another one already")


def _name_params(who: str, group: dict[str, Any]) -> None:
    params = group["params"]
    if isinstance(params, Tensor):
        params = [params]
    elif isinstance(params, (set, frozenset)):
        raise TypeError(
            f"{who}: params must have an order that is the same in each run, which a set has not; "
            f"pass a list"
        )
    params = list(params)
    names = [p[0] for p in params if isinstance(p, tuple)]
    if names and len(names) != len(params):
        raise ValueError(
            f"{who}: either all parameters have names or none has, got {len(names)} names for "
            f"{len(params)} parameters"
        )
    group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]
    if names:
        group["param_names"] = names


def packed(groups: list[dict[str, Any]], state: Any) -> dict[str, Any]:
    """Return groups and state with parameters named by their place."""
    places: dict[int, int] = {}
    count = 0
    made = []
    for group in groups:
        for i, p in enumerate(group["params"], count):
            places.setdefault(id(p), i)
        one = {k: v for k, v in group.items() if k != "params"}
        one["params"] = [places[id(p)] for p in group["params"]]
        count += len(one["params"])
        made.append(one)
    kept = {places[id(k)] if isinstance(k, Tensor) else k: v for k, v in state.items()}
    return {"state": kept, "param_groups": made}


def unpacked(optimizer: Optimizer, given: dict[str, Any]) -> tuple[Any, Any]:
    """Return a checkpoint's groups and state, with an optimizer's own parameters in them.

    Raises:
        ValueError: its groups do not fit the optimizer's.
    """
    groups = optimizer.param_groups
    saved = copy.deepcopy(given["param_groups"])
    lengths = [len(g["params"]) for g in saved]
    wanted = [len(g["params"]) for g in groups]
    if lengths != wanted:
        raise ValueError(
            f"{type(optimizer).__name__}.load_state_dict: this optimizer has groups of {wanted} "
            f"parameters, the state to load has groups of {lengths}"
        )
    params: dict[Any, tuple[Any, dict[str, Any]]] = {}
    for group, loaded in zip(groups, saved, strict=True):
        for place, p in zip(loaded["params"], group["params"], strict=True):
            params[place] = (p, loaded)
        loaded["params"] = group["params"]
        if "param_names" in group:
            loaded.setdefault("param_names", group["param_names"])
    state: defaultdict[Any, Any] = defaultdict(dict)
    for place, value in given["state"].items():
        if place in params:
            p, loaded = params[place]
            state[p] = _fitted(value, p, loaded, optimizer._counters)
        else:
            state[place] = value
    return saved, state


def _fitted(
    value: Any, param: Any, group: dict[str, Any], counters: Sequence[str], name: Any = None
) -> Any:
    """Return a parameter's state with its tensors where and as the parameter is."""
    if isinstance(value, Tensor):
        if name in counters:
            if group.get("capturable") or group.get("fused"):
                return value.to(dtype=weft.float32, device=param.device)
            return value
        dtype = param.dtype if param.is_floating_point() else value.dtype
        value = value.to(dtype=dtype, device=param.device)
        if value.shape == param.shape and value.stride() != param.stride():
            with weft.no_grad():  # kernels want them side by side
                laid = weft.empty_like(param, dtype=dtype, memory_format=weft.preserve_format)
                return laid.copy_(value)
        return value
    if isinstance(value, dict):
        return {k: _fitted(v, param, group, counters, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fitted(v, param, group, counters) for v in value)
    return value
