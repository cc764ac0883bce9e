"""The catalogue: every op record and every public function, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from weft._core.op import Op
from weft._core.samples import ErrorSample, Sample

WEFT = ("weft",)
FUNCTIONAL = ("weft.nn.functional",)
BOTH = ("weft", "weft.nn.functional")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Public:
    """A function that users call: an op's own wrapper, or a composite over other ops.

    Attributes:
        name: its public name.
        function: what is called.
        op: the record behind it; None for a composite, whose rules all follow from its body.
        samples: argument lists on which the generated tests run it.
        errors: argument lists that must raise.
        namespaces: where it is offered, such as ``"weft"`` or ``"weft.nn.functional"``.
        methods: the tensor methods that are this function.
        not_differentiable: why it has no gradient, or an empty string.
        random: whether each call draws anew, so that two calls cannot be compared.
    """

    name: str
    function: Callable[..., Any]
    op: Op | None
    samples: tuple[Sample, ...]
    errors: tuple[ErrorSample, ...]
    namespaces: tuple[str, ...]
    methods: tuple[str, ...]
    not_differentiable: str = ""
    random: bool = False

    @property
    def family(self) -> str:
        return self.op.family if self.op is not None else "composite"

    @property
    def module(self) -> str:
        """The module that defines it: the one file to edit."""
        return str(self.function.__module__)


ops: dict[str, Op] = {}
public: dict[str, Public] = {}


def enter(
    function: Callable[..., Any],
    op: Op | None,
    *,
    source: Callable[..., Any],
    samples: Iterable[Sample],
    errors: Iterable[ErrorSample] = (),
    namespaces: tuple[str, ...] = WEFT,
    methods: Iterable[str] | None = None,
    not_differentiable: str = "",
    random: bool = False,
) -> Callable[..., Any]:
    """Enter a public function, with its op if it has one, and return it.

    Args:
        function: what users call.
        op: its record, or None for a composite.
        source: the function the author wrote; its name, docstring and module are taken over.
        samples: argument lists for the generated tests; at least one.
        errors: argument lists that must raise.
        namespaces: where it is offered.
        methods: tensor methods that are this function; by default the one of its own name.
        not_differentiable: why it has no gradient.
        random: whether each call draws anew.
    """
    name = source.__name__
    assert name not in public, f"{name} is defined twice"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = source.__doc__
    function.__module__ = source.__module__
    if op is not None:
        ops[op.name] = op
    chosen = (name,) if methods is None else tuple(methods)
    if methods is None and "weft" not in namespaces:
        chosen = ()
    public[name] = Public(
        name, function, op, tuple(samples), tuple(errors), namespaces, chosen,
        not_differentiable, random,
    )  # fmt: skip
    return function
