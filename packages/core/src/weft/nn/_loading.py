"""The plan of ``load_state_dict``: steps that are compared first, then carried out or undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from weft import Tensor
from weft.nn._state_errors import Mismatch
from weft.nn.uninitialized import is_lazy

if TYPE_CHECKING:
    from weft.nn.module import Module


class Copy(NamedTuple):
    """A planned copy of `source` into the memory of `target`."""

    target: Tensor
    source: Tensor

    def carry_out(self, *, reversible: bool) -> Callable[[], Any] | None:
        """Do it; returns how to undo it, for which the old values are kept."""
        before = self.target.detach().clone() if reversible else None
        self.target.copy_(self.source)
        return None if before is None else lambda: self.target.copy_(before)


class Shape(NamedTuple):
    """A planned copy of `source` into `target`, which has no shape yet and gets this one."""

    target: Any
    source: Tensor

    def carry_out(self, *, reversible: bool) -> Callable[[], Any] | None:
        """Do it; returns how to undo it: `target` has no shape again."""
        empty, kind = self.target.data, type(self.target)
        self.target.materialize(self.source.shape)
        self.target.copy_(self.source)

        def undo() -> None:
            self.target.__class__ = kind
            self.target.data = empty

        return undo


class Assign(NamedTuple):
    """A planned replacement of a module's attribute, for `assign=True`."""

    module: Module
    name: str
    value: Tensor

    def carry_out(self, *, reversible: bool) -> Callable[[], Any] | None:
        """Do it; returns how to undo it, which is always cheap here."""
        before = getattr(self.module, self.name)
        setattr(self.module, self.name, self.value)
        return lambda: setattr(self.module, self.name, before)


class Extra(NamedTuple):
    """A planned call of `set_extra_state`."""

    module: Module
    state: Any

    def carry_out(self, *, reversible: bool) -> Callable[[], Any] | None:
        """Do it; returns how to undo it: the subclass's code may raise at any later step."""
        before = self.module.get_extra_state()
        self.module.set_extra_state(self.state)
        return lambda: self.module.set_extra_state(before)


class LoadPlan(list[Any]):
    """The `error_msgs` list of PyTorch's protocol, which carries the plan as well.

    An override of `_load_from_state_dict` hands the list on untouched and may append messages;
    strings are problems in words, `Mismatch` records those that this module found itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Copy | Shape | Assign | Extra] = []


def is_scalar_of_old(target: Tensor, source: Any) -> bool:
    """Whether `source` is a scalar as PyTorch kept it before 0.4, which had no 0-d tensors."""
    if is_lazy(target) or is_lazy(source) or not isinstance(source, Tensor):
        return False
    return target.ndim == 0 and tuple(source.shape) == (1,)


def compare(key: str, target: Tensor, source: Any) -> Mismatch | None:
    """What is wrong with loading `source` into `target`, or None."""
    if not isinstance(source, Tensor):
        return Mismatch(key, f"must be a weft.Tensor, got {type(source).__name__}")
    if is_lazy(source):
        return Mismatch(key, "has no shape in the state_dict: its module has not been called yet")
    if not is_lazy(target) and tuple(source.shape) != tuple(target.shape):
        return Mismatch(
            key,
            f"has shape {tuple(source.shape)} in the state_dict but {tuple(target.shape)} "
            "in the module",
        )
    if source.dtype.is_complex and not target.dtype.is_complex:
        return Mismatch(
            key,
            f"is {source.dtype} in the state_dict but {target.dtype} in the module; "
            "the imaginary part would be lost",
        )
    return None


def carry_out(plan: LoadPlan, afterwards: Callable[[], None], *, reversible: bool) -> None:
    """Take all steps, then `afterwards`; undo the steps when something raises.

    Checked copies do not raise, so the old values are kept only when `reversible` asks for it:
    they double the memory. What can raise, `set_extra_state`, comes before the copies.
    """
    undo: list[Callable[[], Any]] = []
    try:
        for step in sorted(plan.steps, key=lambda step: not isinstance(step, Extra)):
            back = step.carry_out(reversible=reversible)
            if back is not None:
                undo.append(back)
        afterwards()
    except BaseException:
        for back in reversed(undo):
            back()
        raise
