"""The check of a user's op: what the generated tests hold each of weft's own ops to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.aval import Aval
from weft._core.op import NotDifferentiable
from weft._core.storage import address_of, memory_of
from weft._core.tensor import Tensor, wrap
from weft._core.tree import flatten
from weft.autograd.gradcheck import gradcheck, gradgradcheck
from weft.library._definition import CustomOpDef
from weft.testing import assert_close
from weft.transforms.vmap import vmap


class OpcheckError(AssertionError):
    """A user's op does not keep what its rules promise; the message says which and how."""


class _Case:
    """An op with one list of arguments, as a function of the tensors among them."""

    def __init__(self, op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.op = op
        self.name = getattr(op, "name", getattr(op, "__name__", repr(op)))
        leaves, self._rebuild = flatten((tuple(args), kwargs))
        self.places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
        self._leaves = [x.detach() if isinstance(x, Tensor) else x for x in leaves]

    @property
    def tensors(self) -> list[Any]:
        """New copies of the tensors."""
        return [self._leaves[i].clone() for i in self.places]

    def run(self, tensors: Sequence[Any]) -> tuple[Any, ...]:
        """Return the results for other tensors, in a tuple."""
        leaves = list(self._leaves)
        for place, tensor in zip(self.places, tensors, strict=True):
            leaves[place] = tensor
        args, kwargs = self._rebuild(leaves)
        made = self.op(*args, **kwargs)
        return tuple(made) if isinstance(made, (tuple, list)) else (made,)

    @property
    def mutates(self) -> bool:
        """Whether the op says that it writes to its arguments."""
        return isinstance(self.op, CustomOpDef) and bool(self.op._mutates)

    @property
    def has_derivative(self) -> bool:
        """Whether a derivative was registered."""
        if not isinstance(self.op, CustomOpDef):
            return True
        vjp = self.op.op.vjp
        return not isinstance(vjp, NotDifferentiable) and vjp != self.op._no_vjp

    def floating(self) -> tuple[list[Any], Callable[..., Any]]:
        """Return the floating tensors in double precision, and the function of them."""
        wide = [_wide(t) for t in self.tensors]
        moving = [i for i, t in enumerate(wide) if t.dtype.category >= 2]

        def function(*given: Any) -> Any:
            tensors = list(wide)
            for i, tensor in zip(moving, given, strict=True):
                tensors[i] = tensor
            return tuple(o for o in self.run(tensors) if o.dtype.category >= 2)

        return [wide[i].requires_grad_() for i in moving], function


def _wide(tensor: Any) -> Any:
    from weft._core.dtypes import complex128, float64

    if tensor.dtype.is_complex:
        return tensor.to(complex128)
    return tensor.to(float64) if tensor.dtype.is_floating_point else tensor


def _schema(case: _Case) -> None:
    """The op leaves its arguments alone, owns its results, and gives the same ones again."""
    given, kept = case.tensors, case.tensors
    results = case.run(given)
    if case.mutates:
        return
    for position, (now, before) in enumerate(zip(given, kept, strict=True)):
        if not _same(now, before):
            raise OpcheckError(
                f"{case.name} wrote to its tensor argument {position}; name it in mutates_args, or "
                f"compute on a copy"
            )
    for place, out in enumerate(results):
        for position, tensor in enumerate(given):
            if tensor.numel() and _start(out) == _start(tensor):
                raise OpcheckError(
                    f"{case.name}: result {place} is memory of tensor argument {position}; return "
                    f"a copy"
                )
    for place, (out, again) in enumerate(zip(results, case.run(kept), strict=True)):
        if not _same(out, again):
            raise OpcheckError(f"{case.name}: result {place} differs from one call to the next")


def _start(tensor: Any) -> int:
    """Return where the memory begins that a tensor is a part of."""
    return address_of(memory_of(tensor._data))


def _same(a: Any, b: Any) -> bool:
    return bool((a.shape == b.shape) and ((a == b) | ((a != a) & (b != b))).all().item())


def _meta(case: _Case) -> None:
    """The shape rule tells the shapes and dtypes of the results."""
    real = [(tuple(o.shape), o.dtype) for o in case.run(case.tensors)]
    avals = [wrap(Aval(tuple(t.shape), t._data.dtype)) for t in case.tensors]
    told = [(tuple(o.shape), o.dtype) for o in case.run(avals)]
    if told != real:
        raise OpcheckError(
            f"{case.name}: without data its results have shapes and dtypes {told}, with data {real}"
        )


def _strides(case: _Case) -> None:
    """The results do not depend on how the arguments lie in memory."""
    turned = [_turned(t) for t in case.tensors]
    for place, (got, expected) in enumerate(
        zip(case.run(turned), case.run(case.tensors), strict=True)
    ):
        assert_close(
            got,
            expected,
            equal_nan=True,
            msg=f"{case.name}: result {place} differs for arguments that are not contiguous",
        )


def _turned(tensor: Any) -> Any:
    """Return the same values, the elements in memory in the opposite order of dims."""
    dims = tuple(reversed(range(tensor.ndim)))
    return tensor.permute(dims).contiguous().permute(dims) if tensor.ndim > 1 else _sparse(tensor)


def _sparse(tensor: Any) -> Any:
    """Return the same values with gaps between them in memory."""
    from weft.ops.stacking import column_stack

    if tensor.ndim == 0:
        return tensor
    return column_stack((tensor, tensor))[:, 0]


def _gradient(case: _Case) -> None:
    """The reverse derivative agrees with finite differences."""
    inputs, function = case.floating()
    gradcheck(function, inputs)


def _forward(case: _Case) -> None:
    """The forward derivative agrees with finite differences."""
    inputs, function = case.floating()
    gradcheck(function, inputs, check_backward_ad=False, check_forward_ad=True)


def _second_order(case: _Case) -> None:
    """The derivative of the reverse derivative agrees with finite differences."""
    inputs, function = case.floating()
    gradgradcheck(function, inputs)


def _batching(case: _Case) -> None:
    """Mapped over a batch of each argument, and of all, the op gives what a loop gives."""
    count = len(case.places)
    for chosen in (*((i,) for i in range(count)), tuple(range(count))):
        tensors = case.tensors
        for i in chosen:
            tensors[i] = _batch_of(tensors[i])
        dims = tuple(0 if i in chosen else None for i in range(count))
        together = vmap(lambda *own: case.run(own), dims)(*tensors)
        for entry in range(3):
            own = [t[entry] if i in chosen else t for i, t in enumerate(tensors)]
            for place, expected in enumerate(case.run(own)):
                assert_close(
                    together[place][entry],
                    expected,
                    equal_nan=True,
                    msg=f"{case.name}: result {place}, entry {entry} under vmap over the tensors "
                    f"{list(chosen)} differs from a call on that entry alone",
                )


def _batch_of(tensor: Any) -> Any:
    from weft.ops.joining import stack

    if tensor.dtype.category < 2:
        return stack([tensor] * 3, 0)
    return stack([tensor, tensor * 0.9, tensor * 0.8], 0)


_CHECKS: dict[str, Callable[[_Case], None]] = {
    "schema": _schema,
    "meta": _meta,
    "strides": _strides,
    "gradient": _gradient,
    "forward": _forward,
    "second_order": _second_order,
    "batching": _batching,
}
_OF_DERIVATIVES = ("gradient", "forward", "second_order")


def opcheck(
    op: Any,
    args: Sequence[Any],
    kwargs: dict[str, Any] | None = None,
    *,
    test_utils: str | Sequence[str] = tuple(_CHECKS),
    raise_exception: bool = True,
) -> dict[str, Any]:
    """Check a user's op on sample arguments as weft's own ops are checked.

    Args:
        op: the op, or any function of tensors.
        args: its arguments; tensors away from kinks, small, since every element is moved in turn.
        kwargs: its arguments by name.
        test_utils: which checks to run: ``"schema"`` (arguments left alone, results of its own,
            the same at each call), ``"meta"`` (the shape rule), ``"strides"``, ``"gradient"``,
            ``"forward"`` and ``"second_order"`` (finite differences, in double precision),
            ``"batching"`` (vmap against a loop).
        raise_exception: whether the first failure is raised, rather than reported.

    Returns:
        dict: for each check ``"SUCCESS"``, why it does not apply, or the exception that it met.

    Raises:
        OpcheckError: the op breaks a promise; other errors are those of the failing rule.
        ValueError: there is no such check.
    """
    chosen = (test_utils,) if isinstance(test_utils, str) else tuple(test_utils)
    for name in chosen:
        if name not in _CHECKS:
            raise ValueError(f"opcheck: no check is called {name!r}; choose of {list(_CHECKS)}")
    case = _Case(op, args, kwargs or {})
    report: dict[str, Any] = {}
    for name in chosen:
        if case.mutates and name != "schema":
            report[name] = "does not apply: the op writes to its arguments"
            continue
        if name in _OF_DERIVATIVES:
            if not case.has_derivative:
                report[name] = "does not apply: no derivative is registered"
                continue
            if not case.floating()[0]:
                report[name] = "does not apply: no argument is a floating tensor"
                continue
        try:
            _CHECKS[name](case)
        except Exception as error:
            if raise_exception:
                error.add_note(f"from the check {name!r} of {case.name}")
                raise
            report[name] = error
        else:
            report[name] = "SUCCESS"
    return report
