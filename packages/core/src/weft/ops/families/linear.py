"""Linear ops: kernel, shape, transpose, and how the batch axis moves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft._core import catalogue
from weft._core.dispatch import apply, apply_one
from weft._core.kernels import bind
from weft._core.op import NotBatchable, Op
from weft._core.public import build, kernel_signature
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor
from weft.ops.families.batching import loop

Rule = Callable[..., Any]


def linear(
    *,
    shape: Rule,
    transpose: Rule,
    samples: Iterable[Sample],
    batch: Rule | NotBatchable | None = None,
    canonical: Callable[..., dict[str, Any]] | None = None,
    is_view: bool = False,
    widen: bool = False,
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    inplace: bool = False,
    out: bool | None = None,
    keyword_only: Sequence[str] = ("dtype",),
) -> Callable[[Rule], Callable[..., Tensor]]:
    """Make an op that is linear in its first array, or in all of its variadic arrays together.

    Its jvp is the op itself, its vjp the transpose. Further arrays (indices) are saved and have
    no derivative.

    Args:
        shape: ``shape(*avals, **params)``.
        transpose: ``transpose(g, *args, **params)``, the cotangent of the first array, of which
            only shape and dtype are there; of a variadic op, one for each array.
        samples: argument lists for the generated tests.
        batch: the batching rule; None runs the op once per entry.
        canonical: makes settings canonical.
        is_view: whether the result shares memory with the first array.
        widen: whether half precision is computed in float32.
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function.
        aliases: other names of the same function, as :func:`weft._core.catalogue.enter` has them.
        inplace: whether each method also has a form that writes into its tensor.
        out: whether it takes ``out=``; by default unless it is a view.
        keyword_only: settings that cannot be passed by position.
    """

    def decorate(kernel: Rule) -> Callable[..., Tensor]:
        name = catalogue.key_of(kernel.__name__, namespaces)
        has_out = catalogue.takes_out(out, namespaces, otherwise=not is_view)
        arrays, variadic, _ = kernel_signature(kernel)

        def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> tuple[Any, ...]:
            if variadic:
                return tuple(transpose(g, *args, **params))
            return (transpose(g, *args, **params) if needs[0] else None, *(None,) * (len(args) - 1))

        def jvp(tangents: Any, out: Any, *args: Any, **params: Any) -> Any:
            if variadic:
                return apply(op, tuple(map(_instantiated, tangents, args)), params)
            return None if tangents[0] is None else apply(op, (tangents[0], *args[1:]), params)

        op = Op(
            name,
            "linear",
            kernel=kernel,
            shape=shape,
            vjp=vjp,
            jvp=jvp,
            batch=loop(name) if batch is None else batch,
            saves=() if variadic else tuple(range(1, len(arrays))),
            is_view=is_view,
            widen=widen,
            kernels=bind(kernel, shape, widen=widen, moves=is_view),
        )
        single = len(arrays) == 1 and not variadic
        function = build(
            name,
            kernel,
            functools.partial(apply_one if single else apply, op),
            unpacked=single,
            canonical=canonical,
            keyword_only=keyword_only,
            numpy_spellings=bool(namespaces),
            out=has_out,
        )
        return catalogue.enter(
            function,
            op,
            source=kernel,
            samples=samples,
            errors=errors,
            namespaces=namespaces,
            methods=methods,
            aliases=aliases,
            inplace=inplace,
            out=has_out,
        )

    return decorate


def _instantiated(tangent: Any, primal: Any) -> Any:
    if tangent is not None or not isinstance(primal, Tensor):
        return tangent
    from weft.ops.creation import zeros_like

    return zeros_like(primal)
