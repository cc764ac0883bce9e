"""What autocast does to a call: tensors among its arguments are cast as the function's list says.

The functions of the lists are entered at their joints (:mod:`weft._core.joints`) while any thread
is within autocast, and cost nothing otherwise. Within such a function autocast is off: its author
chose the dtypes of what it calls.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import weft
from weft import Tensor
from weft._backend import ndarray
from weft._core.errors import did_you_mean
from weft._core.joints import Joint, joints_of
from weft._core.modes import here as modes
from weft._core.tensor import version_of
from weft.amp._lists import AS_IS, HALF, POLICIES, WIDEST
from weft.transforms import tape

#: What products are computed in unless something else is said.
DEFAULT_DTYPES = {"cpu": weft.bfloat16, "cuda": weft.float16}
_SINGLES = frozenset({weft.float16, weft.bfloat16, weft.float32})


def known_kind(device_type: str) -> str:
    """Return the kind of a device that there is autocast for: ``"cuda"`` of ``"cuda:1"``.

    Raises:
        ValueError: there is none for it.
    """
    kind = str(device_type).partition(":")[0]
    if kind not in DEFAULT_DTYPES:
        near = did_you_mean(kind, DEFAULT_DTYPES)
        raise ValueError(
            f"autocast: device_type must be one of {', '.join(map(repr, DEFAULT_DTYPES))}, got "
            f"{device_type!r}{near}"
        )
    return kind


class State(threading.local):
    """Autocast in this thread. Class attributes are what a thread begins with."""

    #: For each kind of device that is within autocast: the dtype of products.
    active: dict[str, weft.dtype] = {}  # noqa: RUF012 - replaced, never written to
    dtypes: dict[str, weft.dtype] = DEFAULT_DTYPES
    keeps: bool = True
    depth: int = 0
    #: Parameters in half precision, for the time of the outermost block.
    kept: dict[Any, tuple[Tensor, Tensor]] | None = None


here = State()
_lock = threading.Lock()
_inside = 0  # threads within autocast


def begin(active: dict[str, weft.dtype]) -> None:
    """Let this thread's calls be cast for the kinds of devices named; {} ends it."""
    global _inside
    was, here.active = here.active, active
    if bool(was) is not bool(active):
        with _lock:
            before = _inside
            _inside += 1 if active else -1
            if before == 0 or _inside == 0:
                for joint, around in _joints():
                    joint.enter(around) if active else joint.leave(around)


def forget() -> None:
    """Drop the parameters that are kept in half precision."""
    here.kept = None


@functools.cache
def _joints() -> list[tuple[Joint, Callable[..., Any]]]:
    """Return the joints of all functions in the lists, and what goes around each."""
    names = sorted({name for table in POLICIES.values() for name in table})
    found = []
    for name in names:
        function = functools.reduce(getattr, name.split("."), weft)
        around = functools.partial(_around, name)
        found += [(joint, around) for joint in joints_of(function, whole=True)]
    return [*found, (Joint(vars(tape), "walk"), _plainly)]


def _plainly(run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run with autocast off: a backward pass goes in the dtypes of its forward pass.

    No `begin`: the functions stay entered, and see that there is nothing to do.
    """
    active, here.active = here.active, {}
    try:
        return run(*args, **kwargs)
    finally:
        here.active = active


def _around(name: str, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a function of the lists on tensors of the dtype that its list says."""
    active = here.active
    if not active:
        return run(*args, **kwargs)
    if kwargs.get("out") is not None:
        return _plainly(run, *args, **kwargs)
    tensors: list[Tensor] = []
    _gather((*args, *kwargs.values()), tensors)
    kind = tensors[0].device.type if tensors else ""
    dtype = active.get(kind)
    policy = None if dtype is None else POLICIES[kind].get(name)
    if policy is None:
        return run(*args, **kwargs)
    if policy is AS_IS:
        return _plainly(run, *args, **kwargs)
    if policy is WIDEST:
        dtype = _widest(tensors)
    elif policy is not HALF:
        dtype = weft.float32
    given = tuple(cast(value, dtype) for value in args)
    return _plainly(run, *given, **{key: cast(value, dtype) for key, value in kwargs.items()})


def _gather(values: Any, tensors: list[Tensor]) -> None:
    for value in values:
        if isinstance(value, Tensor):
            tensors.append(value)
        elif type(value) in (list, tuple):
            _gather(value, tensors)


def _widest(tensors: list[Tensor]) -> weft.dtype:
    """Return float32 if a tensor is, else the one half precision that all are of."""
    found = {tensor.dtype for tensor in tensors if tensor.dtype in _SINGLES}
    return found.pop() if len(found) == 1 else weft.float32


def cast(value: Any, dtype: Any) -> Any:
    """Return a tensor, or those of a list, in ``dtype``, where they are of float32 or narrower."""
    if isinstance(value, Tensor):
        if value.dtype is dtype or value.dtype not in _SINGLES:
            return value
        return _cast_once(value, dtype) if _is_parameter(value, dtype) else value.to(dtype)
    if type(value) in (list, tuple):
        return type(value)(cast(one, dtype) for one in value)
    return value


def _is_parameter(x: Tensor, dtype: Any) -> bool:
    return (
        here.keeps
        and x.requires_grad
        and x.is_leaf
        and x.dtype is weft.float32
        and dtype is not weft.float32
        and type(x._data) is ndarray
    )


def _cast_once(x: Tensor, dtype: Any) -> Tensor:
    """Return a parameter in half precision, the same one until it is written to."""
    if here.kept is None:
        here.kept = {}
    # Without gradients the cast is another: one that was made so would not lead back.
    key = (id(x), version_of(x).writes.count, dtype, modes.grad)
    held = here.kept.get(key)
    if held is None or held[0] is not x:
        held = here.kept[key] = (x, x.to(dtype))
    return held[1]
