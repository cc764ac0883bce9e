"""Composites: functions over other ops. Every rule follows from the body."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from weft._core import catalogue
from weft._core.dispatch import not_a_tensor
from weft._core.public import NUMPY_SPELLINGS, guarded
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor

_F = TypeVar("_F", bound=Callable[..., Any])


def composite(
    *,
    samples: Iterable[Sample],
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    aliases: Iterable[str] = (),
    inplace: bool = False,
    out: bool = False,
    not_differentiable: str = "",
    random: bool = False,
    key: str = "",
    guard: bool = True,
) -> Callable[[_F], _F]:
    """Enter the decorated function in the catalogue, with one error for what is no tensor.

    Args:
        samples: argument lists for the generated tests.
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function; by default the one of its own name.
        aliases: other names of the same function, as :func:`weft._core.catalogue.enter` has them.
        inplace: whether each method also has a form that writes into its tensor.
        out: whether it takes ``out=``.
        not_differentiable: why it has no gradient.
        random: whether each call draws anew.
        key: its name in the catalogue, where two namespaces have a function of the same name.
        guard: False where the body itself says which argument is no tensor, because one more call
            would be a good part of what it costs.
    """

    def decorate(body: _F) -> _F:
        code = body.__code__
        wants = [
            position
            for position, name in enumerate(code.co_varnames[: code.co_argcount])
            if body.__annotations__.get(name) == "Tensor"
        ]
        settings = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

        def explain(name: str, arguments: tuple[Any, ...]) -> Exception | None:
            for position in wants:
                if not isinstance(arguments[position], Tensor):
                    return not_a_tensor(name, position, arguments[position])
            return None

        function: _F = body
        if guard and (wants or out or any(s in NUMPY_SPELLINGS for s in settings)):
            asked = catalogue.key_of(body.__name__, namespaces)
            function = guarded(body, explain, name=asked, out=out)
        catalogue.enter(
            function,
            None,
            source=body,
            samples=samples,
            errors=errors,
            namespaces=namespaces,
            methods=methods,
            aliases=aliases,
            inplace=inplace,
            out=out,
            not_differentiable=not_differentiable,
            random=random,
            key=key,
        )
        return function

    return decorate
