"""Deep copies, pickles, instances of subclasses."""

from __future__ import annotations

from typing import Any

from weft._backend import np
from weft._core.aval import Aval
from weft._core.errors import GradError
from weft._core.tensor import Tensor, version_of
from weft._tensor.gradients import is_leaf, requires_grad_
from weft._tensor.reading import array_of


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Any:
    if id(self) in memo:
        return memo[id(self)]
    if not is_leaf(self):
        raise GradError(
            "deepcopy: only leaves can be copied, this tensor was computed by an op; use "
            ".detach().clone()"
        )
    out = Tensor.__new__(type(self))
    data = self._data
    out._data = data if isinstance(data, Aval) else np.array(data, copy=True)
    out._node = out._version = out._extra = None
    memo[id(self)] = out
    if self._node is not None:
        requires_grad_(out)
    if self.grad is not None:
        out.grad = _deepcopy(self.grad, memo)
    return out


def _make_subclass(cls: type[Tensor], data: Tensor, requires_grad: bool = False) -> Tensor:
    """Return an instance of a subclass over a tensor's memory: a leaf, sharing its version."""
    out = Tensor.__new__(cls)
    out._data = data._data
    out._node = out._extra = None
    out._version = version_of(data)
    return requires_grad_(out) if requires_grad else out


def _rebuild(kind: type[Tensor], array: Any, requires_grad: bool) -> Tensor:
    out = Tensor.__new__(kind)
    out._data = array
    out._node = out._version = out._extra = None
    return requires_grad_(out) if requires_grad else out


def _reduce(self: Tensor, protocol: Any) -> Any:
    if not is_leaf(self):
        raise GradError("pickle: only leaves can be pickled; use .detach()")
    return _rebuild, (type(self), array_of(self, "pickle"), self._node is not None)


METHODS: dict[str, Any] = {
    "__deepcopy__": _deepcopy,
    "__reduce_ex__": _reduce,
    "_make_subclass": classmethod(_make_subclass),
}
