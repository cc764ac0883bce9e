"""Forward mode by hand: tensors are given tangents, and lose them when the level is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from weft._core.boxed import Boxed, leave_level, live, start_level
from weft._core.dispatch import apply
from weft._core.errors import GradError
from weft._core.inplace import write
from weft._core.modes import here
from weft._core.tensor import Tensor, wrap
from weft.ops.filled_like import zeros_like
from weft.transforms.jvp import Dual, check_tangent, part_of


class UnpackedDualTensor(NamedTuple):
    """What :func:`unpack_dual` returns: a tensor without a tangent, and the tangent or None."""

    primal: Tensor
    tangent: Tensor | None


_TANGENT: Any = Dual.__dict__["tangent"]


class Given(Dual):
    """A value whose tangent the user gave, or computed from such; it outlives its level."""

    __slots__ = ()

    transform = "forward_ad"
    confined = False

    @property
    def tangent(self) -> Tensor | None:
        """The tangent, None when the level is left."""
        return _TANGENT.__get__(self) if self.level in live else None

    @tangent.setter
    def tangent(self, value: Tensor | None) -> None:
        _TANGENT.__set__(self, value)

    def read(self, asked: str) -> Any:
        """Return the array under the value."""
        data = self.inner._data
        return data.read(asked) if isinstance(data, Boxed) else data

    def notes(self) -> list[str]:
        """Return the tangent, to stand beside the values when the tensor is printed."""
        shown = self.level in live and self.tangent is not None
        return [f"tangent={self.tangent!r}"] if shown else []

    @classmethod
    def store(cls, level: int, target: Any, value: Any, others: list[Any], writer: str) -> None:
        """Write as forward mode does; after the level, into the value alone."""
        if level not in live:
            for x in (target, value, *others):
                settle(x, level)
            write(target, value, writer)
        else:
            super().store(level, target, value, others, writer)

    @classmethod
    def process(cls, level: int, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run the op as forward mode does; after the level, on the values alone."""
        if level in live and here.forward and not here.inference:
            return super().process(level, op, args, params)
        out = apply(op, tuple(part_of(a, level, "inner") for a in args), params)
        return out._data if op.outputs == 1 else tuple(o._data for o in out)


def settle(x: Tensor, level: int) -> None:
    """Let a tensor that has outlived its level hold the value alone."""
    if isinstance(x._data, Given) and x._data.level == level:
        x._data = x._data.inner._data


def enter_dual_level() -> int:
    """Enter one level more of forward mode in this thread; return its number, counted from 0."""
    here.duals = (*here.duals, start_level("forward_ad"))
    return len(here.duals) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """Leave the innermost level: the tangents that were given in it are gone.

    Args:
        level: its number, as ``enter_dual_level`` returned it; the innermost if None.

    Raises:
        GradError: there is no level, or that one is not the innermost.
    """
    if not here.duals:
        raise GradError("exit_dual_level: no level is entered")
    if level is not None and level != len(here.duals) - 1:
        raise GradError(
            f"exit_dual_level: levels are left in the opposite order of entering: the innermost is "
            f"{len(here.duals) - 1}, got {level}"
        )
    leave_level(here.duals[-1])
    here.duals = here.duals[:-1]


@contextlib.contextmanager
def dual_level() -> Iterator[int]:
    """Enter a level of forward mode for a block, in which :func:`make_dual` gives tangents.

    Levels nest, which PyTorch's do not. A tensor that leaves the block keeps its value and has no
    tangent any more.

    Example:
        >>> with weft.autograd.forward_ad.dual_level():
        ...     x = weft.autograd.forward_ad.make_dual(weft.tensor(2.0), weft.tensor(1.0))
        ...     weft.autograd.forward_ad.unpack_dual(x * x).tangent
        tensor(4.)
    """
    level = enter_dual_level()
    try:
        yield level
    finally:
        exit_dual_level(level=level)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """Return a tensor with a tangent: ops on it compute the derivative along with the value.

    Args:
        tensor: (...), floating or complex. If it requires grad, so does the result.
        tangent: (...), of the tensor's shape.
        level: the level's number; the innermost if None.

    Returns:
        Tensor: (...), sharing the tensor's memory.

    Raises:
        GradError: no level is entered, or the tensor has a tangent in it.
        DTypeError: tensor or tangent is not floating.
        ShapeError: the shapes differ.
    """
    if not here.duals:
        raise GradError(
            "make_dual: no level is entered; use `with weft.autograd.forward_ad.dual_level():`"
        )
    number = _number("make_dual", level)
    check_tangent("make_dual", 0, tensor, tangent)
    if _unpacked(tensor, number).tangent is not None:
        raise GradError(
            "make_dual: the tensor has a tangent in this level already; take it off with "
            "unpack_dual, or enter one level more"
        )
    out = wrap(Given(number, tensor, tangent))
    out._node = tensor._node  # forward over reverse: the gradient of this tensor has a tangent too
    return out


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """Return a tensor's value and its tangent.

    Args:
        tensor: any tensor.
        level: the level's number; the innermost if None.

    Returns:
        UnpackedDualTensor: ``primal``, the value without the tangent, and ``tangent``, None where
        the tensor has none. Both may require grad.
    """
    if not here.duals:
        return UnpackedDualTensor(tensor, None)
    return _unpacked(tensor, _number("unpack_dual", level))


class set_forward_ad_enabled:
    """Switch forward mode by levels on or off for a block: off, ops compute no tangents.

    Args:
        mode: whether it is on.
    """

    def __init__(self, mode: bool) -> None:
        self._mode = mode
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(here.forward)
        here.forward = self._mode

    def __exit__(self, *_: object) -> None:
        here.forward = self._before.pop()


def _number(name: str, level: int | None) -> int:
    count = len(here.duals)
    if level is None:
        level = count - 1
    if not 0 <= level < count:
        raise GradError(f"{name}: level {level} is not entered; there are {count}, counted from 0")
    return here.duals[level]


def _unpacked(tensor: Tensor, level: int) -> UnpackedDualTensor:
    data = tensor._data
    if not isinstance(data, Boxed):
        return UnpackedDualTensor(tensor, None)
    if data.level == level:
        return UnpackedDualTensor(data.inner, data.tangent)  # type: ignore[attr-defined]  # a level of forward mode has no other boxes
    if data.level < level:
        return UnpackedDualTensor(tensor, None)
    # inside another transform, whose box is around the one looked for
    if _unpacked(data.inner, level).tangent is None:
        return UnpackedDualTensor(tensor, None)

    def tangent_of(x: Tensor) -> Tensor:
        found = _unpacked(x, level)
        return zeros_like(found.primal) if found.tangent is None else found.tangent

    primal = wrap(data.mapped(lambda x: _unpacked(x, level).primal))
    primal._node = tensor._node
    return UnpackedDualTensor(primal, wrap(data.mapped(tangent_of)))
