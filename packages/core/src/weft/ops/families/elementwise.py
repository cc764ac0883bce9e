"""Elementwise ops: one scalar formula and one partial derivative per argument; the rest derives.

The formula runs over an array namespace. Given NumPy it is the reference, given CuPy the GPU's
general path, given a symbolic namespace it yields the expression that is compiled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from weft._backend import np
from weft._core import catalogue, dtypes
from weft._core.aval import Aval
from weft._core.errors import DTypeError
from weft._core.kernels import bind, prefer
from weft._core.op import NotDifferentiable, Op, places
from weft._core.public import build, kernel_signature
from weft._core.samples import Domain, ErrorSample, Sample
from weft._core.shapes import broadcast_shapes
from weft._core.tensor import Tensor
from weft.ops.families.compiled import Compiled
from weft.ops.families.elementwise_calls import binary, or_decline, promoting, unary
from weft.ops.families.elementwise_rules import batch_of, jvp_of, scaling_of, vjp_of

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)

Partial = Callable[..., Any] | float | None


def elementwise(
    *,
    partials: Sequence[Partial] | NotDifferentiable,
    samples: Domain | Iterable[Sample],
    saves: Iterable[str] = (),
    reads: Mapping[str, Iterable[str]] | None = None,
    dtype: str = "same",
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    inplace: bool = True,
    out: bool | None = None,
    canonical: Callable[..., dict[str, Any]] | None = None,
    unpromoted: Iterable[str] = (),
    real: bool = False,
    widen: bool = True,
    called: str = "",
    numbers: bool = True,
    alone: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Tensor]]:
    """Make an op of a scalar formula ``formula(xp, x, ..., *, setting=...)``.

    Args:
        partials: for each argument ``partial(out, x, ..., **settings)``, the derivative of the
            result by it, over public ops; a number where it is constant (0: the gradient is
            zeros); None for an argument that is no variable.
            One whose first parameter is called ``g`` returns the derivative times ``g`` instead
            (where a product would make NaN of 0 times inf).
        samples: where to draw arguments.
        saves: the names of the arguments, and ``"out"``, that the partials read.
        reads: of these, the names that the partial by each argument reads; by default all.
        dtype: the result's dtype from the promoted one: ``"same"``, ``"float"`` (integers become
            the default float), ``"integer"`` (booleans become int64), ``"bool"``, ``"real"`` (the
            real part's), or ``"number"`` (as ``"same"``, and booleans are refused).
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function; by default the one of its own name.
        aliases: other names of the same function, as :func:`weft._core.catalogue.enter` has them.
        inplace: whether each method also has a form that writes into its tensor.
        out: whether it takes ``out=``; by default it does.
        canonical: makes settings canonical.
        unpromoted: names of arguments that keep their dtype, such as a condition.
        real: whether it is of real numbers alone: complex ones are refused.
        widen: whether half precision is computed in float32.
        called: the name in messages, where users know an internal op by another; else its own.
        numbers: whether Python numbers reach the formula as they are; False makes arrays of them,
            for functions of SciPy that compute in float64 beside a number.
        alone: whether Python numbers do without a tensor beside them, as in PyTorch's arithmetic.
    """

    def decorate(formula: Callable[..., Any]) -> Callable[..., Tensor]:
        arrays, _, settings = kernel_signature(formula)
        name = catalogue.key_of(formula.__name__, namespaces)
        has_out = catalogue.takes_out(out, namespaces, otherwise=True)
        exempt = frozenset(arrays.index(s) for s in unpromoted)
        told = called or name
        formula.__dict__["called"] = told
        computed = functools.partial(_compute_dtype, told, dtype, real, exempt)
        shape = _shape_rule(told, dtype, computed)
        kept = places(saves, arrays)
        rules: dict[str, Any]
        if isinstance(partials, NotDifferentiable):
            rules = {"vjp": partials, "jvp": partials}
        else:
            assert len(partials) == len(arrays), f"{name}: one partial per argument"
            scaled = tuple(map(scaling_of, partials))
            rules = {"vjp": vjp_of(name, scaled), "jvp": jvp_of(scaled)}
        op = Op(
            name,
            "elementwise",
            kernel=formula,
            shape=shape,
            batch=batch_of(name),
            saves=kept,
            reads=None if reads is None else tuple(places(reads[a], arrays) for a in arrays),
            takes_scalars=True,
            widen=widen,
            kernels=bind(formula, shape, widen=widen),
            **rules,
        )
        compiled = Compiled(name, formula, shape)
        prefer(op, compiled)
        run = promoting(op, told, computed, exempt, numbers, alone, compiled)
        if settings or not numbers or len(arrays) > 2 or formula.__defaults__:
            function = build(name, formula, run, canonical=canonical, out=has_out)
        elif len(arrays) == 1:
            function = unary(op, formula, compiled, run)
        else:
            function = binary(op, formula, compiled, run)
            # the same, for the operator: a function of its own, so that no call is added
            function.__dict__["operator"] = binary(op, formula, compiled, or_decline(run))
        drawn = samples.samples(len(arrays)) if isinstance(samples, Domain) else samples
        return catalogue.enter(
            function,
            op,
            source=formula,
            samples=drawn,
            errors=errors,
            namespaces=namespaces,
            methods=methods,
            aliases=aliases,
            inplace=inplace,
            out=has_out,
            not_differentiable=partials.reason if isinstance(partials, NotDifferentiable) else "",
        )

    return decorate


def _compute_dtype(
    name: str, rule: str, real: bool, exempt: frozenset[int], args: Sequence[Any]
) -> dtypes.dtype:
    """Return the dtype to which the arguments are promoted before the formula runs."""
    own: Any = None
    for i, a in enumerate(args):  # most calls: tensors of one float, and numbers that are weak
        if a is None or i in exempt or type(a) is float or type(a) is int:
            continue
        kind = getattr(a._data if isinstance(a, Tensor) else a, "dtype", None)
        if (kind is not _F32 and kind is not _F64) or (own is not None and kind is not own):
            break
        own = kind
    else:
        if own is not None:
            return dtypes.of(own)
    promoted = dtypes.result_type(
        *(a for i, a in enumerate(args) if a is not None and i not in exempt)
    )
    if rule == "float" and promoted.category < 2:
        return dtypes.get_default_dtype()
    if rule == "integer" and promoted is dtypes.bool_:
        return dtypes.int64
    if rule == "number" and promoted is dtypes.bool_:
        raise DTypeError(
            f"{name}: boolean tensors are not numbers here; use logical_xor, logical_not or "
            f"convert with .to(weft.int64)"
        )
    if real and promoted.is_complex:
        raise DTypeError(
            f"{name}: expected real numbers, got operands that promote to {promoted}; take the "
            f"parts with .real and .imag, or .abs()"
        )
    return promoted


def _result_dtype(rule: str, compute: Any) -> Any:
    if rule == "bool":
        return dtypes.bool_.numpy
    if rule == "real" and compute.kind == "c":
        return _F32 if compute.itemsize == 8 else _F64
    return compute


def _shape_rule(name: str, rule: str, computed: Callable[..., Any]) -> Callable[..., Aval]:
    def shape(*args: Any, **params: Any) -> Aval:
        avals = [a for a in args if hasattr(a, "shape")]  # arrays may stand beside meta tensors
        out = broadcast_shapes(name, *(a.shape for a in avals))
        compute = computed(args).numpy
        return Aval(out, _result_dtype(rule, compute))

    return shape
