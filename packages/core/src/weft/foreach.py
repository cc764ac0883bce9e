"""One op on every tensor of a list: what PyTorch calls ``_foreach_add`` is ``weft.foreach.add``.

Optimizers update lists of parameters; these functions say so in one line. Each is a loop over the
list, and autograd records it as that loop. A function returns a tuple of new tensors; its form with
a ``_`` writes into the tensors of its first list and returns that list. PyTorch's own names
(``weft._foreach_add``, ``weft._foreach_add_``) are the same functions.

An operand after the first list is a list of tensors or of numbers, one for each tensor, or one
number or 0-d tensor for them all. Lists of unequal length raise before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import weft
from weft import Tensor

__all__ = [
    "abs",
    "abs_",
    "acos",
    "acos_",
    "add",
    "add_",
    "addcdiv",
    "addcdiv_",
    "addcmul",
    "addcmul_",
    "asin",
    "asin_",
    "atan",
    "atan_",
    "ceil",
    "ceil_",
    "clamp_max",
    "clamp_max_",
    "clamp_min",
    "clamp_min_",
    "clone",
    "copy_",
    "cos",
    "cos_",
    "cosh",
    "cosh_",
    "div",
    "div_",
    "erf",
    "erf_",
    "erfc",
    "erfc_",
    "exp",
    "exp_",
    "expm1",
    "expm1_",
    "floor",
    "floor_",
    "frac",
    "frac_",
    "lerp",
    "lerp_",
    "lgamma",
    "lgamma_",
    "log",
    "log1p",
    "log1p_",
    "log2",
    "log2_",
    "log10",
    "log10_",
    "log_",
    "max",
    "maximum",
    "maximum_",
    "minimum",
    "minimum_",
    "mm",
    "mul",
    "mul_",
    "neg",
    "neg_",
    "norm",
    "pow",
    "pow_",
    "powsum",
    "reciprocal",
    "reciprocal_",
    "round",
    "round_",
    "rsqrt",
    "rsqrt_",
    "sigmoid",
    "sigmoid_",
    "sign",
    "sign_",
    "sin",
    "sin_",
    "sinh",
    "sinh_",
    "sqrt",
    "sqrt_",
    "sub",
    "sub_",
    "tan",
    "tan_",
    "tanh",
    "tanh_",
    "trunc",
    "trunc_",
    "zero_",
]

_New = Callable[..., tuple[Tensor, ...]]
_Written = Callable[..., Sequence[Tensor]]


def _rows(name: str, tensors: Any, **operands: Any) -> list[tuple[Any, ...]]:
    """Return each tensor of a list with its operands, once all lists are checked."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"foreach.{name}: expected a list or tuple of tensors, got {type(tensors).__name__}"
        )
    if not tensors:
        raise ValueError(f"foreach.{name}: expected at least one tensor, got an empty list")
    for position, one in enumerate(tensors):
        if not isinstance(one, Tensor):
            raise TypeError(
                f"foreach.{name}: expected tensors, but element {position} of the list is "
                f"{type(one).__name__} {one!r}"
            )
    count = len(tensors)
    columns = [_column(name, what, operand, count) for what, operand in operands.items()]
    return list(zip(tensors, *columns, strict=True))


def _column(name: str, what: str, operand: Any, count: int) -> Sequence[Any]:
    """Return an operand as a list with one element for each of ``count`` tensors."""
    if isinstance(operand, (list, tuple)):
        if len(operand) != count:
            raise ValueError(
                f"foreach.{name}: expected lists of one length, got {count} tensors and "
                f"{len(operand)} in {what}"
            )
        return operand
    if isinstance(operand, Tensor) and operand.ndim:
        raise ValueError(
            f"foreach.{name}: expected {what} to be a list, a number or a 0-d tensor, got a "
            f"tensor of shape {tuple(operand.shape)}; unbind it to have one for each"
        )
    return (operand,) * count


def _writer(name: str) -> Callable[..., Any]:
    """Return the in-place method of a function; where tensors have none, one that copies."""
    method: Callable[..., Any] | None = getattr(Tensor, f"{name}_", None)
    if method is not None:
        return method
    function = getattr(weft, name)
    return lambda x, *operands, **settings: x.copy_(function(x, *operands, **settings))


def _named(name: str, new: Any, written: Any) -> tuple[_New, _Written]:
    new.__name__ = new.__qualname__ = name
    new.__doc__ = f"Return ``weft.{name}`` of every tensor of a list, as a tuple."
    written.__name__ = written.__qualname__ = f"{name}_"
    written.__doc__ = f"Write ``weft.{name}`` of every tensor of a list into it; return the list."
    return new, written


def _of_one(name: str) -> tuple[_New, _Written]:
    """Return the two forms of a function of one tensor."""

    def new(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(getattr(weft, name)(*row) for row in _rows(name, self))

    def written(self: Sequence[Tensor]) -> Sequence[Tensor]:
        for row in _rows(f"{name}_", self):
            _writer(name)(*row)
        return self

    return _named(name, new, written)


def _of_two(name: str) -> tuple[_New, _Written]:
    """Return the two forms of a function of a tensor and another operand."""

    def new(self: Sequence[Tensor], other: Any, **settings: Any) -> tuple[Tensor, ...]:
        rows = _rows(name, self, other=other)
        return tuple(getattr(weft, name)(*row, **settings) for row in rows)

    def written(self: Sequence[Tensor], other: Any, **settings: Any) -> Sequence[Tensor]:
        for row in _rows(f"{name}_", self, other=other):
            _writer(name)(*row, **settings)
        return self

    return _named(name, new, written)


def _of_three(name: str) -> tuple[_New, _Written]:
    """Return the two forms of a function of a tensor and two others, with a factor."""

    def rows(called: str, tensors: Any, tensor1: Any, tensor2: Any, value: Any) -> Any:
        if isinstance(value, Tensor) and value.ndim == 1:
            value = value.tolist()
        return _rows(called, tensors, tensor1=tensor1, tensor2=tensor2, value=value)

    def new(
        self: Sequence[Tensor], tensor1: Any, tensor2: Any, value: Any = 1
    ) -> tuple[Tensor, ...]:
        function = getattr(weft, name)
        each = rows(name, self, tensor1, tensor2, value)
        return tuple(function(x, a, b, value=v) for x, a, b, v in each)

    def written(
        self: Sequence[Tensor], tensor1: Any, tensor2: Any, value: Any = 1
    ) -> Sequence[Tensor]:
        for x, a, b, v in rows(f"{name}_", self, tensor1, tensor2, value):
            _writer(name)(x, a, b, value=v)
        return self

    return _named(name, new, written)


abs, abs_ = _of_one("abs")
acos, acos_ = _of_one("acos")
asin, asin_ = _of_one("asin")
atan, atan_ = _of_one("atan")
ceil, ceil_ = _of_one("ceil")
cos, cos_ = _of_one("cos")
cosh, cosh_ = _of_one("cosh")
erf, erf_ = _of_one("erf")
erfc, erfc_ = _of_one("erfc")
exp, exp_ = _of_one("exp")
expm1, expm1_ = _of_one("expm1")
floor, floor_ = _of_one("floor")
frac, frac_ = _of_one("frac")
lgamma, lgamma_ = _of_one("lgamma")
log, log_ = _of_one("log")
log10, log10_ = _of_one("log10")
log1p, log1p_ = _of_one("log1p")
log2, log2_ = _of_one("log2")
neg, neg_ = _of_one("neg")
reciprocal, reciprocal_ = _of_one("reciprocal")
round, round_ = _of_one("round")
rsqrt, rsqrt_ = _of_one("rsqrt")
sigmoid, sigmoid_ = _of_one("sigmoid")
sign, sign_ = _of_one("sign")
sin, sin_ = _of_one("sin")
sinh, sinh_ = _of_one("sinh")
sqrt, sqrt_ = _of_one("sqrt")
tan, tan_ = _of_one("tan")
tanh, tanh_ = _of_one("tanh")
trunc, trunc_ = _of_one("trunc")

add, add_ = _of_two("add")
sub, sub_ = _of_two("sub")
mul, mul_ = _of_two("mul")
div, div_ = _of_two("div")
clamp_max, clamp_max_ = _of_two("clamp_max")
clamp_min, clamp_min_ = _of_two("clamp_min")
maximum, maximum_ = _of_two("maximum")
minimum, minimum_ = _of_two("minimum")

addcdiv, addcdiv_ = _of_three("addcdiv")
addcmul, addcmul_ = _of_three("addcmul")


def lerp(self: Sequence[Tensor], end: Any, weight: Any) -> tuple[Tensor, ...]:
    """Return ``weft.lerp`` of every tensor of a list, its end and its weight, as a tuple."""
    return tuple(weft.lerp(*row) for row in _rows("lerp", self, end=end, weight=weight))


def lerp_(self: Sequence[Tensor], end: Any, weight: Any) -> Sequence[Tensor]:
    """Write ``weft.lerp`` of every tensor of a list into it; return the list."""
    for row in _rows("lerp_", self, end=end, weight=weight):
        _writer("lerp")(*row)
    return self


def pow(self: Any, exponent: Any) -> tuple[Tensor, ...]:
    """Return powers: of every tensor of a list, or of one number with a list of exponents."""
    if isinstance(self, (list, tuple)):
        return tuple(weft.pow(*row) for row in _rows("pow", self, exponent=exponent))
    return tuple(weft.pow(self, y) for (y,) in _rows("pow", exponent))


def pow_(self: Sequence[Tensor], exponent: Any) -> Sequence[Tensor]:
    """Write a power of every tensor of a list into it; return the list."""
    for row in _rows("pow_", self, exponent=exponent):
        _writer("pow")(*row)
    return self


def norm(self: Sequence[Tensor], ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """Return the norm of every tensor of a list, read as a vector, in ``dtype``, as a tuple."""
    return tuple(
        weft.norm(x if dtype is None else x.to(dtype), ord) for (x,) in _rows("norm", self)
    )


def powsum(self: Sequence[Tensor], ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """Return the sum of the powers of the absolute values of every tensor of a list."""
    return tuple(
        weft.sum(weft.abs(x if dtype is None else x.to(dtype)) ** ord)
        for (x,) in _rows("powsum", self)
    )


def max(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the largest element of every tensor of a list, as a tuple."""
    return tuple(weft.max(x) for (x,) in _rows("max", self))


def mm(self: Sequence[Tensor], mat2: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the products of the matrices of two lists, pair by pair, as a tuple."""
    return tuple(weft.mm(x, y) for x, y in _rows("mm", self, mat2=mat2))


def clone(self: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return a copy of every tensor of a list, as a tuple."""
    return tuple(weft.clone(x) for (x,) in _rows("clone", self))


def copy_(
    self: Sequence[Tensor], src: Sequence[Tensor], non_blocking: bool = False
) -> Sequence[Tensor]:
    """Write every tensor of another list into the one of this list; return this list.

    A copy between CPU tensors never blocks, so `non_blocking` changes nothing.
    """
    for x, y in _rows("copy_", self, src=src):
        x.copy_(y)
    return self


def zero_(self: Sequence[Tensor]) -> Sequence[Tensor]:
    """Write zeros into every tensor of a list; return the list."""
    for (x,) in _rows("zero_", self):
        x.zero_()
    return self
