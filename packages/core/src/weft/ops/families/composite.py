"""Composites: functions over other ops. Every rule follows from the body."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from weft._core import catalogue
from weft._core.dispatch import not_a_tensor
from weft._core.public import guarded
from weft._core.samples import ErrorSample, Sample
from weft._core.tensor import Tensor

_F = TypeVar("_F", bound=Callable[..., Any])


def composite(
    *,
    samples: Iterable[Sample],
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = catalogue.WEFT,
    methods: Iterable[str] | None = None,
    not_differentiable: str = "",
    random: bool = False,
) -> Callable[[_F], _F]:
    """Enter the decorated function in the catalogue, with one error for what is no tensor.

    Args:
        samples: argument lists for the generated tests.
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function; by default the one of its own name.
        not_differentiable: why it has no gradient.
        random: whether each call draws anew.
    """

    def decorate(body: _F) -> _F:
        wants = [
            position
            for position, name in enumerate(body.__code__.co_varnames[: body.__code__.co_argcount])
            if body.__annotations__.get(name) == "Tensor"
        ]

        def explain(name: str, arguments: tuple[Any, ...]) -> Exception | None:
            for position in wants:
                if not isinstance(arguments[position], Tensor):
                    return not_a_tensor(name, position, arguments[position])
            return None

        function: _F = guarded(body, explain) if wants else body
        catalogue.enter(
            function,
            None,
            source=body,
            samples=samples,
            errors=errors,
            namespaces=namespaces,
            methods=methods,
            not_differentiable=not_differentiable,
            random=random,
        )
        return function

    return decorate
