"""Custom ops: the author writes every rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from weft._core import catalogue
from weft._core.dispatch import apply
from weft._core.kernels import bind
from weft._core.op import NotBatchable, NotDifferentiable, Op, places
from weft._core.public import build, kernel_signature
from weft._core.samples import ErrorSample, Sample
from weft.ops.families.batching import loop
from weft.ops.families.promotion import promoted

Rule = Callable[..., Any]


def custom(
    *,
    shape: Rule,
    vjp: Rule | NotDifferentiable,
    jvp: Rule | NotDifferentiable,
    samples: Iterable[Sample],
    batch: Rule | NotBatchable | None = None,
    saves: Iterable[str] | range = (),
    reads: Mapping[str, Iterable[str]] | None = None,
    outputs: int = 1,
    returns: Callable[..., Any] | None = None,
    canonical: Callable[..., dict[str, Any]] | None = None,
    floating: bool = False,
    promote: bool = True,
    is_view: bool = False,
    widen: bool = True,
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    inplace: bool = False,
    out: bool | None = None,
    keyword_only: Sequence[str] = ("dtype",),
    called: str = "",
) -> Callable[[Rule], Rule]:
    """Make an op of a kernel with every rule given.

    Args:
        shape: ``shape(*avals, **params)``.
        vjp: ``vjp(needs, g, out, *args, **params)``, a cotangent or None for each argument.
        jvp: ``jvp(tangents, out, *args, **params)``.
        samples: argument lists for the generated tests.
        batch: the batching rule; None runs the op once per entry.
        saves: the names of arguments, and ``"out"``, that ``vjp`` reads, or of several results
            ``"out0"``, ``"out1"``, ...; or a range of positions.
        reads: of these, the names that the cotangent of each argument reads; by default all.
        outputs: how many results the kernel returns.
        returns: makes what users get of the results (a named tuple).
        canonical: makes settings canonical.
        floating: whether integer tensors become the default floating dtype first.
        promote: whether the tensors are brought to one dtype first.
        is_view: whether results share memory with the first array.
        widen: whether half precision is computed in float32.
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function.
        aliases: other names of the same function, as :func:`weft._core.catalogue.enter` has them.
        inplace: whether each method also has a form that writes into its tensor.
        out: whether it takes ``out=``; by default unless it is a view.
        keyword_only: settings that cannot be passed by position.
        called: the name in messages, where users know an internal op by another; else its own.
    """

    def decorate(kernel: Rule) -> Rule:
        name = catalogue.key_of(kernel.__name__, namespaces)
        has_out = catalogue.takes_out(out, namespaces, otherwise=not is_view)
        arrays, _, _ = kernel_signature(kernel)
        if called:
            kernel.__dict__["called"] = called
        op = Op(
            name,
            "custom",
            kernel=kernel,
            shape=shape,
            vjp=vjp,
            jvp=jvp,
            batch=loop(name) if batch is None else batch,
            saves=saves if isinstance(saves, range) else places(saves, arrays),
            reads=None if reads is None else tuple(places(reads[a], arrays) for a in arrays),
            outputs=outputs,
            is_view=is_view,
            widen=widen,
            kernels=bind(kernel, shape, widen=widen, moves=is_view),
        )

        def run(args: tuple[Any, ...], params: dict[str, Any]) -> Any:
            if promote:
                args = promoted(name, args, floating=floating)
            out = apply(op, args, params)
            return out if returns is None else returns(*out)

        return catalogue.enter(
            build(
                name,
                kernel,
                run,
                canonical=canonical,
                keyword_only=keyword_only,
                numpy_spellings=bool(namespaces),
                out=has_out,
            ),
            op,
            source=kernel,
            samples=samples,
            errors=errors,
            namespaces=namespaces,
            methods=methods,
            aliases=aliases,
            inplace=inplace,
            out=has_out,
            not_differentiable=vjp.reason if isinstance(vjp, NotDifferentiable) else "",
        )

    return decorate
